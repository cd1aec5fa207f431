"""Every key of every table is built here and nowhere else."""

from __future__ import annotations

from aftershow.model.ids import digest, shard_of
from aftershow.ports.store import Key

# A million joins in a minute are 16,667 a second: over 32 shards 521, below DynamoDB's 1,000 for one partition.
SHOW_SHARDS = 32
# A thousand accounts a second that change their next moment of care are 63 writes a second in each.
CARE_SHARDS = 16


def head(viewer: str) -> Key:
    """A viewer's head; of a merged viewer, the pointer to the surviving one."""
    return Key("viewers", viewer)


def address(hashed: str) -> Key:
    """What is known of an address itself: suppression, and its own ring of sends."""
    return Key("addresses", hashed)


def engagement(viewer: str, about: str) -> Key:
    """One viewer in one show, or on one day outside shows."""
    return Key("engagements", viewer, about)


def about_show(show: str) -> str:
    """The engagement's second half for a show."""
    return f"show#{show}"


def labels(viewer: str) -> Key:
    """What a person is called, under their surviving viewer id; beside the engagements, so that one query has both."""
    return Key("engagements", viewer, "labels")


def sharing(viewer: str) -> Key:
    """Whom a viewer's shares brought; read with the engagements as well."""
    return Key("engagements", viewer, "sharing")


def label_index(viewer: str, due: int) -> tuple[str, str]:
    """Where a person stands among those whose labels time will change."""
    return label_shard(shard_of(viewer, CARE_SHARDS)), f"{due:015d}#{viewer}"


def label_shard(shard: int) -> str:
    """One shard of the labels in daily care. No show's list ends like this."""
    return f"labels@{shard}"


def popular() -> Key:
    """What is popular, and the version of what was learnt that is in use."""
    return Key("catalog", "popular")


def neighbours(kind: str, name: str) -> Key:
    """What goes with one product or show."""
    return Key("catalog", f"neighbours#{kind}#{name}")


def yardstick() -> Key:
    """By what a shop measures its customers."""
    return Key("catalog", "yardstick")


def show_index(show: str, viewer: str) -> tuple[str, str]:
    """Where an engagement stands in the list of its show's viewers."""
    return show_shard(show, shard_of(viewer, SHOW_SHARDS)), viewer


def show_shard(show: str, shard: int) -> str:
    """One shard of a show's viewers."""
    return f"{show}#{shard}"


def reminder(viewer: str, reminder_id: str) -> Key:
    """A planned reminder: the row is the truth."""
    return Key("reminders", viewer, reminder_id)


def due_index(channel: str, message_class: str, shard: int, due: int, reminder_id: str) -> tuple[str, str]:
    """Where an open reminder stands in the due index; sorts by the moment."""
    return due_shard(channel, message_class, shard), f"{due:015d}#{reminder_id}"


def due_shard(channel: str, message_class: str, shard: int) -> str:
    """One shard of a channel's and class's due index."""
    return f"{channel}#{message_class}#{shard}"


def admission(send_queue: str) -> Key:
    """How far release_due has admitted the rows of one send queue."""
    return Key("catalog", f"admission#{send_queue}")


def order(order_id: str) -> Key:
    """An order's guard and its whole content; for ever."""
    return Key("orders", f"order#{order_id}")


def unnamed_refund(message_id: str) -> Key:
    """A refund that names no order: a fact by its message id."""
    return Key("orders", f"refund#{message_id}")


def viewer_orders(viewer: str, at: int, order_id: str) -> tuple[str, str]:
    """Where an order stands in its viewer's list."""
    return viewer, f"{at:015d}#{order_id}"


def ledger_account(viewer: str) -> Key:
    """A viewer's points account: the fold of the entries that name it."""
    return Key("ledger", viewer, "account")


def ledger_entry(home: str, business_key: str) -> Key:
    """A ledger entry, keyed by the business event and the rule, for ever; under a viewer, or "budget#id"."""
    return Key("ledger", home, f"entry#{digest('entry', business_key, size=15)}")


def ledger_refused(home: str, business_key: str, hashed: str) -> Key:
    """What was refused, since its key stands in the ledger with other content; kept for somebody to look at."""
    return Key("ledger", home, f"refused#{digest('entry', business_key, size=15)}#{hashed}")


def statement_index(home: str, posted_at: int, number: int) -> tuple[str, str]:
    """Where an account's `number`th entry stands in its statement, the newest first."""
    return f"statement#{home}", f"{10**15 - 1 - posted_at:015d}#{10**9 - number:010d}"


