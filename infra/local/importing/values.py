"""Cells, read: identifiers, addresses, words for yes and no, and what spreadsheets do to them.

A cell that may mean two things is refused with the word what to say in the mapping; digits that a spreadsheet has
thrown away are never made up. Reasons name no value: they go into reports.
"""

from __future__ import annotations

import re
import unicodedata

from aftershow.model.ids import is_usable_identity
from aftershow.model.viewers import Suppression
from aftershow.rules.segment import CONSENT_CHANNELS

MIN_PHONE_DIGITS = 5

# An apostrophe before a text keeps it one in a spreadsheet: before digits, and before what would be a formula, as
# `export` writes it (before an apostrophe too, so that each text comes back as it was).
KEPT_AS_TEXT = "'"
MARKED = "'=+-@\t\r＝＋－＠"

_FORMULA = re.compile(r'^="(.*)"$', re.DOTALL)
# 1.38E+10, 1E+10, 1.38E10; but 12E5 may well be somebody's id.
SCIENTIFIC_FORM = re.compile(r"^-?\d(?:[.,]\d+[eE]\+?|[eE]\+)\d{1,3}$")
_WITH_POINT = re.compile(r"^\d+[.,]0+$")
SPACES = " \t\r\n\u00a0\u200b\u202f\u3000\ufeff"
_PHONE = re.compile(r"^\+?[\d\s().\-/]{3,30}(?:\s*(?:x|ext\.?|转)\s*\d{1,6})?$", re.IGNORECASE)

SCIENTIFIC = (
    "the spreadsheet wrote it as a rounded number (1.38E+10) and its digits are lost: format the column as text in the "
    "source and export again"
)
DECIMAL_ID = "the spreadsheet wrote it as a decimal number (123.0): format the column as text and export again"


class Unusable(Exception):
    """A cell that can't be read: why, without its value."""


def cleaned(cell: str) -> str:
    """A cell without the marks by which spreadsheets and platforms keep texts texts: ="007", '007, '=x, a tab
    before it."""
    text = cell.strip(SPACES)
    formula = _FORMULA.match(text)
    if formula:
        text = formula[1].replace('""', '"').strip(SPACES)
    is_marked = len(text) > 1 and text[0] == KEPT_AS_TEXT and (text[1].isalnum() or text[1] in MARKED)
    return text[1:] if is_marked else text


def identifier(cell: str) -> str:
    """An id of a person, order, product or show. Raises Unusable."""
    if SCIENTIFIC_FORM.match(cell):
        raise Unusable(SCIENTIFIC)
    if _WITH_POINT.match(cell):
        raise Unusable(DECIMAL_ID)
    if not is_usable_identity(cell):
        raise Unusable("names nobody: empty words such as null, 0 or anonymous, or characters that no id has")
    return cell


def phone(cell: str) -> str:
    """A telephone number as it was given. Raises Unusable."""
    text = unicodedata.normalize("NFKC", cell)
    if SCIENTIFIC_FORM.match(text):
        raise Unusable(SCIENTIFIC)
    if _WITH_POINT.match(text):
        raise Unusable(DECIMAL_ID)
    if "*" in text:
        raise Unusable("is masked with asterisks: nobody can be reached by it")
    digits = sum(character.isdigit() for character in text)
    if not _PHONE.match(text) or digits < MIN_PHONE_DIGITS:
        raise Unusable("is no telephone number")
    return text


def email(cell: str) -> str:
    """An e-mail address, roughly: the shop judges it as it judges every other. Raises Unusable."""
    if "*" in cell:
        raise Unusable("is masked with asterisks: nobody can be reached by it")
    local, at, domain = cell.rpartition("@")
    if not (at and local and "." in domain) or " " in cell or not cell.isprintable():
        raise Unusable("is no e-mail address")
    return cell


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(","))


_YES = _words(
    "yes,y,true,t,1,on,granted,subscribed,opted_in,opted in,opt-in,opt_in,optin,accepted,agreed,active,"
    "是,有,√,✓,同意,已同意,授权,已授权,同意授权,已订阅,订阅,允许"
)
_NO = _words(
    "no,n,false,f,0,off,withdrawn,unsubscribed,opted_out,opted out,opt-out,opt_out,optout,declined,refused,revoked,"
    "否,×,不同意,拒绝,已拒绝,拒绝授权,未授权,不授权,未订阅,取消授权,已取消,撤回,已撤回,撤销,已撤销,退订,已退订,拒收,"
    "不允许"
)
# Nobody asked: neither a grant nor a withdrawal.
_SILENCE = _words("unknown,never,pending,none,null,not set,not_set,n/a,-,无,未知,未设置")


def said(cell: str) -> bool | None:
    """Whether a cell says yes or no; None where it says that nobody knows. Raises Unusable."""
    word = unicodedata.normalize("NFKC", cell).strip().casefold()
    if word in _SILENCE:
        return None
    if word in _YES or word in _NO:
        return word in _YES
    raise Unusable("says neither yes nor no")


_CHANNELS = {
    **{name: name for name in CONSENT_CHANNELS},
    **dict.fromkeys(_words("e-mail,mail,邮件,邮箱,电子邮件,电子邮箱"), "email"),
    **dict.fromkeys(_words("text,texts,text message,text messages,短信,手机短信"), "sms"),
    **dict.fromkeys(_words("push notification,push notifications,app push,推送,app推送,消息推送"), "push"),
    **dict.fromkeys(_words("we chat,weixin,微信"), "wechat"),
    **dict.fromkeys(_words("wechat work,wework,企业微信,企微"), "wecom"),
    **dict.fromkeys(_words("all channels,any,全部,所有,全部渠道,所有渠道"), "all"),
}


def consent_channel(cell: str) -> str:
    """The channel that a consent is about, by its name or a word for it. Raises Unusable."""
    word = unicodedata.normalize("NFKC", cell).strip().casefold()
    if word not in _CHANNELS:
        raise Unusable(f"is none of {', '.join(sorted(CONSENT_CHANNELS))}, and no word for one")
    return _CHANNELS[word]


_PURPOSES = {
    **dict.fromkeys(
        _words("marketing,promotion,promotions,promotional,advertising,营销,推广,促销,营销推广"), "marketing"
    ),
    **dict.fromkeys(_words("service,services,transactional,notification,notifications,服务,通知,服务通知"), "service"),
}


def consent_purpose(cell: str) -> str:
    """What a consent is for: marketing or service. Raises Unusable."""
    word = unicodedata.normalize("NFKC", cell).strip().casefold()
    if word not in _PURPOSES:
        raise Unusable("is no purpose that is known: marketing or service")
    return _PURPOSES[word]


_STATUSES: dict[str, Suppression | None] = {
    **dict.fromkeys(
        _words("bounced,bounce,hardbounce,hard bounce,hard_bounce,invalid,cleaned,退信,无效,硬退,空号"), "bounced"
    ),
    **dict.fromkeys(_words("complained,complaint,spam,abuse,投诉,举报"), "complained"),
    **dict.fromkeys(
        _words("opted_out,opted out,opt out,unsubscribed,unsubscribe,stop,td,退订,已退订,拒收"), "opted_out"
    ),
    **dict.fromkeys(_words("active,valid,ok,subscribed,deliverable,有效,正常,已订阅"), None),
}


def suppression(cell: str) -> Suppression | None:
    """What an address's status says against it; None for one in good order. Raises Unusable."""
    word = unicodedata.normalize("NFKC", cell).strip().casefold()
    if word not in _STATUSES:
        raise Unusable("is no status that is known: active, bounced, complained or opted_out")
    return _STATUSES[word]
