"""PostgreSQL as the repository sees it: a commit takes two round trips, and what became of one that was not answered is asked.

Decisions 29 to 33 in ``docs/decisions`` say why each part is as it is.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import ClassVar, Final, TypeVar

import psycopg

from payports.adapters.repositories.common import statements
from payports.adapters.repositories.common.commit_statements import Step
from payports.adapters.repositories.common.executor import Executor
from payports.adapters.repositories.common.json_codec import Row
from payports.adapters.repositories.common.payment_rows import Read
from payports.adapters.repositories.common.version_conflict import VersionConflict, expect
from payports.adapters.repositories.postgres.commit_outcome import BEGUN, FORGET, Mark, committed
from payports.adapters.repositories.postgres.connection import Link, PostgresOptions, open_link
from payports.adapters.repositories.postgres.errors import explain, is_between, may_come, passes
from payports.adapters.repositories.postgres.pool import Pool
from payports.adapters.repositories.postgres.schema import migrate
from payports.domain.secret import Secret
from payports.ports.store import StoreFailed, StoreUnreachable

_Value = TypeVar("_Value")

_FENCE: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
_FENCE_TIMEOUT: Final = "SET LOCAL lock_timeout = '250ms'"
"""Whoever waits for the fence makes all later commits of the merchant wait; after so long they go first."""
_ANYTHING_NEW: Final = (
    "SELECT EXISTS (SELECT 1 FROM history WHERE merchant = $1"
    " AND position > coalesce((SELECT position FROM delivery WHERE merchant = $1), 0))"
)
_LAST: Final = "SELECT max(position) FROM history WHERE merchant = $1"


class PostgresDatabase(Executor):
    """A database on a server, for any number of threads, processes and hosts at once."""

    gapless: ClassVar = False

    def __init__(self, url: Secret, options: PostgresOptions) -> None:
        self._patience_s = options.patience.total_seconds()
        self._pool = Pool(lambda: open_link(url, options), options.connections, options.busy_timeout.total_seconds())
        try:
            self.run(lambda link: migrate(link, options.schema), opening=True)
            self.run(lambda link: link.ask(FORGET))
        except BaseException:
            self.close()
            raise

    def select(self, statement: str, row: Row) -> Sequence[Read]:
        return self.run(lambda link: link.ask(spoken(statement), row).fetchall())

    def write(self, merchant: str, steps: Sequence[Step]) -> None:
        deadline = time.monotonic() + self._patience_s
        while True:
            ended = self.run(lambda link: _write(link, merchant, steps))
            if isinstance(ended, VersionConflict):
                raise ended
            if ended is None or committed(self._pool, ended, self._patience_s):
                return
            if time.monotonic() > deadline:
                raise StoreFailed("commits are not answered; the last one is not there")

    def each(self, statement: str, rows: Sequence[Row]) -> list[int]:
        def execute(link: Link) -> list[int]:
            with link.together():
                link.ask("BEGIN")
                done = [link.ask(spoken(statement), row) for row in rows]
                link.ask("COMMIT")
            return [one.rowcount for one in done]

        return self.run(execute)

    def horizon(self, merchant: str) -> int:
        """Every commit shares a lock for as long as it lasts; who has it alone for an instant sees the end of all that began before."""

        def fence(link: Link) -> int:
            if link.ask(_ANYTHING_NEW, (merchant,)).fetchone() == (False,):
                return 0
            with link.together():
                link.ask("BEGIN")
                link.ask(_FENCE_TIMEOUT)
                link.ask(_FENCE, (merchant,))
                last = link.ask(_LAST, (merchant,))
                link.ask("COMMIT")
            found = last.fetchone()
            return found[0] if found and found[0] else 0

        return self.run(fence)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def run(self, work: Callable[[Link], _Value], *, opening: bool = False) -> _Value:
        """Do something on a connection, and again on another one if it failed in a way that passes.

        At the ``opening`` only a server is waited for that has said that it is going down or coming up. Whatever fails for good is told
        without the data that was in play.
        """
        deadline = time.monotonic() + self._patience_s
        patient = not opening
        pause_s = 0.01
        while True:
            try:
                with self._pool.link() as link:
                    return work(link)
            except psycopg.Error as error:
                reason, passing = explain(error), (may_come if opening else passes)(error)
                patient = patient or is_between(error)
            except StoreFailed as failed:
                reason, passing = str(failed), False
            if not (passing and patient) or time.monotonic() + pause_s > deadline:
                break
            time.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 -- so that two do not meet again and again
            pause_s = min(2 * pause_s, 1.0)
        # outside the except: the frames behind the cause may hold what must not be shown
        raise StoreUnreachable(reason) if passing else StoreFailed(reason)


def _write(link: Link, merchant: str, steps: Sequence[Step]) -> VersionConflict | Mark | None:
    """One attempt: nothing, what is not as expected, or how to ask after a commit that was not answered.

    Raises only while it is certain that nothing was written.
    """
    try:
        mark = _take(link, merchant, steps)
    except VersionConflict as refused:
        return VersionConflict(refused.stale)
    try:
        told = link.ask("COMMIT").statusmessage
    except psycopg.Error as error:
        if error.sqlstate and not link.broken and not link.closed:
            raise  # the server said no, so it is not there
        link.close()
        return mark
    if told != "COMMIT":
        raise psycopg.OperationalError("the server rolled back instead")
    return None


def _take(link: Link, merchant: str, steps: Sequence[Step]) -> Mark:
    """Begin, and take all steps, in one round trip."""
    taken: list[psycopg.Cursor[tuple[object, ...]]] = []
    clash: psycopg.IntegrityError | None = None
    begun = None
    link.commits += 1
    try:
        with link.together():
            link.ask("BEGIN")
            begun = link.ask(BEGUN, (merchant, link.name, link.commits))
            taken.extend(link.ask(spoken(step.statement), (merchant, *step.row)) for step in steps)
    except psycopg.IntegrityError as error:
        clash = error
    written = [one.rowcount for one in taken] + [_NOT_REACHED] * (len(steps) - len(taken))
    for step, number in zip(steps, written, strict=True):
        if clash and number == _NOT_REACHED and not isinstance(clash, psycopg.errors.UniqueViolation):
            raise clash
        expect(number == 1, step.stale.kind, step.stale.id)
    found = begun.fetchone() if begun else None
    if found is None:
        raise psycopg.OperationalError("nothing was begun")
    return Mark(merchant=merchant, connection=link.name, number=link.commits, xid=found[0], process=found[1])


_NOT_REACHED: Final = -1


@cache
def spoken(statement: str) -> str:
    """A statement of ``statements`` in PostgreSQL's words."""
    if statement == statements.TELL:
        statement = statements.TELL_COUNTED
    return re.sub(r"moment\(([^)]*)\)", _MOMENT, statement).replace("?", "$")


_MOMENT: Final = (
    r"to_char((clock_timestamp() + \1 * interval '1 microsecond') AT TIME ZONE 'UTC',"
    """ 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""
)
"""As ``documents.instant`` writes it."""
