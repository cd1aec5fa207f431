"""The programme of a synthetic live room: its host, products and shows, before any viewer comes.

Everything that a person could see is labelled synthetic, and every address is under example.com.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# 2026-03-06 19:00 in Asia/Shanghai, a Friday: the start of the first show unless told otherwise.
USUAL_START = 1_772_794_800_000
CURRENCY = "CNY"
HOST_ID = "synthetic-host-lan"
TITLE = "Synthetic show · 模拟直播"
ANNOUNCED_BEFORE_MS = 3 * HOUR_MS
FIRST_SHOW_MS = 90 * MINUTE_MS
SECOND_SHOW_MS = 45 * MINUTE_MS
SECOND_SHOW_DAY = 3
FEWEST_PRODUCTS = 6

# English name, Chinese name, price in fen, category.
_GOODS = (
    ("Osmanthus oolong tea", "桂花乌龙茶", 8900, "tea"),
    ("White peony tea", "白牡丹白茶", 12800, "tea"),
    ("Jasmine tea", "茉莉花茶", 6900, "tea"),
    ("Gaiwan tea set", "盖碗茶具套装", 19900, "teaware"),
    ("Travel teapot", "便携旅行茶壶", 15800, "teaware"),
    ("Silk scarf", "真丝方巾", 26900, "silk"),
    ("Silk pillowcase", "真丝枕套", 18900, "silk"),
    ("Walnut gift box", "核桃礼盒", 9900, "snacks"),
    ("Dried longan", "桂圆干", 4590, "snacks"),
    ("Scented candle", "香薰蜡烛", 7990, "home"),
)


@dataclass(frozen=True, slots=True)
class Product:
    """Something on sale. `price` is in fen."""

    product_id: str
    name: str
    price: int
    category: str

    def properties(self) -> dict[str, object]:
        """The product as events of the e-commerce spec carry it; the price is a decimal of yuan."""
        return {
            "product_id": self.product_id,
            "name": self.name,
            "category": self.category,
            "price": self.price / 100,
            "currency": CURRENCY,
            "url": f"https://shop.example.com/products/{self.product_id}",
            "image_url": f"https://img.example.com/{self.product_id}.jpg",
        }


@dataclass(frozen=True, slots=True)
class Show:
    """One show. Times are epoch milliseconds; `explained` pairs a moment with a product."""

    show_id: str
    title: str
    announced_at: int
    starts_at: int
    ends_at: int
    explained: tuple[tuple[int, Product], ...]

    @property
    def replay_url(self) -> str:
        """Where the recording can be watched."""
        return f"https://live.example.com/replay/{self.show_id}"

    def shown(self, at: int) -> Product:
        """The product that is being explained at `at`."""
        on_air = [product for moment, product in self.explained if moment <= at]
        return on_air[-1] if on_air else self.explained[0][1]


@dataclass(frozen=True, slots=True)
class Programme:
    """All that is planned. `ends_at` is where the stream stops, epoch milliseconds."""

    seed: int
    products: tuple[Product, ...]
    shows: tuple[Show, ...]
    ends_at: int


def plan_programme(source: random.Random, seed: int, days: int, starts_at: int) -> Programme:
    """A show at `starts_at` (epoch ms) and, where `days` leave room for it, a smaller one later."""
    count = source.randint(FEWEST_PRODUCTS, len(_GOODS))
    products = tuple(
        Product(f"syn-p{index + 1:02}", f"{chinese} · {english}", price, category)
        for index, (english, chinese, price, category) in enumerate(_GOODS[:count])
    )
    announced = starts_at - ANNOUNCED_BEFORE_MS
    first = _show(f"synthetic-{seed}-1", TITLE, announced, (starts_at, FIRST_SHOW_MS), products)
    shows = [first]
    second_starts_at = starts_at + SECOND_SHOW_DAY * DAY_MS
    if days > SECOND_SHOW_DAY:
        announced = starts_at + DAY_MS - 9 * HOUR_MS
        span = (second_starts_at, SECOND_SHOW_MS)
        title = f"{TITLE} (2)"
        shows.append(_show(f"synthetic-{seed}-2", title, announced, span, products[:4]))
    return Programme(seed, products, tuple(shows), starts_at + days * DAY_MS)


def _show(show_id: str, title: str, announced: int, span: tuple[int, int], products: tuple[Product, ...]) -> Show:
    starts_at, length = span
    # Each product is explained twice, in the same order.
    turns = products * 2
    explained = tuple(
        (starts_at + 2 * MINUTE_MS + index * (length - 5 * MINUTE_MS) // len(turns), product)
        for index, product in enumerate(turns)
    )
    return Show(show_id, title, announced, starts_at, starts_at + length, explained)
