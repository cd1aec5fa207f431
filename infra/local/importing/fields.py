"""The columns that `import` understands: our name for each, and what files call it.

Our names are also the column names that `export` writes, so what was exported comes in without a mapping. An empty
cell says nothing. Moments: ISO 8601, or what `values.moment` reads, in the shop's zone unless they carry an offset.

members     user_id, anonymous_id, same_as, email, phone, name, locale, zone, updated_at
            (same_as: another user id of the same person)
            wechat_openid, wechat_unionid, wecom_external_userid
            consent, consent_channel, consent_purpose, consent_at, consent_source, consent_wording
            {email,sms,push,wechat,wecom,service}_consent, and of each _at, _source, _wording
            unsubscribed, email_status, sms_status, status_at
orders      order_id, user_id, anonymous_id, email, phone, ordered_at, total, currency, coupon, show_id, status
            product_id, product_name, quantity, price (a row is one line; rows of one order belong together)
            refund_id, refunded, refunded_at
products    product_id, name, price, currency, url, image_url, category, stock, selling_point, offer, video_url,
            updated_at
shows       show_id, title, host_id, starts_at, ends_at, replay_url, updated_at

Consent: `consent` is marketing on `consent_channel` (`all`, a channel's name, or a word for it), unless
`consent_purpose` says service; `service_consent` is service messages on all channels; states are granted and withdrawn,
and words for them. A grant needs its time and its source.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["members", "orders", "products", "shows"]
KINDS: tuple[Kind, ...] = ("members", "orders", "products", "shows")
# Channels whose consent may have columns of its own; the marks that a table of members has for them.
CONSENT_GROUPS = ("email", "sms", "push", "wechat", "wecom", "service")


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a row may say. `aliases` are what files call it, beside its own name."""

    name: str
    aliases: tuple[str, ...] = ()
    required: bool = False


def _consent_fields() -> tuple[Field, ...]:
    words = {
        "email": ("accepts email marketing", "email marketing", "email opt in", "邮件营销授权", "邮件订阅", "同意邮件"),
        "sms": ("accepts sms marketing", "sms marketing", "sms opt in", "短信营销授权", "短信订阅", "同意短信"),
        "push": ("push opt in", "推送授权"),
        "wechat": ("wechat opt in", "微信授权"),
        "wecom": ("wecom opt in", "企微授权"),
        "service": ("service messages",),
    }
    fields: list[Field] = []
    for group in CONSENT_GROUPS:
        fields.append(Field(f"{group}_consent", words[group]))
        fields += [Field(f"{group}_consent_{what}") for what in ("at", "source", "wording")]
    return tuple(fields)


_PERSON = (
    Field("user_id", ("customer id", "customer", "member id", "member no", "member number", "client id", "uid",
                      "买家id", "会员编号", "会员号", "会员卡号", "会员id", "用户编号", "用户id", "客户编号",
                      "客户id")),
    Field("anonymous_id", ("device id", "visitor id", "匿名id", "设备号", "设备id")),
    Field("email", ("e-mail", "mail", "email address", "e-mail address", "邮箱", "电子邮箱", "邮箱地址", "电子邮件",
                    "邮件", "会员邮箱", "买家邮箱")),
    Field("phone", ("phone number", "mobile", "mobile number", "mobile phone", "telephone", "tel", "cell phone",
                    "手机", "手机号", "手机号码", "电话", "电话号码", "联系电话", "联系方式", "会员手机", "收货人手机",
                    "收件人手机", "买家手机")),
)  # fmt: skip

_MEMBERS = (
    *_PERSON,
    # Nothing is guessed to be this: it joins two people for good.
    Field("same_as"),
    Field("name", ("full name", "customer name", "member name", "姓名", "昵称", "会员姓名", "会员昵称", "客户姓名",
                   "用户名", "用户昵称")),
    Field("locale", ("language", "语言")),
    Field("zone", ("timezone", "time zone", "时区")),
    Field("updated_at", ("updated", "last updated", "modified", "更新时间", "修改时间", "最后更新时间")),
    Field("wechat_openid", ("openid", "微信openid")),
    Field("wechat_unionid", ("unionid", "微信unionid")),
    Field("wecom_external_userid", ("external userid", "企微外部联系人id", "外部联系人id")),
    Field("consent", ("marketing consent", "marketing", "accepts marketing", "marketing opt in", "opt in", "newsletter",
                      "consent state", "consent status", "营销授权", "授权状态",
                      "是否授权", "同意营销", "是否同意营销", "是否订阅", "订阅状态")),
    Field("consent_channel", ("consent channels", "channel", "授权渠道", "订阅渠道", "渠道")),
    Field("consent_purpose", ("purpose", "授权目的", "授权用途", "授权类型", "用途")),
    Field("consent_at", ("consent time", "consent date", "opt in time", "opt in date", "opted in at", "授权时间",
                         "同意时间", "订阅时间")),
    Field("consent_source", ("opt in source", "consent evidence", "授权来源", "同意来源", "订阅来源", "授权方式")),
    Field("consent_wording", ("consent wording version", "wording version", "授权文案版本", "协议版本")),
    *_consent_fields(),
    Field("unsubscribed", ("opted out", "opt out", "do not contact", "退订", "是否退订", "拒收", "已退订")),
    Field("email_status", ("email state", "bounce status", "邮箱状态", "邮件状态")),
    Field("sms_status", ("sms state", "短信状态", "手机状态")),
    Field("status_at", ("unsubscribed at", "bounced at", "退订时间", "状态时间")),
)  # fmt: skip

