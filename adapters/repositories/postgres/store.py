"""The store of all merchants in one PostgreSQL database. ``postgres.connect`` imports it once psycopg is known to be installed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs
import psycopg
from psycopg.conninfo import conninfo_to_dict

from payports.adapters.option_reading import ConfigurationError, read_options
from payports.adapters.repositories.common.json_codec import require_storable_merchant
from payports.adapters.repositories.common.sql_repository import SqlRepository
from payports.adapters.repositories.postgres.connection import PostgresConnection, PostgresOptions, verify_settings
from payports.adapters.repositories.postgres.database import PostgresDatabase
from payports.adapters.repositories.postgres.schema import version_of
from payports.domain.secret import Secret
from payports.ports.store import PaymentRepository, Store

_SCHEMA_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_MOST_CONNECTIONS: Final = 1_000
_LAST_PORT: Final = 65_535


def connect(url: Secret, options: Mapping[str, object]) -> Store:
    """Open the store. The URL may contain a password and is never shown."""
    read = read_options(PostgresOptions, options, "store")
    if not _SCHEMA_NAME.fullmatch(read.schema):
        raise ConfigurationError("store.schema", "must be lower-case letters, digits and _")
    if not 1 <= read.connections <= _MOST_CONNECTIONS:
        raise ConfigurationError("store.connections", f"must be from 1 to {_MOST_CONNECTIONS}")
    if not _is_valid(url):
        raise ConfigurationError("store.url", "must be postgresql://user@host/database")
    return PostgresStore(PostgresDatabase(url, read), read)


def _is_valid(url: Secret) -> bool:
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
        return SqlRepository(self.database, require_storable_merchant(merchant))

    def check(self) -> Mapping[str, str]:
        return self.database.run(self._description)

    def _description(self, connection: PostgresConnection) -> dict[str, str]:
        settings = verify_settings(connection, self.options)
        info = connection.info
        return {
            "store": "postgresql",
            "server": f"{info.host}:{info.port}",
            "database": info.dbname,
            "tables in": self.options.schema,
            "user": info.user,
            "postgresql": str(info.server_version // 10_000),
            "schema": str(version_of(connection, self.options.schema)),
            **{name: settings[name] for name in ("synchronous_commit", "fsync", "full_page_writes", "lock_timeout")},
        }

    def close(self) -> None:
        self.database.close()
