"""A disk model: what a disk may hold when the power fails, rebuilt from the system calls up to then.

A write is durable after a sync of its file, and a new or removed name after a sync of its folder. Anything else may be lost in part: of
the data any 512-byte sectors, of the names only the last ones, because file systems keep a journal of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

import attrs

SECTOR: Final = 512

_CALL: Final = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_FILE: Final = re.compile(r'^(\d+)(?:<[^>]*>)?(?:, (?:"((?:\\x[0-9a-f]{2})*)", )?(?:\d+, )?(\d+))?$')
_NAME: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@attrs.frozen
class Write:
    """Bytes written at an offset."""

    offset: int
    data: bytes

    def torn(self, chance: Random) -> Iterator[Write]:
        """Yield the sectors of it that arrived."""
        end = self.offset + len(self.data)
        start = self.offset
        while start < end:
            stop = min(end, start // SECTOR * SECTOR + SECTOR)
            if chance.random() < 0.5:
                yield Write(start, self.data[start - self.offset : stop - self.offset])
            start = stop


@attrs.frozen
class Truncate:
    """A change of a file's size."""

    size: int


Change: TypeAlias = Write | Truncate


class File:
    """A file: its durable content, and the changes that are not synced."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[Change] = []

    def sync(self) -> None:
        apply(self.durable, self.pending)
        self.pending = []

    def image(self, kept: str, chance: Random) -> bytes:
        """Build a possible content: with ``none``, ``all`` or ``some`` of the pending changes."""
        content = bytearray(self.durable)
        if kept == "all":
            apply(content, self.pending)
        elif kept == "some":
            for change in self.pending:
                arrived = change.torn(chance) if isinstance(change, Write) else [change] * chance.randrange(2)
                apply(content, arrived)
        return bytes(content)


def apply(content: bytearray, changes: Sequence[Change] | Iterator[Change]) -> None:
    """Apply changes to a content."""
    for change in changes:
        size = change.size if isinstance(change, Truncate) else change.offset + len(change.data)
        if len(content) < size:
            content.extend(bytes(size - len(content)))
        if isinstance(change, Truncate):
            del content[size:]
        else:
            content[change.offset : size] = change.data


class Disk:
    """A folder of files, updated call by call."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._open: dict[str, File | None] = {}
        self._names: dict[str, File] = {}
        self._durable_names: dict[str, File] = {}
        self._pending_names: list[tuple[str, File | None]] = []

    def take(self, line: str) -> bool:
        """Apply one line of strace; return whether it changed the disk."""
        matched = _CALL.match(line)
        if not matched or matched[3].startswith("-"):
            return False
        call, arguments, result = matched.groups()
        if call == "openat":
            return self._opened(arguments, result)
        if call == "unlink":
            return self._removed(_text(arguments))
        return self._on_file(call, arguments)

    def image(self, kept: str, chance: Random) -> dict[str, bytes]:
        """Build a possible state of the folder, by name, if the power fails now."""
        names = dict(self._durable_names)
        number = {"none": 0, "all": len(self._pending_names)}.get(kept)
        for name, file in self._pending_names[
            : chance.randint(0, len(self._pending_names)) if number is None else number
        ]:
            if file is None:
                names.pop(name, None)
            else:
                names[name] = file
        return {name: file.image(kept, chance) for name, file in names.items()}

    def _opened(self, arguments: str, descriptor: str) -> bool:
        path = _text(arguments)
        self._open[descriptor] = None
        if not path.startswith(f"{self._folder}/"):
            return False
        name = path.removeprefix(f"{self._folder}/")
        is_new = name not in self._names
        if is_new:
            self._names[name] = File()
            self._pending_names.append((name, self._names[name]))
        self._open[descriptor] = self._names[name]
        return is_new

    def _removed(self, path: str) -> bool:
        name = path.removeprefix(f"{self._folder}/")
        if self._names.pop(name, None) is None:
            return False
        self._pending_names.append((name, None))
        return True

    def _on_file(self, call: str, arguments: str) -> bool:
        matched = _FILE.match(arguments)
        assert matched, f"cannot be read: {call}({arguments[:200]}"
        descriptor, data, number = matched.groups()
        file = self._open.get(descriptor)
        if call in ("fsync", "fdatasync"):
            return self._synced(file)
        if file is None:
            return False
        if call == "pwrite64":
            file.pending.append(Write(int(number), _bytes(data)))
        elif call == "ftruncate":
            file.pending.append(Truncate(int(number)))
        return True

    def _synced(self, file: File | None) -> bool:
        if file is not None:
            file.sync()
        else:  # only the folder is synced besides files
            for name, named in self._pending_names:
                self._durable_names.pop(name, None)
                if named is not None:
                    self._durable_names[name] = named
            self._pending_names = []
        return True


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _text(arguments: str) -> str:
    matched = _NAME.search(arguments)
    assert matched, arguments
    return _bytes(matched[1]).decode()
