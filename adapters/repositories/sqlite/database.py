"""One SQLite file behind one connection and one lock. Every error of SQLite becomes ``StoreFailed``.

Settings: https://www.sqlite.org/pragma.html. WAL with ``synchronous = FULL`` syncs once per commit and loses no acknowledged commit.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from stat import S_ISDIR
from threading import Lock
from typing import Final, TypeVar

import attrs

from payports.adapters.repositories.common.json_codec import utc_text
from payports.adapters.repositories.common.schema import APPLICATION_ID, MIGRATIONS, migrate, version_of
from payports.adapters.repositories.common.wait_clock import SYSTEM_WAIT_CLOCK, WaitClock
from payports.adapters.repositories.sqlite.write_queue import QueuePlace, WriteQueue
from payports.ports.store import StoreFailed, StoreUnreachable

_Value = TypeVar("_Value")


class Synchronous(Enum):
    """How durable a commit is when it returns. ``NORMAL`` may lose the last commits in a power failure."""

    FULL = "FULL"
    NORMAL = "NORMAL"


@attrs.frozen(kw_only=True)
class SqliteOptions:
    """The keys of ``[store]`` besides ``url``. ``busy_timeout``: how long to wait for other writers before giving up."""

    busy_timeout: timedelta = timedelta(seconds=5)
    synchronous: Synchronous = Synchronous.FULL


class SqliteDatabase:
    """A connection shared by threads but not by forked children.

    ``now`` is the clock that leases run by, ``wait_clock`` the one that waits for other writers are measured by.
    """

    def __init__(
        self,
        path: Path,
        options: SqliteOptions,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        wait_clock: WaitClock = SYSTEM_WAIT_CLOCK,
    ) -> None:
        self.path: Final = path
        self._now = now
        self.options: Final = options
        self._busy_timeout_s = options.busy_timeout.total_seconds()
        self._process = os.getpid()
        self._lock = Lock()
        self._clock = wait_clock
        self._queue = WriteQueue(path.with_name(f"{path.name}-line"), wait_clock)
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        _create(path)
        self.run(lambda _: None)

    def run(self, work: Callable[[sqlite3.Connection], _Value], *, yields: bool = False) -> _Value:
        """Run ``work`` with the connection while no other thread has it. Error messages do not contain the data involved.

        ``yields``: let processes that have waited for long go first.
        """
        if os.getpid() != self._process:
            raise StoreFailed("the store was opened before a fork: open it anew in the child process")
        if not self._lock.acquire(timeout=self._busy_timeout_s):
            raise StoreFailed("busy: other threads have kept the store for too long")
        kind = StoreFailed
        try:
            return self._retry_while_busy(work, yields=yields)
        except (sqlite3.Error, OverflowError) as error:
            reason = _explain(error)
            kind = StoreUnreachable if _code(error) in _TRANSIENT else StoreFailed
            if _code(error) not in _HARMLESS:
                self._disconnect()
        except StoreFailed as failed:
            reason = str(failed)
        finally:
            self._roll_back()
            self._lock.release()
        raise kind(reason)  # outside the except: the frames of the cause may hold data that must not be shown

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Run ``work`` in one transaction and commit it durably. If it raises, nothing is written."""

        def transaction(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            work(connection)
            try:
                connection.execute("COMMIT")
            except sqlite3.Error:
                self._disconnect()  # the outcome is unknown: the next use opens the file again and reads it
                raise

        self.run(transaction, yields=True)

    def close(self) -> None:
        """Close the file. A forked child leaves it open, because it belongs to its parent."""
        if os.getpid() == self._process:
            with self._lock:
                self._closed = True
                self._disconnect()
                self._queue.close()

    def _retry_while_busy(self, work: Callable[[sqlite3.Connection], _Value], *, yields: bool) -> _Value:
        """Run ``work``, again while SQLite is busy with other writers. SQLite reports that before anything is done."""
        deadline_s = self._clock.monotonic_s() + self._busy_timeout_s
        if self._closed:
            raise StoreFailed("the store is closed")
        with QueuePlace(self._queue) as place:
            if yields:
                place.yield_to_long_waiters()
            while True:
                try:
                    return work(self._connection or self._connect())
                except sqlite3.OperationalError as error:
                    begun = self._connection is None or self._connection.in_transaction
                    if begun or _code(error) != sqlite3.SQLITE_BUSY or self._clock.monotonic_s() > deadline_s:
                        raise
                place.wait()

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _open(self.path, self.options, self._clock)
            self._connection.create_function("moment", 1, self._moment)
        return self._connection

    def _moment(self, microseconds: int) -> str:
        return utc_text(self._now() + timedelta(microseconds=microseconds))

    def _roll_back(self) -> None:
        """Roll back an open transaction. After a full or failed disk SQLite has done so itself."""
        if self._connection is not None and self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                return


def _create(path: Path) -> None:
    """Make sure that there is a file to write to. Only its owner may read a new file.

    Do not open an existing file: closing it would release the locks that SQLite holds on it for another store of this process
    (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        with _CREATING, suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        if S_ISDIR(path.stat().st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(path, os.R_OK | os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no usable path"
        raise StoreFailed(f"{path} cannot be opened for writing: {reason}") from None


_CREATING: Final = Lock()
"""Keeps other threads from opening a new file before the thread that created it has closed it."""


def _open(path: Path, options: SqliteOptions, clock: WaitClock) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",  # do not create an empty file in place of one that has vanished
        uri=True,
        timeout=options.busy_timeout.total_seconds(),
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _identify(connection, path)
        _configure(connection, options, clock)
        migrate(connection)
        connection.execute("PRAGMA busy_timeout = 0")  # from now on the write queue waits
    except BaseException:
        connection.close()
        raise
    return connection


def _identify(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not a store. Read the tables first: a new store gets its tables, version and application id in one commit."""
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    version = version_of(connection)
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    if application_id != APPLICATION_ID and (application_id or version or tables):
        raise StoreFailed(f"{path} belongs to another application")
    if version > len(MIGRATIONS):
        raise StoreFailed(f"{path} is of version {version}, newer than this library knows ({len(MIGRATIONS)})")


def _configure(connection: sqlite3.Connection, options: SqliteOptions, clock: WaitClock) -> None:
    _switch_to_wal(connection, options, clock)
    levels = {Synchronous.NORMAL: 1, Synchronous.FULL: 2}
    settings = {"synchronous": levels[options.synchronous], "foreign_keys": 1, "secure_delete": 1, "trusted_schema": 0}
    for name, value in settings.items():
        connection.execute(f"PRAGMA {name} = {value}")
        if connection.execute(f"PRAGMA {name}").fetchone()[0] != value:
            raise StoreFailed(f"SQLite does not accept {name} = {value}")


def _switch_to_wal(connection: sqlite3.Connection, options: SqliteOptions, clock: WaitClock) -> None:
    """Switch to WAL. Other processes may be switching at the same time, and SQLite does not wait for them here."""
    deadline_s = clock.monotonic_s() + options.busy_timeout.total_seconds()
    while not _is_in_wal(connection, tolerates_busy=clock.monotonic_s() < deadline_s):
        clock.sleep(0.01)


def _is_in_wal(connection: sqlite3.Connection, *, tolerates_busy: bool) -> bool:
    try:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    except sqlite3.OperationalError as error:
        if tolerates_busy and _code(error) == sqlite3.SQLITE_BUSY:
            return False
        raise
    if mode != "wal":
        raise StoreFailed("SQLite cannot keep a write-ahead log here: use a local disk, not a network file system")
    return True


_HARMLESS: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL})
"""The connection remains usable after these."""

_TRANSIENT: Final = _HARMLESS | {sqlite3.SQLITE_IOERR}
"""A later attempt may succeed after these."""

_REASONS: Final = {
    sqlite3.SQLITE_BUSY: "busy: another process has been writing for too long",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file is read-only",
    sqlite3.SQLITE_IOERR: "the disk failed",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_CANTOPEN: "the file, or its WAL or shared-memory file, cannot be opened",
    sqlite3.SQLITE_NOTADB: "the file is not an SQLite database",
}


def _explain(error: Exception) -> str:
    if isinstance(error, OverflowError):
        return "a number is too large to store"
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return f"{_REASONS.get(_code(error), 'SQLite refused')} ({name})"


def _code(error: Exception) -> int:
    """The primary error code, without the bits of the extended one."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF
