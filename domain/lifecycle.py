"""Which transaction may follow which, as data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from payports.domain.transaction_types import TransactionType

AUTHORIZE: Final = TransactionType.AUTHORIZE
REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH
CAPTURE: Final = TransactionType.CAPTURE
AUTHORIZE_AND_CAPTURE: Final = TransactionType.AUTHORIZE_AND_CAPTURE
SETTLED: Final = TransactionType.SETTLED
VOID: Final = TransactionType.VOID
REFUND: Final = TransactionType.REFUND
DETACHED_CREDIT: Final = TransactionType.DETACHED_CREDIT
CHARGEBACK: Final = TransactionType.CHARGEBACK
CHARGEBACK_REVERSAL: Final = TransactionType.CHARGEBACK_REVERSAL

PARENTS: Final[Mapping[TransactionType, frozenset[TransactionType]]] = MappingProxyType(
    {
        AUTHORIZE: frozenset(),
        REVERSE_AUTH: frozenset({AUTHORIZE}),
        CAPTURE: frozenset({AUTHORIZE}),
        AUTHORIZE_AND_CAPTURE: frozenset(),
        SETTLED: frozenset({CAPTURE, AUTHORIZE_AND_CAPTURE}),
        VOID: frozenset({CAPTURE, AUTHORIZE_AND_CAPTURE}),
        REFUND: frozenset({CAPTURE, AUTHORIZE_AND_CAPTURE}),
        DETACHED_CREDIT: frozenset(),
        CHARGEBACK: frozenset({CAPTURE, AUTHORIZE_AND_CAPTURE}),
        CHARGEBACK_REVERSAL: frozenset({CHARGEBACK}),
    }
)
"""The parents of each type: it needs a successful one. Types without parents stand alone."""

INITIATING: Final = frozenset({AUTHORIZE, AUTHORIZE_AND_CAPTURE})
"""These take money from the shopper; a payment never has both types open."""

CAPTURING: Final = frozenset({CAPTURE, AUTHORIZE_AND_CAPTURE})
"""These move money to the merchant; an authorize-and-capture is treated like a capture afterwards."""

OBSERVED_ONLY: Final = frozenset({CHARGEBACK, CHARGEBACK_REVERSAL})
"""These are never commanded: the gateway reports them."""
