"""What a disk holds when the power fails, rebuilt from the system calls that were made up to then.

A write is sure once its file was synced, and so is a new or removed name once its folder was. Of all else any part may be there: of the
data any sectors of 512 bytes, of the names those that came first, because file systems keep a journal of them.
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
class Written:
    """Bytes put at an offset."""

    offset: int
    data: bytes

    def torn(self, chance: Random) -> Iterator[Written]:
        """The sectors of it that arrived."""
        end = self.offset + len(self.data)
        start = self.offset
        while start < end:
            stop = min(end, start // SECTOR * SECTOR + SECTOR)
            if chance.random() < 0.5:
                yield Written(start, self.data[start - self.offset : stop - self.offset])
            start = stop


@attrs.frozen
class Cut:
    """A file made longer or shorter."""

    size: int


Change: TypeAlias = Written | Cut


class File:
    """What of a file is sure, and what is under way to the disk."""

    def __init__(self) -> None:
        self.sure = bytearray()
        self.pending: list[Change] = []

    def sync(self) -> None:
        apply(self.sure, self.pending)
        self.pending = []

    def image(self, how: str, chance: Random) -> bytes:
        """What it may look like: with ``none`` or ``all`` of what is under way, or with ``some``."""
        content = bytearray(self.sure)
        if how == "all":
            apply(content, self.pending)
        elif how == "some":
            for change in self.pending:
                kept = change.torn(chance) if isinstance(change, Written) else [change] * chance.randrange(2)
                apply(content, kept)
        return bytes(content)


def apply(content: bytearray, changes: Sequence[Change] | Iterator[Change]) -> None:
    """Write changes into a content."""
    for change in changes:
        size = change.size if isinstance(change, Cut) else change.offset + len(change.data)
        if len(content) < size:
            content.extend(bytes(size - len(content)))
        if isinstance(change, Cut):
            del content[size:]
        else:
            content[change.offset : size] = change.data


class Disk:
    """A folder of files, moved on call by call."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._open: dict[str, File | None] = {}
        self._names: dict[str, File] = {}
        self._sure_names: dict[str, File] = {}
        self._pending_names: list[tuple[str, File | None]] = []

    def take(self, line: str) -> bool:
        """Follow one line of strace; tells whether anything about the disk has changed."""
        found = _CALL.match(line)
        if not found or found[3].startswith("-"):
            return False
        call, arguments, result = found.groups()
        if call == "openat":
            return self._opened(arguments, result)
        if call == "unlink":
            return self._removed(_text(arguments))
        return self._on_file(call, arguments)

    def image(self, how: str, chance: Random) -> dict[str, bytes]:
        """What may be found after the power has failed now, by name."""
        names = dict(self._sure_names)
        known = {"none": 0, "all": len(self._pending_names)}.get(how)
        for name, file in self._pending_names[
            : chance.randint(0, len(self._pending_names)) if known is None else known
        ]:
            if file is None:
                names.pop(name, None)
            else:
                names[name] = file
        return {name: file.image(how, chance) for name, file in names.items()}

    def _opened(self, arguments: str, descriptor: str) -> bool:
        path = _text(arguments)
        self._open[descriptor] = None
        if not path.startswith(f"{self._folder}/"):
            return False
        name = path.removeprefix(f"{self._folder}/")
        made = name not in self._names
        if made:
            self._names[name] = File()
            self._pending_names.append((name, self._names[name]))
        self._open[descriptor] = self._names[name]
        return made

    def _removed(self, path: str) -> bool:
        name = path.removeprefix(f"{self._folder}/")
        if self._names.pop(name, None) is None:
            return False
        self._pending_names.append((name, None))
        return True

    def _on_file(self, call: str, arguments: str) -> bool:
        told = _FILE.match(arguments)
        assert told, f"cannot be read: {call}({arguments[:200]}"
        descriptor, data, number = told.groups()
        file = self._open.get(descriptor)
        if call in ("fsync", "fdatasync"):
            return self._synced(file)
        if file is None:
            return False
        if call == "pwrite64":
            file.pending.append(Written(int(number), _bytes(data)))
        elif call == "ftruncate":
            file.pending.append(Cut(int(number)))
        return True

    def _synced(self, file: File | None) -> bool:
        if file is not None:
            file.sync()
        else:  # nothing else is synced here but the folder
            for name, named in self._pending_names:
                self._sure_names.pop(name, None)
                if named is not None:
                    self._sure_names[name] = named
            self._pending_names = []
        return True


def _bytes(told: str) -> bytes:
    return bytes.fromhex(told.replace("\\x", ""))


def _text(arguments: str) -> str:
    found = _NAME.search(arguments)
    assert found, arguments
    return _bytes(found[1]).decode()
