"""The failures that a service may return: a closed union per service.

Each failure has a ``message`` that is safe to log and a ``shopper_message`` that is safe to show. None holds a secret.
"""

from __future__ import annotations

from typing import ClassVar, Final, TypeAlias

import attrs

from payports.domain.coverage import Coverage
from payports.domain.input_checks import InvalidInput
from payports.domain.money import Currency, Money
from payports.domain.transaction_types import FailureType, TransactionStatus, TransactionType

_TRY_LATER: Final = "The payment could not be made just now. Please try again in a moment."
_CHECK: Final = "This cannot be done with the payment as it is."


@attrs.frozen
class OperationNotAllowed:
    """The lifecycle does not permit the operation in the present state. Nothing was sent."""

    operation: str
    reason: str
    shopper_message: ClassVar[str] = _CHECK

    @property
    def message(self) -> str:
        return f"{self.operation} is not allowed: {self.reason}"


@attrs.frozen
class AmountNotAvailable:
    """More was requested than is left. Nothing was sent. ``available`` is the most that can be requested."""

    available: Money
    shopper_message: ClassVar[str] = _CHECK

    @property
    def message(self) -> str:
        return f"only {self.available} is available"


@attrs.frozen
class CurrencyMismatch:
    """The amount is in another currency than the payment or the cart."""

    expected: Currency
    given: Currency
    shopper_message: ClassVar[str] = _CHECK

    @property
    def message(self) -> str:
        return f"expected {self.expected}, was given {self.given}"


@attrs.frozen
class PaymentNotFound:
    """No payment of this merchant (and this owner) has that id or reference."""

    payment_id: str
    shopper_message: ClassVar[str] = "We could not find this payment."

    @property
    def message(self) -> str:
        return f"there is no payment {self.payment_id} here; check its id, its owner and the merchant"


@attrs.frozen
class SavedMethodNotFound:
    """The customer has no such saved method, or has removed it."""

    saved_method_id: str
    shopper_message: ClassVar[str] = "We could not find this saved payment method."

    @property
    def message(self) -> str:
        return f"no saved method {self.saved_method_id!r} of this customer"


@attrs.frozen
class Declined:
    """The gateway refused. ``hard``: the same method will be refused again."""

    code: str
    failure_type: FailureType = FailureType.DECLINED
    hard: bool = False
    transaction_id: str = ""

    @property
    def message(self) -> str:
        return f"declined ({'hard' if self.hard else 'soft'}): {self.code or self.failure_type.value}"

    @property
    def shopper_message(self) -> str:
        if self.hard:
            return "This payment method was declined. Please use another one."
        return "The payment was declined. Please try again or use another payment method."


@attrs.frozen
class NotExecuted:
    """It is proven that nothing happened at the gateway and nothing will. The same key may be sent again."""

    transaction_id: str
    reason: str = ""
    shopper_message: ClassVar[str] = _TRY_LATER

    @property
    def message(self) -> str:
        return f"transaction {self.transaction_id} was not executed" + (f": {self.reason}" if self.reason else "")


@attrs.frozen
class ResultUnknown:
    """It is not known yet whether it happened. The amount stays reserved until that is proven; ask again with the same key."""

    transaction_id: str
    shopper_message: ClassVar[str] = (
        "We do not know yet whether the payment went through. You will not be charged twice."
    )

    @property
    def message(self) -> str:
        return f"the result of transaction {self.transaction_id} is unknown"


@attrs.frozen
class Conflict:
    """The key was used before with other content."""

    key: str
    shopper_message: ClassVar[str] = _TRY_LATER

    @property
    def message(self) -> str:
        return f"key {self.key!r} was used before with other content; repeat the same request, or use a new key"


@attrs.frozen
class Busy:
    """Another caller is working on the same record; try again in a moment."""

    what: str
    shopper_message: ClassVar[str] = _TRY_LATER

    @property
    def message(self) -> str:
        return f"{self.what} is busy"


@attrs.frozen
class GatewayUnsupported:
    """The gateway does not support the operation or currency, or (``is_configured`` false) there is no gateway of that name."""

    gateway: str
    operation: str
    is_configured: bool = attrs.field(default=True, eq=False)
    shopper_message: ClassVar[str] = "This payment method cannot be used here."

    @property
    def message(self) -> str:
        if not self.is_configured:
            return f"gateway {self.gateway!r} is not configured; check its name, or add it to the configuration"
        return f"gateway {self.gateway!r} does not support {self.operation}; use another gateway or operation"


@attrs.frozen
class StoreUnavailable:
    """The store could not be read or written. If nothing was recorded, nothing was sent."""

    reason: str
    shopper_message: ClassVar[str] = _TRY_LATER

    @property
    def message(self) -> str:
        return f"the store is unavailable: {self.reason}"


@attrs.frozen
class NotCovered:
    """The owner's payments do not cover the total exactly."""

    total: Money
    coverage: Coverage
    shopper_message: ClassVar[str] = "The payments do not add up to the total of the order."

    @property
    def message(self) -> str:
        return (
            f"the payments plan {self.coverage.planned} and secure {self.coverage.secured}, but the total is {self.total}; "
            "add or change payments until they add up to it"
        )


@attrs.frozen(kw_only=True)
class FailedPayment:
    """The problem of one payment of a checkout or an order."""

    payment_id: str
    problem: TransactionProblem
    type: TransactionType | None = None
    transaction_id: str = ""
    status: TransactionStatus | None = None
    amount: Money | None = None


@attrs.frozen
class PaymentsFailed:
    """A checkout or a request of an order failed: the problem of each payment.

    What a checkout has secured is kept for the next attempt, or reversed.
    """

    details: tuple[FailedPayment, ...]

    @property
    def message(self) -> str:
        return "; ".join(f"payment {failed.payment_id}: {failed.problem.message}" for failed in self.details)

    @property
    def shopper_message(self) -> str:
        return self.details[0].problem.shopper_message


_CommonProblem: TypeAlias = InvalidInput | GatewayUnsupported | Busy | StoreUnavailable

Refusal: TypeAlias = OperationNotAllowed | AmountNotAvailable | CurrencyMismatch | GatewayUnsupported | InvalidInput
"""What the core may return for a command, before anything is recorded."""

TransactionProblem: TypeAlias = (
    _CommonProblem | Refusal | PaymentNotFound | Declined | NotExecuted | ResultUnknown | Conflict
)
"""What ``shop.transactions`` may return as a failure."""

PaymentProblem: TypeAlias = (
    _CommonProblem | PaymentNotFound | SavedMethodNotFound | OperationNotAllowed | CurrencyMismatch | Conflict
)
"""What ``shop.payments``, ``shop.options`` and ``shop.tokenization`` may return as a failure."""

CheckoutProblem: TypeAlias = (
    _CommonProblem | NotCovered | PaymentsFailed | PaymentNotFound | OperationNotAllowed | CurrencyMismatch | Conflict
)
"""What ``shop.checkout`` may return as a failure."""

OrderProblem: TypeAlias = _CommonProblem | Refusal | PaymentsFailed | PaymentNotFound | Conflict
"""What ``shop.orders`` may return as a failure."""

SavedMethodProblem: TypeAlias = _CommonProblem | SavedMethodNotFound | Declined | NotExecuted | ResultUnknown
"""What ``shop.saved_methods`` may return as a failure."""
