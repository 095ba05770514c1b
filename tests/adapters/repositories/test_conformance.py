"""All stores keep what every store must keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from payports.adapters.repositories import memory, postgres, sqlite
from payports.ports.store import Store
from payports.testing import FixedClock
from payports.testing.store_conformance import StoreConformance


class TestMemory(StoreConformance):
    def connect(self, folder: Path) -> Store:  # noqa: ARG002 -- keeps nothing there
        return memory.connect("memory:", {}, FixedClock())


class TestSqlite(StoreConformance):
    def connect(self, folder: Path) -> Store:
        return sqlite.connect(f"sqlite:///{folder}/payments.db", {}, FixedClock())


class TestPostgres(StoreConformance):
    """All in one database, for every test and every example has a merchant of its own."""

    url: str

    @pytest.fixture(autouse=True)
    def database(self, shared_database_url: str) -> None:
        self.url = shared_database_url

    def connect(self, folder: Path) -> Store:  # noqa: ARG002 -- keeps nothing there
        return postgres.connect(self.url, {}, FixedClock())
