"""Everything that can go wrong in this business, as one closed union a service.

Each failure has a ``message`` that is safe to log and a ``shopper_message`` that is safe to show. None holds a secret.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs

from payports.domain.coverage import Coverage
from payports.domain.input_checks import InvalidInput
from payports.domain.money import Currency, Money
from payports.domain.transaction_types import FailureType, TransactionStatus, TransactionType

_TRY_LATER: Final = "The payment could not be made just now. Please try again in a moment."
_CHECK: Final = "This cannot be done with the payment as it is."


@attrs.frozen
class OperationNotAllowed:
    """The lifecycle does not permit it in the present state. Nothing was sent."""

    operation: str
    reason: str

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"{self.operation} is not allowed: {self.reason}"

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return _CHECK


@attrs.frozen
class AmountNotAvailable:
    """More was asked than is left. Nothing was sent. ``available`` is what could be asked."""

    available: Money

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"only {self.available} is available"

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return _CHECK


@attrs.frozen
class CurrencyMismatch:
    """The amount is in another currency than the payment or the cart."""

    expected: Currency
    given: Currency

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"expected {self.expected}, was given {self.given}"

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return _CHECK


@attrs.frozen
class PaymentNotFound:
    """No payment of this merchant (and this owner) has that id or reference."""

    payment_id: str

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"no payment {self.payment_id!r}"

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return "We could not find this payment."


@attrs.frozen
class SavedMethodNotFound:
    """This customer has no such saved method, or no longer."""

    saved_method_id: str

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"no saved method {self.saved_method_id!r} of this customer"

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return "We could not find this saved payment method."


@attrs.frozen
class Declined:
    """The gateway said no. ``hard``: trying the same method again is pointless."""

    code: str
    failure_type: FailureType = FailureType.DECLINED
    hard: bool = False
    transaction_id: str = ""

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"declined ({'hard' if self.hard else 'soft'}): {self.code or self.failure_type.value}"

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        if self.hard:
            return "This payment method was declined. Please use another one."
        return "The payment was declined. Please try again or use another payment method."


@attrs.frozen
class NotExecuted:
    """Proven: nothing happened at the gateway and nothing will. The same key may be tried anew."""

    transaction_id: str
    reason: str = ""

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"transaction {self.transaction_id} was not executed" + (f": {self.reason}" if self.reason else "")

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return _TRY_LATER


@attrs.frozen
class ResultUnknown:
    """Nobody knows yet whether it happened; the amount stays reserved until that is proven. Ask again with the same key."""

    transaction_id: str

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"the result of transaction {self.transaction_id} is unknown"

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return "We do not know yet whether the payment went through. You will not be charged twice."


@attrs.frozen
class Conflict:
    """The key was used before, for something else."""

    key: str

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"key {self.key!r} was used for another request"

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return _TRY_LATER


@attrs.frozen
class Busy:
    """Somebody else is working on the same thing; try again in a moment."""

    what: str

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"{self.what} is busy"

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return _TRY_LATER


@attrs.frozen
class GatewayUnsupported:
    """The gateway is not configured, or cannot do this."""

    gateway: str
    operation: str

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"gateway {self.gateway!r} does not support {self.operation}"

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return "This payment method cannot be used here."


@attrs.frozen
class StoreUnavailable:
    """The store could not be read or written. If nothing was recorded, nothing was sent."""

    reason: str

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"the store is unavailable: {self.reason}"

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return _TRY_LATER


@attrs.frozen
class NotCovered:
    """The owner's payments do not cover the total exactly."""

    total: Money
    coverage: Coverage

    @property
    def message(self) -> str:
        """Safe to log."""
        return f"the payments plan {self.coverage.planned} and secure {self.coverage.secured} of {self.total}"

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return "The payments do not add up to the total of the order."


@attrs.frozen(kw_only=True)
class FailedPayment:
    """What went wrong with one payment of a checkout or an order."""

    payment_id: str
    problem: TransactionProblem
    type: TransactionType | None = None
    transaction_id: str = ""
    status: TransactionStatus | None = None
    amount: Money | None = None


@attrs.frozen
class PaymentsFailed:
    """A checkout or an order's request did not succeed; what each payment said.

    What a checkout did secure is kept for the next attempt, or reversed.
    """

    details: tuple[FailedPayment, ...]

    @property
    def message(self) -> str:
        """Safe to log."""
        return "; ".join(f"payment {one.payment_id}: {one.problem.message}" for one in self.details)

    @property
    def shopper_message(self) -> str:
        """Safe to show."""
        return self.details[0].problem.shopper_message


TransactionProblem: TypeAlias = (
    InvalidInput
    | OperationNotAllowed
    | AmountNotAvailable
    | CurrencyMismatch
    | PaymentNotFound
    | Declined
    | NotExecuted
    | ResultUnknown
    | Conflict
    | Busy
    | GatewayUnsupported
    | StoreUnavailable
)
"""What ``shop.transactions`` may answer."""

PaymentProblem: TypeAlias = (
    InvalidInput
    | PaymentNotFound
    | SavedMethodNotFound
    | OperationNotAllowed
    | CurrencyMismatch
    | GatewayUnsupported
    | Conflict
    | Busy
    | StoreUnavailable
)
"""What ``shop.payments``, ``shop.options`` and ``shop.tokenization`` may answer."""

CheckoutProblem: TypeAlias = (
    InvalidInput
    | NotCovered
    | PaymentsFailed
    | PaymentNotFound
    | OperationNotAllowed
    | CurrencyMismatch
    | GatewayUnsupported
    | Conflict
    | Busy
    | StoreUnavailable
)
"""What ``shop.checkout`` may answer."""

OrderProblem: TypeAlias = (
    InvalidInput
    | PaymentsFailed
    | PaymentNotFound
    | OperationNotAllowed
    | AmountNotAvailable
    | CurrencyMismatch
    | GatewayUnsupported
    | Conflict
    | Busy
    | StoreUnavailable
)
"""What ``shop.orders`` may answer."""

SavedMethodProblem: TypeAlias = (
    InvalidInput
    | SavedMethodNotFound
    | Declined
    | NotExecuted
    | ResultUnknown
    | GatewayUnsupported
    | Busy
    | StoreUnavailable
)
"""What ``shop.saved_methods`` may answer."""

Refusal: TypeAlias = OperationNotAllowed | AmountNotAvailable | CurrencyMismatch | GatewayUnsupported | InvalidInput
"""What the core may answer to a command, before anything is recorded."""
