"""The tables of the PostgreSQL store: those of SQLite, step by step with the same numbers, in a schema of their own.

``docs/decisions/0029-one-schema-two-dialects.md`` says why.
"""

from __future__ import annotations

from itertools import chain
from typing import Final

from payports.adapters.repositories.common import schema
from payports.adapters.repositories.postgres.connection import Link
from payports.ports.store import StoreFailed

_DIALECT: Final = {
    ") STRICT, WITHOUT ROWID": ")",
    ") STRICT": ")",
    "position INTEGER NOT NULL,  -- rises": "position BIGINT GENERATED ALWAYS AS IDENTITY,  -- rises",
    " INTEGER": " BIGINT",
    " TEXT": ' TEXT COLLATE "C"',  # by bytes, as SQLite does
}
_OWN: Final = (
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


def _in_postgres(statements: tuple[str, ...]) -> tuple[str, ...]:
    spoken: list[str] = []
    for statement in statements:
        for theirs, ours in _DIALECT.items():
            statement = statement.replace(theirs, ours)
        if "CREATE TRIGGER" not in statement:
            spoken.append(statement)
    return tuple(spoken)


_FIRST, *_LATER = map(_in_postgres, schema.MIGRATIONS)
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = ((*_FIRST, *_OWN), *_LATER)
"""Statements by version: the first makes version 1."""

_PATIENCE_S: Final = 60
"""For other processes that are migrating the same tables, and for all that is left to do."""


def migrate(link: Link, name: str) -> None:
    """Bring the schema ``name`` to the newest version, in one transaction; others may be doing the same."""
    if version_of(link, name) == len(MIGRATIONS):
        return
    with link.patient(_PATIENCE_S), link.transaction():
        with link.together():
            link.ask(f"SET LOCAL lock_timeout = '{_PATIENCE_S}s'")
            link.ask(f"SET LOCAL statement_timeout = '{_PATIENCE_S}s'")
            link.ask("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", (f"migration of {name}",))
        version = version_of(link, name)  # somebody else may have done it while we waited
        if version == 0 and link.ask(_TABLES, (name,)).fetchone() != (0,):
            raise StoreFailed(f"the schema {name} belongs to another application")
        with link.together():
            if version == 0:
                link.ask(f"CREATE SCHEMA IF NOT EXISTS {name}")
                link.ask("CREATE TABLE store_version (version BIGINT NOT NULL)")
                link.ask("INSERT INTO store_version (version) VALUES (0)")
            for statement in chain.from_iterable(MIGRATIONS[version:]):
                link.ask(statement)
            link.ask("UPDATE store_version SET version = $1", (len(MIGRATIONS),))


def version_of(link: Link, name: str) -> int:
    """The version of a schema's tables; 0 if there are none. Raises ``StoreFailed`` for a newer one."""
    # not to_regclass(): within a transaction it does not see what others have made since it was first asked
    if link.ask(f"{_TABLES} AND tablename = 'store_version'", (name,)).fetchone() == (0,):
        return 0
    found = link.ask(f"SELECT version FROM {name}.store_version").fetchone()  # noqa: S608 -- the name was checked
    version: int = found[0] if found else 0
    if version > len(MIGRATIONS):
        raise StoreFailed(f"the tables are of version {version}, newer than this library knows ({len(MIGRATIONS)})")
    return version


_TABLES: Final = "SELECT count(*) FROM pg_tables WHERE schemaname = $1"
