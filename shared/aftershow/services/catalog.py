"""What many share (shows, playbooks, templates, write keys, channels): read at most 5 s old, never checked in a commit,
or they would become hot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar, cast

from pydantic import ValidationError

from aftershow.model.channels import Terms
from aftershow.model.instants import SECOND
from aftershow.model.labels import Yardstick
from aftershow.model.launches import Launch
from aftershow.model.lint_lexicon import LintLexicon
from aftershow.model.playbooks import Playbook
from aftershow.model.products import Product
from aftershow.model.rule_packs import Rulebook
from aftershow.model.scorecards import Scorecard
from aftershow.model.shows import Show
from aftershow.model.templates import Snippets, Template
from aftershow.model.tiers import Tiers
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Key, Range
from aftershow.rules import repurchase as again
from aftershow.rules.intent import Trained, Unusable, trained
from aftershow.rules.launching import Launched, launched

if TYPE_CHECKING:
    from aftershow.rules.comments import CommentReader

T = TypeVar("T")

MAX_AGE = 5 * SECOND
# A warm function that has met many shows forgets them all and reads again.
MAX_REMEMBERED = 2_000
MAX_PLAYBOOKS = 200


def remembered(ports: Ports, name: str, read: Callable[[], T]) -> T:
    """What `read` gives, at most 5 s old."""
    now = ports.now()
    known = ports.memory.get(name)
    if known is not None and 0 <= now - known[0] < MAX_AGE:
        return cast(T, known[1])
    if len(ports.memory) >= MAX_REMEMBERED:
        ports.memory.clear()
    value = read()
    ports.memory[name] = (now, value)
    return value


def body(ports: Ports, key: Key) -> str | None:
    """The stored text of a shared item."""

    def read() -> str | None:
        item = ports.store.get(key)
        return item.body if item else None

    return remembered(ports, f"{key.pk}/{key.sk}", read)


def show(ports: Ports, show_id: str) -> Show | None:
    """A show."""
    text = body(ports, keys.show(show_id))
    return Show.read(text) if text else None


def playbooks(ports: Ports) -> tuple[Launched, ...]:
    """All playbooks, in the order of their ids, and whether they may do anything."""

    def read() -> tuple[Launched, ...]:
        # Launches first: an approval that comes in between is for what is read after it.
        launches = _bodies(ports, keys.launch("-"))
        return _standing(launches, _bodies(ports, keys.playbook("-")))

    return remembered(ports, "playbooks", read)


def _bodies(ports: Ports, key: Key) -> tuple[str, ...]:
    page = ports.store.query(key.table, Range(key.pk, limit=MAX_PLAYBOOKS))
    return tuple(item.body for item in page.items)


@lru_cache(maxsize=2)
def _standing(launches: tuple[str, ...], playbooks: tuple[str, ...]) -> tuple[Launched, ...]:
    """They are read every 5 s and change a few times a month."""
    known = {one.playbook: one for one in map(Launch.read, launches)}
    return tuple(launched(one, known.get(one.id)) for one in map(Playbook.read, playbooks))


def playbook(ports: Ports, playbook_id: str) -> Launched | None:
    """One playbook."""
    return next((one for one in playbooks(ports) if one.playbook.id == playbook_id), None)


def product(ports: Ports, product_id: str) -> Product | None:
    """A product."""
    text = body(ports, keys.product(product_id))
    return Product.read(text) if text else None


def intent(ports: Ports) -> Trained | None:
    """The shop's own scorecard of intent; None where it has none that this version can use."""
    text = body(ports, keys.scorecard("intent"))
    return _trained(text) if text else None


def repurchase(ports: Ports) -> again.Trained | None:
    """The shop's own scorecard of who buys again; None where it has none that this version can use."""
    text = body(ports, keys.scorecard("repurchase"))
    return _trained_again(text) if text else None


@lru_cache(maxsize=2)
def _trained_again(text: str) -> again.Trained | None:
    try:
        return again.trained(Scorecard.read(text))
    except (ValidationError, Unusable):
        return None


def yardstick(ports: Ports) -> Yardstick | None:
    """By what the shop measures its customers; None until it has measured them."""
    text = body(ports, keys.yardstick())
    return _yardstick(text) if text else None


@lru_cache(maxsize=2)
def _yardstick(text: str) -> Yardstick | None:
    try:
        return Yardstick.read(text)
    except ValidationError:
        return None


@lru_cache(maxsize=2)
def _trained(text: str) -> Trained | None:
    """A card is checked before it is brought here. One that an older version left behind must not stop the scoring: the
    default weights, whose version stands in each score, take its place."""
    try:
        return trained(Scorecard.read(text))
    except (ValidationError, Unusable):
        return None


def products(ports: Ports, names: Iterable[str]) -> dict[str, Product]:
    """Those of the products that are known, in one read."""
    wanted = sorted(set(names))

    def read() -> dict[str, Product]:
        found = ports.store.get_many([keys.product(name) for name in wanted])
        return {name: Product.read(item.body) for name in wanted if (item := found.get(keys.product(name)))}

    return remembered(ports, "products/" + "\0".join(wanted), read) if wanted else {}


def template(ports: Ports, name: str) -> Template | None:
    """The texts of one template."""
    text = body(ports, keys.template(name))
    return Template.read(text) if text else None


def terms(ports: Ports) -> Terms:
    """What the shop says about its channels; nothing was said until a push."""
    text = body(ports, keys.channel_terms())
    return _terms(text) if text else _terms("{}")


@lru_cache(maxsize=2)
def _terms(text: str) -> Terms:
    return Terms.read(text)


def rulebook(ports: Ports) -> Rulebook | None:
    """The shop's rule packs; None where it has none that this version can read: marketing then waits."""
    text = body(ports, keys.rulebook())
    return _rulebook(text) if text else None


@lru_cache(maxsize=2)
def _rulebook(text: str) -> Rulebook | None:
    try:
        return Rulebook.read(text)
    except ValidationError:
        return None


def comments(ports: Ports) -> CommentReader | None:
    """What reads comments; None where the catalog has no lexicon, or none that this version can read."""
    text = body(ports, keys.comment_lexicon())
    return _reader(text) if text else None


@lru_cache(maxsize=2)
def _reader(text: str) -> CommentReader | None:
    from aftershow.model.lexicons import Lexicon  # 7 ms: paid where a comment comes, not by every cold start
    from aftershow.rules.comments import CommentReader

    try:
        return CommentReader(Lexicon.read(text))
    except ValidationError:
        return None


def snippets(ports: Ports) -> Snippets:
    """What all templates share."""
    text = body(ports, keys.snippets())
    return _snippets(text) if text else Snippets()


@lru_cache(maxsize=2)
def _snippets(text: str) -> Snippets:
    return Snippets.read(text)


def tiers(ports: Ports) -> Tiers:
    """The tiers of the loyalty programme; none where the shop has none."""
    text = body(ports, keys.tiers())
    return Tiers.read(text) if text else Tiers()


def lexicon(ports: Ports) -> LintLexicon | None:
    """The lexicon of the claims lint; None where there is none that this version can read: marketing then waits."""
    text = body(ports, keys.lexicon())
    return _lexicon(text) if text else None


@lru_cache(maxsize=2)
def _lexicon(text: str) -> LintLexicon | None:
    try:
        return LintLexicon.read(text)
    except ValidationError:
        return None


def knows_write_key(ports: Ports, hashed: str) -> str | None:
    """The source that a hashed write key names."""
    return body(ports, keys.write_key(hashed))
