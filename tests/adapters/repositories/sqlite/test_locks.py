"""The locks that SQLite holds for a process are that process's: a second store on the same file must not give them up.

A file that is opened and closed beside SQLite gives up all locks of its process (https://www.sqlite.org/howtocorrupt.html, 2.2).
Whoever then opened the store and closed it took the log away from below the first store, and with it what that acknowledged afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from payports.adapters.repositories import sqlite
from payports.adapters.repositories.sqlite import database
from payports.ports.store import Store
from payports.testing import FixedClock
from payports.testing.store_samples import a_payment, added

PASS_BY: Final = """
import pathlib, sys
from payports.adapters.repositories.sqlite.database import SqliteDatabase, SqliteOptions
SqliteDatabase(pathlib.Path(sys.argv[1]), SqliteOptions()).close()
"""
COUNT: Final = """
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM payments").fetchone()[0])
"""


def in_another_process(script: str, path: Path) -> str:
    command = [sys.executable, "-P", "-c", script, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def kept_beside_a_second_store(path: Path) -> int:
    def opened() -> Store:
        return sqlite.connect(f"sqlite:///{path}", {}, FixedClock())

    first = opened()
    added(first.of("m"), a_payment("p-1"))
    second = opened()
    in_another_process(PASS_BY, path)
    added(first.of("m"), a_payment("p-2"))
    kept = int(in_another_process(COUNT, path))
    second.close()
    first.close()
    return kept


def test_what_is_acknowledged_is_kept_beside_a_second_store_of_the_process(tmp_path: Path) -> None:
    assert kept_beside_a_second_store(tmp_path / "payments.db") == 2


def test_a_look_at_the_file_beside_sqlite_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = database._create  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- the bug is planted inside

    def look(path: Path) -> None:
        make(path)
        os.close(os.open(path, os.O_RDWR))

    monkeypatch.setattr(database, "_create", look)
    assert kept_beside_a_second_store(tmp_path / "payments.db") == 1
