"""Details of the services that a host relies on: what a payment may carry, how a chain of parts ends, who is asked what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import attrs
import pytest

from payports import (
    Address,
    Busy,
    Cart,
    Conflict,
    Failure,
    GatewayUnsupported,
    InvalidInput,
    Money,
    NotExecuted,
    Observation,
    OperationNotAllowed,
    Owner,
    Payment,
    PaymentMethod,
    PaymentType,
    ReversalState,
    Source,
    Success,
    TransactionStatus,
    TransactionType,
)
from payports.application.checkout import compensation
from payports.application.checkout.service import with_token
from payports.application.events import Delivery
from payports.application.kernel.record import record
from payports.application.kernel.unit_of_work import TRIES
from payports.application.webhooks.inbox import Applied, apply, find_payment
from payports.domain.capabilities import Capabilities, ReverseAuthorization
from payports.domain.history import Cause
from payports.domain.observation import Channel
from payports.domain.observe import Unplaced
from payports.domain.options import OfferedOption
from payports.ports.gateway import PaymentRequest, PaymentResponse
from payports.ports.store import InboxEntry
from payports.testing.clock import START
from tests.application.overtaken import overtaken
from tests.application.shops import (
    CUSTOMER,
    HOUR,
    Bench,
    Spy,
    bench,
    eur,
    new_payment,
    only,
    problem,
    seen,
    told,
    with_gateway,
    without_gateway,
)

OWNER: Final = Owner("cart", "c-1")
HOST: Final = Cause("host")
CAPTURE: Final = TransactionType.CAPTURE
REFUND: Final = TransactionType.REFUND


class Able:
    """A gateway with other abilities; calls go on to the one that it stands before."""

    def __init__(self, inner: Spy, **abilities: Any) -> None:
        self._inner = inner
        self.capabilities: Capabilities = attrs.evolve(inner.capabilities, **abilities)

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        return self._inner.execute(request)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Any:
        return self._inner.look_up(request, fence=fence)


def able(on: Bench, **abilities: Any) -> Bench:
    transactions: Any = Able(on.spy, **abilities)
    return with_gateway(on, transactions=transactions)


# --- payments ---


LIMITS: Final = {"pass_through_limit": 2, "pass_through_length": 3, "pass_through_name_length": 4}


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({}, ""),
        ({"abcd": "abc", "b": "c"}, ""),
        ({"a": "1", "b": "2", "c": "3"}, "the gateway keeps 2 fields"),
        ({"a": "abcd"}, "the gateway keeps 3 characters a field"),
        ({"abcde": "a"}, "the gateway keeps names of 4 characters"),
    ],
)
def test_what_is_passed_through_is_no_more_than_the_gateway_keeps(fields: dict[str, str], refused: str) -> None:
    on = able(bench(), **LIMITS)
    made = on.shop.payments.create(new_payment(pass_through=fields))
    if refused:
        assert problem(made) == InvalidInput("pass_through", refused)
    else:
        assert told(made).pass_through == fields


def test_a_currency_that_the_gateway_does_not_take_is_refused() -> None:
    on = able(bench(), currencies=frozenset({"EUR"}))
    told(on.shop.payments.create(new_payment()))
    refused = on.shop.payments.create(new_payment(amount=Money(1, "USD")))
    assert problem(refused) == GatewayUnsupported("sandbox", "USD")


class Validator:
    """Takes only cards of one kind."""

    def __init__(self) -> None:
        self.asked: list[tuple[PaymentMethod, PaymentType]] = []

    def check(self, method: PaymentMethod, payment_type: PaymentType) -> InvalidInput | None:
        self.asked.append((method, payment_type))
        return None if method.token == "tok_good" else InvalidInput("token", "is not good")


def test_the_gateway_looks_at_a_method_when_it_is_given_and_when_it_is_changed() -> None:
    validator = Validator()
    on = with_gateway(bench(), validator=validator)
    good, bad = PaymentMethod({"token": "tok_good"}), PaymentMethod({"token": "tok_bad"})
    not_good = InvalidInput("token", "is not good")
    assert problem(on.shop.payments.create(new_payment(method=bad))) == not_good
    payment = told(on.shop.payments.create(new_payment(method=good, type=PaymentType.DEBIT_CARD)))
    assert problem(on.shop.payments.update(payment.id, method=bad)) == not_good
    assert told(on.shop.payments.update(payment.id, eur(1), good)).amount == eur(1)
    assert validator.asked == [
        (bad, PaymentType.CREDIT_CARD),
        *[(one, PaymentType.DEBIT_CARD) for one in (good, bad, good)],
    ]
    assert told(without_gateway(on).shop.payments.update(payment.id, method=bad)).method == bad


@pytest.mark.parametrize(
    "other",
    [
        {"billing": Address(city="Wien")},
        {"shipping": Address(city="Bern")},
        {"billing": None},
        {"method": PaymentMethod({"token": "tok_other"})},
        {"name": "x"},
    ],
)
def test_a_key_is_of_one_payment_to_the_last_field(other: dict[str, Any]) -> None:
    on = bench()
    new = new_payment(billing=Address(city="Bern"))
    first = told(on.shop.payments.create(new, key="k-1"))
    assert told(on.shop.payments.create(new, key="k-1")) == first
    assert problem(on.shop.payments.create(attrs.evolve(new, **other), key="k-1")) == Conflict("k-1")


def test_a_payment_is_made_with_all_that_was_given() -> None:
    on = bench()
    new = new_payment(
        type=PaymentType.DEBIT_CARD,
        customer=CUSTOMER,
        name="mine",
        save_for_future_use=True,
        billing=Address(city="Bern"),
        pass_through={"a": "b"},
    )
    made = told(on.shop.payments.create(new))
    given = {field.name: getattr(new, field.name) for field in attrs.fields(type(new))}
    assert made == Payment(id=made.id, created_at=START, version=1, **given)


# --- options and merchants ---


def test_where_no_options_are_configured_every_gateway_takes_cards() -> None:
    on = bench({"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}})
    offered: tuple[OfferedOption, ...] = told(on.shop.options.for_cart(Cart("c-1", total=eur(1))))
    assert [(one.gateway, one.type) for one in offered] == [
        ("first", PaymentType.CREDIT_CARD),
        ("second", PaymentType.CREDIT_CARD),
    ]


def test_options_that_are_configured_are_the_only_ones() -> None:
    on = bench({"options": [{"gateway": "sandbox", "types": ["COD"]}]})
    offered: tuple[OfferedOption, ...] = told(on.shop.options.for_cart(Cart("c-1", total=eur(1))))
    assert [(one.gateway, one.type) for one in offered] == [("sandbox", PaymentType.COD)]


def test_a_merchant_whose_name_is_none_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"^merchant: must not be empty$"):
        bench().shop.merchant("")


# --- checkout ---


@pytest.mark.parametrize(
    ("url", "completed"),
    [
        ("", ""),
        ("https://shop.example/back", "https://shop.example/back?callback_token=t"),
        ("https://shop.example/back?a=1", "https://shop.example/back?a=1&callback_token=t"),
    ],
)
def test_the_callback_token_is_added_to_an_address(url: str, completed: str) -> None:
    assert with_token(url, "t") == completed


# --- transactions ---


def test_parts_after_one_that_did_not_succeed_are_never_sent_and_say_so() -> None:
    on = bench()
    payment = on.pay(minor=3_000)
    told(on.shop.transactions.authorize(payment.id))
    for _ in range(3):
        told(on.shop.transactions.capture(payment.id, eur(1_000)))
    on.bank.fail_next("REFUND", "declined")
    problem(on.shop.transactions.refund(payment.id))
    refunds = [one for one in on.again(payment).transactions if one.type is REFUND]
    assert [one.status for one in refunds] == [TransactionStatus.DECLINED, *[TransactionStatus.NOT_EXECUTED] * 2]
    for one in refunds[1:]:
        assert one.seen == (
            Observation(
                status=TransactionStatus.NOT_EXECUTED,
                channel=Channel.ANSWER,
                transaction_id=one.id,
                message="not sent, because what came before it did not succeed",
            ),
        )
    assert len([one for one in on.spy.executed if one.type is REFUND]) == 1


def test_a_repeated_key_sends_only_what_is_left_to_the_last_cent() -> None:
    on = bench()
    payment = on.pay(minor=3_000)
    told(on.shop.transactions.authorize(payment.id))
    for part in (2_999, 1):
        told(on.shop.transactions.capture(payment.id, eur(part)))
    on.bank.fail_next("REFUND", "approved")
    on.bank.fail_next("REFUND", "unreachable")
    failed = problem(on.shop.transactions.refund(payment.id, key="k-1"))
    assert isinstance(failed, NotExecuted)
    report = told(on.shop.transactions.refund(payment.id, key="k-1"))
    assert [one.requested.minor for one in report.transactions] == [2_999, 1]
    assert [minor for _, minor in on.effects(REFUND)] == [2_999, 1]


MOVES: Final[dict[str, tuple[TransactionType, Callable[[Bench, str], Any]]]] = {
    "capture": (CAPTURE, lambda on, one: on.shop.transactions.authorize(one)),
    "reverse_authorization": (TransactionType.REVERSE_AUTH, lambda on, one: on.shop.transactions.authorize(one)),
    "void": (TransactionType.VOID, lambda on, one: on.shop.transactions.authorize_and_capture(one)),
    "refund": (REFUND, lambda on, one: on.shop.transactions.authorize_and_capture(one)),
}


@pytest.mark.parametrize("name", MOVES)
def test_every_argument_of_a_move_is_passed_on(name: str) -> None:
    kind, before = MOVES[name]
    on = able(bench(), partial_void=True, reverse_authorization=ReverseAuthorization.PARTIAL)
    payment = on.pay(minor=3_000)
    first = told(before(on, payment.id)).transactions[0]
    move, source = getattr(on.shop.transactions, name), Source("order line", "l-1")
    made = told(move(payment.id, eur(3_000), parent=first.id, source=source, key="k-1")).transactions[0]
    assert (made.type, made.requested, made.parent_id, made.source, made.key) == (
        *(kind, eur(3_000), first.id, source),
        "k-1",
    )
    assert problem(move(payment.id, eur(1), parent=first.id, source=source, key="k-1")) == Conflict("k-1")
    assert isinstance(problem(move(payment.id, eur(1), parent="t-none")), OperationNotAllowed)


@pytest.mark.parametrize("name", ["authorize", "authorize_and_capture"])
def test_an_amount_and_a_key_go_with_what_begins(name: str) -> None:
    on = bench()
    made = told(getattr(on.shop.transactions, name)(on.pay().id, eur(1_000), key="k-1")).transactions[0]
    assert (made.type.value, made.requested, made.key) == (name.upper(), eur(1_000), "k-1")


def test_a_credit_and_a_settlement_take_theirs_as_well() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "detached_credit": True}}})
    payment = on.pay()
    sale = told(on.shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    source = Source("goodwill", "g-1")
    credit = told(on.shop.transactions.credit(payment.id, eur(100), source=source, key="k-1")).transactions[0]
    assert (credit.requested, credit.source, credit.key, credit.parent_id) == (eur(100), source, "k-1", None)
    settled = told(on.shop.transactions.settle(payment.id, eur(5_990), parent=sale.id, key="k-2")).transactions[0]
    assert (settled.requested, settled.parent_id, settled.key) == (eur(5_990), sale.id, "k-2")


@pytest.mark.parametrize(
    ("token", "asked"),
    [
        ("tok_approved", 0),
        ("tok_declined", 0),
        ("tok_unreachable", 0),
        ("tok_async", 1),
        ("tok_3ds", 1),
        ("tok_timeout_charged", 1),
    ],
)
def test_a_refresh_asks_about_what_may_still_change(token: str, asked: int) -> None:
    on = bench()
    payment = on.pay(token=token)
    on.shop.transactions.authorize(payment.id)
    on.shop.transactions.refresh(payment.id)
    assert len(on.spy.looked_up) == asked


# --- orders ---


def test_what_is_left_of_an_order_is_freed_where_only_the_whole_rest_can_be() -> None:
    on = able(bench(), reverse_authorization=ReverseAuthorization.REMAINDER)
    on.pay(minor=3_000)
    told(on.submit(minor=3_000))
    told(on.shop.orders.cancel(OWNER, "f-1", eur(1_000), key="k-1"))
    assert on.effects(TransactionType.REVERSE_AUTH) == []
    told(on.shop.orders.capture(OWNER, "f-2", eur(2_000), key="k-2"))
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 1_000)]


def test_an_order_at_a_gateway_that_is_gone_says_so_for_each_part() -> None:
    on = bench()
    on.pay()
    told(on.submit())
    failed = problem(without_gateway(on).shop.orders.cancel(OWNER, "f-1", eur(1_000), key="k-1"))
    assert [one.problem for one in failed.details] == [GatewayUnsupported("sandbox", "REVERSE_AUTH")]


def test_nothing_is_freed_while_a_cent_may_still_be_captured() -> None:
    on = bench()
    on.pay()
    told(on.submit())
    told(on.shop.orders.capture(OWNER, "f-1", eur(5_989), key="k-1"))
    assert on.effects(TransactionType.REVERSE_AUTH) == []
    told(on.shop.orders.capture(OWNER, "f-2", eur(1), key="k-2"))
    told(on.shop.orders.release(OWNER))
    assert on.effects(TransactionType.REVERSE_AUTH) == []


# --- saving ---


def test_a_decision_is_made_again_a_bounded_number_of_times() -> None:
    on = bench()
    payment = on.pay()
    for times, fine in ((TRIES - 1, True), (TRIES, False)):
        updated = overtaken(on, times=times).shop.payments.update(payment.id, eur(1_000 + times))
        assert isinstance(updated, Success) is fine
    assert problem(overtaken(on, times=TRIES).shop.payments.update(payment.id, eur(1))) == Busy(f"payment {payment.id}")


@pytest.mark.parametrize(("times", "fine"), [(TRIES - 1, True), (TRIES, False)])
def test_a_fact_is_recorded_in_a_bounded_number_of_tries(times: int, fine: bool) -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    fact = seen(TransactionStatus.SUCCEEDED, transaction_id=row.id)
    env = overtaken(on, times=times).shop.environment
    recorded = record(env, on.again(payment), fact, HOST)
    if fine:
        assert told(recorded) == on.again(payment)
    else:
        assert recorded == Failure(Busy(f"payment {payment.id}"))


def test_a_fact_that_is_known_already_is_not_written_again() -> None:
    on = bench()
    payment = on.pay()
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    commits = len(on.store.commits)
    now = on.again(payment)
    assert record(on.shop.environment, now, row.seen[0], HOST) == Success(now)
    assert len(on.store.commits) == commits
    about_nothing = problem(record(on.shop.environment, now, seen(TransactionStatus.SUCCEEDED), HOST))
    assert isinstance(about_nothing, Unplaced)


def test_new_properties_replace_those_of_the_same_name_and_are_kept_for_good() -> None:
    on = bench()
    payment = told(
        on.shop.payments.create(
            new_payment(method=PaymentMethod({"token": "tok_approved", "pin": "1"}, {"last4": "4242"}))
        )
    )
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    fact = seen(TransactionStatus.SUCCEEDED, transaction_id=row.id)
    properties = PaymentMethod({"token": "pm_1", "customer": "cu"}).properties
    told(record(on.shop.environment, on.again(payment), fact, HOST, new_properties=properties))
    method = on.again(payment).method
    revealed = {name: one.reveal() for name, one in method.properties.items()}
    assert revealed == {"token": "pm_1", "pin": "1", "customer": "cu"}
    assert (dict(method.display), method.single_use) == ({"last4": "4242"}, False)


# --- notifications ---


def test_a_fact_finds_its_payment_by_our_name_and_else_by_the_gateways() -> None:
    on = bench()
    payment = on.pay()
    row = told(on.shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    env = on.shop.environment

    def found(gateway: str = "sandbox", **names: str) -> bool:
        fact = find_payment(env, gateway, seen(TransactionStatus.SUCCEEDED, **names))
        assert fact in (None, on.again(payment))
        return fact is not None

    known = row.gateway_reference
    assert found(transaction_id=row.id)
    assert found(gateway_reference=known)
    assert found(parent_reference=known)
    assert found(gateway_reference="re_9", parent_reference=known)
    assert found(gateway_reference=known, parent_reference="re_9")
    assert not found()
    assert not found(gateway_reference="re_9")
    assert not found(transaction_id="t-9", gateway_reference=known)  # another shop's, by its own word
    assert not found("other", transaction_id=row.id)
    assert not found("other", gateway_reference=known)


def entry(**names: str) -> InboxEntry:
    fact = seen(TransactionStatus.SUCCEEDED, **names)
    return InboxEntry(gateway="sandbox", event_id="ev_1", received_at=START, seen=fact)


def test_a_fact_that_cannot_be_written_now_is_told_to_come_again() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    assert apply(overtaken(on).shop.environment, entry(transaction_id=row.id)) is Applied.BUSY
    assert on.shop.environment.store.inbox_entry("sandbox", "ev_1") is None
    ((headers, body),) = _told_later(on, row.gateway_reference)
    receipt = told(overtaken(on).receive(headers, body))
    assert (receipt.status_code, receipt.body, receipt.applied) == (503, b"busy", 0)


def _told_later(on: Bench, reference: str) -> Any:
    on.bank.finish_async(reference)
    return on.bank.webhooks()


def test_a_fact_about_nothing_of_its_payment_is_parked() -> None:
    on = bench()
    payment = on.pay()
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    odd = attrs.evolve(entry(parent_reference=row.gateway_reference), event_id="ev_2")
    assert apply(on.shop.environment, odd) is Applied.PARKED
    assert on.shop.environment.store.inbox_entry("sandbox", "ev_2") == attrs.evolve(
        odd, due_at=START + timedelta(minutes=1), tries=1
    )


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [(b"x" * 1_000_000, 400, b"refused"), (b"x" * 1_000_001, 413, b"too large"), (b"", 400, b"refused")],
)
def test_a_gateway_is_answered_by_how_its_body_was_taken(body: bytes, status: int, said: bytes) -> None:
    receipt = told(bench().receive({}, body))
    assert (receipt.status_code, receipt.body, receipt.applied) == (status, said, 0)


def test_a_gateway_is_thanked_for_what_was_applied_and_for_what_was_known() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    ((headers, body),) = _told_later(on, row.gateway_reference)
    for applied in (1, 0):
        receipt = told(on.receive(headers, body))
        assert (receipt.status_code, receipt.body, receipt.applied) == (200, b"ok", applied)


# --- delivery ---


@pytest.mark.parametrize("limit", [1, 99, 100, 101, 150, 151])
def test_a_delivery_takes_no_more_than_its_limit(limit: int) -> None:
    on = bench()
    for number in range(150):
        on.pay(f"c-{number}")
    taken: list[int] = []
    delivered = told(on.shop.events.deliver(lambda one: taken.append(one.position), limit))
    assert delivered == Delivery(min(limit, 150))
    rest = told(on.shop.events.deliver(lambda one: taken.append(one.position)))
    assert rest == Delivery(150 - min(limit, 150))
    assert taken == sorted(set(taken))


@pytest.mark.parametrize(("step", "renewals"), [(19, 1), (20, 2), (-1, 2)])
def test_a_lease_is_renewed_after_a_third_of_its_time_or_when_the_clock_goes_back(step: int, renewals: int) -> None:
    on = bench()
    on.pay()
    store: Any = on.shop.environment.store
    lease, leased = store.lease, list[Any]()

    def counted(*asked: Any) -> Any:
        leased.append(asked[2])
        return lease(*asked)

    store.lease = counted
    told(on.shop.events.deliver(lambda _: on.clock.advance(step)))
    assert leased[:1] == [timedelta(minutes=1)]
    assert len(leased) >= renewals


# --- reversing ---


def owed(on: Bench, **rest: Any) -> Payment:
    """A payment that was authorized and archived: its hold is owed back."""
    payment = on.pay(**rest)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.payments.archive(payment.id))
    return on.again(payment)


def test_a_reversal_that_the_gateway_cannot_make_is_noted_as_failed_and_tried_later() -> None:
    on = bench()
    payment = owed(on)
    unable = able(on, types=frozenset({TransactionType.AUTHORIZE}))
    env = unable.shop.environment
    after = compensation.reverse_owed(env, payment, HOST)
    hold = only(after, TransactionType.AUTHORIZE)
    assert (hold.reversal, hold.look_ups) == (ReversalState.FAILED_REVERSAL, 1)
    assert after == on.again(payment)
    again = only(compensation.reverse_owed(env, after, HOST), TransactionType.AUTHORIZE)
    assert (again.reversal, again.look_ups) == (ReversalState.FAILED_REVERSAL, 2)
    done = only(compensation.reverse_owed(on.shop.environment, on.again(payment), HOST), TransactionType.AUTHORIZE)
    assert done.reversal is ReversalState.REVERSED
    assert {one.fact.by for one in told(on.shop.events.history(payment.id))} == {"host"}


def test_what_is_owed_at_a_gateway_that_is_gone_stays_owed() -> None:
    on = bench()
    payment = owed(on)
    assert compensation.reverse_owed(without_gateway(on).shop.environment, payment, HOST) == payment


def test_what_nobody_wants_back_is_left_alone() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    now = on.again(payment)
    assert compensation.reverse_owed(on.shop.environment, now, HOST) == now
    assert on.effects() == [("AUTHORIZE", 5_990)]


def test_captures_are_undone_before_their_hold() -> None:
    on = bench()
    payment = on.pay(minor=3_000)
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.capture(payment.id, eur(1_000)))
    told(on.shop.payments.archive(payment.id))
    after = compensation.reverse_owed(on.shop.environment, on.again(payment), HOST)
    assert on.effects()[2:] == [("VOID", 1_000), ("REVERSE_AUTH", 3_000)]
    assert {one.reversal for one in after.transactions if not one.reverses} == {ReversalState.REVERSED}


def test_a_hold_with_nothing_left_is_noted_as_reversed_without_a_call() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.reverse_authorization(payment.id))
    told(on.shop.payments.archive(payment.id))
    calls = on.spy.calls
    after = compensation.reverse_owed(on.shop.environment, on.again(payment), HOST)
    assert only(after, TransactionType.AUTHORIZE).reversal is ReversalState.REVERSED
    assert on.spy.calls == calls


def test_a_hold_whose_reversal_is_under_way_stays_owed_until_that_is_known() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    on.bank.fail_next("REVERSE_AUTH", "timeout_charged")
    problem(on.shop.transactions.reverse_authorization(payment.id))
    told(on.shop.payments.archive(payment.id))
    on.spy.on_look_up = lambda _: None
    after = compensation.reverse_owed(on.shop.environment, on.again(payment), HOST)
    assert only(after, TransactionType.AUTHORIZE).reversal is ReversalState.REQUIRES_REVERSAL
    on.spy.on_look_up = None
    on.clock.advance(HOUR)
    done = compensation.reverse_owed(on.shop.environment, on.again(payment), HOST)
    assert only(done, TransactionType.AUTHORIZE).reversal is ReversalState.REVERSED
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 5_990)]


def test_undoing_frees_the_payments_for_the_customer_and_gives_them_as_they_are_stored() -> None:
    on = bench()
    payment = on.pay(minor=1_000, token="tok_3ds")
    on.clock.advance(1)
    other = on.pay(minor=2_000)
    told(on.submit(minor=3_000))
    assert on.again(payment).restrictions
    undone = told(on.shop.checkout.cancel(OWNER))
    assert undone == (on.again(payment), on.again(other))
    assert [one.restrictions for one in undone] == [frozenset(), frozenset()]
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 2_000)]
