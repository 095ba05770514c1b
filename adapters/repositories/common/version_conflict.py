"""How a store leaves a commit half-way when somebody else was faster; the repository turns it into ``Stale``."""

from __future__ import annotations


class VersionConflict(Exception):
    """A record is not as the commit expects; ``what`` names it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def expect(as_expected: bool, what: str) -> None:
    """Go on, or leave the commit."""
    if not as_expected:
        raise VersionConflict(what)
