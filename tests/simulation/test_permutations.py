"""Answer, webhook and poll give the same result through the services in every order and with any repetition.

The facts of a case are true or contradict each other as in the world; each may arrive by the host's ``record``, by ``webhooks.receive`` or
by ``refresh``. All sequences of up to six events are tried, repetitions among them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import attrs
import pytest
from returns.result import Success

from payports import (
    Money,
    NewPayment,
    Owner,
    PaymentMethod,
    Payports,
    Transaction,
    TransactionStatus,
    TransactionType,
    connect,
)
from payports.adapters.gateways.ledger.rules import AccountTerms
from payports.adapters.gateways.sandbox.gateway import capabilities_of
from payports.application.kernel.record import Received, record
from payports.domain.capabilities import Capabilities
from payports.domain.history import Cause
from payports.domain.observation import Channel, Observation
from payports.domain.outcome import Outcome
from payports.ports.gateway import (
    Gateway,
    NotFoundYet,
    Notification,
    PaymentRequest,
    PaymentResponse,
    TransactionGateway,
    WebhookReader,
    WebhookRefused,
)
from payports.testing import FixedClock
from payports.testing.simulation.processes import SequentialIds

T = TransactionType
S = TransactionStatus
LONGEST: Final = 6


class Scripted(TransactionGateway, WebhookReader):
    """A bank whose answers the test scripts: the preparation succeeds, the transaction under test ends without an answer."""

    def __init__(self) -> None:
        self.silent = False
        self.truth: Observation | None = None
        self.told: Observation | None = None
        self.events = 0

    @property
    def capabilities(self) -> Capabilities:
        return capabilities_of(AccountTerms(detached_credit=True))

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        status = S.UNKNOWN if self.silent else S.SUCCEEDED
        return PaymentResponse(seen=about(request.transaction_id, request.type, status, Channel.ANSWER))

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:  # noqa: ARG002
        named = self.truth and self.truth.transaction_id == request.transaction_id
        return attrs.evolve(self.truth, channel=Channel.LOOK_UP) if self.truth and named else NotFoundYet()

    def read(
        self,
        headers: Mapping[str, str],  # noqa: ARG002
        body: bytes,
        params: Mapping[str, str],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        assert self.told
        return Success((Notification(event_id=body.decode(), seen=self.told),))


def about(name: str, kind: T, status: S, channel: Channel, **rest: Any) -> Observation:
    moved = status in (S.SUCCEEDED, S.REVOKED)
    known: dict[str, Any] = {"gateway_reference": f"ref-{name}", "amount": Money(100, "EUR") if moved else None}
    return Observation(status=status, channel=channel, transaction_id=name, type=kind, **(known | rest))


@attrs.frozen
class Bench:
    """A shop with the scripted bank."""

    shop: Payports
    bank: Scripted
    clock: FixedClock


@attrs.frozen
class Case:
    """A payment with the transaction ``name`` under way, whose result is unknown."""

    bench: Bench
    payment_id: str
    name: str

    @property
    def shop(self) -> Payports:
        return self.bench.shop

    @property
    def bank(self) -> Scripted:
        return self.bench.bank


BEFORE: Final[Mapping[T, tuple[str, ...]]] = {
    T.AUTHORIZE: (),
    T.AUTHORIZE_AND_CAPTURE: (),
    T.CAPTURE: ("authorize",),
    T.REVERSE_AUTH: ("authorize",),
    T.VOID: ("authorize", "capture"),
    T.REFUND: ("authorize", "capture"),
    T.SETTLED: ("authorize", "capture"),
    T.DETACHED_CREDIT: (),
}
CALLS: Final = {T.REVERSE_AUTH: "reverse_authorization", T.SETTLED: "settle", T.DETACHED_CREDIT: "credit"}


@pytest.fixture(name="bench")
def bench_() -> Bench:
    bank, clock = Scripted(), FixedClock()
    gateways = {"bank": Gateway(transactions=bank, webhooks=bank)}
    return Bench(
        connect({"store": {"url": "memory:"}}, clock=clock, ids=SequentialIds(), gateways=gateways), bank, clock
    )


def case_of(bench: Bench, kind: T) -> Case:
    shop, bank = bench.shop, bench.bank
    bank.silent, bank.truth, bank.events = False, None, 0
    new = NewPayment(
        owner=Owner("cart", shop.ids.new()),
        amount=Money(100, "EUR"),
        gateway="bank",
        method=PaymentMethod({"token": "t"}),
    )
    payment_id = shop.payments.create(new).unwrap().id
    for call in BEFORE[kind]:
        getattr(shop.transactions, call)(payment_id).unwrap()
    bank.silent = True
    getattr(shop.transactions, CALLS.get(kind, kind.value.lower()))(payment_id, Money(100, "EUR"))
    return Case(bench, payment_id, shop.payments.get(payment_id).unwrap().transactions[-1].id)


def answered(case: Case, seen: Observation) -> None:
    """The gateway's own answer arrives late."""
    env = case.shop.environment
    payment = case.shop.payments.get(case.payment_id).unwrap()
    assert isinstance(
        record(env, payment, Received(observation=attrs.evolve(seen, channel=Channel.ANSWER)), Cause("host")), Success
    )


