"""Which opens and clicks are a machine's: security scanners follow every link, mail clients and proxies fetch pictures
before anybody reads. Such requests are shown apart and count as nobody's response.

What is known only after the fact (several links within a second) is judged from all of a message's visits together.
Where nothing speaks for a machine, a person is taken to have done it: a missing user agent proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aftershow.model.instants import SECOND

# Nobody reads a message and follows its link so soon after it was handed over; gateways scan on arrival.
QUICKEST_PERSON = 2 * SECOND
# A person follows one link at a time.
MOST_LINKS_AT_ONCE = 1
AT_ONCE = SECOND

# Words of user agents in small letters, with who says so of themselves. As of 2026-11-29.
_MACHINES = {
    "googleimageproxy": 'Gmail\'s picture proxy (Google: "Images in Gmail")',
    "yahoomailproxy": "Yahoo Mail's picture proxy (developer.yahoo.com, sender FAQ)",
    "bingpreview": "Microsoft's link previews and Safe Links",
    "barracuda": "Barracuda's gateway",
    "mimecast": "Mimecast's gateway",
    "proofpoint": "Proofpoint's gateway",
    "(?<!cu)bot": "crawlers name themselves so: Googlebot, Slackbot, TelegramBot; Cubot makes telephones",
    "crawler": "crawlers",
    "spider": "crawlers: Baiduspider",
    "preview": "link previews",
    "facebookexternalhit": "Facebook's link previews",
    "whatsapp": "WhatsApp's link previews",
    "headlesschrome": "a browser without a person",
    "curl/": "a program",
    "wget/": "a program",
    "python-": "a program: python-requests, python-urllib",
    "go-http-client": "a program",
    "java/": "a program",
    "okhttp": "a program",
}
_MACHINE = re.compile("|".join(_MACHINES))
# Apple's Mail Privacy Protection loads everything ahead, under this and nothing more.
_APPLE_PRIVACY = "mozilla/5.0"


def made_by_machine(method: str, user_agent: str, handed_over_at: int | None, at: int) -> bool:
    """Whether a request says of itself that no person made it: it only asks for the head, its client is known, or it
    comes too soon after the message was handed over (None: nobody knows when)."""
    agent = user_agent.strip().lower()
    too_soon = handed_over_at is not None and 0 <= at - handed_over_at < QUICKEST_PERSON
    return method == "HEAD" or agent == _APPLE_PRIVACY or bool(_MACHINE.search(agent)) or too_soon


def followed_in_a_burst(visits: Mapping[str, int]) -> set[str]:
    """The links among `visits` (link to the first time it was followed) that were followed with others at once."""
    ordered = sorted(visits.items(), key=lambda visit: visit[1])
    found: set[str] = set()
    for _, at in ordered:
        together = [link for link, moment in ordered if at <= moment < at + AT_ONCE]
        if len(together) > MOST_LINKS_AT_ONCE:
            found.update(together)
    return found
