"""The PostgreSQL store, for several hosts at once. Needs the extra ``payports[postgres]``."""

from __future__ import annotations

from collections.abc import Mapping

from payports.adapters.option_reading import ConfigurationError
from payports.domain.secret import Secret
from payports.ports.clock import Clock
from payports.ports.store import Store


def connect(url: str, options: Mapping[str, object], _clock: Clock) -> Store:
    """Open ``postgresql://user@host/database``, with any parameter that libpq accepts in a URL. Leases run by the server's clock."""
    address, url = Secret(url), ""  # it may contain a password, and tracebacks show local variables
    try:
        from payports.adapters.repositories.postgres import store as postgres_store
    except ImportError:  # psycopg is not installed, or finds no libpq
        reason = "needs psycopg: install payports[postgres]"
    else:
        return postgres_store.connect(address, options)
    raise ConfigurationError("store.url", reason)
