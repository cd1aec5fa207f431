"""The ledger as reports, `explain` and `statement` tell it."""

from __future__ import annotations

from collections.abc import Sequence

from aftershow.model.instants import iso
from aftershow.model.ledger import EXPIRED, NEVER, SPENT, Account, Entry
from aftershow.rules.accounts import standing
from aftershow.rules.wording import why
from infra.local.records import Records
from infra.local.summary import Ledger


def ledger(records: Records) -> Ledger:
    """The points, recounted from the entries; the balances are the accounts' own."""
    issued = [entry.issued for entry in records.entries]
    balances = [account.balance for account in records.accounts]
    return Ledger(
        earned=sum(points for points in issued if points > 0),
        reversed=-sum(points for points in issued if points < 0),
        expired=sum(entry.sum(EXPIRED) for entry in records.entries),
        spent=sum(entry.sum(SPENT) for entry in records.entries),
        balance_sum=sum(balances),
        negative_accounts=sum(balance < 0 for balance in balances),
        entries=len(records.entries),
        disagreements=len(records.recount.disagreements),
    )


def points_json(accounts: Sequence[Account], now: int) -> dict[str, object]:
    """What points a person has, as `--json` has it; in whole points."""
    stands = standing(accounts, now)
    return {
        "balance": stands.balance,
        "available": stands.available,
        "pending": stands.pending,
        "reserved": stands.reserved,
        "held": stands.held,
        "owed": stands.owed,
        "expired": stands.expired,
        "lots": [
            {"points": points, "expires": iso(expires_at) if expires_at < NEVER else None}
            for expires_at, points in stands.lots
        ],
    }


def entry_json(entry: Entry) -> dict[str, object]:
    """A ledger entry as `--json` has it."""
    return {
        "at": iso(entry.at),
        "posted_at": iso(entry.posted_at),
        "points": entry.points,
        "reason": entry.reason,
        "why": {locale: why(entry, locale) for locale in ("en", "zh-CN")},
        "key": entry.key,
        "rule": entry.rule,
        "corrects": entry.corrects,
        "author": entry.author,
        "postings": [posting.model_dump(exclude_defaults=True) for posting in entry.postings],
    }
