"""What a shop keeps, read whole for exports and meters: from a local state, or from a stack with a person's own AWS
credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from aftershow.adapters.s3 import S3Objects
from aftershow.model.base import Record
from aftershow.model.viewers import Address, Head
from aftershow.ports.archive import ArchiveReader
from aftershow.ports.store import Item, Row
from aftershow.rules.archive import PREFIX
from infra.local import runs, stack

T = TypeVar("T", bound=Record)


@dataclass(frozen=True)
class Kept:
    """One shop's records. `items` gives all items of a table by its logical name, in no promised order."""

    archive: ArchiveReader
    items: Callable[[str], Iterator[Item]]
    zone: str
    currency: str
    # Keys the hashes of addresses; asked for only where an address must be found.
    address_secret: Callable[[], str]

    def all(self, table: str, kind: type[T], prefix: str = "") -> Iterator[T]:
        """The records of a table whose partition keys begin so."""
        return (kind.read(item.body) for item in self.items(table) if item.key.pk.startswith(prefix))

    @cached_property
    def heads(self) -> Mapping[str, Head]:
        """Every head by viewer id, in their order; pointers of merged ones included."""
        return {head.viewer: head for head in sorted(self.all("viewers", Head), key=lambda head: head.viewer)}

    @cached_property
    def suppressed(self) -> Mapping[str, Address]:
        """The addresses that may not be written to, by keyed hash."""
        return {one.hashed: one for one in self.all("addresses", Address) if one.standing[0]}


@contextmanager
def opened(data: Path, stack_name: str | None, region: str | None) -> Iterator[Kept]:
    """A shop's records, for as long as the block lasts. Raises runs.CannotRun, stack.StackError."""
    if stack_name is None:
        run = runs.opened(data)
        try:
            yield of_run(run)
        finally:
            run.close()
        return
    with stack.explained():
        yield of_stack(stack.find(stack_name, region))


def of_run(run: runs.Run) -> Kept:
    """What a local state keeps."""
    settings = run.host.ports("send_message").settings
    return Kept(
        archive=run.host.archive,
        items=lambda table: (Row(image).item(table) for image in run.host.backend.scan(table)),
        zone=settings.shop_zone,
        currency=settings.shop_currency,
        address_secret=lambda: settings.address_secret,
    )


def of_stack(shop: stack.Stack) -> Kept:
    """What a deployed shop keeps; it's read while the shop goes on."""

    def address_secret() -> str:
        named = shop.physical("AddressSecret", "AWS::SecretsManager::Secret")
        return str(shop.client("secretsmanager").get_secret_value(SecretId=named)["SecretString"])

    bucket = shop.physical("ArchiveBucket", "AWS::S3::Bucket")
    return Kept(
        archive=S3Objects(shop.client("s3"), bucket, PREFIX),
        items=shop.items,
        zone=shop.parameters.get("ShopZone", "UTC"),
        currency=shop.parameters.get("ShopCurrency", ""),
        address_secret=address_secret,
    )