def recorded(case: Case, seen: Observation) -> None:
    """The host records what it observed."""
    case.shop.transactions.record(case.payment_id, attrs.evolve(seen, channel=Channel.RETURN))


def notified(case: Case, seen: Observation) -> None:
    """A webhook arrives: the first time with one event id, then with another."""
    case.bank.told = attrs.evolve(seen, channel=Channel.WEBHOOK)
    case.bank.events += 1
    event = f"ev-{case.name}-{seen.status}-{seen.gateway_reference}-{case.bank.events % 2}"
    assert case.shop.webhooks.receive("bank", {}, event.encode()).unwrap().status_code == 200


def polled(case: Case, seen: Observation) -> None:
    """The shop looks the transaction up."""
    case.bank.truth = seen
    case.bench.clock.advance(120)
    case.shop.transactions.refresh(case.payment_id)


def outcome(case: Case) -> str:
    """The result: everything except times, repetitions and channels, with ids replaced."""
    payment = case.shop.payments.get(case.payment_id).unwrap()
    attention = case.shop.maintenance.needs_attention().unwrap()
    rows = [
        (
            transaction.id,
            transaction.type,
            transaction.status,
            transaction.amount,
            transaction.gateway_reference,
            transaction.reversal,
            transaction.discrepancy,
            sorted({seen.status for seen in transaction.seen}),
        )
        for transaction in payment.transactions
    ]
    shown = sorted((item.kind, item.transaction_id) for item in attention if item.payment_id == payment.id)
    text = repr((rows, shown, case.shop.payments.summary(payment.id).unwrap()))
    for number, name in enumerate(
        (payment.id, payment.owner.id, *(transaction.id for transaction in payment.transactions))
    ):
        text = text.replace(name, f"#{number}")
    return text


def sequences(places: range, longest: int) -> Iterator[tuple[int, ...]]:
    """All orders of all events, and all orders with some of them repeated."""
    for more in range(longest - len(places) + 1):
        for repeated in itertools.combinations_with_replacement(places, more):
            yield from sorted(set(itertools.permutations((*places, *repeated))))


def outcomes(bench: Bench, kind: T, facts: Callable[[str], list[Observation]], longest: int) -> tuple[int, set[str]]:
    """Run all sequences of a case; return their number, and the different results."""
    found: set[str] = set()
    tried = 0
    ways = (answered, notified, recorded)
    for sequence in sequences(range(len(facts("any"))), longest):
        case = case_of(bench, kind)
        told = facts(case.name)
        for place in sequence:
            ways[place % len(ways)](case, told[place])
        polled(case, told[-1])
        found.add(outcome(case))
        tried += 1
    return tried, found


