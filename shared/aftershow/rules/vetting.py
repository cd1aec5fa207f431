"""Vetting: the last look at a rendered message, before anything is claimed: forbidden claims, required markers.

A message that breaks a rule never leaves on its channel. Another channel has other texts, so the reminder may go on
there. Its trace names words, places and packs, never the text around them, which may hold a name.
"""

from __future__ import annotations

from collections.abc import Mapping

from aftershow.model.instants import HOUR
from aftershow.model.lint_lexicon import LintLexicon
from aftershow.model.messages import Content
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.rules import lint, markers
from aftershow.rules.claims import later
from aftershow.rules.lawful import NO_LEXICON, Judgement

UNSUBSCRIBE_HEADER = "List-Unsubscribe"
# A shop without a lexicon is its owner's to mend.
LEXICON_RECHECK = HOUR
# A message full of them is told by the first ones.
MAX_TOLD = 5


def held(
    reminder: Reminder, content: Content, headers: Mapping[str, str], judgement: Judgement, lexicon: LintLexicon | None,
    settings: Settings, now: int,
) -> Reminder | None:  # fmt: skip
    """The reminder whose message may not leave; None where it may."""
    if lexicon is None and reminder.message_class == "marketing":
        if now + LEXICON_RECHECK <= reminder.deadline:
            return later(reminder, now + LEXICON_RECHECK, now, "no_lexicon", NO_LEXICON)
        return reminder.gives_up_channel().ended(now, "skipped", "claims_lint", NO_LEXICON)
    found = lint.findings(content, lexicon) if lexicon is not None else ()
    if found:
        return _over(reminder, now, "claims_lint", [one.told for one in found])
    shown = markers.Shown.of(settings, headers.get(UNSUBSCRIBE_HEADER, "").strip("<>"))
    objections = markers.objections(judgement.required, content, headers, shown)
    return _over(reminder, now, "rule_pack", [one.told for one in objections]) if objections else None


def _over(reminder: Reminder, now: int, reason: str, told: list[str]) -> Reminder:
    several = list(dict.fromkeys(told))
    more = f"; {len(several) - MAX_TOLD} more" if len(several) > MAX_TOLD else ""
    return reminder.gives_up_channel().ended(now, "skipped", reason, "; ".join(several[:MAX_TOLD]) + more)
