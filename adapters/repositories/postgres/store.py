"""All merchants of one PostgreSQL database: what ``postgres.connect`` opens once it is sure that psycopg is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs
import psycopg
from psycopg.conninfo import conninfo_to_dict

from payports.adapters.option_reading import ConfigurationError, read_options
from payports.adapters.repositories.common.json_codec import storable_merchant
from payports.adapters.repositories.common.sql_repository import SqlRepository
from payports.adapters.repositories.postgres.connection import Link, PostgresOptions, verify
from payports.adapters.repositories.postgres.database import PostgresDatabase
from payports.adapters.repositories.postgres.schema import version_of
from payports.domain.secret import Secret
from payports.ports.store import PaymentRepository, Store

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_MOST_CONNECTIONS: Final = 1_000
_LAST_PORT: Final = 65_535


def connect(url: Secret, given: Mapping[str, object]) -> Store:
    """Open the store. The URL may hold a password, so nothing shows it."""
    options = read_options(PostgresOptions, given, "store")
    if not _NAME.fullmatch(options.schema):
        raise ConfigurationError("store.schema", "must be lower-case letters, digits and _")
    if not 1 <= options.connections <= _MOST_CONNECTIONS:
        raise ConfigurationError("store.connections", f"must be from 1 to {_MOST_CONNECTIONS}")
    if not _is_readable(url):
        raise ConfigurationError("store.url", "must be postgresql://user@host/database")
    return PostgresStore(PostgresDatabase(url, options), options)


def _is_readable(url: Secret) -> bool:
    try:
        ports = str(conninfo_to_dict(url.reveal()).get("port", "")).split(",")
    except psycopg.Error:
        return False
    plain = "\0" not in url.reveal() and url.reveal().startswith("postgresql://")
    return plain and all(not port or (port.isdecimal() and 1 <= int(port) <= _LAST_PORT) for port in ports)


@attrs.frozen
class PostgresStore(Store):
    """One schema of one database."""

    database: PostgresDatabase
    options: PostgresOptions

    def of(self, merchant: str) -> PaymentRepository:
        return SqlRepository(self.database, storable_merchant(merchant))

    def check(self) -> Mapping[str, str]:
        return self.database.run(self._look)

    def _look(self, link: Link) -> dict[str, str]:
        said = verify(link, self.options)
        info = link.info
        return {
            "store": "postgresql",
            "server": f"{info.host}:{info.port}",
            "database": info.dbname,
            "tables in": self.options.schema,
            "user": info.user,
            "postgresql": str(info.server_version // 10_000),
            "schema": str(version_of(link, self.options.schema)),
            **{name: said[name] for name in ("synchronous_commit", "fsync", "full_page_writes", "lock_timeout")},
        }

    def close(self) -> None:
        self.database.close()
