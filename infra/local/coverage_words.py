"""The words of the coverage meter in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aftershow.rules.coverage import Trust
from infra.local.words import LOCALES

# Signals, scores and sentences, by code, in the order of LOCALES.
WORDS: Mapping[str, tuple[str, str]] = {
    "entries": ("entries", "进入直播间"),
    "watch_time": ("watch time", "观看时长"),
    "exits": ("exits", "离开直播间"),
    "likes": ("likes", "点赞"),
    "comments": ("comments", "弹幕"),
    "shares": ("shares", "分享"),
    "gifts": ("gifts", "送礼"),
    "follows": ("follows", "关注与取关"),
    "fan_clubs": ("fan clubs", "粉丝团"),
    "polls": ("polls and surveys", "投票、问答与问卷"),
    "reservations": ("reservations", "预约"),
    "replays": ("replays", "看回放"),
    "searches": ("searches", "搜索"),
    "product_views": ("product views", "浏览商品"),
    "product_clicks": ("product clicks", "点开商品"),
    "comparisons": ("comparisons of products", "商品对比"),
    "wishes": ("saved for later", "收藏"),
    "carts": ("carts", "购物车"),
    "checkouts": ("checkouts", "结账"),
    "coupons": ("coupons", "优惠券"),
    "orders": ("orders", "订单"),
    "refunds": ("refunds", "退款与取消"),
    "order_updates": ("order changes", "订单变更"),
    "identities": ("identities", "身份"),
    "addresses": ("addresses", "联系方式"),
    "consents": ("consents", "授权"),
    "complaints": ("complaints", "投诉"),
    "suppressions": ("suppressed addresses", "停用的地址"),
    "subscriptions": ("accepts of WeChat subscribe messages", "微信订阅消息的授权"),
    "products": ("products", "商品"),
    "show_times": ("show times", "直播起止时间"),
    "zones": ("time zones", "时区"),
    # What is read from them.
    "intent": ("intent and temperature", "购买意向与温度"),
    "asked_about": ("what she asked about", "问了什么"),
    "left_without_order": ("who left without ordering", "谁没下单就离开"),
    "may_be_written_to": ("who may be written to", "谁可以触达"),
    "won_back": ("orders won back", "追回的订单"),
    "points": ("points", "积分"),
    # Verdicts, and why.
    "trusted": ("trusted", "可信"),
    "partly": ("partly", "部分可信"),
    "unknown": ("unknown", "未知"),
    "missing": ("no source delivers {}", "没有来源上报{}"),
    "without": ("better with {}", "补上{}更准"),
    "stopped": ("no more {}", "{}已停止上报"),
    "or": (" or ", "或"),
    "comma": (", ", "、"),
    "semicolon": ("; ", "；"),
    # The tables.
    "source": ("source", "来源"),
    "signal": ("signal", "信号"),
    "since": ("since", "最早"),
    "last": ("last seen", "最近"),
    "sources": ("What each source delivers", "各来源上报的信号"),
    "never": ("never observed", "从未上报"),
    "unusable": ("Events that can't be used", "无法使用的事件"),
    "events": ("events", "事件数"),
    "reason": ("reason", "原因"),
    "trust": ("What can be trusted", "哪些结果可信"),
    "score": ("score", "指标"),
    "playbook": ("playbook", "策略"),
    "kind": ("kind", "类别"),
    "verdict": ("verdict", "结论"),
    "why": ("why", "原因"),
    "none": ("none", "无"),
    "nothing": ("No event has come in yet.", "还没有收到任何事件。"),
    "unknown_is_not_zero": (
        "What was never observed is unknown, not zero.",
        "没有上报的就是未知，不等于零。",
    ),
}


def word(code: str, locale: str) -> str:
    """The word for a code; one that is not known is its own word."""
    known = WORDS.get(code)
    return known[LOCALES.index(locale)] if known else code


def listed(codes: Iterable[str], locale: str) -> str:
    """Words in a row."""
    return word("comma", locale).join(word(code, locale) for code in codes)


def unknown(trust: Trust, locale: str) -> str:
    """That something is unknown, and what is missing for it."""
    mark = "：" if locale == "zh-CN" else ": "
    missing = why(Trust(trust.name, trust.verdict, trust.missing), locale)
    return f"{word('unknown', locale)}{mark}{word(trust.name, locale)} ({missing})"


def why(trust: Trust, locale: str) -> str:
    """Why a verdict is what it is; empty where there is nothing to say against it."""
    groups = word("comma", locale).join(word("or", locale).join(word(one, locale) for one in g) for g in trust.missing)
    parts = (
        ("missing", groups),
        ("without", listed(trust.without, locale)),
        ("stopped", listed(trust.stopped, locale)),
    )
    return word("semicolon", locale).join(word(code, locale).format(text) for code, text in parts if text)
