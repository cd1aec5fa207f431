"""The words of the report, in English and Chinese: one table, so that no locale lacks a word.

A word with `{n}` takes its number in the middle; one without gets "×2" behind it from two on. Codes
that are not here are shown as they are: a new reason is better read raw than not at all.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal

from aftershow.model.instants import at_zone
from aftershow.model.money import display
from aftershow.rules.wording import CHINESE
from infra.local import engagement_words
from infra.local.summary import Because, ReminderRow, StoryLine, Summary

LOCALES = ("en", "zh-CN")
# Outcomes that mean that the message left.
GOOD_ENDS = frozenset(("sent", "delivered"))
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# By code, in the order of LOCALES.
WORDS: Mapping[str, tuple[str, str]] = {
    # The funnel.
    "watched": ("watched", "看过直播"),
    "no_order": ("left without ordering", "未下单离开"),
    "almost_bought": ("almost bought", "差一点就买"),
    "reachable": ("may be written to", "可以触达"),
    "reminded": ("reminded", "已提醒"),
    "left_alone": ("left alone", "不打扰"),
    "clicked": ("came back", "点击返回"),
    "won_back": ("won back", "追回下单"),
    "ordered_in_show": ("ordered in the show", "直播中下单"),
    # Who is one person.
    "identity": ("Identity", "身份"),
    "by_user": ("user id", "用户编号"),
    "by_anonymous": ("browser", "浏览器"),
    "by_email": ("e-mail address", "邮箱"),
    "by_phone": ("telephone number", "手机号"),
    "by_wechat_openid": ("WeChat open id", "微信 OpenID"),
    "by_wechat_unionid": ("WeChat union id", "微信 UnionID"),
    "by_wecom_external_userid": ("WeCom contact", "企业微信客户"),
    "by_douyin_openid": ("Douyin open id", "抖音 OpenID"),
    "joins": ("belongs to this person", "属于此人"),
    "join": ("{n} belong to this person", "{n} 个属于此人"),
    "refused_another_users_device": ("not joined: another user came with it first", "未合并：此前已属于另一用户"),
    "refused_shared": ("not joined: more people came with it than one person has ids", "未合并：使用者过多"),
    "refused_blocked": ("not joined: the value names nobody", "未合并：无效或被屏蔽的值"),
    "refused_full": ("not joined: this person has as many ids as one may have", "未合并：此人名下的标识已达上限"),
    "refused_several_scanned": (
        "not joined: it was scanned, or scanned codes, more than once",
        "未合并：多次扫码，无法确认",
    ),
    "refused_untrusted_source": ("not joined: not said by a server of the shop's", "未合并：不是店铺服务器所说"),
    "not_joined": (
        "others have it too; no server of the shop's says that they are one person",
        "还有别人使用；店铺服务器未确认为同一人",
    ),
    # Temperature.
    "hot": ("hot", "很想买"),
    "considering": ("considering", "在考虑"),
    "cold": ("cold", "兴趣淡"),
    # What the intent was read from.
    "watched_minutes": ("watched {n} min", "看了 {n} 分钟"),
    "watched_briefly": ("watched less than a minute", "看了不到 1 分钟"),
    "watch_unknown": ("watch time unknown", "观看时长未知"),
    "in_cart": ("{n} in the cart", "购物车 {n} 种"),
    "taken_out": ("took out of the cart", "移出购物车"),
    "checkout_started": ("began to check out", "开始结账"),
    "payment_entered": ("entered a payment", "填了支付信息"),
    "products_clicked": ("clicked products", "点开商品"),
    "products_viewed": ("viewed products", "浏览商品"),
    "coupon_tried": ("tried a coupon", "用了优惠码"),
    "coupon_denied": ("coupon refused", "优惠码被拒"),
    "only_came_in": ("only came in", "只是进来看看"),
    "wished": ("saved for later", "加入收藏"),
    "asked_price": ("asked the price", "问价格"),
    "asked_shipping": ("asked about shipping", "问运费物流"),
    "asked_promotion": ("asked about offers", "问优惠"),
    "asked_quality": ("asked about quality", "问质量"),
    "asked_stock": ("asked about stock", "问库存"),
    "asked_trust": ("asked if it is genuine", "问是否正品"),
    "hesitated": ("hesitated", "犹豫"),
    "searched": ("searched", "搜索"),
    "compared": ("compared", "比较商品"),
    "liked": ("liked", "点赞"),
    "commented": ("commented", "发弹幕"),
    "shared": ("shared", "分享"),
    "replay_watched": ("watched the replay", "看了回放"),
    "polled": ("voted", "参与投票"),
    "reserved": ("reserved the show", "预约直播"),
    "stated_obstacle": ("named what kept them", "说出了未下单原因"),
    "stated_price": ("said that the price kept them", "自述因价格未下单"),
    "stated_promotion": ("said that an offer was missing", "自述缺少优惠"),
    "stated_hesitation": ("said that they hesitate", "自述还在犹豫"),
    "stated_trust": ("said that they lack trust", "自述不够信任"),
    "stated_not_interested": ("said that they are not interested", "自述不感兴趣"),
    "stated_bought_elsewhere": ("said that they bought elsewhere", "自述已在别处购买"),
    "first_order": ("first order", "首次下单"),
    # How a reminder ends.
    "open": ("open", "待发"),
    "pending": ("open", "待发"),
    "sending": ("being sent", "发送中"),
    "awaiting": ("awaiting staff", "待员工确认"),
    "sent": ("sent", "已发送"),
    "delivered": ("delivered", "已送达"),
    "failed": ("failed", "失败"),
    "skipped": ("not sent", "未发送"),
    "cancelled": ("cancelled", "已取消"),
    "unknown": ("unknown", "结果不明"),
    # Why not, and why later.
    "ordered": ("has ordered", "已经下单"),
    "unfollowed": ("unfollowed the host", "取消关注主播"),
    "opted_out": ("opted out", "已退订"),
    "no_consent": ("no consent", "未授权营销信息"),
    "no_address": ("no address", "没有联系方式"),
    "no_identity": ("never identified", "始终匿名"),
    "suppressed": ("address suppressed", "地址已停用"),
    "no_accept_left": ("no accept left", "订阅消息授权已用完"),
    "handed_over": ("handed over", "转交其他员工"),
    "withdrawn_by_staff": ("taken back by staff", "员工已撤回"),
    "to_take_back": ("draft to be taken back", "撤回草稿"),
    "draft_not_taken_back": ("nobody knows what became of the draft", "草稿结果不明"),
    "contact_deleted": ("deleted the staff's contact", "已删除员工好友"),
    "another_broadcast_today": ("got another broadcast today", "当天已收到其他群发"),
    "not_reachable_by_staff": ("staff can't reach them", "员工无法触达"),
    "bounced": ("address bounced", "地址退信"),
    "complained": ("complained", "投诉垃圾邮件"),
    "another_opted_out": ("another of their addresses opted out", "其另一地址已退订"),
    "another_bounced": ("another of their addresses bounced", "其另一地址退信"),
    "another_complained": ("another of their addresses complained", "其另一地址投诉垃圾邮件"),
    "erased": ("data erased", "资料已删除"),
    "capped": ("enough messages already", "已达频次上限"),
    "quiet": ("quiet hours", "免打扰时段"),
    "expired": ("too late", "已过期"),
    "rule_pack": ("forbidden by the rules", "规则不允许"),
    "legal_hours": ("outside the legal hours", "不在法定时段"),
    "no_rules": ("the shop has no rule packs", "尚未载入规则包"),
    "no_lexicon": ("the shop has no lexicon of claims", "尚未载入禁用语词库"),
    "claims_lint": ("claims that the law forbids", "含广告法禁用语"),
    "no_moment": ("no moment before the deadline", "截止前没有合适时间"),
    "playbook_stopped": ("playbook stopped", "策略已停用"),
    "not_approved": ("playbook not approved", "策略未审批"),
    "outside_share": ("outside the share", "不在灰度范围内"),
    "topic_off": ("wants nothing about this", "不想收到此类内容"),
    "paused": ("paused by the viewer", "用户已暂停"),
    "doubt": ("a doubt waits for an answer", "疑问待答复"),
    "soft_bounced": ("mailbox full or away", "暂时无法送达"),
    "rejected": ("refused by the provider or carrier", "被服务商或运营商拒绝"),
    "show_cancelled": ("show cancelled", "直播已取消"),
    "series_over": ("series is over", "系列已发完"),
    "not_wanted": ("no longer wanted", "不再需要"),
    "planned_already": ("a reminder is planned", "提醒已排期"),
    "no_playbook": ("no playbook fits", "没有适用策略"),
    "holdout": ("control group", "对照组"),
    "budget": ("budget used up", "预算用完"),
    "no_word_from_provider": ("no word from the provider", "服务商无回执"),
    "orders_late": ("orders are still coming in", "订单仍在入账"),
    "channel_down": ("channel is down", "渠道故障"),
    "channel_closed": ("the provider closed the channel", "服务商已关闭渠道"),
    "channel_works": ("works", "正常"),
    "endpoint_gone": ("the endpoint is gone", "对方接口已停用"),
    "column_channel": ("channel", "渠道"),
    "column_provider": ("provider", "服务商"),
    "column_price": ("price", "单价"),
    "column_rate": ("rate", "速率"),
    "column_state": ("state", "状态"),
    "unclear": ("no clear answer, the provider knows a second copy", "结果不明，服务商可识别重复"),
    "channel_not_in_use": ("channel not in use", "渠道未启用"),
    "expects": ("an answer is expected from {n} %", "预计回应率 {n}%"),
    "answered_before": ("answered before", "过往回应"),
    "costs": ("costs", "单价"),
    "until": ("until", "直到"),
    "worth_less": ("worth less", "性价比较低"),
    "not_in_use": ("not in use", "未启用"),
    "not_allowed": ("no consent", "未授权"),
    "no_text": ("no text for it", "没有对应文案"),
    "tried": ("tried before", "已试过"),
    "channel_capped": ("its own cap is reached", "已达该渠道频次上限"),
    "too_slow": ("too slow before the deadline", "排队过长，来不及"),
    "fallback": ("on to another channel", "改用其他渠道"),
    "no_channel": ("no channel can carry it", "没有可用渠道"),
    "responded": ("has answered", "已经回应"),
    "said_stop": ("said stop on another channel", "已在其他渠道退订"),
    "template": ("template can't be filled", "模板无法填充"),
    "throttled": ("provider is busy", "服务商限流"),
    # Channels and classes of messages.
    "email": ("e-mail", "邮件"),
    "sms": ("SMS", "短信"),
    "push": ("push", "推送"),
    "wechat": ("WeChat", "微信"),
    "wecom": ("WeCom", "企业微信"),
    "webhook": ("webhook", "Webhook"),
    "file": ("file", "文件"),
    "marketing": ("marketing", "营销"),
    "service": ("service", "服务"),
    # A viewer's story.
    "first_seen": ("first seen", "首次出现"),
    "last_seen": ("last seen", "最后出现"),
    "followed": ("followed the host", "关注主播"),
    "contradicted": ("told again with another content", "重复上报且内容不同"),
    "added": ("put into the cart", "加入购物车"),
    "identified": ("signed in", "登录"),
    "merged": ("recognised as one person", "识别为同一人"),
    "consented": ("agreed to messages", "同意接收信息"),
    "withdrawn": ("withdrew consent", "撤回同意"),
    "show_ended": ("the show ended", "直播结束"),
    "planned": ("reminder planned", "计划提醒"),
    "channel": ("channel chosen", "选择渠道"),
    "moment": ("moment chosen", "选择时间"),
    "moved": ("moved", "改期"),
    "claimed": ("checked again, claimed", "复核通过，锁定发送"),
    "later": ("put off", "推迟"),
    "opened": ("opened the message", "打开信息"),
    "delayed": ("delivery is delayed", "投递延迟"),
    "machine_opened": ("fetched by a machine", "机器预取"),
    "link_followed": ("a link was followed", "链接被打开"),
    "replied": ("replied", "回复"),
    "answered": ("answered the survey", "回答调查"),
    "unsubscribed": ("unsubscribed", "退订"),
    "order": ("ordered", "下单"),
    "order_completed": ("ordered", "下单"),
    "order_updated": ("order changed", "订单变更"),
    "refunded": ("refunded", "退款"),
    "order_cancelled": ("order cancelled", "订单取消"),
    "points_earned": ("{n} points", "积分 {n}"),
    "points_reversed": ("{n} points taken back", "扣回积分 {n}"),
    "points_gone": ("{n} points less", "积分减少 {n}"),
    "points_aside": ("{n} points set aside", "积分 {n} 暂不可用"),
    "points_free": ("{n} points free again", "积分 {n} 恢复可用"),
    "intent_hot": ("hot, intent {n}", "很想买，意向 {n}"),
    "intent_considering": ("considering, intent {n}", "在考虑，意向 {n}"),
    "intent_cold": ("cold, intent {n}", "兴趣淡，意向 {n}"),
    "at_once": ("at once", "立即"),
    "any_hour": ("any hour", "不限时段"),
    "in_active_hours": ("her active hours", "在她的活跃时段"),
    "no_active_hour": ("none of her active hours fits", "活跃时段均不可发"),
    "all": ("all channels", "全部渠道"),
    # Headings and sentences of the report itself.
    "title": ("After the show", "下播之后"),
    "synthetic_note": (
        "Synthetic: a generated show, invented viewers, playbooks approved by the run itself. The decisions are real.",
        "模拟数据：直播和观众由程序生成，策略由程序自行审批；决策由真实流程作出。",
    ),
    "people_ordered": ("ordered in the show", "人直播中下单"),
    "viewers": ("viewers", "位观众"),
    "customers": ("customers", "位顾客"),
    "orders": ("orders", "笔订单"),
    "orders_won_back": ("orders won back", "单追回"),
    "of_them": ("of all viewers", "占全部观众"),
    "who_left": ("Who left, who came back", "谁离开了，谁回来了"),
    "why_alone": ("Left alone, and why", "没有打扰的人，以及原因"),
    "no_more": ("Nothing more planned, and why", "不再提醒的原因"),
    "people": ("people", "人"),
    "reminders": ("Reminders", "提醒"),
    "non_orderers": ("Who did not order", "未下单的观众"),
    "messages": ("Messages sent", "已发出的信息"),
    "story": ("One viewer's story", "一位观众的故事"),
    "can_be_written": ("Can they be written to", "能否触达"),
    "since": ("since", "起始"),
    "times_in": ("times of", "时间按"),
    "points": ("Points", "积分"),
    "events": ("Events", "事件"),
    "viewer": ("viewer", "观众"),
    "intent": ("intent", "意向"),
    "why": ("why", "原因"),
    "playbook": ("playbook", "策略"),
    "by": ("channel", "渠道"),
    "due": ("due (local)", "计划（当地）"),
    "outcome": ("outcome", "结果"),
    "when": ("when (local)", "时间（当地）"),
    "reach": ("reachable", "能否触达"),
    "yes": ("yes", "可以"),
    # Setting up.
    "settings_in": ("Settings, in", "设置，写在"),
    "nothing_changed": ("nothing changed", "没有变化"),
    "proofs": ("What was proved by a real call", "实际调用验证的结果"),
    "proved": ("proved", "已验证"),
    "wrong": ("wrong", "有问题"),
    "not_proved": ("not proved", "未能验证"),
    "test_message": ("Test message", "测试信息"),
    "no_show_yet": (
        "No show has ended in this state yet, so there is nothing to dry-run: play or import one.",
        "还没有已结束的直播，无法试跑：先演示或导入一场。",
    ),
    "all_off": ("Every playbook is off until it is approved. What comes next:", "所有策略在审批之前都不生效。接下来："),
    "still_on": ("Approved already, and working:", "已审批、正在生效："),
    # A dry run.
    "dry_run": ("Dry run", "试跑"),
    "dry_run_note": (
        "As if the playbooks had been approved when the show ended. Orders and messages since then are left out; "
        "consent and addresses are today's. Nothing is sent, nothing is written.",
        "假设直播结束时策略已审批。不计之后的订单和信息，授权和地址以今天为准。不发送，也不写入。",
    ),
    "dry_run_estimated": ("Estimated from {n} of 32 equal parts of the viewers.", "由 32 等份观众中的 {n} 份估算。"),
    "would_remind": ("would be reminded", "会提醒"),
    "messages_at_most": ("messages at most", "条信息（上限）"),
    "who_would": ("Who would get what", "会提醒谁，发什么"),
    "by_playbook": ("By playbook", "按策略"),
    "who_would_not": ("Who would not, and why", "不会提醒谁，为什么"),
    "accepted": ("accepted", "已接收"),
    "duplicate": ("known already", "重复"),
    "dead": ("set aside with a reason", "拒收（附原因）"),
    "earned": ("earned", "获得"),
    "reversed": ("taken back", "扣回"),
    "ran_out": ("expired", "到期"),
    "spent": ("spent", "使用"),
    "balance_sum": ("balance of all accounts", "账户余额合计"),
    "entries": ("ledger entries", "分录数"),
    "balanced": ("the books balance", "账目相符"),
    "not_balanced": ("the books do not balance", "账目不符"),
    "more_rows": ("{n} more, in the JSON output", "另有 {n} 行，见 JSON 输出"),
    "none": ("none", "无"),
}

# Why a ledger entry was posted; "order completed" and the like have words of their own above.
WORDS = (
    {reason.replace(" ", "_"): (reason, chinese) for reason, chinese in CHINESE.items()}
    | dict(engagement_words.WORDS)
    | dict(WORDS)
)


def check(locale: str) -> None:
    """Raises ValueError for a locale that has no words."""
    if locale not in LOCALES:
        message = f"no such locale: {locale} (there are {', '.join(LOCALES)})"
        raise ValueError(message)


def word(code: str, locale: str) -> str:
    """The word for `code`; a code that is not known is its own word."""
    known = WORDS.get(code)
    return known[LOCALES.index(locale)] if known else code


def phrase(code: str, amount: int | None, locale: str) -> str:
    """A word with its number, as people say it: "asked the price ×2", "watched 14 min"."""
    text = compound(code, locale)
    if "{n}" in text:
        return " ".join(text.replace("{n}", "" if amount is None else f"{amount:,}").split())
    return f"{text} ×{amount:,}" if amount is not None and amount > 1 else text


def plain(text: str) -> str:
    """Without control characters: a name must not move the cursor or colour the screen."""
    return "".join(" " if unicodedata.category(char).startswith("C") else char for char in text)


def compound(code: str, locale: str) -> str:
    """The words of codes that are joined by a colon: "skipped: ordered"."""
    first, joined, rest = code.partition(": ")
    return _joined(first, rest, locale) if joined else word(first, locale)


def colon(locale: str) -> str:
    """What stands between a word and its explanation."""
    return "：" if locale == "zh-CN" else ": "


def _joined(code: str, reason: str, locale: str) -> str:
    return f"{word(code, locale)}{colon(locale)}{word(reason, locale)}"


def moment(at: int, zone: str, locale: str, now: int | None = None) -> str:
    """A moment on a wall clock of `zone`, to the minute; with its year where that is not the year of `now`."""
    local = at_zone(at, zone)
    with_year = now is not None and local.year != at_zone(now, zone).year
    if locale == "zh-CN":
        day = f"{local.year}年" * with_year + f"{local.month}月{local.day}日"
    else:
        day = f"{local.day} {_MONTHS[local.month - 1]}" + f" {local.year}" * with_year
    return f"{day} {local:%H:%M}"


def money(minor: int, currency: str) -> str:
    """An amount with its currency's code: 1,234.50 CNY."""
    return f"{Decimal(display(minor, currency)):,} {currency}"


