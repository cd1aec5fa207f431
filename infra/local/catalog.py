"""The catalog from files: playbooks, templates and lexicons of `infra/`, and the local source's write key, into the
store."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from aftershow.adapters.providers import cards
from aftershow.model.base import Record
from aftershow.model.channels import Terms
from aftershow.model.ids import body_hash
from aftershow.model.instants import SECOND
from aftershow.model.launches import WHOLE
from aftershow.model.lexicons import Lexicon
from aftershow.model.lint_lexicon import LintLexicon, OwnWords
from aftershow.model.playbooks import Playbook
from aftershow.model.rule_packs import Rulebook, RulePack
from aftershow.model.templates import Snippets, Template
from aftershow.model.tiers import Tiers
from aftershow.ports import keys
from aftershow.ports.store import Key, Put, Store
from aftershow.services.catalog import MAX_AGE
from aftershow.services.ingesting import write_key_hash
from aftershow.services.launching import Signature, approve
from infra.local import pictures
from infra.local.calling_codes import calling_codes
from infra.local.lexicons import with_traditional

T = TypeVar("T", bound=Record)

INFRA = Path(__file__).resolve().parent.parent
LOCAL_SOURCE = "local"
# Files among the rule packs that hold words.
LEXICON, OWN_WORDS = "lexicon", "own_words"
# Who approves in runs that show or test: no person did.
STAND_IN = "nobody (a run that approves by itself)"


class CatalogError(Exception):
    """A file of the catalog can't be used: which, where and why."""


def playbooks(folder: Path = INFRA / "playbooks") -> list[Playbook]:
    """The playbooks of a folder, by id. Raises CatalogError."""
    return sorted((_read(path, Playbook) for path in folder.glob("*.yaml")), key=lambda one: one.id)


def templates(folder: Path = INFRA / "templates") -> list[Template]:
    """The templates of a folder, by name. Raises CatalogError."""
    return sorted((_read(path, Template) for path in folder.glob("*.yaml")), key=lambda one: one.name)


def comment_lexicon(path: Path = INFRA / "lexicons" / "comments.yaml") -> Lexicon:
    """The words for which comments are read, with their traditional forms. Raises CatalogError."""
    return with_traditional(_read(path, Lexicon))


def snippets(folder: Path = INFRA / "templates" / "snippets") -> Snippets:
    """What the templates share: a .liquid file a snippet, and the words of each locale. Raises CatalogError."""
    sources = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.liquid"))}
    words = folder / "words.yaml"
    return _valid(words.name, Snippets, {"sources": sources, "words": _yaml(words) if words.exists() else {}})


def tiers(path: Path = INFRA / "tiers.yaml") -> Tiers:
    """The tiers that messages speak of. Raises CatalogError."""
    return _read(path, Tiers)


def _read(path: Path, kind: type[T]) -> T:
    said = _yaml(path)
    if kind is Template and isinstance(said, dict):
        try:
            said = pictures.with_files(said, path.parent / "pictures")
        except pictures.BadPicture as error:
            raise CatalogError(f"{path.name}: {error}") from error
    return _valid(path.name, kind, said)


def _yaml(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise CatalogError(f"{path.name}: not YAML: {error}") from error


def _valid(name: str, kind: type[T], value: object) -> T:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()]
        raise CatalogError(f"{name}: " + "; ".join(lines)) from error


@lru_cache(maxsize=4)
def lexicon(folder: Path = INFRA / "rules") -> LintLexicon:
    """The lexicon of the claims lint, with the shop's own words. Raises CatalogError."""
    own = _read(folder / f"{OWN_WORDS}.yaml", OwnWords)
    return _read(folder / f"{LEXICON}.yaml", LintLexicon).model_copy(update={"own": own})


@lru_cache(maxsize=4)
def rulebook(folder: Path = INFRA / "rules") -> Rulebook:
    """The rule packs of a folder, by id, with the calling codes of the world. Raises CatalogError."""
    files = (path for path in folder.glob("*.yaml") if path.stem not in (LEXICON, OWN_WORDS))
    packs = sorted((_read(path, RulePack) for path in files), key=lambda one: one.id)
    for one, after in pairwise(packs):
        if one.id == after.id:
            raise CatalogError(f"two rule packs are named {one.id}")
    return Rulebook(packs=tuple(packs), calling_codes=calling_codes())


