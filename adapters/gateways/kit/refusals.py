"""Which HTTP statuses prove that a gateway did nothing.

A gateway whose documentation says otherwise gives a table of its own, made from this one. All other statuses leave the result unknown:
409 (in progress) and 422 (the key was used before) too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from payports.adapters.gateways.kit.observations import observation_of
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import PaymentRequest

REFUSALS: Final[Mapping[int, FailureType]] = MappingProxyType(
    {
        400: FailureType.NOT_POSSIBLE,
        401: FailureType.CONFIGURATION,
        402: FailureType.NOT_POSSIBLE,
        403: FailureType.CONFIGURATION,
        404: FailureType.NOT_POSSIBLE,
        405: FailureType.CONFIGURATION,
        410: FailureType.NOT_POSSIBLE,
        413: FailureType.NOT_POSSIBLE,
        415: FailureType.CONFIGURATION,
        421: FailureType.CONFIGURATION,
        429: FailureType.NOT_POSSIBLE,
    }
)
"""By status, why nothing was done. Source: RFC 9110, section 15.5."""


def refusal_of(
    status: int, request: PaymentRequest, *, code: str = "", refusals: Mapping[int, FailureType] = REFUSALS
) -> Observation:
    """Read an answer that is no success by its status alone: not executed if the table says so, else unknown."""
    failure = refusals.get(status)
    found = TransactionStatus.NOT_EXECUTED if failure else TransactionStatus.UNKNOWN
    message = f"the gateway answered with status {status}"
    return observation_of(request, Channel.ANSWER, found, message, code=code, failure_type=failure)