def share(count: int, of: int) -> str:
    """A share in whole per cent; below one of them it says so."""
    percent = 100 * count / of if of else 0
    return "<1 %" if 0 < percent < 1 else f"{percent:.0f} %"


def heading(summary: Summary) -> tuple[tuple[str, int], tuple[str, int]]:
    """The two figures that say how large the run was: of a show, or of orders alone."""
    if summary.viewers:
        return ("viewers", summary.viewers), ("people_ordered", summary.ordered_in_show)
    return ("customers", summary.customers), ("orders", summary.orders)


def why(because: Sequence[Because], locale: str) -> str:
    """Reasons in a row."""
    comma = "、" if locale == "zh-CN" else ", "
    return comma.join(phrase(reason.code, reason.amount, locale) for reason in because)


def playbook_title(summary: Summary, playbook: str, locale: str) -> str:
    """The operators' title of a playbook, else its id."""
    return summary.playbooks.get(playbook, {}).get(locale) or playbook


def ending(row: ReminderRow, locale: str) -> str:
    """How a reminder ended, with the reason where it says more than the outcome."""
    if row.outcome is None:
        return word("open", locale)
    if row.reason is None or row.reason == row.outcome:
        return word(row.outcome, locale)
    return _joined(row.outcome, row.reason, locale)


def happened(line: StoryLine, locale: str) -> str:
    """What a line of a story tells."""
    if line.amount is None:
        return compound(line.code, locale)
    return phrase(line.code, line.amount, locale)


def detail(line: StoryLine, locale: str) -> str:
    """What else a line of a story says: its own words, then the reasons."""
    because = why(line.because, locale)
    return " · ".join(text for text in (line.detail, because) if text)
