"""The SQLite store, the default."""

from __future__ import annotations

from payports.adapters.repositories.sqlite.store import SqliteStore, connect

__all__ = ["SqliteStore", "connect"]
