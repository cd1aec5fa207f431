"""A reminder that goes on to another channel: SES refuses one viewer's address, another's mailbox bounces; both have a
telephone. With time for all to settle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.launches import WHOLE
from aftershow.model.playbooks import Playbook
from aftershow.model.reminders import Reminder
from aftershow.model.templates import EmailPart, SmsPart, Template, Texts
from aftershow.ports import keys
from aftershow.ports.channels import Accepted
from aftershow.ports.store import Put, Store
from aftershow.services.launching import Signature, approve
from infra.local.faults import Faults
from tests.functional.story import FakeProvider, Said, Shop, Show, Viewer, almost_buys, at

OPENS = at("2026-03-06T09:50+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
# A lease takes 15 minutes, and what failed in a queue comes again after 6.
OVER = ENDS + 4 * HOUR
SHOW = Show("spring")
PARAMETERS = {"Channels": "email,sms", "SmsProvider": "aws"}
PLAYBOOK = Playbook.model_validate(
    {
        "id": "two-channels", "version": 1, "author": "A", "title": {"en": "t"}, "why": {"en": "w"},
        "trigger": "show_ended", "temperatures": ["hot"], "channels": ["email", "sms"], "deadline": 2 * DAY,
        "kinds": ["replay"],
        "steps": [{"id": "only", "template": "two-channels"}],
    }
)  # fmt: skip
WORDS = Texts(email=EmailPart(subject="s", text="t", html="h"), sms=SmsPart(text="t"))
TEMPLATE = Template(name="two-channels", texts={"en": WORDS})


@dataclass
class Story:
    """A run: its shop, and what the telephones' provider took, whatever became of the process that asked."""

    shop: Shop
    telephones: FakeProvider

    def texts(self, viewer: Viewer) -> int:
        """How many text messages a viewer got."""
        name = self.row(viewer).id
        return sum(message.tags["reminder"] == name for message in self.telephones.attempts)

    def mails(self, viewer: Viewer) -> int:
        """How many e-mails SES took for a viewer."""
        return sum(mail.address == viewer.mailbox for mail in self.shop.mails)

    def row(self, viewer: Viewer) -> Reminder:
        """A viewer's only reminder."""
        [row] = self.shop.reminders(viewer)
        return row


def refused() -> Viewer:
    """She has an address that SES doesn't take."""
    return Viewer("mei", email="refused+mei@example.com")


def bounced() -> Viewer:
    """Her mailbox is gone."""
    return Viewer("lan", email="bounce+lan@example.com")


# Of Singapore: the packs let no text about a replay go to the mainland.
PHONES = {"mei": "+6581234567", "lan": "+6591234567"}


def opened(faults: Faults) -> Story:
    """The shop before the show, with its two channels and one playbook."""
    telephones = FakeProvider([Accepted("sms")])
    shop = Shop(OPENS, faults=faults, channels={"sms": lambda: telephones}, parameters=PARAMETERS, approved=False)
    _add_playbook(shop.host.store)
    return Story(shop, telephones)


def _add_playbook(store: Store) -> None:
    store.commit([Put(keys.playbook(PLAYBOOK.id), PLAYBOOK.body(), None)])
    store.commit([Put(keys.template(TEMPLATE.name), TEMPLATE.body(), None)])
    approve(store, PLAYBOOK.id, WHOLE, Signature("the owner", OPENS, "a test"))


def way(viewer: Viewer) -> list[Said]:
    """All that a viewer does: she nearly buys, has a telephone too, and agrees to both."""
    phoned = viewer.identifies(ENTERS + 9 * MINUTE, phone=PHONES[viewer.name])
    agreed = viewer.consents(ENTERS + 10 * MINUTE, channel="all")
    return [*almost_buys(viewer, SHOW, ENTERS), phoned, agreed]


def play(story: Story, *viewers: Viewer) -> Story:
    """The story to its end."""
    story.shop.hears(SHOW.scheduled(OPENS + MINUTE, ENTERS, ENDS + HOUR))
    story.shop.hears(*(said for viewer in viewers for said in way(viewer)), SHOW.ended(ENDS))
    story.shop.until(OVER)
    return story


def promises_broken(story: Story) -> Iterator[str]:
    """What is wrong at the end, whatever broke on the way."""
    for viewer, mails in ((refused(), 0), (bounced(), 1)):
        yield from _of(story, viewer, mails)
    if story.shop.host.failed_batches:
        yield f"failed batches: {story.shop.host.failed_batches}"


def _of(story: Story, viewer: Viewer, mails: int) -> Iterator[str]:
    row, texts, mailed = story.row(viewer), story.texts(viewer), story.mails(viewer)
    if row.outcome == "unknown":
        # Nobody knows whether this one message left, and none follows it anywhere.
        if texts > 1 or mailed > mails or (texts and (row.channel, row.tried) != ("sms", ("email",))):
            yield f"{viewer.name} unknown on {row.channel}: {mailed} mails, {texts} texts"
        return
    if (row.outcome, row.channel, row.tried, texts, mailed) != ("sent", "sms", ("email",), 1, mails):
        yield f"{viewer.name}: {row.outcome} on {row.channel} after {row.tried}, {mailed} mails, {texts} texts"
    rings = story.shop.head(viewer).sends["marketing"]
    if [(send.reminder, send.channel) for send in rings] != [(row.id, "sms")]:
        yield f"{viewer.name}: the caps hold {len(rings)} messages"
