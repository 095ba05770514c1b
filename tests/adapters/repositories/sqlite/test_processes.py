"""Several processes share one SQLite file, and one that is killed loses nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from payports.adapters.repositories import sqlite
from payports.ports.store import Store
from payports.testing import FixedClock

_PROCESS: Final = """
import sys
from payports.adapters.repositories import sqlite
from payports.testing import FixedClock
from payports.testing.store_samples import a_fact, a_payment, a_transaction, changed

folder, name, files, each = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
print("ready", flush=True)
sys.stdin.readline()
for number in range(files):
    repository = sqlite.connect(f"sqlite:///{folder}/{number}.db", {}, FixedClock()).of("m")
    for nth in range(each):
        key = f"{name}-{nth:06}"
        payment = a_payment(key, a_transaction(f"t-{key}"))
        repository.commit(changed(None, payment, a_fact(key), a_fact(key))).unwrap()
        print(key, flush=True)
"""


def started(folder: Path, name: str, files: int, each: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _PROCESS, str(folder), name, str(files), str(each)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert read(process) == "ready"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def opened(folder: Path, number: int = 0) -> Store:
    return sqlite.connect(f"sqlite:///{folder}/{number}.db", {}, FixedClock())


def test_four_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    processes = [started(tmp_path, name, files=8, each=1) for name in "abcd"]
    for process in processes:
        go(process)
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0] * 4
    for number in range(8):
        repository = opened(tmp_path, number).of("m")
        assert [payment.id for payment in repository.payments()] == [f"{name}-000000" for name in "abcd"]
        assert [recorded.position for recorded in repository.undelivered()] == list(range(1, 9))


def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    process = started(tmp_path, "a", files=1, each=100_000)
    go(process)
    acknowledged = [read(process) for _ in range(50)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=60)
    acknowledged += rest.split()
    repository = opened(tmp_path).of("m")
    kept = [payment.id for payment in repository.payments(limit=1_000_000)]
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) <= len(acknowledged) + 1
    for key in kept:
        payment = repository.payment(key)
        assert payment is not None
        assert [transaction.id for transaction in payment.transactions] == [f"t-{key}"]
        assert [recorded.sequence for recorded in repository.history(key)] == [1, 2]
