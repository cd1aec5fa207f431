"""The questions that messages ask: why somebody did not order, in reasons that scoring and content can use; and what
she would like to see next, as a vote."""

from __future__ import annotations

# Reason to (English, Chinese), as Survey Answered knows them. The first nine are the obstacles that are also read from
# behaviour.
REASONS: dict[str, tuple[str, str]] = {
    "price": ("The price", "价格"),
    "shipping": ("Shipping or delivery", "运费或配送"),
    "promotion": ("I am waiting for a better offer", "等更好的优惠"),
    "reviews": ("I was not sure about the quality", "不确定质量"),
    "trust": ("I was not sure about the shop or returns", "对店铺或退换货不放心"),
    "scarcity": ("What I wanted was sold out", "想要的卖完了"),
    "host": ("I could not follow the presentation", "没听明白介绍"),
    "atmosphere": ("Too hectic", "直播间太吵太赶"),
    "hesitation": ("I am still thinking about it", "还在考虑"),
    "not_interested": ("I do not need it", "暂时不需要"),
    "bought_elsewhere": ("I bought it elsewhere", "已在别处购买"),
}

# The vote's name, and what can be voted for.
POLL = "next_show"
WANTED: dict[str, tuple[str, str]] = {
    "new_arrivals": ("New arrivals", "新品"),
    "offers": ("The best offers", "优惠专场"),
    "how_to": ("How to use what I have", "使用方法"),
    "comparisons": ("Products compared", "同类对比"),
    "behind_the_scenes": ("How it is made", "工厂与幕后"),
}
