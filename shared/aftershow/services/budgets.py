"""Budgets: open one, claim from it, redeem a code. No claim is paid twice, and none beyond what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from unicodedata import normalize

from aftershow.model.ids import digest
from aftershow.model.ledger import POINTS, Budget, Code, Entry, Shard, of_shard
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Conflict, Item, Key, Put
from aftershow.rules import budgets as rules
from aftershow.rules.points import Terms
from aftershow.rules.spending import Refusal, refused_amount, refused_name, refused_note
from aftershow.services.ledger import Holder, attempted, keep_refused, known, post, spender

# Codes that one commit makes.
MAX_CODES_PER_COMMIT = 100


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim got: `units` of `unit` from the budget, at `at`, epoch ms; `first`: not by an earlier try."""

    budget: str
    id: str
    viewer: str
    units: int
    unit: str
    at: int
    first: bool


def open_budget(
    ports: Ports,
    name: str,
    total: int,
    *,
    unit: str = POINTS,
    per_claim: int = 1,
    peak_claims_per_second: int = 30,
    note: str,
    author: str,
) -> Budget | Refusal:
    """Open a budget of `total` units. Again with the same content: the same budget; with other content: refused."""
    refused = refused_amount(total) or refused_amount(per_claim) or refused_amount(peak_claims_per_second)
    refused = refused or refused_name(name, unit) or refused_note(note, author)
    if refused:
        return refused
    wanted = Budget(budget=name, unit=unit, shards=rules.shards_for(peak_claims_per_second), per_claim=per_claim)
    entry, shards = rules.opened(wanted, keys.budget_home(name), total, ports.now(), note, author)
    puts = [Put(keys.budget(name), wanted.body(), None)]
    puts += [Put(keys.budget_shard(name, shard.shard), shard.body(), None) for shard in shards]
    try:
        post(ports, [entry], [], {}, puts=puts)
    except Conflict:
        item = ports.store.get(keys.ledger_entry(entry.home, entry.key))
        if item is None:
            raise
        if Entry.read(item.body).hash != entry.hash:
            keep_refused(ports, entry)
            return Refusal("key_reused")
    return wanted


def left(ports: Ports, name: str) -> int | Refusal:
    """What is left of a budget, over all shards."""
    budget = _budget(ports, name)
    if budget is None:
        return Refusal("unknown_budget")
    return sum(shard.left for shard in _shards(ports, budget, range(budget.shards)).values())


def claim(ports: Ports, name: str, viewer: str, claim_id: str) -> Claim | Refusal:
    """Claim once from a budget: the same claim of a person again answers the same. Raises messages.Busy."""
    refused = refused_name(claim_id)
    return refused or _claim(ports, name, viewer, f"claim:{name}:{claim_id}", claim_id, None)


def make_codes(ports: Ports, name: str, codes: Sequence[str]) -> int | Refusal:
    """Make codes that draw on a budget, each once, by one person; only their hashes are kept. Returns how many are
    new."""
    if _budget(ports, name) is None:
        return Refusal("unknown_budget")
    hashes = sorted({_hash(code) for code in codes})

    def attempt(some: Sequence[str]) -> int:
        there = ports.store.get_many(map(keys.redeem_code, some))
        missing = [keys.redeem_code(one) for one in some if keys.redeem_code(one) not in there]
        if missing:
            ports.store.commit([Put(key, Code(budget=name).body(), None) for key in missing])
        return len(missing)

    parts = (hashes[start : start + MAX_CODES_PER_COMMIT] for start in range(0, len(hashes), MAX_CODES_PER_COMMIT))
    return sum(attempted(ports, partial(attempt, part)) for part in parts)


def redeem_code(ports: Ports, viewer: str, code: str) -> Claim | Refusal:
    """Redeem a code; the same person again gets the same answer. Raises messages.Busy."""
    hashed = _hash(code)
    item = ports.store.get(keys.redeem_code(hashed))
    if item is None:
        return Refusal("unknown_code")
    return _claim(ports, Code.read(item.body).budget, viewer, f"code:{hashed}", hashed, keys.redeem_code(hashed))