def terms(file: Path = INFRA / "channels.yaml") -> Terms:
    """What the shop says about its channels, with the providers' rate cards. Raises CatalogError."""
    return _read(file, Terms).model_copy(update={"cards": tuple(cards())})


def check() -> list[Playbook]:
    """The playbooks, after a look at every file and at what they name. Raises CatalogError."""
    terms()
    listed, known = playbooks(), {template.name for template in templates()}
    for playbook in listed:
        missing = sorted({step.template for step in playbook.steps} - known)
        if missing:
            raise CatalogError(f"{playbook.id}.yaml: there is no template {', '.join(missing)}")
        if not playbook.author.strip():
            raise CatalogError(f"{playbook.id}.yaml: author is missing: who answers for it (somebody else approves it)")
    comment_lexicon()
    return listed


def current(shared: Snippets | None = None) -> list[Playbook]:
    """The playbooks as a push would write them: with the hash of their texts, and of the snippets (else those that
    stand here). Raises CatalogError."""
    texts, body = {template.name: template.body() for template in templates()}, (shared or snippets()).body()
    return [_with_texts(playbook, texts, body) for playbook in check()]


def _with_texts(playbook: Playbook, texts: Mapping[str, str], shared: str) -> Playbook:
    """What everybody shares stands in every message: whoever changes the footer asks for every approval anew."""
    named = sorted({step.template for step in playbook.steps})
    return playbook.model_copy(update={"texts": body_hash("texts", shared, *(texts[name] for name in named))})


def push(store: Store, wait: Callable[[float], None] = time.sleep) -> list[str]:
    """Put playbooks, templates with what they share, rule packs, lexicons, tiers and what the shop says about channels
    into a store; returns the names of what changed.

    Approvals and stops are not touched, but a playbook with another content is not the one that was approved.

    Texts follow when no function remembers the approval of the former ones any more (`wait` gets seconds), so nothing
    goes out that nobody approved. Raises CatalogError before anything is written.
    """
    rules, claims_words, words = rulebook(), lexicon(), comment_lexicon()
    channels = terms()
    wanted = current()
    changed = ["rule packs"] if _put(store, keys.rulebook(), rules.body()) else []
    changed += ["lexicon of claims"] if _put(store, keys.lexicon(), claims_words.body()) else []
    changed += ["lexicon of comments"] if _put(store, keys.comment_lexicon(), words.body()) else []
    changed += ["channels"] if _put(store, keys.channel_terms(), channels.body()) else []
    changed += [one.id for one in wanted if _put(store, keys.playbook(one.id), one.body())]
    # Snippets first: a template must not meet a catalog without the snippet that it renders.
    texts = {"snippets": (keys.snippets(), snippets().body())}
    texts |= {f"template {one.name}": (keys.template(one.name), one.body()) for one in templates()}
    if any(_differs(store, key, body) for key, body in texts.values()):
        wait(MAX_AGE / SECOND)
    texts["tiers"] = (keys.tiers(), tiers().body())
    return changed + [name for name, (key, body) in texts.items() if _put(store, key, body)]


def _differs(store: Store, key: Key, body: str) -> bool:
    known = store.get(key)
    return known is not None and known.body != body


def new_write_key(store: Store, source: str, key: str | None = None) -> str:
    """A write key for a source: a fresh one, or one that its clients send already. It is told once: the store keeps
    its hash."""
    key = key or secrets.token_urlsafe(24)
    _put(store, keys.write_key(write_key_hash(key)), source)
    return key


def load(store: Store, *, approved_at: int | None = None) -> None:
    """The catalog of a local shop: playbooks, templates, and the local source's write key. Raises CatalogError.

    Nothing is approved, unless by a run that shows or tests, at its moment (epoch ms): its messages reach nobody.
    """
    push(store)
    _put(store, keys.write_key(write_key_hash(LOCAL_SOURCE)), LOCAL_SOURCE)
    if approved_at is not None:
        for one in check():
            approve(store, one.id, WHOLE, Signature(STAND_IN, approved_at, "a local run"))


def _put(store: Store, key: Key, body: str) -> bool:
    known = store.get(key)
    if known is not None and known.body == body:
        return False
    store.commit([Put(key, body, known.version if known else None)])
    return True
