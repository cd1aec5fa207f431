"""The few pages that a viewer sees, in Chinese and English, without scripts."""

from __future__ import annotations

from html import escape

from aftershow.model.settings import Settings

_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;margin:0;background:#f6f5f2;color:#222}"
    "main{max-width:30rem;margin:12vh auto;padding:2rem;background:#fff;border-radius:12px}"
    "button{font:inherit;padding:.7rem 1.4rem;border:0;border-radius:8px;background:#b3261e;color:#fff;cursor:pointer}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}main{background:#222}}"
)


def _page(settings: Settings, title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="{escape(settings.shop_locale)}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><main><h1>{escape(settings.shop_name)}</h1>{body}</main></html>"
    )


def unsubscribe(settings: Settings, token: str) -> str:
    """The page behind an unsubscribe link: one button."""
    return _page(
        settings,
        "退订 · Unsubscribe",
        "<p>不再接收这类邮件？</p><p>Stop receiving these e-mails?</p>"
        f'<form method="post" action="/u/{escape(token)}">'
        '<input type="hidden" name="List-Unsubscribe" value="One-Click">'
        "<button>退订 · Unsubscribe</button></form>",
    )


def unsubscribed(settings: Settings) -> str:
    """After an opt-out."""
    return _page(
        settings,
        "已退订 · Unsubscribed",
        "<p>已退订，不会再向您发送这类邮件。</p><p>Done. You will not get these e-mails any more.</p>",
    )


def unknown_link(settings: Settings) -> str:
    """For a link that was changed, or is none of ours: friendly, without detail."""
    return _page(
        settings,
        "链接无效 · Link not valid",
        "<p>这个链接无效或已失效。</p><p>This link is not valid, or not any more.</p>",
    )