def _claim(ports: Ports, name: str, viewer: str, key: str, claim_id: str, code_key: Key | None) -> Claim | Refusal:
    budget = _budget(ports, name)
    if budget is None:
        return Refusal("unknown_budget")
    tried = count()
    attempt = partial(_attempt, ports, budget, viewer, key, claim_id, code_key)
    return attempted(ports, lambda: attempt(rules.walk(budget, f"{viewer} {claim_id}", next(tried))))


def _attempt(
    ports: Ports, budget: Budget, viewer: str, key: str, claim_id: str, code_key: Key | None, walk: list[int]
) -> Claim | Refusal:
    first = keys.budget_shard(budget.budget, walk[0])
    found = spender(ports, viewer, [key], [first, *([code_key] if code_key else [])])
    posted = found.entry(key)
    if posted is not None:
        wanted = posted.model_copy(update={"hash": rules.claim_hash(key, budget)})
        return known(ports, posted, wanted) or _as_claimed(budget, posted, claim_id, first=False)
    if found.closed:
        return Refusal("closed")
    puts: list[Put] = []
    if code_key is not None:
        used = _used(found, code_key, ports.now())
        if used is None:
            return Refusal("code_used")
        puts.append(used)
    shard, shard_put = _from_shard(ports, budget, walk, found.items.get(first))
    if shard is None or shard_put is None:
        return Refusal("exhausted")
    now = max(ports.now(), *(account.as_of for account in found.accounts))
    lot = (0, Terms.of(ports.settings).expires_at(now))
    reason = "code redeemed" if code_key is not None else "claimed from a budget"
    entry = rules.claim(budget, shard, found.viewer, key, lot, now, reason)
    post(ports, [entry], found.accounts, found.items, [found.check], [*puts, shard_put])
    return _as_claimed(budget, entry, claim_id, first=True)


def _used(found: Holder, key: Key, now: int) -> Put | None:
    """The code as used by this person; None where somebody else has used it."""
    item = found.items[key]
    code = Code.read(item.body)
    if code.used_by is not None:
        return None
    return Put(key, code.model_copy(update={"used_by": found.viewer, "used_at": now}).body(), item.version)


def _from_shard(ports: Ports, budget: Budget, walk: list[int], start: Item | None) -> tuple[Shard | None, Put | None]:
    """The shard that pays, and how it stands afterwards. The others are only read where the first has too little."""
    items = {start.key: start} if start else {}
    shard = rules.first_with_enough(budget, walk[:1], _read(items))
    if shard is None and len(walk) > 1:
        items = ports.store.get_many(keys.budget_shard(budget.budget, number) for number in walk)
        shard = rules.first_with_enough(budget, walk, _read(items))
    if shard is None:
        return None, None
    key = keys.budget_shard(budget.budget, shard.shard)
    return shard, Put(key, rules.claimed(shard, budget.per_claim).body(), items[key].version)


def _as_claimed(budget: Budget, entry: Entry, claim_id: str, *, first: bool) -> Claim:
    units = -entry.sum(*(of_shard(budget.budget, number) for number in range(budget.shards)))
    return Claim(budget.budget, claim_id, entry.home, units, entry.unit, entry.at, first)


def _budget(ports: Ports, name: str) -> Budget | None:
    """What a budget is never changes, so a warm function remembers it."""
    known = ports.memory.get(f"budget#{name}")
    if known is not None and isinstance(known[1], Budget):
        return known[1]
    if refused_name(name):
        return None
    item = ports.store.get(keys.budget(name))
    if item is None:
        return None
    budget = Budget.read(item.body)
    ports.memory[f"budget#{name}"] = (ports.now(), budget)
    return budget


def _shards(ports: Ports, budget: Budget, numbers: Sequence[int]) -> dict[int, Shard]:
    return _read(ports.store.get_many(keys.budget_shard(budget.budget, number) for number in numbers))


def _read(items: dict[Key, Item]) -> dict[int, Shard]:
    shards = (Shard.read(item.body) for item in items.values())
    return {shard.shard: shard for shard in shards}


def _hash(code: str) -> str:
    # Full-width letters too: that is how some keyboards write them.
    return digest("code", normalize("NFKC", code).strip().upper(), size=15)
