"""The catalog from files: playbooks and templates of `infra/`, and the local source's write key, into the store."""

from __future__ import annotations

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


def load(store: Store) -> None:
    """Put the catalog of `infra/` into a store, over what is there. Raises CatalogError."""
    for playbook in playbooks():
        _put(store, keys.playbook(playbook.id), playbook.body())
    for template in templates():
        _put(store, keys.template(template.name), template.body())
    _put(store, keys.write_key(write_key_hash(LOCAL_SOURCE)), LOCAL_SOURCE)


def _put(store: Store, key: Key, body: str) -> None:
    known = store.get(key)
    if known is None or known.body != body:
        store.commit([Put(key, body, known.version if known else None)])
