"""Why an entry was posted, in the words of those who read statements."""

from __future__ import annotations

from aftershow.model.ledger import Entry

# Every reason that an entry may have.
CHINESE = {
    "order completed": "下单",
    "order updated": "订单变更",
    "order refunded": "订单退款",
    "order cancelled": "订单取消",
    "refund without an order": "未注明订单的退款",
    "order seen otherwise": "订单更正",
    "order belongs to somebody else": "订单属于他人",
    "points reserved": "积分预留",
    "points spent": "积分已使用",
    "reservation released": "预留已取消",
    "reservation timed out": "预留超时退回",
    "points held": "积分冻结",
    "hold ended": "积分解冻",
    "points given to somebody": "转出积分",
    "points received from somebody": "转入积分",
    "adjusted by staff": "人工调整",
    "points expired": "积分到期",
    "points owed were paid": "到期积分抵扣欠额",
    "account closed": "账户关闭",
    "budget opened": "预算开启",
    "claimed from a budget": "领取",
    "code redeemed": "兑换码",
}


def why(entry: Entry, locale: str) -> str:
    """The reason in Chinese (zh, zh-CN ...) or English, with the words of whoever posted it."""
    text = CHINESE.get(entry.reason, entry.reason) if locale.lower().startswith("zh") else entry.reason
    return f"{text} ({entry.note})" if entry.note else text
