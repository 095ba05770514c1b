"""The PostgreSQL store: several hosts at once, durable with every commit. Needs the extra ``payports[postgres]``."""

from __future__ import annotations

from collections.abc import Mapping

from payports.adapters.settings import ConfigurationError
from payports.ports.clock import Clock
from payports.ports.store import Store


def connect(url: str, options: Mapping[str, object], _clock: Clock) -> Store:
    """Open ``postgresql://user@host/database``, with all that libpq knows to put into a URL. Leases run by the server's clock."""
    try:
        from payports.adapters.repositories import postgres_store
    except ImportError:  # psycopg is not there, or finds no libpq
        reason = "needs psycopg: install payports[postgres]"
    else:
        return postgres_store.connect(url, options)
    raise ConfigurationError("store.url", reason)
