"""When the power fails, no acknowledged fact is lost, whenever it fails and whatever part of the unsynced writes arrived.

The product writes to a real disk while strace logs each write and sync with its bytes. The disk images that a power failure may leave are
rebuilt from that log, and opened with the product's own store.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

import attrs
import pytest

from payports import TransactionStatus
from payports.adapters.repositories import sqlite
from payports.ports.store import StoreFailed
from payports.testing import FixedClock
from tests.crash_injection.disk import Disk
from tests.crash_injection.sampling import AMOUNT, report
from tests.crash_injection.worker_pool import ROOT
from tests.crash_injection.workload import ACKNOWLEDGED

CALLS: Final = "openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink"
ENOUGH: Final = 5_000
_SOME: Final = 1_500
"""Enough images to find the loss that must be found."""
MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- only to be fast: what is rebuilt there needs no disk


@attrs.frozen
class Image:
    """The files after a power failure, and the facts that were acknowledged before it."""

    files: dict[str, bytes]
    acknowledged: Sequence[tuple[str, str]]


@pytest.mark.usefixtures("tracing")
def test_no_acknowledged_fact_is_lost_when_the_power_fails(tmp_path: Path) -> None:
    lost, damaged, images = _judge(_images(_record(tmp_path, "FULL"), _subsets()))
    report(f"power loss: FULL: {images} images, {len(lost)} with a loss, {len(damaged)} damaged")
    assert images >= ENOUGH
    assert not lost, lost[:5]
    assert not damaged, damaged[:5]


@pytest.mark.usefixtures("tracing")
def test_the_images_show_what_is_lost_without_syncs(tmp_path: Path) -> None:
    """The same with ``synchronous = "NORMAL"``: facts are lost, so the test above can fail, but the file is not damaged."""
    lost, damaged, images = _judge(islice(_images(_record(tmp_path, "NORMAL"), 1), _SOME))
    report(f"power loss: NORMAL: {images} images, {len(lost)} with a loss, {len(damaged)} damaged")
    assert lost
    assert not damaged, damaged[:5]


def _subsets() -> int:
    size = os.environ.get(AMOUNT, "")
    return 40 if size == "all" else 3


def _record(folder: Path, synchronous: str) -> tuple[Path, list[str]]:
    """Run the workload on a real disk under strace; return its folder and the log."""
    store, log = folder / "store", folder / "log"
    store.mkdir()
    tracing = ("strace", "-f", "-xx", "-s", "100000", "-e", f"trace={CALLS}", "-o", str(log))
    subprocess.run(
        [*tracing, sys.executable, "-m", "tests.crash_injection.workload", str(store), synchronous],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    return store, log.read_text().splitlines()


def _images(recorded: tuple[Path, list[str]], subsets: int) -> Iterator[Image]:
    """Yield each possible image of the disk after each call once: with none, all or random parts of the unsynced writes."""
    store, lines = recorded
    disk, chance, seen = Disk(store), Random(1), set[bytes]()  # noqa: S311 -- the same images in every run
    acknowledged: list[tuple[str, str]] = []
    log_name = str(store / ACKNOWLEDGED).encode().hex()
    descriptor = ""
    for line in lines:
        call, _, arguments = line.partition(" ")[2].lstrip().partition("(")
        if call == "openat" and log_name in line.replace("\\x", ""):
            descriptor = line.rpartition("= ")[2]
        elif call == "write":
            if descriptor and arguments.startswith(f"{descriptor},"):
                kind, name = json.loads(bytes.fromhex(arguments.split('"')[1].replace("\\x", "")))
                acknowledged.append((kind, name))
        elif disk.take(line):
            for kept in ("none", "all", *["some"] * subsets):
                files = disk.image(kept, chance)
                digest = _digest(files, len(acknowledged))
                if digest not in seen:
                    seen.add(digest)
                    yield Image(files, tuple(acknowledged))


def _digest(files: dict[str, bytes], facts: int) -> bytes:
    digest = blake2b(str(facts).encode())
    for name, content in sorted(files.items()):
        digest.update(f"{name} {len(content)} ".encode())
        digest.update(content)
    return digest.digest()


def _judge(images: Iterator[Image]) -> tuple[list[str], list[str], int]:
    """Open every image as the product would; return the losses, the damages, and the number of images."""
    lost: list[str] = []
    damaged: list[str] = []
    number = 0
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for number, image in enumerate(images, start=1):
            for old in Path(folder).iterdir():
                old.unlink()
            for name, content in image.files.items():
                (Path(folder) / name).write_bytes(content)
            try:
                missing = _missing(Path(folder) / "shop.db", image.acknowledged)
            except StoreFailed as failed:
                damaged.append(f"image {number}: {failed}")
                continue
            if missing:
                lost.append(f"image {number}: {missing}")
    return lost, damaged, number


def _missing(database: Path, acknowledged: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """List the acknowledged facts that a store does not hold; raise ``StoreFailed`` if it is damaged."""
    store = sqlite.connect(f"sqlite:///{database}", {}, FixedClock())
    try:
        assert isinstance(store, sqlite.SqliteStore)
        integrity = store.database.run(lambda connection: connection.execute("PRAGMA integrity_check").fetchone()[0])
        if integrity != "ok":
            raise StoreFailed(integrity)
        payments = store.of("default").payments(limit=1_000)
    finally:
        store.close()
    rows = [transaction for payment in payments for transaction in payment.transactions]
    held = {("payment", payment.id) for payment in payments} | {("intent", transaction.id) for transaction in rows}
    held |= {("done", transaction.id) for transaction in rows if transaction.status is TransactionStatus.SUCCEEDED}
    return [fact for fact in acknowledged if fact not in held]
