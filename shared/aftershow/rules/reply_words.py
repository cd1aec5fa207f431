"""The words by which replies are read: data, with version, date and source. They come with the code, since a "stop"
must be understood also where nothing was ever pushed to a catalog."""

from __future__ import annotations

VERSION = "2026-11-29"
DATE = "2026-11-29"
SOURCE = (
    "MIIT rules on short messages (2015), article 18, and providers' markers (退订, TD, T, R, 拒收请回复R); CTIA's "
    "messaging principles and 47 CFR 64.1200(a)(10): stop, quit, end, revoke, opt out, cancel, unsubscribe; the rest "
    "was written for this project"
)

# The whole reply, after normalising: small letters of usual width, without spaces and punctuation.
STOP = frozenset({
    "td", "t", "r", "n", "tui", "tuiding", "td退订", "tdt", "退订", "退訂", "退定", "拒收", "拒绝", "拒絕", "取消",
    "取消订阅", "取消訂閱", "不要再发", "不要再发了", "别再发了", "别发了", "不要发了", "不需要", "屏蔽", "停止",
    "停", "勿扰", "请勿打扰", "stop", "stopall", "stopplease", "pleasestop", "unsubscribe", "unsub", "cancel", "end",
    "quit", "optout", "revoke", "remove", "removeme", "0000", "00000",
})  # fmt: skip
# A longer reply whose first word is one of these means the same.
STOP_FIRST = frozenset({"stop", "stopall", "unsubscribe", "unsub", "td", "optout"})
# And so does one that has one of these anywhere: nobody mentions it otherwise.
STOP_ANYWHERE = (
    "退订", "退訂", "拒收", "取消订阅", "别再发", "不要再发", "不想收到", "再发就投诉", "unsubscribe", "opt out",
    "stop sending", "stop texting", "stop messaging", "do not text", "don t text", "take me off", "remove me",
)  # fmt: skip
START = frozenset({
    "start", "unstop", "resume", "subscribe", "optin", "开始", "订阅", "訂閱", "恢复", "恢復", "恢复订阅",
    "重新订阅", "继续接收", "dy", "kt", "开通",
})  # fmt: skip
THANKS = frozenset({
    "谢谢", "謝謝", "多谢", "好的", "好", "收到", "知道了", "嗯", "ok", "okay", "thanks", "thankyou", "thx", "ty",
    "great", "gotit", "好的谢谢", "谢谢您", "已买", "买了", "下单了",
})  # fmt: skip

# What holds somebody back, by obstacle: the more serious first. Chinese words are found anywhere, others as whole
# words.
DOUBTS: dict[str, tuple[str, ...]] = {
    "trust": (
        "假货", "正品", "骗", "靠谱", "欺诈", "真的吗", "退货", "退款", "售后", "保修", "投诉", "fake", "genuine",
        "scam", "legit", "trust", "refund", "return", "returns", "warranty", "complain", "complaint",
    ),
    "price": (
        "贵", "多少钱", "价格", "便宜", "降价", "expensive", "price", "prices", "cost", "costs", "cheaper",
        "how much",
    ),
    "shipping": (
        "运费", "邮费", "包邮", "快递", "发货", "几天到", "多久到", "什么时候到", "物流", "shipping", "delivery",
        "ship", "arrive", "postage",
    ),
    "promotion": (
        "优惠", "折扣", "打折", "券", "红包", "赠品", "满减", "discount", "coupon", "promo", "voucher", "deal",
    ),
    "reviews": (
        "质量", "评价", "好用吗", "怎么样", "材质", "尺码", "掉色", "成分", "quality", "review", "reviews", "size",
        "material", "fit", "fits",
    ),
    "scarcity": (
        "有货", "库存", "补货", "没货", "卖完", "in stock", "restock", "sold out", "available",
    ),
    "hesitation": (
        "再看看", "考虑", "犹豫", "纠结", "不确定", "想想", "not sure", "maybe", "think about", "later", "unsure",
    ),
}  # fmt: skip
# A question is a doubt, whatever it is about.
QUESTIONS = (
    "?", "吗", "呢", "怎么", "什么", "能不能", "可以不", "how", "what", "when", "why", "which", "can you", "do you",
    "is it", "is the", "does it",
)  # fmt: skip
