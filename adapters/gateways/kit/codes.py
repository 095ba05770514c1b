"""Decline codes of a gateway, as a table: why a payment was refused, and whether the same method may be tried again."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from payports.domain.transaction_types import FailureType


def _by_code(failures: Mapping[FailureType, str]) -> Mapping[str, FailureType]:
    return MappingProxyType({code: failure for failure, codes in failures.items() for code in codes.split()})


def _words(codes: str) -> frozenset[str]:
    return frozenset(codes.split())


@attrs.frozen
class DeclineCodes:
    """The codes of one gateway. ``failures``: codes by what they mean, separated by spaces; all others mean DECLINED. ``hard``: codes that
    the issuer will answer again, whenever it is asked.

    >>> codes = DeclineCodes({FailureType.FRAUD: "stolen_card lost_card"}, hard="stolen_card")
    >>> codes.meaning_of("card_declined", "stolen_card")
    (<FailureType.FRAUD: 'FRAUD'>, True)
    >>> codes.meaning_of("card_declined")
    (<FailureType.DECLINED: 'DECLINED'>, False)
    """

    failures: Mapping[str, FailureType] = attrs.field(converter=_by_code, hash=False)
    hard: frozenset[str] = attrs.field(converter=_words)

    def meaning_of(self, *codes: str) -> tuple[FailureType, bool]:
        """Say why, by the first code that the table knows, and whether any of the codes is hard."""
        failure = next((self.failures[code] for code in codes if code in self.failures), FailureType.DECLINED)
        return failure, any(code in self.hard for code in codes)
