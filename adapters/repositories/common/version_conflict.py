"""A version conflict inside a commit: raised where a record is not as expected, returned by the repository as ``Stale``."""

from __future__ import annotations

from payports.ports.commit import RecordKind, Stale


class VersionConflict(Exception):
    """A record is not as the commit expects; ``stale`` names it."""

    def __init__(self, stale: Stale) -> None:
        super().__init__(stale.name)
        self.stale = stale


def expect(as_expected: bool, kind: RecordKind, record_id: str) -> None:
    """Raise ``VersionConflict`` unless a record is as expected."""
    if not as_expected:
        raise VersionConflict(Stale(kind, record_id))
