"""Hypothesis strategies for payments and related records, with arbitrary text, statuses and times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from payports.domain.history import Fact
from payports.domain.money import CURRENCIES, MAX_MINOR, Currency, Money
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.payment import Allocation, AllocationKind, Customer, Owner, Payment, Restriction
from payports.domain.payment_method import Address, LineItem, PaymentMethod, PaymentType
from payports.domain.saved_method import SavedMethod, SavedMethodStatus
from payports.domain.transaction import Source, Transaction
from payports.domain.transaction_types import FailureType, ReversalState, TransactionStatus, TransactionType

_Built = TypeVar("_Built")
_Value = TypeVar("_Value", bound=attrs.AttrsInstance)

TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
TIMES: Final = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- hypothesis wants naive bounds
_NAMES: Final = st.text("abc-é", min_size=1, max_size=5)
_FLAGS: Final = st.booleans()


def _every(kind: type[_Value], /, **fields: SearchStrategy[Any]) -> SearchStrategy[_Value]:
    """Build a class from a strategy per field. A missing field is an error, so new fields of the domain are not forgotten."""
    names = {field.name for field in attrs.fields(kind)}
    if names != set(fields):
        raise TypeError(f"{kind.__name__}: {sorted(names ^ set(fields))}")
    return st.builds(kind, **fields)


def _tuples(of: SearchStrategy[_Built], size: int) -> SearchStrategy[tuple[_Built, ...]]:
    return st.lists(of, max_size=size).map(tuple)


def _maybe(of: SearchStrategy[_Built]) -> SearchStrategy[_Built | None]:
    return st.none() | of


def _mappings(values: SearchStrategy[str] = TEXTS) -> SearchStrategy[Mapping[str, str]]:
    return st.dictionaries(TEXTS, values, max_size=2)


def _pairs() -> SearchStrategy[tuple[tuple[str, str], ...]]:
    return _tuples(st.tuples(TEXTS, TEXTS), 2)


def amounts(currency: Currency) -> SearchStrategy[Money]:
    """Amounts of a currency, up to the maximum."""
    return st.builds(Money, st.integers(0, MAX_MINOR) | st.integers(0, 100), st.just(currency))


CURRENCY: Final = st.sampled_from(sorted(CURRENCIES.values(), key=str))
_MONEY: Final = CURRENCY.flatmap(amounts)
OWNERS: Final = _every(Owner, kind=_NAMES, id=_NAMES)
CUSTOMERS: Final = _every(Customer, id=_NAMES)
_SOURCES: Final = _every(Source, kind=TEXTS, id=TEXTS)
METHODS: Final = _every(PaymentMethod, properties=_mappings(), display=_mappings(), single_use=_FLAGS)
_ADDRESSES: Final = _every(
    Address,
    lines=_tuples(TEXTS, 2),
    **dict.fromkeys(("name", "city", "region", "postal_code", "country", "email", "phone"), TEXTS),
)
_LINE_ITEMS: Final = _every(
    LineItem, name=TEXTS, quantity=st.integers(), unit_amount_minor=st.integers(), reference=TEXTS
)
_ALLOCATIONS: Final = _every(Allocation, source=_SOURCES, amount=_MONEY, kind=st.sampled_from(AllocationKind))
_NEXT_ACTIONS: Final = _every(NextAction, type=TEXTS, url=TEXTS, reference=TEXTS, fields=_pairs())


def observations(currency: Currency) -> SearchStrategy[Observation]:
    """Observations of a transaction in a currency, sometimes in another one."""
    return _every(
        Observation,
        status=st.sampled_from(TransactionStatus),
        channel=st.sampled_from(Channel),
        transaction_id=TEXTS,
        type=_maybe(st.sampled_from(TransactionType)),
        amount=_maybe(amounts(currency) | _MONEY),
        partial=_FLAGS,
        gateway_reference=TEXTS,
        parent_reference=TEXTS,
        account=TEXTS,
        code=TEXTS,
        failure_type=_maybe(st.sampled_from(FailureType)),
        hard=_FLAGS,
        message=TEXTS,
        next_action=_maybe(_NEXT_ACTIONS),
        flagged_for_review=_FLAGS,
        attributes=_pairs(),
        operator=TEXTS,
    )


def transactions(currency: Currency) -> SearchStrategy[Transaction]:
    """Transactions in a currency, with arbitrary observations."""
    return _every(
        Transaction,
        id=TEXTS,
        type=st.sampled_from(TransactionType),
        requested=amounts(currency),
        created_at=TIMES,
        parent_id=_maybe(TEXTS),
        key=TEXTS,
        source=_maybe(_SOURCES),
        account=TEXTS,
        attempt=TEXTS,
        earlier_attempts=_tuples(TEXTS, 2),
        implied_by=_maybe(TEXTS),
        restores_hold=_FLAGS,
        observed_only=_FLAGS,
        excess=_FLAGS,
        expiring=_FLAGS,
        reversal=st.sampled_from(ReversalState),
        reverses=_FLAGS,
        due_at=_maybe(TIMES),
        look_ups=st.integers(0, 100),
        seen=_tuples(observations(currency), 2),
    )


def _payments_in(currency: Currency) -> SearchStrategy[Payment]:
    return _every(
        Payment,
        id=_NAMES,
        owner=OWNERS,
        amount=amounts(currency),
        gateway=_NAMES,
        method=METHODS,
        created_at=TIMES,
        type=st.sampled_from(PaymentType),
        customer=_maybe(CUSTOMERS),
        name=TEXTS,
        saved_method_id=_maybe(TEXTS),
        save_for_future_use=_FLAGS,
        billing=_maybe(_ADDRESSES),
        shipping=_maybe(_ADDRESSES),
        line_items=_tuples(_LINE_ITEMS, 2),
        pass_through=_mappings(),
        restrictions=st.frozensets(st.sampled_from(Restriction)),
        archived=_FLAGS,
        allocations=_tuples(_ALLOCATIONS, 2),
        transactions=st.lists(transactions(currency), max_size=3, unique_by=lambda transaction: transaction.id).map(
            tuple
        ),
        version=st.integers(0, 9),
    )


PAYMENTS: Final = CURRENCY.flatmap(_payments_in)
"""Payments, each in one currency, with up to three transactions."""

SAVED_METHODS: Final = _every(
    SavedMethod,
    id=_NAMES,
    customer=CUSTOMERS,
    gateway=TEXTS,
    method=METHODS,
    created_at=TIMES,
    type=st.sampled_from(PaymentType),
    name=TEXTS,
    status=st.sampled_from(SavedMethodStatus),
    version=st.just(0),
)


def facts_of(payment_id: str) -> SearchStrategy[tuple[Fact, ...]]:
    """A few facts about a payment."""
    return _tuples(
        _every(
            Fact,
            kind=TEXTS,
            payment_id=st.just(payment_id),
            at=TIMES,
            by=TEXTS,
            why=TEXTS,
            transaction_id=TEXTS,
            detail=_mappings(),
        ),
        3,
    )
