"""Edges of the services that only a second look finds: repeated requests, leases, rulings and ratios."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import attrs
import pytest

from payports import (
    CheckedOut,
    Declined,
    Failure,
    Finding,
    FindingKind,
    InvalidInput,
    NextAction,
    Observation,
    Owner,
    PaymentMethod,
    PaymentType,
    Success,
    TransactionStatus,
    TransactionType,
)
from payports.application.events import Delivery
from payports.application.kernel.record import record
from payports.domain.attention import AttentionKind
from payports.domain.capabilities import LookUp
from payports.domain.history import Cause
from payports.domain.observation import Channel
from payports.domain.secret import Secret
from payports.domain.transaction_types import FailureType
from payports.ports.gateway import (
    ExternalActions,
    NotFoundYet,
    Notification,
    PaymentRequest,
    PaymentResponse,
    WebhookReader,
    WebhookRefused,
)
from payports.ports.store import DELIVERY
from tests.application.shops import (
    DAY,
    HOUR,
    MINUTE,
    Bench,
    bench,
    eur,
    fail,
    only,
    problem,
    seen,
    snapshot,
    spoil,
    told,
    with_gateway,
    without_gateway,
)

OWNER: Final = Owner("cart", "c-1")
TWO: Final[dict[str, Any]] = {"gateways": {"first": {"adapter": "sandbox"}, "second": {"adapter": "sandbox"}}}
CAPTURE: Final = TransactionType.CAPTURE


# --- orders ---


@pytest.mark.parametrize("operation", ["cancel", "refund"])
def test_a_ratio_holds_for_every_way_to_move_an_order(operation: str) -> None:
    on = bench({**TWO, "orders": {"split": "ratio"}})
    on.pay(minor=1_000, gateway="first")
    on.pay(minor=9_000, gateway="second")
    told(on.submit(minor=10_000))
    kind = TransactionType.REVERSE_AUTH
    if operation == "refund":
        told(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
        kind = TransactionType.REFUND
    told(getattr(on.shop.orders, operation)(OWNER, "x-1", eur(5_000), key="k-2"))
    assert sorted(minor for _, minor in on.effects(kind)) == [500, 4_500]


def test_an_order_is_released_as_often_as_something_is_held() -> None:
    on = bench()
    payment = on.pay()
    for _ in range(2):
        told(on.shop.transactions.authorize(payment.id))
        told(on.shop.orders.release(OWNER))
    assert on.effects(TransactionType.REVERSE_AUTH) == [("REVERSE_AUTH", 5_990)] * 2


def test_a_request_for_the_rest_is_finished_by_its_key_although_more_was_moved_before_it() -> None:
    on = bench(TWO)
    on.pay(minor=4_000, gateway="first")
    on.pay(minor=6_000, gateway="second")
    told(on.submit(minor=10_000))
    on.bank.fail_next("CAPTURE", "declined")
    problem(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-1"))
    on.bank.fail_next("CAPTURE", "unreachable")
    problem(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-2"))
    told(on.shop.orders.capture(OWNER, "f-1", eur(10_000), key="k-2"))
    assert [minor for _, minor in on.effects(CAPTURE)] == [6_000, 4_000]


# --- a person's word ---


def test_a_ruling_keeps_who_ruled_why_and_by_what_name() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    report = told(
        on.shop.maintenance.resolve(
            row.id,
            TransactionStatus.SUCCEEDED,
            operator="ada",
            reason="a b",
            gateway_reference=row.gateway_reference,
        )
    )
    assert report.payment == on.again(payment)
    assert report.transactions == on.again(payment).transactions
    assert report.transactions[0].judgement.telling == Observation(
        status=TransactionStatus.SUCCEEDED,
        channel=Channel.OPERATOR,
        transaction_id=row.id,
        gateway_reference=row.gateway_reference,
        operator="ada",
        message="a b",
    )


def test_a_ruling_concludes_the_checkout_that_waited_for_it() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    told(on.submit())
    row = on.again(payment).transactions[0]
    told(on.shop.maintenance.resolve(row.id, TransactionStatus.SUCCEEDED, operator="ada", reason="paid"))
    assert on.again(payment).placed
    assert isinstance(told(on.submit()), CheckedOut)


@pytest.mark.parametrize("reason", [None, 5, b"because"])
def test_a_reason_that_is_no_text_is_none(reason: Any) -> None:
    ruled = bench().shop.maintenance.resolve("t-1", TransactionStatus.SUCCEEDED, operator="ada", reason=reason)
    assert problem(ruled) == InvalidInput("reason", "must be text")


def shown(on: Bench) -> list[AttentionKind]:
    return [item.kind for item in told(on.shop.maintenance.needs_attention())]


def test_what_nobody_can_look_up_is_shown_at_once() -> None:
    on = bench()
    payment = on.pay(token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(payment.id))
    assert shown(on) == []
    blind: Any = type("Blind", (), {"capabilities": attrs.evolve(on.spy.capabilities, look_up=LookUp.NONE)})()
    assert shown(with_gateway(on, transactions=blind)) == [AttentionKind.UNKNOWN_RESULT]


def test_what_contradicts_itself_or_follows_another_is_shown_once() -> None:
    on = bench({"gateways": {"sandbox": {"adapter": "sandbox", "partial_capture": "RELEASES_REST"}}})
    odd = on.pay(token="tok_wrong_amount")
    problem(on.shop.transactions.authorize(odd.id))
    part = on.pay("c-2")
    told(on.shop.transactions.authorize(part.id))
    on.bank.fail_next("CAPTURE", "timeout_charged")
    problem(on.shop.transactions.capture(part.id, eur(1_000)))
    on.spy.on_look_up = lambda _: None
    blind: Any = type("Blind", (), {"capabilities": attrs.evolve(on.spy.capabilities, look_up=LookUp.NONE)})()
    assert sorted(shown(with_gateway(on, transactions=blind))) == ["DISCREPANCY", "UNKNOWN_RESULT"]


def test_what_failed_at_a_gateway_that_is_gone_is_nobodys_concern() -> None:
    on = bench()
    for token in ("tok_declined", "tok_unreachable", "tok_approved"):
        on.shop.transactions.authorize(on.pay(token=token).id)
    assert shown(without_gateway(on)) == []


# --- the audit ---


def test_every_success_is_looked_for_by_its_name_also_after_a_failure() -> None:
    on = bench()
    payment = on.pay()
    on.bank.fail_next("AUTHORIZE", "declined")
    problem(on.shop.transactions.authorize(payment.id))
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    store: Any = on.shop.environment.store
    spoil(store, "payment_by_reference", lambda _, __: None)
    assert list(told(on.shop.audit.verify()).findings) == [
        Finding(
            kind=FindingKind.REFERENCE,
            payment_id=payment.id,
            transaction_id=row.id,
            message=f"the gateway reference {row.gateway_reference} does not lead to this payment alone",
        )
    ]


# --- delivery ---


@pytest.mark.parametrize(("step", "leases"), [(0, 1), (15, 1), (19, 1), (20, 2), (21, 2), (-1, 2)])
def test_a_lease_holds_for_a_third_of_its_time(step: int, leases: int) -> None:
    on = bench()
    on.pay()
    store: Any = on.shop.environment.store
    lease, asked = store.lease, list[tuple[Any, ...]]()

    def leasing(*one: Any) -> Any:
        asked.append(one)
        return lease(*one)

    store.lease = leasing
    assert told(on.shop.events.deliver(lambda _: on.clock.advance(step))) == Delivery(1)
    assert asked == [((DELIVERY,), asked[0][1], timedelta(minutes=1))] * leases


def test_who_lost_its_lease_while_it_read_hands_out_nothing() -> None:
    on = bench()
    on.pay()
    store: Any = on.shop.environment.store
    read = store.undelivered

    def slow(limit: int) -> Any:
        page = read(limit)
        on.clock.advance(HOUR)
        assert store.lease((DELIVERY,), "another", timedelta(minutes=1))
        return page

    store.undelivered = slow
    taken: list[Any] = []
    assert told(on.shop.events.deliver(taken.append)) == Delivery(0, elsewhere=True)
    assert taken == []


def test_a_handler_that_raises_is_told_of_with_the_fact_at_which_it_did() -> None:
    on = bench()
    for number in range(3):
        on.pay(f"c-{number}")
    facts = on.shop.environment.store.undelivered(10)

    def handler(recorded: Any) -> None:
        if recorded == facts[fails_at]:
            raise LookupError("secret")

    for fails_at, before in ((0, 0), (2, 2)):
        assert told(on.shop.events.deliver(handler)) == Delivery(before, facts[fails_at], "LookupError")


# --- the shopper comes back ---


class Listening(ExternalActions):
    """Notes what the browser brought; the gateway itself is asked by look-up."""

    def __init__(self, inner: ExternalActions) -> None:
        self.inner = inner
        self.brought: list[Mapping[str, str]] = []

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        self.brought.append(params)
        return self.inner.confirm(request, params)


def test_what_the_browser_brought_goes_to_the_gateway_that_it_comes_from() -> None:
    on = bench(TWO)
    actions = [on.shop.gateways[name].gateway.actions for name in ("first", "second")]
    listening = [Listening(one) for one in actions if one]
    for name, one in zip(("first", "second"), listening, strict=True):
        on = with_gateway(on, name, actions=one)
    on.pay(minor=1_000, gateway="first", token="tok_3ds")
    on.pay(minor=2_000, gateway="second", token="tok_3ds")
    required = told(on.submit(minor=3_000))
    params = {"callback_token": required.callback_token, "state": "x"}
    told(on.shop.checkout.resume("first", params))
    assert [one.brought for one in listening] == [[params], []]


def test_a_hold_that_was_released_meanwhile_is_not_warned_of() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    on.clock.advance(6 * DAY)

    def release(request: PaymentRequest) -> Any:
        on.spy.on_look_up = None
        told(on.shop.transactions.reverse_authorization(payment.id))
        return on.spy.inner.look_up(request, fence=False)

    on.spy.on_look_up = release
    assert told(on.shop.maintenance.run()).expiring == 0
    assert not only(on.again(payment), TransactionType.AUTHORIZE).expiring


# --- passes of maintenance ---


def test_a_result_that_is_owed_is_asked_for_when_it_is_due_and_later_each_time() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    told(on.shop.transactions.authorize(payment.id))
    due = on.again(payment).transactions[0].due_at
    assert due
    on.clock.advance((due - on.clock.now()).total_seconds() - 1)
    assert told(on.shop.maintenance.run()).looked_up == 0
    on.clock.advance(1)
    assert told(on.shop.maintenance.run()).looked_up == 1
    row = on.again(payment).transactions[0]
    assert row.look_ups == 1
    assert row.due_at
    assert row.due_at > on.clock.now()


def test_what_waits_for_another_result_is_put_off_a_little_longer_each_time() -> None:
    on = bench()
    payment = on.pay()
    sale = told(on.shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    on.bank.fail_next("REFUND", "async")
    told(on.shop.transactions.refund(payment.id, eur(5_990)))
    told(on.shop.payments.archive(payment.id))
    for number in (1, 2, 3):
        due = on.again(payment).by_id[sale.id].due_at
        assert due
        assert MINUTE * 0.75 <= (due - on.clock.now()).total_seconds() / 2 ** (number - 1) <= MINUTE
        on.clock.advance((due - on.clock.now()).total_seconds())
        told(on.shop.maintenance.run())
        assert on.again(payment).by_id[sale.id].look_ups == number


def test_what_is_owed_at_a_gateway_that_is_gone_is_tried_every_minute_in_case_it_comes_back() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.payments.archive(payment.id))
    gone = without_gateway(on)
    for _ in range(5):
        due = on.again(payment).transactions[0].due_at
        assert due
        assert MINUTE * 0.75 <= (due - on.clock.now()).total_seconds() <= MINUTE
        on.clock.advance((due - on.clock.now()).total_seconds())
        told(gone.shop.maintenance.run())
        assert on.again(payment).transactions[0].look_ups == 0
    on.clock.advance(MINUTE)
    assert told(on.shop.maintenance.run()).reversed == 1


def test_a_store_that_fails_over_two_payments_fails_over_two() -> None:
    on = bench()
    for number in range(2):
        problem(on.shop.transactions.authorize(on.pay(f"c-{number}", token="tok_timeout_charged").id))
    on.clock.advance(2 * MINUTE)
    on.store.before_commit = fail()
    assert told(on.shop.maintenance.run()).unreadable == 2


def test_passes_count_each_reversal_once() -> None:
    on = bench()
    for number in range(3):
        payment = on.pay(f"c-{number}", minor=3_000)
        told(on.shop.transactions.authorize(payment.id))
        told(on.shop.transactions.capture(payment.id, eur(1_000)))
        told(on.shop.payments.archive(payment.id))
        if number == 0:
            on.clock.advance(2 * MINUTE)
            assert told(on.shop.maintenance.run()).reversed == 2
    on.clock.advance(2 * MINUTE)
    assert told(on.shop.maintenance.run()).reversed == 4


# --- readers of notifications ---


class Reader(WebhookReader):
    """Says what a test wants, or raises it, and notes what it was asked."""

    def __init__(self, says: Any) -> None:
        self.says = says
        self.asked: list[tuple[object, ...]] = []

    def read(self, headers: Mapping[str, str], body: bytes, params: Mapping[str, str], now: datetime) -> Any:
        self.asked.append((headers, body, params, now))
        return self.says


@pytest.mark.parametrize("params", [None, {"endpoint": "1"}])
def test_a_reader_is_given_all_that_came(params: Mapping[str, str] | None) -> None:
    reader = Reader(Success(()))
    on = with_gateway(bench(), webhooks=reader)
    told(on.shop.webhooks.receive("sandbox", {"a": "b"}, b"body", params))
    assert reader.asked == [({"a": "b"}, b"body", params or {}, on.clock.now())]


def test_a_readers_refusal_is_answered_with_its_status() -> None:
    on = with_gateway(bench(), webhooks=Reader(Failure(WebhookRefused("secret", 401))))
    receipt = told(on.receive({}, b""))
    assert (receipt.status_code, receipt.body) == (401, b"refused")


def test_whatever_a_reader_calls_it_a_notification_came_as_one() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    fact = seen(TransactionStatus.SUCCEEDED, transaction_id=row.id, channel=Channel.OPERATOR)
    told(with_gateway(on, webhooks=Reader(Success((Notification(event_id="ev_1", seen=fact),)))).receive({}, b""))
    telling = on.again(payment).transactions[0].judgement.telling
    assert telling
    assert telling.channel is Channel.WEBHOOK


# --- what the shopper must do ---


class Completing(Listening):
    """Completes an action with what was kept back, for the transaction that it is asked about."""

    def present(self, request: PaymentRequest, action: NextAction) -> NextAction:
        return attrs.evolve(action, fields=(("secret_of", request.transaction_id),))


def test_an_action_is_completed_by_its_gateway_and_never_stored_so() -> None:
    on = bench(TWO)
    actions = on.shop.gateways["first"].gateway.actions
    assert actions
    on = with_gateway(on, "first", actions=Completing(actions))
    payment = on.pay(minor=1_000, gateway="first", token="tok_3ds")
    on.clock.advance(1)
    on.pay(minor=2_000, gateway="second", token="tok_3ds")
    required = told(on.submit(minor=3_000))
    (row,) = on.again(payment).transactions
    assert [one.fields for one in required.next_actions] == [(("secret_of", row.id),), ()]
    assert row.next_action
    assert row.next_action.fields == ()
    gone = without_gateway(on, "first").submit(minor=3_000)
    assert [one.fields for one in told(gone).next_actions] == [(), ()]


def test_a_hold_of_a_single_cent_is_warned_of_as_well() -> None:
    on = bench()
    payment = on.pay(minor=1)
    told(on.shop.transactions.authorize(payment.id))
    assert only(on.again(payment), TransactionType.AUTHORIZE).due_at == on.clock.now() + timedelta(days=6)


# --- what an answer brings ---


def answering(on: Bench, **rest: Any) -> None:
    """Let the gateway answer the next calls so, without doing anything."""
    properties = rest.pop("method_properties", {})
    on.spy.instead = lambda _: PaymentResponse(seen=seen(**rest), method_properties=properties)


def test_a_decline_is_told_with_all_that_the_gateway_said_of_it() -> None:
    on = bench()
    payment = on.pay()
    answering(on, status=TransactionStatus.DECLINED, code="stolen", failure_type=FailureType.FRAUD, hard=True)
    declined = problem(on.shop.transactions.authorize(payment.id))
    row = on.again(payment).transactions[0]
    assert declined == Declined("stolen", FailureType.FRAUD, hard=True, transaction_id=row.id)
    answering(on, status=TransactionStatus.DECLINED)
    plain = problem(on.shop.transactions.authorize(payment.id))
    assert plain == Declined("", FailureType.DECLINED, hard=False, transaction_id=on.again(payment).transactions[1].id)


def test_a_token_that_an_answer_brings_is_the_one_for_the_next_call() -> None:
    on = bench()
    payment = on.pay()
    answering(on, status=TransactionStatus.SUCCEEDED, method_properties={"token": Secret("pm_for_ever")})
    told(on.shop.transactions.authorize(payment.id))
    assert on.again(payment).method.token == "pm_for_ever"
    told(on.shop.transactions.capture(payment.id))
    assert on.spy.executed[-1].method.token == "pm_for_ever"


def test_a_fact_is_merged_with_what_somebody_else_has_written_meanwhile() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    loaded = on.again(payment)
    told(on.shop.payments.update(payment.id, eur(5_991)))
    fact = seen(TransactionStatus.SUCCEEDED, transaction_id=row.id)
    merged = told(record(on.shop.environment, loaded, fact, Cause("host")))
    assert (merged.amount, merged.transactions[0].succeeded) == (eur(5_991), True)
    assert merged == on.again(payment)


class Validator:
    """Finds every method good, and notes of which type it is."""

    def __init__(self) -> None:
        self.asked: list[PaymentType] = []

    def check(self, method: PaymentMethod, payment_type: PaymentType) -> InvalidInput | None:
        del method
        self.asked.append(payment_type)
        return None


def test_the_gateway_looks_at_a_method_again_when_it_is_to_pay() -> None:
    validator = Validator()
    on = with_gateway(bench(), validator=validator)
    on.pay(type=PaymentType.DEBIT_CARD)
    told(on.submit())
    assert validator.asked == [PaymentType.DEBIT_CARD] * 2


def test_a_ruling_does_not_take_a_transaction_for_another_one_of_the_gateway() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    hold = on.again(payment).transactions[0]
    resolve = partial(on.shop.maintenance.resolve, hold.id, TransactionStatus.SUCCEEDED, operator="ada", reason="seen")
    before = snapshot(on)
    refused = problem(resolve(gateway_reference="a-typo"))
    assert (refused.field, snapshot(on)) == ("gateway_reference", before)
    told(resolve(gateway_reference=hold.gateway_reference))
    told(on.shop.transactions.capture(payment.id))


def test_what_a_person_has_named_wrongly_may_be_named_again() -> None:
    on = bench()
    payment = on.pay(token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(payment.id))
    resolve = partial(
        on.shop.maintenance.resolve,
        on.again(payment).transactions[0].id,
        TransactionStatus.SUCCEEDED,
        operator="ada",
        reason="seen",
    )
    for name in ("", "a-typo", "its-name"):
        told(resolve(gateway_reference=name))
    assert on.again(payment).transactions[0].judgement.references == ("a-typo", "its-name")
