"""Whether a viewer is choosing among similar products (C29): a comparison or a sample helps them more than a coupon."""

from __future__ import annotations

from collections.abc import Mapping

from aftershow.model.engagements import Engagement

# Two are a choice, three are a search for what tells them apart.
ENOUGH = 3


def compares(engagement: Engagement, categories: Mapping[str, str]) -> tuple[str, ...]:
    """The products among which the viewer is choosing, the newest first: those that they put side by side, else those
    of one category that they looked at; nothing where they are fewer than three. `categories` is the catalog's, by
    product; what has none is like nothing."""
    if len(engagement.compared) >= ENOUGH:
        return _newest(engagement.compared)
    by_category: dict[str, dict[str, int]] = {}
    for product, at in {**engagement.products, **engagement.compared}.items():
        if product in categories:
            by_category.setdefault(categories[product], {})[product] = at
    most = max(by_category.items(), key=lambda one: (len(one[1]), one[0]), default=("", {}))[1]
    return _newest(most) if len(most) >= ENOUGH else ()


def _newest(moments: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(moments, key=lambda product: (-moments[product], product)))