ENDS: Final[Mapping[str, tuple[S, ...]]] = {
    "success": (S.AWAITING_RESULT, S.SUCCEEDED, S.SUCCEEDED),
    "decline": (S.UNKNOWN, S.DECLINED, S.DECLINED),
    "late success": (S.DECLINED, S.SUCCEEDED, S.SUCCEEDED),
    "taken back": (S.SUCCEEDED, S.REVOKED, S.REVOKED),
}


@pytest.mark.parametrize("kind", list(BEFORE))
@pytest.mark.parametrize("end", list(ENDS))
def test_every_order_and_repetition_of_what_is_told_comes_to_the_same(bench: Bench, kind: T, end: str) -> None:
    tried, found = outcomes(
        bench, kind, lambda name: [about(name, kind, status, Channel.WEBHOOK) for status in ENDS[end]], 4
    )
    assert tried >= 42
    assert len(found) == 1, found


@pytest.mark.parametrize("kind", [T.AUTHORIZE, T.CAPTURE, T.REFUND])
def test_six_events_with_repetitions_come_to_the_same(bench: Bench, kind: T) -> None:
    tried, found = outcomes(
        bench,
        kind,
        lambda name: [about(name, kind, status, Channel.WEBHOOK) for status in ENDS["success"][:2]],
        LONGEST,
    )
    assert tried >= 100
    assert len(found) == 1, found


@pytest.mark.parametrize("kind", list(BEFORE))
@pytest.mark.parametrize(
    "lie",
    [{"amount": Money(10_000, "EUR")}, {"amount": Money(100, "USD")}, {"gateway_reference": "another"}],
    ids=["another amount", "another currency", "a second reference"],
)
def test_a_contradiction_comes_to_the_same_whenever_it_comes(bench: Bench, kind: T, lie: dict[str, Any]) -> None:
    def facts(name: str) -> list[Observation]:
        true = about(name, kind, S.SUCCEEDED, Channel.WEBHOOK)
        return [true, attrs.evolve(true, **lie), true]

    tried, found = outcomes(bench, kind, facts, 4)
    assert tried >= 42
    assert len(found) == 1, found
    assert "DISCREPANCY" in next(iter(found))


def test_what_the_bank_did_on_top_comes_before_the_answer_to_what_it_did_it_on(bench: Bench) -> None:
    """A capture is settled and refunded by somebody before we hear of it: the webhooks are parked, and applied once it is known."""
    found: set[str] = set()
    for sequence in sequences(range(3), 4):
        case = case_of(bench, T.CAPTURE)
        capture = about(case.name, T.CAPTURE, S.SUCCEEDED, Channel.ANSWER)
        above: dict[str, Any] = {"transaction_id": "", "parent_reference": capture.gateway_reference}
        settled = attrs.evolve(capture, type=T.SETTLED, gateway_reference=f"settled-{case.name}", **above)
        refunded = attrs.evolve(
            capture, type=T.REFUND, gateway_reference=f"refund-{case.name}", amount=Money(40, "EUR"), **above
        )
        events = ((answered, capture), (notified, settled), (notified, refunded))
        for place in sequence:
            way, seen = events[place]
            way(case, seen)
        for _ in range(4):
            bench.clock.advance(600)
            bench.shop.maintenance.run().unwrap()
        payment = bench.shop.payments.get(case.payment_id).unwrap()
        found.add(
            repr(
                sorted(
                    (transaction.type, transaction.status, transaction.amount) for transaction in payment.transactions
                )
            )
        )
    (only,) = found
    assert "SETTLED" in only
    assert "REFUND" in only


def test_a_planted_bug_makes_the_order_matter(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the last observation count instead of the credible one."""

    def believe(transaction: Transaction, seen: Observation) -> Transaction:
        return attrs.evolve(transaction, seen=(seen,))

    monkeypatch.setattr(Transaction, "with_observation", believe)
    _, found = outcomes(
        bench,
        T.CAPTURE,
        lambda name: [about(name, T.CAPTURE, status, Channel.WEBHOOK) for status in ENDS["taken back"][:2]],
        3,
    )
    assert len(found) > 1
