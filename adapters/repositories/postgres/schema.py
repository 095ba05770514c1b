"""The tables of the PostgreSQL store: SQLite's migrations, with the same numbers, translated and in a schema of their own.

``docs/decisions/0029-one-schema-two-dialects.md`` says why.
"""

from __future__ import annotations

from itertools import chain
from typing import Final

from payports.adapters.repositories.common import schema
from payports.adapters.repositories.postgres.connection import PostgresConnection
from payports.ports.store import StoreFailed

_DIALECT: Final = {
    ") STRICT, WITHOUT ROWID": ")",
    ") STRICT": ")",
    "position INTEGER NOT NULL,  -- rises": "position BIGINT GENERATED ALWAYS AS IDENTITY,  -- rises",
    " INTEGER": " BIGINT",
    " TEXT": ' TEXT COLLATE "C"',  # sort by bytes, as SQLite does
}
_POSTGRES_ONLY: Final = (
    """
    CREATE TABLE last_commits (  -- of each connection: how a commit that was not answered is found again
        merchant TEXT COLLATE "C" NOT NULL,
        connection TEXT COLLATE "C" NOT NULL,
        number BIGINT NOT NULL,
        at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (merchant, connection)
    ) WITH (fillfactor = 50)
    """,
    "CREATE FUNCTION refuse_to_rewrite() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'append-only'; END $$",
    "CREATE TRIGGER history_is_not_rewritten BEFORE UPDATE OR DELETE OR TRUNCATE ON history"
    " FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite()",
)


def _translated(statements: tuple[str, ...]) -> tuple[str, ...]:
    translated: list[str] = []
    for statement in statements:
        for sqlite, postgres in _DIALECT.items():
            statement = statement.replace(sqlite, postgres)
        if "CREATE TRIGGER" not in statement:
            translated.append(statement)
    return tuple(translated)


_FIRST, *_LATER = map(_translated, schema.MIGRATIONS)
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = ((*_FIRST, *_POSTGRES_ONLY), *_LATER)
"""Statements by version: the first makes version 1."""

_LIMIT_S: Final = 60
"""The limit of a migration, including the wait for other processes that migrate the same tables."""


def migrate(connection: PostgresConnection, name: str) -> None:
    """Migrate the schema ``name`` to the newest version in one transaction. Other processes may do the same meanwhile."""
    if version_of(connection, name) == len(MIGRATIONS):
        return
    with connection.longer_limit(_LIMIT_S), connection.transaction():
        with connection.one_round_trip():
            connection.execute_text(f"SET LOCAL lock_timeout = '{_LIMIT_S}s'")
            connection.execute_text(f"SET LOCAL statement_timeout = '{_LIMIT_S}s'")
            connection.execute_text("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", (f"migration of {name}",))
        version = version_of(connection, name)  # another process may have migrated in the meantime
        if version == 0 and connection.execute_text(_TABLES, (name,)).fetchone() != (0,):
            raise StoreFailed(f"the schema {name} belongs to another application")
        with connection.one_round_trip():
            if version == 0:
                connection.execute_text(f"CREATE SCHEMA IF NOT EXISTS {name}")
                connection.execute_text("CREATE TABLE store_version (version BIGINT NOT NULL)")
                connection.execute_text("INSERT INTO store_version (version) VALUES (0)")
            for statement in chain.from_iterable(MIGRATIONS[version:]):
                connection.execute_text(statement)
            connection.execute_text("UPDATE store_version SET version = $1", (len(MIGRATIONS),))


def version_of(connection: PostgresConnection, name: str) -> int:
    """Give the version of a schema's tables; 0 if there are none. Raises ``StoreFailed`` for a newer version."""
    # not to_regclass(): within a transaction it does not see tables that others created after its first call
    if connection.execute_text(f"{_TABLES} AND tablename = 'store_version'", (name,)).fetchone() == (0,):
        return 0
    row = connection.execute_text(f"SELECT version FROM {name}.store_version").fetchone()  # noqa: S608 -- the name is checked
    version: int = row[0] if row else 0
    if version > len(MIGRATIONS):
        raise StoreFailed(f"the tables are of version {version}, newer than this library knows ({len(MIGRATIONS)})")
    return version


_TABLES: Final = "SELECT count(*) FROM pg_tables WHERE schemaname = $1"
