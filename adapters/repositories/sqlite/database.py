"""One SQLite file behind one connection and one lock: opened with care, every error of SQLite's turned into ``StoreFailed``.

Settings: https://www.sqlite.org/pragma.html. WAL with ``synchronous = FULL``
syncs once a commit and loses no commit that was acknowledged.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from stat import S_ISDIR
from threading import Lock
from typing import Final, TypeVar

import attrs

from payports.adapters.repositories.common.json_codec import instant
from payports.adapters.repositories.common.schema import APPLICATION_ID, MIGRATIONS, migrate, version_of
from payports.adapters.repositories.sqlite.write_queue import QueuePlace, WriteQueue
from payports.ports.store import StoreFailed, StoreUnreachable

_Value = TypeVar("_Value")


class Synchronous(Enum):
    """How sure a commit is when it returns. ``NORMAL`` may lose the last ones when the power fails."""

    FULL = "FULL"
    NORMAL = "NORMAL"


@attrs.frozen(kw_only=True)
class SqliteOptions:
    """The keys of ``[store]`` beside ``url``. ``busy_timeout``: how long to wait for other writers before giving up."""

    busy_timeout: timedelta = timedelta(seconds=5)
    synchronous: Synchronous = Synchronous.FULL


class Database:
    """A connection that threads share and forked children may not. ``now`` is the clock that leases run by."""

    def __init__(
        self, path: Path, options: SqliteOptions, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.path: Final = path
        self._now = now
        self.options: Final = options
        self._patience_s = options.busy_timeout.total_seconds()
        self._process = os.getpid()
        self._lock = Lock()
        self._line = WriteQueue(path.with_name(f"{path.name}-line"))
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        _create(path)
        self.run(lambda _: None)

    def run(self, work: Callable[[sqlite3.Connection], _Value], *, gives_way: bool = False) -> _Value:
        """Do something with the connection alone. Whatever fails is told without the data that was in play.

        ``gives_way``: only after the processes that have waited for long.
        """
        if os.getpid() != self._process:
            raise StoreFailed("the store was opened before a fork: open it anew in the child process")
        if not self._lock.acquire(timeout=self._patience_s):
            raise StoreFailed("busy: other threads have kept the store for too long")
        kind = StoreFailed
        try:
            return self._in_turn(work, gives_way=gives_way)
        except (sqlite3.Error, OverflowError) as error:
            reason = _explain(error)
            kind = StoreUnreachable if _code(error) in _PASSING else StoreFailed
            if _code(error) not in _HARMLESS:
                self._drop()
        except StoreFailed as failed:
            reason = str(failed)
        finally:
            self._roll_back()
            self._lock.release()
        raise kind(reason)  # outside the except: the frames behind the cause may hold what must not be shown

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Do something in one transaction, and commit it durably. If it raises, nothing was written."""

        def transaction(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            work(connection)
            try:
                connection.execute("COMMIT")
            except sqlite3.Error:
                self._drop()  # nobody knows whether it is there: the next use opens the file anew and sees
                raise

        self.run(transaction, gives_way=True)

    def close(self) -> None:
        """Let go of the file; a forked child leaves it alone, for it is its parent's."""
        if os.getpid() == self._process:
            with self._lock:
                self._closed = True
                self._drop()
                self._line.close()

    def _in_turn(self, work: Callable[[sqlite3.Connection], _Value], *, gives_way: bool) -> _Value:
        """Do something as soon as SQLite is not busy with others. It says so before anything is done."""
        deadline = time.monotonic() + self._patience_s
        if self._closed:
            raise StoreFailed("the store is closed")
        with QueuePlace(self._line) as place:
            if gives_way:
                place.give_way()
            while True:
                try:
                    return work(self._connection or self._connected())
                except sqlite3.OperationalError as error:
                    begun = self._connection is None or self._connection.in_transaction
                    if begun or _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                        raise
                place.wait()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _open(self.path, self.options)
            self._connection.create_function("moment", 1, self._moment)
        return self._connection

    def _moment(self, microseconds: int) -> str:
        return instant(self._now() + timedelta(microseconds=microseconds))

    def _roll_back(self) -> None:
        """End what was begun and not committed; a full disk or a failed one has done so by itself."""
        if self._connection is not None and self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                return


def _create(path: Path) -> None:
    """Make sure that there is a file to write to: a new one is for its owner's eyes only.

    One that is there is not opened, for closing it would take from this process the locks that SQLite holds on it for another store
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
"""Nobody opens a new file before whoever made it has closed it."""


def _open(path: Path, options: SqliteOptions) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",  # a file that has vanished meanwhile is not made anew, empty
        uri=True,
        timeout=options.busy_timeout.total_seconds(),
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _identify(connection, path)
        _configure(connection, options)
        migrate(connection)
        connection.execute("PRAGMA busy_timeout = 0")  # from now on we wait ourselves, in ``turns``
    except BaseException:
        connection.close()
        raise
    return connection


def _identify(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not ours. The order matters: a store that is being made gets its tables, version and mark in one commit."""
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    version = version_of(connection)
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    if mark != APPLICATION_ID and (mark or version or tables):
        raise StoreFailed(f"{path} belongs to another application")
    if version > len(MIGRATIONS):
        raise StoreFailed(f"{path} is of version {version}, newer than this library knows ({len(MIGRATIONS)})")


def _configure(connection: sqlite3.Connection, options: SqliteOptions) -> None:
    _switch_to_wal(connection, options)
    levels = {Synchronous.NORMAL: 1, Synchronous.FULL: 2}
    wanted = {"synchronous": levels[options.synchronous], "foreign_keys": 1, "secure_delete": 1, "trusted_schema": 0}
    for name, value in wanted.items():
        connection.execute(f"PRAGMA {name} = {value}")
        if connection.execute(f"PRAGMA {name}").fetchone()[0] != value:
            raise StoreFailed(f"SQLite does not take {name} = {value}")


def _switch_to_wal(connection: sqlite3.Connection, options: SqliteOptions) -> None:
    """Others may be switching at the same moment, and SQLite does not wait for them here."""
    deadline = time.monotonic() + options.busy_timeout.total_seconds()
    while not _is_in_wal(connection, patient=time.monotonic() < deadline):
        time.sleep(0.01)


def _is_in_wal(connection: sqlite3.Connection, *, patient: bool) -> bool:
    try:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    except sqlite3.OperationalError as error:
        if patient and _code(error) == sqlite3.SQLITE_BUSY:
            return False
        raise
    if mode != "wal":
        raise StoreFailed("SQLite cannot keep a write-ahead log here; a network file system, perhaps?")
    return True


_HARMLESS: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL})
"""After these the connection is as good as before."""

_PASSING: Final = _HARMLESS | {sqlite3.SQLITE_IOERR}
"""After these it may be well to try again later."""

_REASONS: Final = {
    sqlite3.SQLITE_BUSY: "busy: another process has been writing for too long",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file is read-only",
    sqlite3.SQLITE_IOERR: "the disk failed",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_CANTOPEN: "the file, or those beside it, cannot be opened",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database",
}


def _explain(error: Exception) -> str:
    if isinstance(error, OverflowError):
        return "a number is too large to be kept"
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return f"{_REASONS.get(_code(error), 'SQLite refused')} ({name})"


def _code(error: Exception) -> int:
    """The primary error code, without what SQLite adds to it."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF
