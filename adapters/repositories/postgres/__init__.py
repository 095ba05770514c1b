"""The PostgreSQL store: several hosts at once, durable with every commit. Needs the extra ``payports[postgres]``."""

from __future__ import annotations

from collections.abc import Mapping

from payports.adapters.option_reading import ConfigurationError
from payports.domain.secret import Secret
from payports.ports.clock import Clock
from payports.ports.store import Store


def connect(url: str, options: Mapping[str, object], _clock: Clock) -> Store:
    """Open ``postgresql://user@host/database``, with all that libpq knows to put into a URL. Leases run by the server's clock."""
    address, url = Secret(url), ""  # it may hold a password, and tracebacks show what is named
    try:
        from payports.adapters.repositories.postgres import store as postgres_store
    except ImportError:  # psycopg is not there, or finds no libpq
        reason = "needs psycopg: install payports[postgres]"
    else:
        return postgres_store.connect(address, options)
    raise ConfigurationError("store.url", reason)
