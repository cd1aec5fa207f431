"""Budgets of coupons, red packets and points: accounts that refuse when nothing is left.

A budget is dealt to shards, since one item takes some 60 commits a second; a claim starts at hash(claim) and walks on.
"""

from __future__ import annotations

from collections.abc import Mapping

from aftershow.model.ids import body_hash, shard_of
from aftershow.model.ledger import FUNDS, POINTS, Budget, Entry, Posting, Shard, handed_out, of_shard, of_viewer

# Claims a second that one shard is dealt for: half of what an item can take, since some lose their race.
CLAIMS_PER_SHARD_AND_SECOND = 30
# A budget is opened in one commit of at most 100 items.
MAX_SHARDS = 64


def shards_for(peak_claims_per_second: int) -> int:
    """How many shards a budget needs."""
    return min(max(-(-peak_claims_per_second // CLAIMS_PER_SHARD_AND_SECOND), 1), MAX_SHARDS)


def opened(budget: Budget, home: str, total: int, now: int, note: str, author: str) -> tuple[Entry, list[Shard]]:
    """A budget's first entry, and its shards: whole claims, dealt as evenly as they go; the rest lies in the first."""
    claims, rest = divmod(total, budget.per_claim)
    each, more = divmod(claims, budget.shards)
    shards = [
        Shard(budget=budget.budget, shard=number, left=budget.per_claim * (each + (number < more)))
        for number in range(budget.shards)
    ]
    shards[0] = shards[0].model_copy(update={"left": shards[0].left + rest})
    dealt = tuple(Posting(account=of_shard(budget.budget, one.shard), points=one.left) for one in shards if one.left)
    key = f"fund:{budget.budget}"
    entry = Entry(
        key=key,
        rule="fund",
        hash=body_hash(key, budget.unit, str(budget.shards), str(budget.per_claim), str(total)),
        home=home,
        at=now,
        posted_at=now,
        unit=budget.unit,
        postings=(Posting(account=FUNDS, points=-total), *dealt),
        reason="budget opened",
        note=note,
        author=author,
    )
    return entry, shards


def walk(budget: Budget, claim: str, attempt: int) -> list[int]:
    """The shards in the order in which a claim asks them; after a lost race it starts one further."""
    start = shard_of(claim, budget.shards) + attempt
    return [(start + step) % budget.shards for step in range(budget.shards)]


def first_with_enough(budget: Budget, order: list[int], shards: Mapping[int, Shard]) -> Shard | None:
    """The first shard that a claim can be paid from; None: nothing is left."""
    return next(
        (shards[number] for number in order if number in shards and shards[number].left >= budget.per_claim), None
    )


def claimed(shard: Shard, points: int) -> Shard:
    """The shard after a claim."""
    return shard.model_copy(update={"left": shard.left - points, "claims": shard.claims + 1})


def claim(budget: Budget, shard: Shard, viewer: str, key: str, lot: tuple[int, int], now: int, reason: str) -> Entry:
    """A claim's entry: points go to the viewer's account, into `lot` (available_at, expires_at)."""
    if budget.unit == POINTS:
        to = Posting(account=of_viewer(viewer), points=budget.per_claim, available_at=lot[0], expires_at=lot[1])
    else:
        to = Posting(account=handed_out(budget.budget), points=budget.per_claim)
    return Entry(
        key=key,
        rule="code" if key.startswith("code:") else "claim",
        hash=claim_hash(key, budget),
        home=viewer,
        at=now,
        posted_at=now,
        unit=budget.unit,
        postings=(Posting(account=of_shard(budget.budget, shard.shard), points=-budget.per_claim), to),
        reason=reason,
    )


def claim_hash(key: str, budget: Budget) -> str:
    """What a claim is decided on."""
    return body_hash(key, budget.budget)
