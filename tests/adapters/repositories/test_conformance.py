"""Both stores keep what every store must keep."""

from __future__ import annotations

from pathlib import Path

from payports.adapters.repositories import memory, sqlite
from payports.ports.store import Store
from payports.testing import FixedClock
from payports.testing.store_conformance import StoreConformance


class TestMemory(StoreConformance):
    def connect(self, folder: Path) -> Store:  # noqa: ARG002 -- keeps nothing there
        return memory.connect("memory:", {}, FixedClock())


class TestSqlite(StoreConformance):
    def connect(self, folder: Path) -> Store:
        return sqlite.connect(f"sqlite:///{folder}/payments.db", {}, FixedClock())
