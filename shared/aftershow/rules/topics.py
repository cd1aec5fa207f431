"""What a comment in the live room asks about: topics are counted, texts are not kept."""

from __future__ import annotations

import re
import unicodedata

from aftershow.model.engagements import Kind

# Longer comments are read to here: a danmaku is a line, not a page.
MAX_READ_CHARACTERS = 500

# Chinese words stand without spaces and are found anywhere; English ones only as whole words.
_WORDS: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Kind.ASKED_PRICE: (
        ("多少钱", "价格", "什么价", "几块", "几元", "太贵", "好贵", "便宜点", "怎么卖"),
        ("price", "how much", "cost", "costs", "expensive", "cheaper"),
    ),
    Kind.ASKED_SHIPPING: (
        ("包邮", "运费", "快递", "发货", "几天到", "什么时候到", "邮费"),
        ("shipping", "delivery", "ship", "ships", "postage", "arrive"),
    ),
    Kind.ASKED_PROMOTION: (
        ("优惠", "打折", "折扣", "满减", "红包", "优惠券", "赠品", "送什么"),
        ("coupon", "discount", "promo", "sale", "gift", "deal"),
    ),
    Kind.ASKED_QUALITY: (
        ("质量", "材质", "尺码", "多大", "掉色", "起球", "成分", "好用吗", "怎么样"),
        ("quality", "size", "material", "fabric", "ingredients", "fit", "fits"),
    ),
    Kind.ASKED_TRUST: (
        ("正品", "假货", "真的吗", "靠谱", "退货", "退款", "保修", "售后", "欺诈"),
        ("real", "fake", "genuine", "return", "refund", "warranty", "legit"),
    ),
    Kind.ASKED_STOCK: (
        ("有货", "库存", "补货", "没了", "还有吗", "抢不到", "卖完"),
        ("stock", "restock", "left", "sold out", "available"),
    ),
    Kind.HESITATED: (
        ("再看看", "考虑", "犹豫", "纠结", "下次", "等等再"),
        ("think about it", "maybe", "not sure", "later", "next time"),
    ),
}
_PATTERNS = {
    kind: re.compile("|".join([*map(re.escape, chinese), *(rf"\b{re.escape(word)}\b" for word in english)]))
    for kind, (chinese, english) in _WORDS.items()
}


def topics_of(text: str) -> tuple[Kind, ...]:
    """The topics of a comment, each once. Zero-width characters and full-width forms don't hide a word."""
    read = unicodedata.normalize("NFKC", text[:MAX_READ_CHARACTERS]).lower()
    read = "".join(character for character in read if unicodedata.category(character) != "Cf")
    return tuple(kind for kind, pattern in _PATTERNS.items() if pattern.search(read))
