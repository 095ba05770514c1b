"""What the tests of the core share: how to make a ledger in one line, and what hypothesis may draw."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import strategies as st
from returns.result import Success

from payports.domain.begin import Begun, begin
from payports.domain.capabilities import Capabilities, PartialCapture, ReverseAuthorization
from payports.domain.command import Command
from payports.domain.failures import Refusal
from payports.domain.money import CURRENCIES, MAX_MINOR, Currency, Money
from payports.domain.observation import Channel, Observation
from payports.domain.observe import Discrepancy, observe
from payports.domain.outcome import Outcome
from payports.domain.payment import Owner, Payment
from payports.domain.payment_method import PaymentMethod
from payports.domain.schedule import Schedule, reschedule
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import TransactionStatus, TransactionType

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
EUR: Final = Currency.of("EUR")
USD: Final = Currency.of("USD")
SUCCEEDED: Final = TransactionStatus.SUCCEEDED

ABLE: Final = Capabilities(
    types=frozenset(TransactionType),
    partial_capture=PartialCapture.MULTIPLE,
    partial_refund=True,
    reverse_authorization=ReverseAuthorization.PARTIAL,
    detached_credit=True,
)
"""A gateway that can do everything, but voids only whole captures and does not restore their holds."""


def eur(minor: int) -> Money:
    return Money(minor, EUR)


def new_payment(minor: int = 10, currency: Currency = EUR, **rest: Any) -> Payment:
    known: dict[str, Any] = {
        "id": "p-1",
        "owner": Owner("cart", "c-1"),
        "amount": Money(minor, currency),
        "gateway": "card",
        "method": PaymentMethod({"token": "tok_1"}),
        "created_at": NOW,
    }
    return Payment(**(known | rest))


def numbered(payment: Payment) -> Callable[[], str]:
    """Ids that say which transaction of the payment it is: t0, t1 and so on."""
    numbers = iter(range(len(payment.transactions), 10_000))
    return lambda: f"t{next(numbers)}"


def ask(
    payment: Payment, kind: TransactionType, minor: int | None = None, able: Capabilities = ABLE, **rest: Any
) -> Outcome[Begun, Refusal]:
    amount = None if minor is None else Money(minor, payment.currency)
    return begin(payment, Command(type=kind, amount=amount, **rest), able, numbered(payment), NOW)


def begun(
    payment: Payment, kind: TransactionType, minor: int | None = None, able: Capabilities = ABLE, **rest: Any
) -> Payment:
    """The payment with a command's intents recorded and scheduled, and nothing known of them."""
    after = ask(payment, kind, minor, able, **rest).unwrap().payment
    return after.replacing(*reschedule(payment, after, NOW, Schedule()))


def fact(transaction_id: str, status: TransactionStatus = SUCCEEDED, **rest: Any) -> Observation:
    known: dict[str, Any] = {"channel": Channel.ANSWER}
    return Observation(status=status, transaction_id=transaction_id, **(known | rest))


def told(payment: Payment, seen: Observation) -> Payment:
    """The payment after a fact, whatever the core thinks of it."""
    outcome = observe(payment, seen, NOW)
    if isinstance(outcome, Success):
        return outcome.unwrap()
    problem = outcome.failure()
    return problem.payment if isinstance(problem, Discrepancy) else payment


def done(
    payment: Payment,
    kind: TransactionType,
    minor: int | None = None,
    status: TransactionStatus = SUCCEEDED,
    able: Capabilities = ABLE,
    **rest: Any,
) -> Payment:
    """The payment with a command begun and its result known; the gateway calls transaction t1 r1."""
    started = ask(payment, kind, minor, able, **rest).unwrap()
    payment = started.payment
    for one in started.intents:
        reference = f"r{one.id.removeprefix('t')}"
        payment = told(payment, fact(one.id, status, gateway_reference=reference))
    return payment


def outside(kind: TransactionType, parent: str, reference: str, minor: int | None = None, **rest: Any) -> Observation:
    """A fact about something made at the gateway's dashboard, on top of what the gateway calls ``parent``."""
    known: dict[str, Any] = {"status": SUCCEEDED, "channel": Channel.WEBHOOK}
    amount = None if minor is None else eur(minor)
    return Observation(type=kind, parent_reference=parent, gateway_reference=reference, amount=amount, **(known | rest))


def last(payment: Payment) -> Transaction:
    return payment.transactions[-1]


currencies: st.SearchStrategy[Currency] = st.sampled_from(sorted(CURRENCIES.values(), key=str))
statuses: st.SearchStrategy[TransactionStatus] = st.sampled_from(TransactionStatus)
channels: st.SearchStrategy[Channel] = st.sampled_from(Channel)


@st.composite
def moneys(draw: st.DrawFn, currency: Currency | None = None, least: int = 0, most: int = MAX_MINOR) -> Money:
    return Money(draw(st.integers(least, most)), currency or draw(currencies))


@st.composite
def capabilities(draw: st.DrawFn) -> Capabilities:
    return Capabilities(
        types=frozenset(TransactionType),
        partial_capture=draw(st.sampled_from(PartialCapture)),
        partial_refund=draw(st.booleans()),
        partial_void=draw(st.booleans()),
        reverse_authorization=draw(st.sampled_from(ReverseAuthorization)),
        void_restores_hold=draw(st.booleans()),
        refund_requires_settlement=draw(st.booleans()),
        detached_credit=draw(st.booleans()),
    )


@st.composite
def facts_about(draw: st.DrawFn, transactions: tuple[Transaction, ...]) -> Observation:
    """Anything that a gateway, honest or not, may say about one of some transactions."""
    about = draw(st.sampled_from(transactions))
    asked = about.requested.minor
    amount = draw(
        st.none()
        | st.just(about.requested)
        | st.integers(0, 2 * asked).map(lambda minor: Money(minor, about.requested.currency))
        | st.just(Money(asked, USD))
    )
    return Observation(
        status=draw(statuses),
        channel=draw(channels),
        transaction_id=about.id,
        amount=amount,
        partial=draw(st.booleans()),
        gateway_reference=draw(st.sampled_from(["", f"r-{about.id}", f"r-{about.id}", f"q-{about.id}"])),
        hard=draw(st.booleans()),
        code=draw(st.sampled_from(["", "05", "51"])),
    )
