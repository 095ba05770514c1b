"""Every failure has a message that is safe to log and one that is safe to show."""

from __future__ import annotations

from typing import Any, Final, get_args

import attrs
import pytest

from payports.domain import failures
from payports.domain.coverage import coverage
from payports.domain.failures import (
    AmountNotAvailable,
    Busy,
    Conflict,
    CurrencyMismatch,
    Declined,
    FailedPayment,
    GatewayUnsupported,
    NotCovered,
    NotExecuted,
    OperationNotAllowed,
    PaymentNotFound,
    PaymentsFailed,
    ResultUnknown,
    SavedMethodNotFound,
    StoreUnavailable,
)
from payports.domain.input_checks import InvalidInput
from payports.domain.transaction_types import FailureType
from tests.domain.strategies import EUR, USD, eur, new_payment

CHECK: Final = "This cannot be done with the payment as it is."
LATER: Final = "The payment could not be made just now. Please try again in a moment."
SOFT: Final = "The payment was declined. Please try again or use another payment method."
HARD: Final = "This payment method was declined. Please use another one."
WAIT: Final = "We do not know yet whether the payment went through. You will not be charged twice."
SHORT: Final = "The payments do not add up to the total of the order."
UNSUPPORTED: Final = "gateway 'card' does not support VOID; use another gateway or operation"
UNCONFIGURED: Final = "gateway 'card' is not configured; check its name, or add it to the configuration"
UNCOVERED: Final = (
    "the payments plan 0.04 EUR and secure 0.00 EUR, but the total is 0.10 EUR; "
    "add or change payments until they add up to it"
)
FAILED: Final = PaymentsFailed(
    (
        FailedPayment(payment_id="p-1", problem=Declined("05", hard=True)),
        FailedPayment(payment_id="p-2", problem=Busy("it")),
    )
)

MESSAGES: Final[list[tuple[Any, str, str]]] = [
    (OperationNotAllowed("CAPTURE", "why"), "CAPTURE is not allowed: why", CHECK),
    (AmountNotAvailable(eur(5)), "only 0.05 EUR is available", CHECK),
    (CurrencyMismatch(EUR, USD), "expected EUR, was given USD", CHECK),
    (PaymentNotFound("p-1"), "there is no payment p-1 here; check its id, its owner and the merchant", "We could not find this payment."),
    (SavedMethodNotFound("s-1"), "no saved method 's-1' of this customer", "We could not find this saved payment method."),
    (Declined("05"), "declined (soft): 05", SOFT),
    (Declined("", FailureType.FRAUD), "declined (soft): FRAUD", SOFT),
    (Declined("41", hard=True), "declined (hard): 41", HARD),
    (NotExecuted("t1"), "transaction t1 was not executed", LATER),
    (NotExecuted("t1", "refused"), "transaction t1 was not executed: refused", LATER),
    (ResultUnknown("t1"), "the result of transaction t1 is unknown", WAIT),
    (Conflict("k-1"), "key 'k-1' was used before with other content; repeat the same request, or use a new key", LATER),
    (Busy("payment p-1"), "payment p-1 is busy", LATER),
    (GatewayUnsupported("card", "VOID"), UNSUPPORTED, "This payment method cannot be used here."),
    (GatewayUnsupported("card", "VOID", is_configured=False), UNCONFIGURED, "This payment method cannot be used here."),
    (StoreUnavailable("locked"), "the store is unavailable: locked", LATER),
    (NotCovered(eur(10), coverage(eur(10), [new_payment(4)])), UNCOVERED, SHORT),
    (FAILED, "payment p-1: declined (hard): 05; payment p-2: it is busy", HARD),
    (InvalidInput("f", "why"), "f: why", "Some of the payment details cannot be used. Please check them."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("failure", "message", "shopper_message"), MESSAGES, ids=[type(row[0]).__name__ for row in MESSAGES]
)
def test_a_failure_says_what_is_wrong(failure: Any, message: str, shopper_message: str) -> None:
    assert failure.message == message
    assert failure.shopper_message == shopper_message


UNIONS: Final[list[Any]] = [
    failures.TransactionProblem,
    failures.PaymentProblem,
    failures.CheckoutProblem,
    failures.OrderProblem,
    failures.SavedMethodProblem,
    failures.Refusal,
]


@pytest.mark.parametrize("union", UNIONS)
def test_the_unions_are_closed_over_the_failures_that_are_told_above(union: Any) -> None:
    assert set(get_args(union)) <= {type(row[0]) for row in MESSAGES}


@pytest.mark.parametrize("failure", [row[0] for row in MESSAGES])
def test_a_failure_cannot_be_changed(failure: Any) -> None:
    name = next(iter(attrs.asdict(failure, recurse=False)))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(failure, name, None)


def test_a_decline_is_soft_unless_the_gateway_says_otherwise() -> None:
    assert Declined("05") == Declined("05", FailureType.DECLINED, False, "")
