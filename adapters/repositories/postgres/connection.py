"""One connection to PostgreSQL: opened with care, its settings read back, and never waited for without end.

Settings: https://www.postgresql.org/docs/current/runtime-config-client.html and runtime-config-wal.html.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import attrs
import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper

from payports.domain.secret import Secret
from payports.ports.store import StoreFailed

OLDEST: Final = 13
"""The first version that tells what became of a transaction whose ``COMMIT`` was not answered by an id that does not wrap."""


@attrs.frozen(kw_only=True)
class PostgresOptions:
    """The keys of ``[store]`` beside ``url``.

    ``schema``: where the tables are, made if it is not there. ``password``: so that the URL need not hold it. ``connections``: how many a
    process opens at most; more threads wait. ``busy_timeout``: how long to wait for other writers, or for a free connection.
    ``answer_timeout``: how long a statement may take, and an open transaction be idle. ``patience``: how long a write that failed
    harmlessly is tried again, and how long a commit that was not answered is asked after.
    """

    schema: str = "payports"
    password: Secret | None = None
    connections: int = 10
    busy_timeout: timedelta = timedelta(seconds=5)
    answer_timeout: timedelta = timedelta(seconds=10)
    patience: timedelta = timedelta(seconds=15)


class Link(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which nothing takes longer than ``limit_s``, whatever the server or the network does.

    ``name`` and ``commits``: how the last commit that was tried on it is found again.
    """

    limit_s: float | None = None
    name: str = ""
    commits: int = 0

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, timeout or self.limit_s)

    def ask(self, statement: str, row: Sequence[object] = ()) -> psycopg.Cursor[tuple[Any, ...]]:
        """Execute a statement."""
        return self.execute(statement.encode(), row or None)

    @contextmanager
    def patient(self, limit_s: float) -> Generator[None]:
        """Wait longer for a while."""
        former, self.limit_s = self.limit_s, limit_s
        yield
        self.limit_s = former

    @contextmanager
    def together(self) -> Generator[None]:
        """Send all that the block executes in one round trip; the first error is raised at its end."""
        first: psycopg.Error | None = None
        try:
            with self.pipeline():
                try:
                    yield
                except psycopg.Error as error:  # kept from psycopg, which would log what comes after it
                    first = error
        except psycopg.Error as error:
            first = first or error
        if first:
            raise first

    def end(self) -> None:
        """Roll back what is open. After an error psycopg does not know what the server has prepared, so it begins anew."""
        if self.pgconn.transaction_status == TransactionStatus.INERROR:
            self.rollback()
        elif self.pgconn.transaction_status == TransactionStatus.INTRANS:
            self.ask("ROLLBACK")


def open_link(url: Secret, options: PostgresOptions) -> Link:
    """Connect, set what every connection must have, and read it back."""
    limit_s = options.answer_timeout.total_seconds()
    link = _connected(url, options)
    try:
        link.limit_s = limit_s * _SLACK
        link.name = uuid4().hex
        link.prepare_threshold = 1
        link.adapters.register_dumper(int, Int8Dumper)  # whatever its size, so that a statement is prepared once
        verify(link, options)
    except BaseException:
        link.close()
        raise
    return link


def _connected(url: Secret, options: PostgresOptions) -> Link:
    try:
        return Link.connect(
            url.reveal(),
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            connect_timeout=max(2, round(options.answer_timeout.total_seconds())),
            client_encoding="UTF8",
            password=options.password.reveal() if options.password else None,
        )
    except UnicodeError:  # a host name that no name server could be asked for
        pass
    raise StoreFailed("no host can have such a name")


_SLACK: Final = 1.25
"""The server has this much more than its own limits to say that they are reached."""


def verify(link: Link, options: PostgresOptions) -> dict[str, str]:
    """Set and read back what durability and liveness rest on; say what the server is."""
    if link.info.server_version < OLDEST * 10_000:
        raise StoreFailed(f"the server is older than PostgreSQL {OLDEST}")
    milliseconds = _milliseconds(options.answer_timeout)
    wanted = {
        "search_path": options.schema,
        "lock_timeout": _milliseconds(options.busy_timeout),
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        "default_transaction_isolation": "read committed",
    }
    told = ("synchronous_commit", "fsync", "full_page_writes", "server_encoding")
    asked = [f"set_config('{name}', ${place}, false)" for place, name in enumerate(wanted, start=1)]
    asked += [f"current_setting('{name}')" for name in told]
    found = link.ask(f"SELECT pg_is_in_recovery()::text, {', '.join(asked)}", tuple(wanted.values())).fetchone()
    said: dict[str, str] = dict(zip(("in_recovery", *wanted, *told), found or (), strict=True))
    for name, refused, why in _REFUSED:
        if said[name] == refused:
            raise StoreFailed(why)
    if said["server_encoding"] != "UTF8":
        raise StoreFailed("the database is not encoded in UTF8")
    return said


_REFUSED: Final = (
    ("in_recovery", "true", "the server is a standby: decisions need the primary"),
    ("synchronous_commit", "off", "synchronous_commit is off: a commit that was acknowledged could be lost"),
    ("fsync", "off", "fsync is off: what was committed could be lost"),
    ("full_page_writes", "off", "full_page_writes is off: a crash could damage the tables"),
)


def _milliseconds(duration: timedelta) -> str:
    return f"{max(1, duration // timedelta(milliseconds=1))}ms"
