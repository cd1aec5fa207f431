"""The catalog from files: playbooks and templates of `infra/`, and the local source's write key, into the store."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from aftershow.model.base import Record
from aftershow.model.playbooks import Playbook, Template
from aftershow.ports import keys
from aftershow.ports.store import Key, Put, Store
from aftershow.services.ingesting import write_key_hash

T = TypeVar("T", bound=Record)

INFRA = Path(__file__).resolve().parent.parent
LOCAL_SOURCE = "local"


class CatalogError(Exception):
    """A file of the catalog can't be used: which, where and why."""


def playbooks(folder: Path = INFRA / "playbooks") -> list[Playbook]:
    """The playbooks of a folder, by id. Raises CatalogError."""
    return sorted((_read(path, Playbook) for path in folder.glob("*.yaml")), key=lambda one: one.id)


def templates(folder: Path = INFRA / "templates") -> list[Template]:
    """The templates of a folder, by name. Raises CatalogError."""
    return sorted((_read(path, Template) for path in folder.glob("*.yaml")), key=lambda one: one.name)


def _read(path: Path, kind: type[T]) -> T:
    try:
        return kind.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise CatalogError(f"{path.name}: not YAML: {error}") from error
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()]
        raise CatalogError(f"{path.name}: " + "; ".join(lines)) from error


def check() -> list[Playbook]:
    """The playbooks, after a look at every file and at what they name. Raises CatalogError."""
    listed, known = playbooks(), {template.name for template in templates()}
    for playbook in listed:
        missing = sorted({step.template for step in playbook.steps} - known)
        if missing:
            raise CatalogError(f"{playbook.id}.yaml: there is no template {', '.join(missing)}")
    return listed


def push(store: Store) -> int:
    """Put playbooks and templates into a store, over what is there; returns how many items changed. Raises
    CatalogError before anything is written."""
    texts = {keys.playbook(playbook.id): playbook.body() for playbook in check()}
    texts |= {keys.template(template.name): template.body() for template in templates()}
    return sum(_put(store, key, body) for key, body in texts.items())


def new_write_key(store: Store, source: str) -> str:
    """A fresh write key for a source. It is told once: the store keeps its hash."""
    key = secrets.token_urlsafe(24)
    _put(store, keys.write_key(write_key_hash(key)), source)
    return key


def load(store: Store) -> None:
    """The catalog of a local run: playbooks, templates, and the local source's write key. Raises CatalogError."""
    push(store)
    _put(store, keys.write_key(write_key_hash(LOCAL_SOURCE)), LOCAL_SOURCE)


def _put(store: Store, key: Key, body: str) -> bool:
    known = store.get(key)
    if known is not None and known.body == body:
        return False
    store.commit([Put(key, body, known.version if known else None)])
    return True
