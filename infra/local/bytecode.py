"""Lists the `.py` files in a folder for which this Python would find no bytecode that it takes without a look at the
source.

It runs on the runtime's Python, since what is valid depends on the version, and needs only the standard library.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

# A .pyc begins with the version, then flags: bit 0 says hash-based, bit 1 that the source is compared (PEP 552).
_VERSION, _FLAGS, _HASH = slice(0, 4), slice(4, 8), slice(8, 16)
_HASH_BASED_UNCHECKED = 0b01


def has_bytecode(source: Path) -> bool:
    """Whether the bytecode beside a source is hash-based, unchecked, and really of this source."""
    compiled = Path(importlib.util.cache_from_source(str(source)))
    if not compiled.is_file():
        return False
    head = compiled.read_bytes()
    return (
        head[_VERSION] == importlib.util.MAGIC_NUMBER
        and int.from_bytes(head[_FLAGS], "little") == _HASH_BASED_UNCHECKED
        and head[_HASH] == importlib.util.source_hash(source.read_bytes())
    )


def main() -> None:
    """Print the sources without bytecode in the folder that is the first argument."""
    sources = sorted(Path(sys.argv[1]).rglob("*.py"))
    sys.stdout.writelines(f"{source}\n" for source in sources if not has_bytecode(source))


if __name__ == "__main__":
    main()
