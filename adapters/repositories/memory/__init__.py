"""The in-memory store, for tests."""

from __future__ import annotations

from payports.adapters.repositories.memory.store import MemoryStore, connect

__all__ = ["MemoryStore", "connect"]
