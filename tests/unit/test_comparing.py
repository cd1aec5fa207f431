"""Three similar products are a comparison, whether somebody says so or only looks at them."""

from __future__ import annotations

from aftershow.rules.comparing import compares
from aftershow.rules.engagement import fold
from aftershow.rules.segment import Event
from tests.unit.samples import START, tracked

CATEGORIES = {"oolong": "tea", "white": "tea", "jasmine": "tea", "scarf": "silk", "pillow": "silk"}


def looks(*products: str) -> list[Event]:
    return [
        tracked("Product Clicked", START + n, f"m{n}", show_id="s1", product_id=name) for n, name in enumerate(products)
    ]


def compared_by(events: list[Event], categories: dict[str, str] | None = None) -> tuple[str, ...]:
    found = fold("u1", "show#s1", "s1", None, events).engagement
    return compares(found, CATEGORIES if categories is None else categories)


def test_three_of_one_category_that_somebody_looked_at() -> None:
    assert compared_by(looks("oolong", "scarf", "white", "jasmine")) == ("jasmine", "white", "oolong")
    assert compared_by(looks("oolong", "scarf", "pillow", "white", "oolong")) == ()
    assert compared_by(looks("oolong", "white", "jasmine"), {}) == ()


def test_three_that_were_put_side_by_side_are_similar_to_whoever_did_it() -> None:
    def together(*products: str) -> Event:
        return tracked(
            "Products Compared", START, "c", show_id="s1", products=[{"product_id": one} for one in products]
        )

    assert set(compared_by([together("oolong", "scarf", "x")])) == {"oolong", "scarf", "x"}
    assert compared_by([together("oolong", "scarf")]) == ()
    assert set(compared_by([together("oolong", "white"), *looks("jasmine")])) == {"oolong", "white", "jasmine"}
