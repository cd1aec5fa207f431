"""The words of labels and of what they were read from, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

from infra.local import words
from infra.local.words import LOCALES

# By code, in the order of LOCALES; one|several where the number decides. Labels are name:value; reasons that the
# report tells too have their words there.
WORDS: Mapping[str, tuple[str, str]] = {
    "labels": ("What they are called, and why", "标签与理由"),
    # Names.
    "stage": ("stage", "阶梯"),
    "life_cycle": ("life-cycle", "生命周期"),
    "activity": ("activity", "活跃度"),
    "rfm": ("RFM", "RFM"),
    "value": ("value", "价值"),
    "churn": ("risk of losing them", "流失风险"),
    "segment": ("segment", "客群"),
    "motive": ("motive", "动机"),
    "sharer": ("shares", "分享带客"),
    "price_sensitive": ("price decides", "价格敏感"),
    "hesitant": ("hesitates", "犹豫"),
    "presence": ("where they are active", "活跃渠道"),
    "taste": ("taste", "口味"),
    "region": ("region, by time zone", "地区（按时区）"),
    "repurchase": ("buys again", "复购可能"),
    "rfm_points": ("RFM points", "RFM 得分"),
    "next_window": ("next order expected", "预计下次下单"),
    "usual_hours": ("usual hours", "常在时段"),
    "peak": ("peak of interest", "兴趣最高时刻"),
    "recommended": ("Would be shown", "推荐展示"),
    "bought_with": ("goes with {of}, which they bought", "与其购买的{of}搭配"),
    "in_cart_with": ("goes with {of} in their cart", "与购物车中的{of}搭配"),
    "seen_with": ("goes with {of}, which they looked at", "与其看过的{of}相关"),
    "watched_with": ("watched by those who watched {of}", "看过{of}的人也看"),
    "popular": ("popular now", "近期热门"),
    # Values.
    "stage:glance": ("glanced", "随便看看"),
    "stage:deep_browse": ("looked closely", "深度浏览"),
    "stage:cart": ("in the cart", "加购"),
    "stage:order": ("ordered", "下单"),
    "stage:repurchase": ("ordered again", "复购"),
    "stage:advocate": ("brings others", "带来新客"),
    "life_cycle:new": ("new", "新客"),
    "life_cycle:active": ("active", "活跃"),
    "life_cycle:mature": ("mature", "成熟"),
    "life_cycle:at_risk": ("at risk", "有流失风险"),
    "life_cycle:lapsed": ("lapsed", "已流失"),
    "activity:loyal": ("loyal", "忠诚"),
    "activity:active": ("active", "活跃"),
    "activity:quiet": ("quiet", "平静"),
    "activity:dormant": ("dormant", "沉睡"),
    "value:high": ("high value", "高价值"),
    "value:one_off": ("one-off luck, not steady", "偶发高消费，不计入高价值"),
    "value:ordinary": ("ordinary", "普通"),
    "churn:high": ("high", "高"),
    "churn:medium": ("medium", "中"),
    "churn:low": ("low", "低"),
    "segment:new": ("new", "新客"),
    "segment:returning": ("returning", "回头客"),
    "segment:high_value": ("high value", "高价值"),
    "segment:potential": ("potential: rare, large basket", "潜力：少而大单"),
    "motive:impulsive": ("on impulse", "冲动型"),
    "motive:comparing": ("compares first", "比较型"),
    "sharer:brought_one": ("brought one new customer", "带来一位新客"),
    "sharer:koc": ("KOC", "关键意见消费者"),
    "sharer:koc_who_buys": ("KOC who also buys", "自己也买的关键意见消费者"),
    "price_sensitive:yes": ("yes", "是"),
    "hesitant:yes": ("yes", "是"),
    "presence:in_shows": ("in the shows", "直播间"),
    "presence:elsewhere": ("silent in the shows, active elsewhere", "直播间沉默，别处活跃"),
    "presence:away": ("away everywhere", "各处均不活跃"),
    # Reasons.
    "orders": ("{n} order|{n} orders", "{n} 笔订单"),
    "brought_buyers": (
        "{n} new customer came by their shares|{n} new customers came by their shares",
        "分享带来 {n} 位新客",
    ),
    "had_cart": ("put something into the cart", "曾加购"),
    "glanced": ("watched {n} s", "看了 {n} 秒"),
    "watched_seconds": ("watched {n} s", "看了 {n} 秒"),
    "watched_unbroken": ("watched {n} min without a break", "连续看了 {n} 分钟"),
    "products_touched": ("looked at {n} product|looked at {n} products", "看了 {n} 件商品"),
    "last_order_days": ("last order {n} day ago|last order {n} days ago", "上次下单 {n} 天前"),
    "first_order_days": ("first order {n} day ago|first order {n} days ago", "首次下单 {n} 天前"),
    "seen_days": ("last seen {n} day ago|last seen {n} days ago", "上次出现 {n} 天前"),
    "never_ordered": ("has not ordered yet", "尚未下单"),
    "orders_in_month": ("{n} orders in 30 days", "30 天内 {n} 单"),
    "spent_whole": ("spent {n}", "累计消费 {n}"),
    "by_thresholds": ("by fixed thresholds", "按固定门槛"),
    "by_own_fifths": ("by the shop's own fifths", "按本店五分位"),
    "orders_in_one_show": ("{n} orders in one show", "单场 {n} 单"),
    "spent_a_show": ("{n} a show on average", "场均消费 {n}"),
    "top_tenth": ("in the tenth that spends most", "消费前 10%"),
    "bought_in_last_shows": ("bought in {n} of the last three shows", "最近三场中 {n} 场下单"),
    "one_large_order": ("one order is more than half of it", "一笔订单占一半以上"),
    "basket_whole": ("{n} an order", "客单价 {n}"),
    "ordered_after_minutes": ("ordered {n} min after entering", "进场 {n} 分钟后下单"),
    "looked_round": ("compared or searched {n} time|compared or searched {n} times", "比较或搜索 {n} 次"),
    "absent_days": ("not seen for {n} days", "{n} 天未出现"),
    "basket_declined": ("basket down {n} %", "客单价下降 {n}%"),
    "fell_silent": ("said nothing the last {n} times", "最近 {n} 次没有互动"),
    "payment_failed": ("a payment failed", "支付失败"),
    "no_sign": ("no sign of it", "没有迹象"),
    "won_back_by_help": ("win back by help with the payment", "挽回方式：协助支付"),
    "won_back_by_price": ("win back by a loyal customer's offer", "挽回方式：老客优惠"),
    "won_back_by_news": ("win back by what is new", "挽回方式：新品预告"),
    "last_show_days": ("last in a show {n} day ago|last in a show {n} days ago", "上次进直播间 {n} 天前"),
    "elsewhere_days": ("elsewhere {n} days ago", "{n} 天前在别处活跃"),
    "named_in_visits": ("spoke of it in {n} visit|spoke of it in {n} visits", "在 {n} 次到访中提到"),
    "zone_of_profile": ("said in the profile", "来自资料"),
    "zone_of_device": ("said by the device", "来自设备"),
    "usual_gap_days": ("every {n} days", "约每 {n} 天"),
    "own_gaps": ("from {n} gap of their own|from {n} gaps of their own", "依据其 {n} 次间隔"),
    "bought_days_ago": ("last bought {n} day ago|last bought {n} days ago", "上次购买 {n} 天前"),
    "bought_on_days": ("bought on {n} day|bought on {n} days", "在 {n} 天购买过"),
    "promotion_day": ("weights of a promotion day", "大促日权重"),
    "ordinary_day": ("weights of an ordinary day", "平日权重"),
    "seen_hours": ("seen in {n} hour of the day|seen in {n} hours of the day", "在一天中 {n} 个小时出现过"),
}


def word(code: str, locale: str) -> str:
    """The word for a code: of a label, else the report's own, else the code itself."""
    known = WORDS.get(code)
    return known[LOCALES.index(locale)] if known else words.word(code, locale)


def phrase(code: str, amount: int | None, locale: str) -> str:
    """A reason with its number, as people say it."""
    if code not in WORDS:
        return words.phrase(code, amount, locale)
    one, _, several = word(code, locale).partition("|")
    text = one if amount == 1 or not several else several
    return text.replace("{n}", "" if amount is None else f"{amount:,}")
