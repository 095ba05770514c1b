"""What a gateway can do, stated by its adapter: the core decides by this and never by a gateway's name."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

import attrs

from payports.domain.transaction_types import TransactionType

USUAL_TYPES: Final = frozenset(
    {
        TransactionType.AUTHORIZE,
        TransactionType.REVERSE_AUTH,
        TransactionType.CAPTURE,
        TransactionType.AUTHORIZE_AND_CAPTURE,
        TransactionType.VOID,
        TransactionType.REFUND,
    }
)

FOREVER: Final = timedelta(days=36_500)
"""The window of a gateway that never forgets a key: a hundred years."""


class LookUp(StrEnum):
    """How a gateway can be asked about a transaction.

    ``BY_REFERENCE`` is for gateways that find a transaction only by their own reference; the coming adapters without a search by our key
    use it.
    """

    BY_KEY = "BY_KEY"
    BY_REFERENCE = "BY_REFERENCE"
    NONE = "NONE"


class PartialCapture(StrEnum):
    """What may be captured of an authorization, and what happens to the rest."""

    NONE = "NONE"
    RELEASES_REST = "RELEASES_REST"
    MULTIPLE = "MULTIPLE"


class ReverseAuthorization(StrEnum):
    """What may be released of an authorization."""

    FULL = "FULL"
    REMAINDER = "REMAINDER"
    PARTIAL = "PARTIAL"


@attrs.frozen(kw_only=True)
class Capabilities:
    """The abilities of one gateway.

    ``in_flight_bound``: how long after it was sent a request may still be executed; "not found" proves nothing before it has passed,
    unless ``fences``: the gateway can be told never to execute a key. ``look_up_reliable_after``: how old a transaction must be before
    a look-up surely finds it. ``idempotency_window``: how long a key may be sent again, for the coming
    gateways that forget keys early. ``reports_settlement``: settlement reports will use it. ``currencies``: none means all.
    ``authorization_lifetime``: when a hold expires; ``None`` if it never does.
    """

    types: frozenset[TransactionType] = USUAL_TYPES
    partial_capture: PartialCapture = PartialCapture.NONE
    partial_refund: bool = False
    partial_void: bool = False
    reverse_authorization: ReverseAuthorization = ReverseAuthorization.FULL
    void_restores_hold: bool = False
    refund_requires_settlement: bool = False
    reports_settlement: bool = False
    detached_credit: bool = False
    idempotency_window: timedelta = timedelta(hours=24)
    look_up: LookUp = LookUp.NONE
    look_up_reliable_after: timedelta = timedelta()
    in_flight_bound: timedelta = timedelta(minutes=10)
    fences: bool = False
    currencies: frozenset[str] = frozenset()
    authorization_lifetime: timedelta | None = timedelta(days=7)
    pass_through_limit: int = 50
    pass_through_length: int = 500
    pass_through_name_length: int = 255

    def supports(self, kind: TransactionType) -> bool:
        """Tell whether the gateway takes this type of transaction; a detached credit must be switched on as well."""
        return kind in self.types and (self.detached_credit or kind is not TransactionType.DETACHED_CREDIT)
