"""What viewers of the synthetic show say, search for and click: words by what holds them back."""

from __future__ import annotations

import random

COMMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "zh-CN": {
        "price": ("这个多少钱？", "太贵了，能便宜点吗", "比上次贵啊 😅", "价格再低点我就下单"),
        "shipping": ("包邮吗？", "发新疆要多少运费", "几天能到？", "什么时候发货"),
        "promotion": ("有优惠券吗", "满减怎么算", "主播再送点券 🙏", "优惠码用不了"),
        "reviews": ("有人买过吗，好用吗", "评价怎么样", "质量好不好？", "求买过的姐妹说一下"),
        "trust": ("是正品吗？", "不会是假货吧", "能退货吗", "有检测报告吗"),
        "scarcity": ("还有货吗", "抢不到 😭", "什么时候补货", "库存还剩多少"),
        "host": ("主播讲慢一点", "主播能再展示一下吗", "主播声音太小了"),
        "atmosphere": ("卡了", "画面好卡，听不清", "弹幕太多了"),
        "hesitation": ("我再想想", "先加购物车 🛒", "等发工资再买", "下次吧"),
        "praise": ("好看！❤️", "主播晚上好", "来了来了 🎉", "支持！"),
    },
    "en-US": {
        "price": ("How much is this?", "Too expensive for me", "Any chance of a lower price?"),
        "shipping": ("Do you ship to Berlin?", "How much is shipping?", "When will it arrive?"),
        "promotion": ("Is there a coupon?", "My code does not work", "Any bundle deal? 🙏"),
        "reviews": ("Has anyone tried this?", "How is the quality?", "Any reviews?"),
        "trust": ("Is this genuine?", "Can I return it?", "Where is it made?"),
        "scarcity": ("Still in stock?", "Sold out again 😭", "When is the restock?"),
        "host": ("Could you show it again please", "Please speak a bit slower"),
        "atmosphere": ("The video is lagging", "I cannot hear anything"),
        "hesitation": ("Let me think about it", "Maybe next time", "Saving this for later 🛒"),
        "praise": ("Love this! ❤️", "Hello from Los Angeles", "So pretty"),
    },
}
SEARCHES: dict[str, tuple[str, ...]] = {
    "zh-CN": ("茶 礼盒", "真丝", "便宜 茶具", "乌龙茶 对比"),
    "en-US": ("tea gift", "silk scarf", "tea set", "oolong"),
}
# How often a comment is about what holds its writer back, and not just kind.
ON_TOPIC = 0.7


def comment(source: random.Random, locale: str, obstacle: str) -> str:
    """One danmaku of a viewer whom `obstacle` holds back."""
    topic = obstacle if source.random() < ON_TOPIC else "praise"
    return source.choice(COMMENTS[locale][topic])
