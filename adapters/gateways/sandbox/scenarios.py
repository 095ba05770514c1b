"""The scenarios of the sandbox bank: what happens to an operation, chosen by its token or by ``fail_next``."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import attrs

from payports.adapters.gateways.ledger.entries import EntryState
from payports.adapters.gateways.ledger.rules import Decision, refuse
from payports.domain.transaction_types import FailureType


class Scenario(StrEnum):
    """What happens to one operation. The token of a scenario is its value after ``tok_``."""

    APPROVED = "approved"
    DECLINED = "declined"
    DECLINED_HARD = "declined_hard"
    TIMEOUT_CHARGED = "timeout_charged"
    TIMEOUT_NOT_CHARGED = "timeout_not_charged"
    UNREACHABLE = "unreachable"
    SERVER_ERROR = "server_error"
    SERVER_ERROR_NOT_CHARGED = "server_error_not_charged"
    GARBAGE = "garbage"
    WRONG_AMOUNT = "wrong_amount"
    PARTIAL = "partial"
    THREE_D_SECURE = "3ds"
    ASYNC = "async"
    HOSTED = "hosted"


TOKENS: Final = {f"tok_{scenario}": scenario for scenario in Scenario}

UNPROCESSED: Final = frozenset({Scenario.TIMEOUT_NOT_CHARGED, Scenario.UNREACHABLE, Scenario.SERVER_ERROR_NOT_CHARGED})
"""Scenarios in which the bank does not process the request."""

CHALLENGE: Final = "challenge"
HOSTED_PAGE: Final = "hosted_page"


class Delivery(StrEnum):
    """How a reply is delivered: it arrives, it is lost, or the bank was unreachable."""

    ANSWERED = "ANSWERED"
    LOST = "LOST"
    UNREACHABLE = "UNREACHABLE"


@attrs.frozen
class Reply:
    """What the bank replies."""

    status: int
    body: bytes
    delivery: Delivery = Delivery.ANSWERED


def decision_of(scenario: Scenario, minor: int) -> Decision:
    """Decide on a request in a scenario, if the ledger's rules permit it. ``minor``: the requested amount."""
    match scenario:
        case Scenario.DECLINED:
            return refuse("insufficient_funds", FailureType.DECLINED)
        case Scenario.DECLINED_HARD:
            return refuse("lost_card", FailureType.DECLINED, hard=True)
        case Scenario.PARTIAL:
            return Decision(minor=max(1, minor // 2))
        case Scenario.THREE_D_SECURE:
            return Decision(state=EntryState.ACTION, waits_for=CHALLENGE)
        case Scenario.HOSTED:
            return Decision(state=EntryState.ACTION, waits_for=HOSTED_PAGE)
        case Scenario.ASYNC:
            return Decision(state=EntryState.PENDING)
        case _:
            return Decision()


def unprocessed(scenario: Scenario) -> Reply:
    """Reply in a scenario in which nothing was done."""
    match scenario:
        case Scenario.UNREACHABLE:
            return Reply(0, b"", Delivery.UNREACHABLE)
        case Scenario.TIMEOUT_NOT_CHARGED:
            return Reply(0, b"", Delivery.LOST)
        case _:
            return Reply(500, b'{"error": {"code": "server_error"}}')


def distorted(scenario: Scenario, reply: Reply) -> Reply:
    """Lose or damage the reply to what was done, if the scenario says so."""
    match scenario:
        case Scenario.TIMEOUT_CHARGED:
            return Reply(0, b"", Delivery.LOST)
        case Scenario.SERVER_ERROR:
            return Reply(500, b'{"error": {"code": "server_error"}}')
        case Scenario.GARBAGE:
            return Reply(200, b"<html>\xff\x00 welcome to the bank {")
        case _:
            return reply
