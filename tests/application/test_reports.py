"""What the services report, field by field: orders placed, actions, waits, problems, passes of maintenance, work for people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import attrs
import pytest

from payports import (
    ActionRequired,
    AwaitingResults,
    CheckedOut,
    Declined,
    NotExecuted,
    Observation,
    Owner,
    Payment,
    PaymentType,
    ResultUnknown,
    TransactionStatus,
    TransactionType,
)
from payports.application.checkout.finalize import Receipt
from payports.application.maintenance.service import MaintenanceReport
from payports.application.orders import OrderReport
from payports.application.webhooks.inbox import Applied, apply
from payports.domain.attention import AttentionItem, AttentionKind
from payports.domain.failures import FailedPayment, PaymentsFailed
from payports.domain.observation import Channel
from payports.domain.transaction import Source
from payports.domain.transaction_types import FailureType
from payports.ports.gateway import ExternalActions, NotFoundYet, PaymentRequest
from payports.ports.store import CheckoutRecord, CheckoutState, InboxEntry
from payports.testing.clock import START
from tests.application.shops import (
    CUSTOMER,
    DAY,
    HOUR,
    MINUTE,
    Bench,
    bench,
    eur,
    only,
    problem,
    seen,
    told,
    with_gateway,
    without_gateway,
)

OWNER: Final = Owner("cart", "c-1")
AUTHORIZE: Final = TransactionType.AUTHORIZE
TWO: Final = {"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}}
IMMEDIATE: Final = {"checkout": {"rollback": "immediate"}}


def record_of(on: Bench) -> CheckoutRecord:
    found = on.store.of("default").checkout(OWNER)
    assert found
    return found


# --- checkout ---


def test_a_placed_order_says_what_each_payment_gave_and_by_which_transactions() -> None:
    on = bench(TWO)
    card = on.pay(minor=1_000, gateway="first", type=PaymentType.DEBIT_CARD)
    on.clock.advance(MINUTE)
    other = on.pay(minor=2_000, gateway="second")
    on.bank.fail_next("AUTHORIZE", "declined")
    problem(on.shop.transactions.authorize(card.id))
    placed = told(on.submit(minor=3_000))
    told(on.shop.transactions.capture(card.id))
    rows = {one.id: [row.id for row in on.again(one).transactions] for one in (card, other)}
    expected = CheckedOut(
        owner=OWNER,
        request_id="attempt-1",
        total=eur(3_000),
        receipts=(
            Receipt(
                payment_id=card.id,
                gateway="first",
                type=PaymentType.DEBIT_CARD,
                amount=eur(1_000),
                secured=eur(1_000),
                transaction_ids=(rows[card.id][1],),
            ),
            Receipt(
                payment_id=other.id,
                gateway="second",
                type=PaymentType.CREDIT_CARD,
                amount=eur(2_000),
                secured=eur(2_000),
                transaction_ids=(rows[other.id][0],),
            ),
        ),
        placed_at=START + timedelta(minutes=1),
    )
    assert placed == expected
    assert told(on.submit(minor=3_000)) == expected


def test_a_detour_says_what_the_shopper_must_do() -> None:
    on = bench()
    on.pay(token="tok_3ds")
    required = told(on.submit())
    action = only(told(on.shop.payments.of_owner(OWNER))[0], AUTHORIZE).next_action
    assert action
    assert required == ActionRequired(
        owner=OWNER, request_id="attempt-1", next_actions=(action,), callback_token=record_of(on).callback_token
    )
    assert required.callback_token not in repr(required)


def test_a_wait_says_how_much_is_awaited() -> None:
    on = bench()
    on.pay(token="tok_async")
    assert told(on.submit()) == AwaitingResults(owner=OWNER, request_id="attempt-1", awaiting=eur(5_990))


def test_a_claim_keeps_all_that_an_attempt_must_be_known_by() -> None:
    on = bench()
    on.pay(customer=CUSTOMER)
    running: list[CheckoutRecord] = []
    on.spy.during = lambda _: running.append(record_of(on))
    told(on.submit(version="v-7", customer=CUSTOMER))
    (claimed,) = running
    assert attrs.evolve(claimed, fingerprint="", callback_token="") == CheckoutRecord(
        owner=OWNER,
        request_id="attempt-1",
        fingerprint="",
        total=eur(5_990),
        state=CheckoutState.RUNNING,
        lease_until=START + timedelta(minutes=5),
        cart_version="v-7",
        customer=CUSTOMER,
        started_at=START,
        version=2,  # the claim, and the proof of the hold with the first intent
    )
    assert attrs.evolve(record_of(on), version=0) == attrs.evolve(
        claimed, state=CheckoutState.PLACED, lease_until=START + timedelta(days=1), version=0
    )


@pytest.mark.parametrize(("token", "kept"), [("tok_3ds", True), ("tok_async", True), ("tok_declined", False)])
def test_a_shopper_who_is_still_away_may_come_back_to_the_next_attempt(token: str, kept: bool) -> None:
    on = bench()
    on.pay(token=token)
    on.submit()
    before = record_of(on).callback_token
    on.submit(request_id="attempt-2")
    assert (record_of(on).callback_token == before) is kept


def test_a_declined_payment_is_told_with_all_that_is_known_of_it() -> None:
    on = bench()
    payment = on.pay(token="tok_declined")
    failed = problem(on.submit())
    row = only(on.again(payment), AUTHORIZE)
    declined = Declined("insufficient_funds", FailureType.DECLINED, transaction_id=row.id)
    told_now = FailedPayment(
        payment_id=payment.id, problem=declined, type=AUTHORIZE, transaction_id=row.id, amount=eur(5_990)
    )
    assert failed == PaymentsFailed((told_now,))
    later = problem(on.shop.checkout.resume("sandbox", {"callback_token": record_of(on).callback_token}))
    assert later == PaymentsFailed((attrs.evolve(told_now, status=TransactionStatus.DECLINED),))


def test_a_payment_in_doubt_is_told_with_its_transaction() -> None:
    on = bench()
    payment = on.pay(token="tok_timeout_charged")
    on.spy.on_look_up = lambda _: None
    problem(on.submit())
    row = only(on.again(payment), AUTHORIZE)
    assert problem(on.submit(request_id="attempt-2")) == PaymentsFailed(
        (
            FailedPayment(
                payment_id=payment.id,
                problem=ResultUnknown(row.id),
                transaction_id=row.id,
                status=TransactionStatus.UNKNOWN,
            ),
        )
    )


def test_a_payment_that_was_never_asked_for_is_told_without_a_transaction() -> None:
    on = bench()
    payment = on.pay()
    refused = with_gateway(on, transactions=OnlyCaptures(on)).submit()
    (detail,) = problem(refused).details
    assert (detail.payment_id, detail.type, detail.transaction_id, detail.amount) == (
        *(payment.id, AUTHORIZE, ""),
        eur(5_990),
    )


class OnlyCaptures:
    """Takes no authorization; nobody gets as far as asking it for one."""

    def __init__(self, on: Bench) -> None:
        self._inner: Any = on.spy.inner

    @property
    def capabilities(self) -> Any:
        return attrs.evolve(self._inner.capabilities, types=frozenset({TransactionType.CAPTURE}))


# --- orders ---


def test_a_request_of_an_order_reports_what_it_moved_and_for_what() -> None:
    on = bench()
    payment = on.pay()
    told(on.submit())
    report = told(on.shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))
    capture = only(on.again(payment), TransactionType.CAPTURE)
    assert report == OrderReport(owner=OWNER, source=Source("fulfillment", "f-1"), reports=report.reports)
    assert [one.transactions for one in report.reports] == [(capture,)]
    released = told(on.shop.orders.release(OWNER))
    assert released == OrderReport(owner=OWNER, source=None, reports=released.reports)
    assert [one.requested for one in released.reports[0].transactions] == [eur(4_990)]


def test_a_part_of_an_order_that_failed_is_told_with_its_payment() -> None:
    on = bench()
    payment = on.pay()
    told(on.submit())
    on.bank.fail_next("CAPTURE", "unreachable")
    failed = problem(on.shop.orders.capture(OWNER, "f-1", eur(1_000), key="k-1"))
    row = only(on.again(payment), TransactionType.CAPTURE)
    assert failed == PaymentsFailed(
        (
            FailedPayment(
                payment_id=payment.id,
                problem=NotExecuted(row.id, "the connection was refused"),
                type=TransactionType.CAPTURE,
                amount=eur(1_000),
            ),
        )
    )


# --- maintenance ---


def passed(**counted: Any) -> MaintenanceReport:
    """The report of a pass that did nothing but what is named."""
    fields: dict[str, Any] = {field.name: 0 for field in attrs.fields(MaintenanceReport)}
    return MaintenanceReport(**(fields | {"more": False} | counted))


def unknown(on: Bench, number: int) -> Payment:
    payment = on.pay(f"c-{number}", token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(payment.id))
    return payment


def run(on: Bench, limit: int = 100) -> MaintenanceReport:
    found: MaintenanceReport = told(on.shop.maintenance.run(limit))
    return found


def test_a_pass_counts_what_it_looked_up_and_what_that_settled() -> None:
    on = bench()
    payments = [unknown(on, number) for number in range(3)]
    known = payments[0].id
    on.spy.on_look_up = lambda request: (
        on.spy.inner.look_up(request) if request.payment_id == known else seen(TransactionStatus.UNKNOWN)
    )
    on.clock.advance(MINUTE)
    assert run(on) == passed(looked_up=3, settled=1)
    on.clock.advance(HOUR)
    on.spy.on_look_up = lambda _: NotFoundYet("never heard of it")
    assert run(on) == passed(looked_up=2, settled=2)
    assert run(on) == passed()


def test_a_pass_counts_what_it_reversed_and_what_it_could_not() -> None:
    on = bench(IMMEDIATE)
    good, bad = on.pay("c-1"), on.pay("c-2")
    for one in (good, bad):
        told(on.shop.transactions.authorize(one.id))
        told(on.shop.payments.archive(one.id))
    on.clock.advance(MINUTE)
    on.bank.fail_next("REVERSE_AUTH", "declined")
    assert run(on) == passed(reversed=1, failed_reversals=1)
    on.clock.advance(HOUR)
    assert run(on) == passed(reversed=1)
    assert run(on) == passed()


def test_a_pass_counts_the_actions_that_lapsed_and_the_checkouts_that_it_concluded() -> None:
    on = bench()
    for number in range(2):
        on.pay(f"c-{number}", token="tok_3ds")
        told(on.submit(f"c-{number}"))
    on.clock.advance(HOUR - 1)
    assert run(on) == passed()
    on.clock.advance(1)
    assert run(on) == passed(looked_up=2, settled=2, lapsed=2)
    row = only(told(on.shop.payments.of_owner(Owner("cart", "c-0")))[0], AUTHORIZE)
    assert row.status is TransactionStatus.DECLINED


class Stubborn(ExternalActions):
    """Actions of a gateway that cannot be told to give one up."""

    def __init__(self, inner: ExternalActions) -> None:
        self.inner = inner

    def confirm(self, request: PaymentRequest, params: Any) -> Observation | NotFoundYet:
        return self.inner.confirm(request, params)


def test_what_lapses_by_the_time_alone_is_declined_as_abandoned() -> None:
    on = bench()
    actions = on.shop.gateways["sandbox"].gateway.actions
    assert actions
    on = with_gateway(on, actions=Stubborn(actions))
    payment = on.pay(token="tok_3ds")
    told(on.submit())
    on.clock.advance(HOUR)
    assert run(on) == passed(looked_up=1, lapsed=1)
    lapsed = only(on.again(payment), AUTHORIZE).judgement.telling
    assert lapsed == seen(
        TransactionStatus.DECLINED,
        channel=Channel.LOOK_UP,
        transaction_id=on.again(payment).transactions[0].id,
        code="action_expired",
        failure_type=FailureType.ABANDONED,
    )


def test_a_pass_counts_the_checkouts_that_nobody_finished() -> None:
    on = bench()
    for number in range(2):
        on.pay(f"c-{number}")

        def die(_: object) -> None:
            raise KeyboardInterrupt

        on.spy.during = die
        with pytest.raises(KeyboardInterrupt):
            on.submit(f"c-{number}")
    on.spy.during = None
    on.clock.advance(5 * MINUTE)
    assert run(on).concluded == 0
    on.clock.advance(1)
    assert run(on) == passed(concluded=2)


def test_a_pass_counts_the_holds_whose_end_is_near() -> None:
    on = bench()
    for number in range(3):
        told(on.shop.transactions.authorize(on.pay(f"c-{number}").id))
    on.clock.advance(6 * DAY - 1)
    assert run(on) == passed()
    on.clock.advance(1)
    assert run(on) == passed(expiring=3)
    assert run(on) == passed()


def test_a_pass_counts_the_notifications_that_found_their_payment() -> None:
    on = bench()
    for number in range(2):
        payment = on.pay(f"c-{number}", token="tok_timeout_charged")
        problem(on.shop.transactions.authorize_and_capture(payment.id))
    on.bank.webhooks()
    for effect in on.bank.effects():
        on.bank.dashboard("REFUND", effect.gateway_reference, eur(1_000))
    on.deliver()
    assert run(on) == passed()
    on.clock.advance(MINUTE)
    assert run(on) == passed(looked_up=2, settled=2, applied=2)
    assert run(on) == passed()


@pytest.mark.parametrize(("limit", "more"), [(1, True), (2, True), (3, False)])
def test_a_pass_says_whether_there_was_more_work_than_it_took(limit: int, more: bool) -> None:
    on = bench()
    for number in range(2):
        unknown(on, number)
    on.clock.advance(MINUTE)
    found = min(limit, 2)
    assert run(on, limit) == passed(looked_up=found, settled=found, more=more)


# --- people ---


def items(on: Bench) -> list[AttentionItem]:
    return list(told(on.shop.maintenance.needs_attention()))


def test_an_unknown_result_is_shown_after_half_an_hour_or_at_once_where_nobody_can_look() -> None:
    on = bench()
    payment = unknown(on, 1)
    row = on.again(payment).transactions[0]
    on.clock.advance(30 * MINUTE - 1)
    assert items(on) == []
    on.clock.advance(1)
    shown = AttentionItem(
        kind=AttentionKind.UNKNOWN_RESULT,
        payment_id=payment.id,
        transaction_id=row.id,
        message="nobody knows whether 59.90 EUR moved",
        what_to_do="look at the gateway, then resolve() with what is true",
    )
    assert items(on) == [shown]


def test_an_unknown_result_at_a_gateway_that_is_gone_is_shown_at_once() -> None:
    on = bench()
    payment = unknown(on, 1)
    fine = on.pay("c-2")
    told(on.shop.transactions.authorize(fine.id))
    row = on.again(payment).transactions[0]
    assert items(without_gateway(on)) == [
        AttentionItem(
            kind=AttentionKind.UNKNOWN_GATEWAY,
            payment_id=payment.id,
            transaction_id=row.id,
            message="gateway 'sandbox' is not configured any more",
            what_to_do="configure it again, or resolve() by hand",
        )
    ]
    assert items(on) == []


def test_a_reversal_at_a_gateway_that_is_gone_is_shown() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.payments.archive(payment.id))
    (item,) = items(without_gateway(on))
    assert item.kind is AttentionKind.UNKNOWN_GATEWAY
    on.clock.advance(HOUR)
    assert run(without_gateway(on)) == passed()
    on.clock.advance(DAY)
    assert run(on) == passed(reversed=1)


NOBODYS: Final[dict[str, tuple[dict[str, Any], int, AttentionItem]]] = {
    "lost": (
        {"transaction_id": "t-none"},
        2,
        AttentionItem(
            kind=AttentionKind.LOST_TRANSACTION,
            payment_id="",
            transaction_id="t-none",
            message="notification ev_1 of sandbox names a transaction that this store does not have",
            what_to_do="was an older state of the store restored? Compare with the gateway; or does another shop share the account?",
        ),
    ),
    "parked": (
        {"gateway_reference": "au_none"},
        8,
        AttentionItem(
            kind=AttentionKind.PARKED_NOTIFICATION,
            payment_id="",
            transaction_id="",
            message="notification ev_1 of sandbox is about no transaction that we know",
            what_to_do="find out at the gateway what it is about; a payment made there is recorded with record()",
        ),
    ),
}


@pytest.mark.parametrize("case", NOBODYS)
def test_a_notification_that_nobody_can_place_waits_longer_each_time_and_is_shown(case: str) -> None:
    said, tries, item = NOBODYS[case]
    on = bench()
    env = on.shop.environment
    entry = InboxEntry(
        gateway="sandbox",
        event_id="ev_1",
        received_at=START,
        seen=seen(TransactionStatus.SUCCEEDED, **said),
    )
    waits: list[timedelta] = []
    for number in range(1, 14):
        assert apply(env, entry) is Applied.PARKED
        found = env.store.inbox_entry("sandbox", "ev_1")
        assert found
        assert found.due_at
        entry = found
        assert entry.tries == number
        waits.append(found.due_at - on.clock.now())
        assert items(on) == ([item] if number >= tries else [])
    minutes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 1_440, 1_440]
    assert waits == [timedelta(minutes=one) for one in minutes]


def test_an_applied_notification_is_kept_with_the_number_of_its_tries() -> None:
    on = bench()
    payment = on.pay()
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    fact = seen(TransactionStatus.SUCCEEDED, transaction_id=row.id)
    entry = InboxEntry(gateway="sandbox", event_id="ev_1", received_at=START, seen=fact, due_at=START, tries=3)
    assert apply(on.shop.environment, entry) is Applied.APPLIED
    assert on.shop.environment.store.inbox_entry("sandbox", "ev_1") == attrs.evolve(entry, due_at=None, tries=4)
