"""A payment: this much of an owner's total is to be paid with this method through this one gateway."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, TypedDict, Unpack

import attrs

from payports.domain.frozen_mapping import frozen
from payports.domain.input_checks import InvalidInput, check_fields, check_identifier, check_phone, check_text
from payports.domain.money import Currency, Money, check_amount
from payports.domain.payment_method import Address, LineItem, PaymentMethod, PaymentType, check_method
from payports.domain.replacing import derived, replaced
from payports.domain.transaction import Source, Transaction

MAX_LINES: Final = 1_000
"""As many line items as a payment may list."""


@attrs.frozen
class Owner:
    """What a payment belongs to: ``Owner("cart", "c-1")``."""

    kind: str
    id: str


@attrs.frozen
class Customer:
    """Who pays; the host has authenticated them."""

    id: str


@attrs.frozen(kw_only=True)
class NewPayment:
    """What a host gives to create a payment.

    ``pass_through`` goes to the gateway and comes back with its notifications. ``line_items`` and addresses are for the gateway's
    records; only ``amount`` is interpreted.
    """

    owner: Owner
    amount: Money
    gateway: str
    method: PaymentMethod
    type: PaymentType = PaymentType.CREDIT_CARD
    customer: Customer | None = None
    name: str = ""
    saved_method_id: str | None = None
    save_for_future_use: bool = False
    billing: Address | None = None
    shipping: Address | None = None
    line_items: tuple[LineItem, ...] = ()
    pass_through: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=frozen, hash=False)


class Restriction(StrEnum):
    """What a customer may no longer do to a payment."""

    CUSTOMER_MUTABILITY_BLOCKED = "CUSTOMER_MUTABILITY_BLOCKED"
    CUSTOMER_MUTABILITY_BLOCKED_FOR_PAYMENT_FINALIZATION = "CUSTOMER_MUTABILITY_BLOCKED_FOR_PAYMENT_FINALIZATION"


class AllocationKind(StrEnum):
    """What a part of a payment was set aside for without a movement of its own."""

    CAPTURED_EARLIER = "CAPTURED_EARLIER"
    CANCELLED = "CANCELLED"


@attrs.frozen
class Allocation:
    """A part of a payment that a fulfilment took from money captured at checkout, or that was cancelled."""

    source: Source
    amount: Money
    kind: AllocationKind


class PaymentChange(TypedDict, total=False):
    """What may change about a payment; the rest is fixed when it is created."""

    amount: Money
    method: PaymentMethod
    saved_method_id: str | None
    restrictions: frozenset[Restriction]
    archived: bool
    allocations: tuple[Allocation, ...]
    transactions: tuple[Transaction, ...]
    version: int


@attrs.frozen(kw_only=True, slots=False)
class Payment:
    """The aggregate: an intent to pay, and the ledger of what happened, oldest first. ``version`` rises by one a commit."""

    id: str
    owner: Owner
    amount: Money
    gateway: str
    method: PaymentMethod
    created_at: datetime
    type: PaymentType = PaymentType.CREDIT_CARD
    customer: Customer | None = None
    name: str = ""
    saved_method_id: str | None = None
    save_for_future_use: bool = False
    billing: Address | None = None
    shipping: Address | None = None
    line_items: tuple[LineItem, ...] = ()
    pass_through: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=frozen, hash=False)
    restrictions: frozenset[Restriction] = frozenset()
    archived: bool = False
    allocations: tuple[Allocation, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    version: int = 0

    def evolve(self, **changes: Unpack[PaymentChange]) -> Payment:
        """Copy the payment with some fields replaced."""
        return replaced(self, changes)

    @property
    def currency(self) -> Currency:
        """The currency of everything on this payment."""
        return self.amount.currency

    @property
    def placed(self) -> bool:
        """True once an order was placed on it; the customer can no longer change it."""
        return Restriction.CUSTOMER_MUTABILITY_BLOCKED in self.restrictions

    @derived("transactions")
    def by_id(self) -> Mapping[str, Transaction]:
        """The transactions by their ids."""
        return {transaction.id: transaction for transaction in self.transactions}

    @derived("transactions")
    def children(self) -> Mapping[str, tuple[Transaction, ...]]:
        """The transactions by the id of their parent."""
        by_parent: dict[str, list[Transaction]] = {}
        for transaction in self.transactions:
            if transaction.parent_id is not None:
                by_parent.setdefault(transaction.parent_id, []).append(transaction)
        return {parent: tuple(children) for parent, children in by_parent.items()}

    def children_of(self, transaction: Transaction) -> tuple[Transaction, ...]:
        """The transactions made on top of one."""
        return self.children.get(transaction.id, ())

    def parent_of(self, transaction: Transaction) -> Transaction | None:
        """The transaction that one was made on top of."""
        return self.by_id.get(transaction.parent_id or "")

    def under_key(self, key: str) -> tuple[Transaction, ...]:
        """The transactions of one request of the host."""
        return tuple(transaction for transaction in self.transactions if transaction.key == key)

    def replacing(self, *new: Transaction) -> Payment:
        """The same payment with some of its transactions changed, each found by its id."""
        return self.as_version(self.version, *new) if new else self

    def as_version(self, version: int, *new: Transaction) -> Payment:
        """The same payment as another version, with some of its transactions changed in the same copy."""
        transactions = self.transactions
        if new:
            by_id = {transaction.id: transaction for transaction in new}
            transactions = tuple([by_id.get(old.id, old) for old in transactions])
        return self.evolve(transactions=transactions, version=version)

    def adding(self, *new: Transaction) -> Payment:
        """The same payment with further transactions."""
        return self.evolve(transactions=self.transactions + new)


def check_owner(owner: object) -> InvalidInput | None:
    """Say why an owner cannot be one."""
    if type(owner) is not Owner:
        return InvalidInput("owner", "must be an Owner")
    return check_identifier("owner.kind", owner.kind) or check_identifier("owner.id", owner.id)


def check_customer(customer: object) -> InvalidInput | None:
    """Say why a customer cannot be one."""
    if type(customer) is not Customer:
        return InvalidInput("customer", "must be a Customer")
    return check_identifier("customer.id", customer.id)


def check_source(source: object) -> InvalidInput | None:
    """Say why a source cannot be one."""
    if type(source) is not Source:
        return InvalidInput("source", "must be a Source")
    return check_identifier("source.kind", source.kind) or check_identifier("source.id", source.id)


def check_new_payment(new: object) -> InvalidInput | None:
    """Say why a payment cannot be created from what was given; looks at every field."""
    if type(new) is not NewPayment:
        return InvalidInput("payment", "must be a NewPayment")
    return (
        check_owner(new.owner)
        or check_amount("amount", new.amount)
        or check_identifier("gateway", new.gateway)
        or check_method(new.method)
        or (None if type(new.type) is PaymentType else InvalidInput("type", "must be a PaymentType"))
        or (None if type(new.save_for_future_use) is bool else InvalidInput("save_for_future_use", "must be a bool"))
        or (None if new.customer is None else check_customer(new.customer))
        or check_text("name", new.name)
        or (None if new.saved_method_id is None else check_identifier("saved_method_id", new.saved_method_id))
        or _check_address("billing", new.billing)
        or _check_address("shipping", new.shipping)
        or _check_lines(new.line_items)
        or check_fields("pass_through", new.pass_through, 500)
    )


def _check_address(field: str, address: object) -> InvalidInput | None:
    if address is None:
        return None
    if type(address) is not Address:
        return InvalidInput(field, "must be an Address")
    if type(address.lines) is not tuple:
        return InvalidInput(f"{field}.lines", "must be a tuple of texts")
    texts: dict[str, object] = attrs.asdict(address)
    del texts["lines"], texts["phone"]
    return (
        check_fields(field, texts)
        or check_phone(f"{field}.phone", address.phone)
        or check_fields(field, {f"line {number}": line for number, line in enumerate(address.lines, 1)})
    )


def _check_lines(lines: object) -> InvalidInput | None:
    if type(lines) is not tuple:
        return InvalidInput("line_items", "must be a tuple of LineItem")
    if len(lines) > MAX_LINES:  # pyright: ignore[reportUnknownArgumentType] -- any tuple has a length
        return InvalidInput("line_items", f"has more than {MAX_LINES} entries")
    for line in lines:  # pyright: ignore[reportUnknownVariableType] -- checked next
        if type(line) is not LineItem:  # pyright: ignore[reportUnknownArgumentType]
            return InvalidInput("line_items", "must be a tuple of LineItem")
        if type(line.quantity) is not int or type(line.unit_amount_minor) is not int:
            return InvalidInput("line_items", "quantities and amounts are whole numbers")
        if problem := check_text("line_items.name", line.name) or check_text("line_items.reference", line.reference):
            return problem
    return None