def care_index(viewer: str, due: int) -> tuple[str, str]:
    """Where an account stands among those with whom time will do something."""
    return care_shard(shard_of(viewer, CARE_SHARDS)), f"{due:015d}#{viewer}"


def care_shard(shard: int) -> str:
    """One shard of the accounts in daily care."""
    return f"care#{shard}"


def budget_home(budget: str) -> str:
    """Where a budget's own entries stand."""
    return f"budget#{budget}"


def budget(budget_id: str) -> Key:
    """What a budget is; it never changes."""
    return Key("ledger", budget_home(budget_id), "budget")


def budget_shard(budget_id: str, shard: int) -> Key:
    """What is left in one shard of a budget."""
    return Key("ledger", f"budget#{budget_id}#{shard}", "shard")


def redeem_code(hashed: str) -> Key:
    """A redeem code, under its hash."""
    return Key("ledger", f"code#{hashed}", "code")


def show(show_id: str) -> Key:
    """A show of the catalog."""
    return Key("catalog", f"show#{show_id}")


def comment_lexicon() -> Key:
    """The words for which comments are read."""
    return Key("catalog", "lexicons", "comments")


def product(product_id: str) -> Key:
    """A product of the catalog."""
    return Key("catalog", f"product#{product_id}")


def open_shows(ends_at: int, show_id: str) -> tuple[str, str]:
    """Where a show that has not ended stands, by the moment at which it must."""
    return "open_shows", f"{ends_at:015d}#{show_id}"


def playbook(playbook_id: str) -> Key:
    """A playbook of the catalog; all of them share a partition, to be listed."""
    return Key("catalog", "playbooks", playbook_id)


def launch(playbook_id: str) -> Key:
    """Whether a playbook is approved or stopped; all of them share a partition, to be listed."""
    return Key("catalog", "launches", playbook_id)


def launch_decision(at: int, playbook_id: str) -> Key:
    """A line of the audit of approvals and stops, by time."""
    return Key("catalog", "launch_decisions", f"{at:015d}#{playbook_id}")


def scorecard(name: str) -> Key:
    """The scorecard by which a shop scores; all of them share a partition, to be listed."""
    return Key("catalog", "scorecards", name)


def template(name: str) -> Key:
    """The texts of a template, all channels and locales."""
    return Key("catalog", "templates", name)


def rulebook() -> Key:
    """The shop's rule packs, all in one item: they are judged together."""
    return Key("catalog", "rules", "packs")


def lexicon() -> Key:
    """The lexicon of the claims lint."""
    return Key("catalog", "rules", "lexicon")


def task(task_id: str) -> Key:
    """A task for staff."""
    return Key("catalog", f"task#{task_id}")


def open_tasks(due_at: int, task_id: str) -> tuple[str, str]:
    """Where a task that is open stands, by the moment at which it is due."""
    return "tasks#open", f"{due_at:015d}#{task_id}"


def closed_tasks(closed_at: int, task_id: str) -> tuple[str, str]:
    """Where a task that was closed stands, by when."""
    return "tasks#closed", f"{closed_at:015d}#{task_id}"


def snippets() -> Key:
    """What all templates share: snippets and words."""
    return Key("catalog", "snippets")


def tiers() -> Key:
    """The tiers of the loyalty programme."""
    return Key("catalog", "tiers")


def write_key(hashed: str) -> Key:
    """A source's write key, hashed."""
    return Key("catalog", f"write_key#{hashed}")


def coverage(source: str) -> Key:
    """Which signals a source delivers; all sources share a partition, to be listed."""
    return Key("catalog", "coverage", source)


def channel_terms() -> Key:
    """What the shop says about its channels: prices, caps, what an answer is worth."""
    return Key("catalog", "channel_terms")


def channel_health(channel: str) -> Key:
    """Whether a channel's provider answers."""
    return Key("catalog", f"channel#{channel}")


def facts_watermark() -> Key:
    """Until when the queue of facts is known to be worked off."""
    return Key("catalog", "watermark#facts")


def dead_letter(hashed: str, part: int) -> Key:
    """A rejected event, kept with its original bytes; large ones in several parts."""
    return Key("dead_letters", hashed, f"{part:03d}")


def dead_letter_index(at: int, hashed: str) -> tuple[str, str]:
    """Where a dead letter stands in the list, by time."""
    return "all", f"{at:015d}#{hashed}"


def kept_answer(hashed: str) -> Key:
    """An answer of the rewards API, under the hash of its Idempotency-Key."""
    return Key("ledger", f"answer#{hashed}")