_ORDERS = (
    *_PERSON,
    Field("order_id", ("order", "order no", "order number", "invoice", "invoice no", "invoice number", "订单号",
                       "订单编号", "主订单编号", "订单id", "单号", "交易单号"), required=True),
    Field("ordered_at", ("order date", "order time", "ordered", "created at", "paid at", "invoice date", "date",
                         "下单时间", "订单创建时间", "创建时间", "订单时间", "付款时间", "支付时间", "订单付款时间"),
          required=True),
    Field("total", ("order total", "amount paid", "paid amount", "amount", "total amount", "grand total", "revenue",
                    "实付金额", "实付款", "实收金额", "订单金额", "支付金额", "买家实际支付金额", "应付金额",
                    "买家应付货款")),
    Field("currency", ("currency code", "币种", "货币")),
    Field("coupon", ("coupon code", "discount code", "优惠码", "优惠券", "优惠券码")),
    Field("show_id", ("show", "live id", "直播场次", "场次id", "场次编号", "直播间场次")),
    Field("status", ("order status", "state", "订单状态", "交易状态")),
    Field("product_id", ("sku", "product", "item id", "product code", "stock code", "商品编号", "商品id", "商品编码",
                         "货号", "商家编码", "sku编码")),
    Field("product_name", ("product title", "item", "item name", "description", "title", "商品名称", "商品标题",
                           "宝贝标题", "商品")),
    Field("quantity", ("qty", "count", "数量", "商品数量", "购买数量", "宝贝总数量")),
    Field("price", ("unit price", "item price", "单价", "商品单价", "商品价格", "价格")),
    Field("refund_id", ("refund no", "refund number", "退款编号", "退款单号")),
    Field("refunded", ("refund amount", "refunded amount", "退款金额", "已退金额")),
    Field("refunded_at", ("refund date", "refund time", "退款时间")),
)  # fmt: skip

_PRODUCTS = (
    Field("product_id", ("id", "sku", "product", "product code", "item id", "stock code", "商品编号", "商品id",
                         "商品编码", "货号", "商家编码", "sku编码"), required=True),
    Field("name", ("product name", "title", "product title", "description", "商品名称", "商品标题", "名称", "标题")),
    Field("price", ("unit price", "sale price", "价格", "单价", "售价", "直播价", "商品价格")),
    Field("currency", ("currency code", "币种", "货币")),
    Field("url", ("link", "product url", "product link", "商品链接", "链接", "商品地址")),
    Field("image_url", ("image", "image link", "picture", "主图", "图片", "商品图片", "图片链接")),
    Field("category", ("product type", "类目", "分类", "商品分类", "商品类目")),
    Field("stock", ("inventory", "quantity", "in stock", "库存", "库存数量", "可用库存")),
    Field("selling_point", ("selling points", "highlight", "highlights", "卖点", "商品卖点", "亮点")),
    Field("offer", ("promotion", "deal", "优惠", "优惠信息", "促销", "活动")),
    Field("video_url", ("video", "video link", "视频", "商品视频", "视频链接")),
    Field("updated_at", ("updated", "last updated", "更新时间", "修改时间")),
)  # fmt: skip

_SHOWS = (
    Field("show_id", ("id", "show", "live id", "场次id", "场次编号", "直播id", "直播场次"), required=True),
    Field("title", ("name", "show title", "标题", "直播标题", "场次名称", "直播主题", "主题")),
    Field("host_id", ("host", "anchor", "主播", "主播id", "主播编号")),
    Field("starts_at", ("start", "start time", "starts", "begins", "开始时间", "开播时间", "直播开始时间"),
          required=True),
    Field("ends_at", ("end", "end time", "ends", "结束时间", "下播时间", "直播结束时间")),
    Field("replay_url", ("replay", "replay link", "回放", "回放链接", "回放地址")),
    Field("updated_at", ("updated", "last updated", "更新时间", "修改时间")),
)  # fmt: skip

CATALOGUE: Mapping[Kind, tuple[Field, ...]] = {
    "members": _MEMBERS,
    "orders": _ORDERS,
    "products": _PRODUCTS,
    "shows": _SHOWS,
}
# Of each of these groups a file must say at least one.
ONE_OF: Mapping[Kind, tuple[tuple[str, ...], ...]] = {
    "members": (("user_id", "anonymous_id", "email", "phone"),),
    "orders": (("user_id", "anonymous_id", "email", "phone"), ("total", "price")),
    "products": (),
    "shows": (),
}

_UNIT = re.compile(r"[(（\[【][^)）\]】]*[)）\]】]")
_WORDS = re.compile(r"[\W_]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def plain(header: str) -> str:
    """A header as it is compared: "Order_No." and "orderNo" are alike, units in brackets are left out."""
    text = unicodedata.normalize("NFKC", _HUMP.sub(" ", header))
    return _WORDS.sub("", _UNIT.sub("", text)).casefold()


def names_of(field: Field) -> frozenset[str]:
    """Every header under which a field is recognised, as `plain` gives them."""
    return frozenset(plain(name) for name in (field.name, *field.aliases))
