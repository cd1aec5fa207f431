"""Templates: what operators write for each channel and locale, in Liquid, checked when it is read.

A template has parts for the channels that it can go to; a channel without a part is passed over for it. What many
templates share (layout, footer, product cards) are snippets, with the words of each locale.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, WithJsonSchema, model_validator

from aftershow.model.base import Record
from aftershow.model.durations import Duration
from aftershow.model.playbooks import Words

# Of one text: a page that is larger is cut off by mail clients anyway.
MAX_SOURCE_CHARACTERS = 100_000
# What a text message may cost; more is an e-mail.
MAX_SEGMENTS = 6

# Providers number their templates themselves: provider name to the id that it gave.
ProviderIds = dict[str, str]

_SHOWN = re.compile(r"\bcid:([\w.-]+)")


class EmailPart(Record):
    """An e-mail. `text` is paragraphs with empty lines between them; without `html` the page is made of it, so that
    both say the same. `preheader` is what a list of messages shows after the subject.

    Text and page stand in the shop's layout, unless `html` is a whole page (`<!doctype html>`): then both stand alone.
    """

    subject: str
    preheader: str = ""
    text: str = Field(max_length=MAX_SOURCE_CHARACTERS)
    html: str = Field(default="", max_length=MAX_SOURCE_CHARACTERS)

    @property
    def is_whole_page(self) -> bool:
        """Whether `html` is a page of its own."""
        return self.html.lstrip().lower().startswith(("<!doctype", "<html"))


class SmsPart(Record):
    """A text message, as the recipient reads it. Providers that know templates only get their id and `parameters`, in
    this order; `text` must then read as they put it together. Names in it are cut so that it takes no more than
    `segments`, where its own words leave room for them."""

    text: str
    segments: int = Field(default=2, ge=1, le=MAX_SEGMENTS)
    template_ids: ProviderIds = {}
    parameters: dict[str, str] = {}


class PushPart(Record):
    """A notification on a telephone. `picture` is an https address."""

    title: str
    text: str
    picture: str = ""


class WechatPart(Record):
    """A subscribe message of a mini-program: WeChat's template, its fields (`thing1`, `time2` ...), the page. The id is
    your mini-program's own: without it nothing goes there."""

    template_id: str = ""
    fields: dict[str, str] = Field(min_length=1)
    page: str = ""


class WecomPart(Record):
    """A draft that a member of staff confirms; `picture` or `video` is an https address."""

    text: str
    picture: str = ""
    video: str = ""


class WebhookPart(Record):
    """What a partner's endpoint gets as `data`, beside who and which reminder."""

    data: dict[str, str] = {}


Part = EmailPart | SmsPart | PushPart | WechatPart | WecomPart | WebhookPart


class Texts(Record):
    """One locale's texts of a template, by channel."""

    email: EmailPart | None = None
    sms: SmsPart | None = None
    push: PushPart | None = None
    wechat: WechatPart | None = None
    wecom: WecomPart | None = None
    webhook: WebhookPart | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that there are texts for."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def sendable(self) -> tuple[str, ...]:
        """The channels that these texts can go to: WeChat's need the id of a template there."""
        here = self.wechat is None or bool(self.wechat.template_id)
        return tuple(name for name in self.channels if here or name != "wechat")

    @model_validator(mode="after")
    def _some(self) -> Texts:
        if not self.channels:
            raise ValueError(f"a locale needs texts for a channel: one of {', '.join(type(self).model_fields)}")
        return self


class PictureFile(Record):
    """A picture that travels with e-mails; in a template's file it is the name of one in the folder `pictures`."""

    media_type: Literal["image/png", "image/jpeg", "image/gif"]
    base64: str


PictureName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
_FILE_NAME = WithJsonSchema({"type": "string", "description": "A file in the folder pictures: png, jpeg or gif."})


class CouponOffer(Record):
    """A personal coupon that a message brings: `code` begins it, `valid` counts from the claim of the message, `offer`
    says what it gives, by locale. The shop must honour it: nobody here can."""

    code: str = Field(pattern=r"^[A-Z0-9]{2,12}$")
    valid: Duration = Field(gt=0)
    offer: Words = Field(min_length=1)


class Template(Record):
    """A template: locale to texts. `link` names where its button leads, `because` what its footer says about why;
    `pictures` are shown in an e-mail's page as `cid:` and their name. Others are linked by https, which costs nobody's
    mailbox anything."""

    name: str
    link: Literal["replay", "shop"] = "shop"
    because: Literal["watched", "ordered"] = "watched"
    coupon: CouponOffer | None = None
    texts: dict[str, Texts] = Field(min_length=1)
    pictures: dict[PictureName, Annotated[PictureFile, _FILE_NAME]] = {}

    def shown(self, page: str) -> list[str]:
        """The names of pictures that a page shows as `cid:`."""
        return sorted(set(_SHOWN.findall(page)))

    @model_validator(mode="after")
    def _pictures_are_there(self) -> Template:
        for locale, texts in self.texts.items():
            missing = set(self.shown(texts.email.html if texts.email else "")) - self.pictures.keys()
            if missing:
                raise ValueError(f"the e-mail in {locale} shows {', '.join(sorted(missing))}, which is not in pictures")
        return self

    def has(self, channel: str) -> bool:
        """Whether any locale has texts for the channel. What goes to a file is what would go anywhere."""
        return channel == "file" or any(channel in texts.sendable for texts in self.texts.values())


class Snippets(Record):
    """What the templates of a shop share: `sources` are Liquid by name ("button.html", "button.text", or "greeting" for
    both), `words` are locale to the words that they say."""

    sources: dict[str, str] = {}
    words: dict[str, dict[str, str]] = {}
