"""Mails as bytes: what was said can be read again, whatever was said, and nothing else can get in."""

from __future__ import annotations

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.adapters.mime import MAX_MESSAGE_BYTES, Letterhead, NotMailable
from aftershow.model.messages import Email, Picture
from aftershow.ports.channels import Outgoing

NOW = 1_772_800_000_000
TAGS = {"viewer": "u1", "reminder": "r1", "attempt": "2"}
LINK = f"<https://shop.example/u/{'a' * 300}>"
PIXEL = Picture("logo", "image/png", b"\x89PNG\r\n\x1a\n--=_ no boundary")


def mail(
    content: Email, address: str = "lan@example.com", headers: dict[str, str] | None = None, name: str = "Lan's 茶"
) -> bytes:
    letterhead = Letterhead("shop@tea.example", name, lambda: NOW)
    return letterhead.mail(Outgoing(address, content, headers or {}, TAGS), content)


def read(written: bytes) -> EmailMessage:
    return message_from_bytes(written, EmailMessage, policy=policy.default)


def text_of(part: MIMEPart | None) -> str:
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_text_and_page_stand_beside_each_other_and_the_way_out_stays_whole() -> None:
    written = mail(Email("您挑的还在", "看回放\n", "<p>看回放</p>\n"), headers={"List-Unsubscribe": LINK})
    found = read(written)
    assert found.get_content_type() == "multipart/alternative"
    assert text_of(found.get_body(("plain",))) == "看回放\n"
    assert text_of(found.get_body(("html",))) == "<p>看回放</p>\n"
    assert found["From"].addresses[0].addr_spec == "shop@tea.example"
    assert found["From"].addresses[0].display_name == "Lan's 茶"
    assert f"List-Unsubscribe: {LINK}\r\n".encode() in written
    assert found["Message-ID"] == "<u1.r1.2@tea.example>"
    assert parsedate_to_datetime(found["Date"]).timestamp() * 1000 == NOW


def test_pictures_travel_with_the_page_that_shows_them() -> None:
    found = read(mail(Email("s", "t\n", '<img src="cid:logo">\n', (PIXEL,))))
    text, related = found.iter_parts()
    assert (text.get_content_type(), related.get_content_type()) == ("text/plain", "multipart/related")
    page, picture = related.iter_parts()
    assert page.get_content_type() == "text/html"
    assert (picture["Content-ID"], picture.get_content_type()) == ("<logo>", "image/png")
    assert picture.get_content() == PIXEL.content
    assert picture.get_content_disposition() == "inline"


@given(
    subject=st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=120),
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=2_000),
    name=st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=40),
)
def test_whatever_is_said_is_read_again_in_short_lines_of_ascii(subject: str, text: str, name: str) -> None:
    content = Email(subject, text, f"<p>{text}</p>")
    written = mail(content, name=name)
    found = read(written)
    assert " ".join(str(found["Subject"]).split()) == " ".join(subject.split())
    assert text_of(found.get_body(("plain",))).removesuffix("\n") == text.removesuffix("\n")
    assert [one.addr_spec for one in found["From"].addresses] == ["shop@tea.example"]
    assert {part.get_content_type() for part in found.walk()} == {"multipart/alternative", "text/plain", "text/html"}
    assert written.isascii()
    assert b"\n" not in written.replace(b"\r\n", b"")
    assert max(map(len, written.split(b"\r\n"))) <= 998
    assert mail(content, name=name) == written, "the same message is the same bytes"


@pytest.mark.parametrize(
    "evil", ["a\r\nBcc: eve@example.com", "a\nBcc: eve@example.com", "a\rBcc: x", "a\x00b", "a\u2028b"]
)
def test_nobody_starts_another_header(evil: str) -> None:
    plain = Email("s", "t", "h")
    attempts: list[Callable[[], bytes]] = [
        lambda: mail(Email(evil, "t", "h")),
        lambda: mail(plain, address=evil),
        lambda: mail(plain, headers={"List-Unsubscribe": evil}),
        lambda: mail(plain, headers={evil: "x"}),
    ]
    for attempt in attempts:
        with pytest.raises(NotMailable):
            attempt()
    assert "Bcc" not in read(mail(plain, name=evil))


@pytest.mark.parametrize(
    "address", ["a@b.example, c@d.example", "a@b.example>", '"a b"@c.example', "兰@example.com", ""]
)
def test_an_address_is_one_plain_address(address: str) -> None:
    with pytest.raises(NotMailable):
        mail(Email("s", "t", "h"), address=address)


def test_an_encoded_word_written_by_hand_is_shown_as_it_was_written() -> None:
    assert read(mail(Email("=?utf-8?q?=48i?=", "t", "h")))["Subject"] == "=?utf-8?q?=48i?="


def test_a_mail_has_a_largest_size() -> None:
    with pytest.raises(NotMailable, match="too_large"):
        mail(Email("s", "t", "茶" * (MAX_MESSAGE_BYTES // 4 + 1)))


def test_the_boundary_is_the_reminders_own() -> None:
    [boundary] = set(re.findall(rb'boundary="(=_[0-9a-f]{32})"', mail(Email("s", "--=_", "--=_"))))
    assert boundary not in mail(Email("s", "--=_", "--=_")).replace(b"--" + boundary, b"").replace(b'"' + boundary, b"")
