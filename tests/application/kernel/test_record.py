"""Recording an observation: merged with what is stored, written once, dated, with what else it changes."""

from __future__ import annotations

from typing import Any, Final

import pytest

from payports import Busy, Failure, PaymentMethod, SavedMethodStatus, Success, TransactionStatus, TransactionType
from payports.application.kernel.record import Received, record
from payports.application.kernel.unit_of_work import TRIES
from payports.domain.history import Cause
from payports.domain.observe import Unplaced
from payports.domain.secret import Secret
from payports.ports.gateway import PaymentResponse
from tests.application.overtaken import overtaken
from tests.application.scenarios import OWNER
from tests.application.shops import CUSTOMER, HOUR, Bench, bench, eur, new_payment, only, problem, seen, told

HOST: Final = Cause("host")


@pytest.mark.parametrize(("times", "fine"), [(TRIES - 1, True), (TRIES, False)])
def test_a_fact_is_recorded_in_a_bounded_number_of_tries(times: int, fine: bool) -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    fact = seen(TransactionStatus.SUCCEEDED, transaction_id=row.id)
    env = overtaken(on, times=times).shop.environment
    recorded = record(env, on.again(payment), Received(observation=fact), HOST)
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
    assert record(on.shop.environment, now, Received(observation=row.seen[0]), HOST) == Success(now)
    assert len(on.store.commits) == commits
    about_nothing = problem(
        record(on.shop.environment, now, Received(observation=seen(TransactionStatus.SUCCEEDED)), HOST)
    )
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
    told(record(on.shop.environment, on.again(payment), Received(observation=fact, method_properties=properties), HOST))
    method = on.again(payment).method
    revealed = {name: one.reveal() for name, one in method.properties.items()}
    assert revealed == {"token": "pm_1", "pin": "1", "customer": "cu"}
    assert (dict(method.display), method.single_use) == ({"last4": "4242"}, False)


def answering(on: Bench, **rest: Any) -> None:
    """Let the gateway answer the next calls so, without doing anything."""
    properties = rest.pop("method_properties", {})
    on.spy.instead = lambda _: PaymentResponse(seen=seen(**rest), method_properties=properties)


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
    merged = told(record(on.shop.environment, loaded, Received(observation=fact), Cause("host")))
    assert (merged.amount, merged.transactions[0].succeeded) == (eur(5_991), True)
    assert merged == on.again(payment)


def test_a_date_moves_only_with_what_it_is_for() -> None:
    on = bench()
    payment = on.pay(minor=3_000, token="tok_async")
    slow = told(on.shop.transactions.authorize(payment.id, eur(1_000))).transactions[0]
    due = on.again(payment).by_id[slow.id].due_at
    assert due
    on.clock.advance(1)
    told(on.shop.transactions.authorize(payment.id, eur(2_000)))
    assert on.again(payment).by_id[slow.id].due_at == due


def test_what_was_made_outside_is_dated_when_it_is_heard_of() -> None:
    on = bench()
    payment = on.pay()
    sale = told(on.shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    on.clock.advance(HOUR)
    refund = seen(
        TransactionStatus.SUCCEEDED,
        type=TransactionType.REFUND,
        gateway_reference="re_1",
        parent_reference=sale.gateway_reference,
        amount=eur(500),
    )
    told(on.shop.transactions.record(payment.id, refund))
    assert only(on.again(payment), TransactionType.REFUND).created_at == on.clock.now() > sale.created_at


@pytest.mark.parametrize("removed", [False, True])
def test_a_hard_decline_retires_its_saved_method_once(removed: bool) -> None:
    on = bench()
    kept = told(on.shop.saved_methods.save(CUSTOMER, "sandbox", new_payment(token="tok_async").method))
    payment = told(on.shop.saved_methods.use(kept.id, customer=CUSTOMER, owner=OWNER, amount=eur(1_000)))
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    if removed:
        told(on.shop.saved_methods.remove(kept.id, customer=CUSTOMER))
    store = on.store.of("default")
    before = store.saved_method(kept.id)
    told_of = seen(TransactionStatus.DECLINED, transaction_id=row.id, hard=True)
    problem(on.shop.transactions.record(payment.id, told_of))
    after = store.saved_method(kept.id)
    assert before
    assert after
    assert after.status is SavedMethodStatus.ARCHIVED
    assert after.version == before.version + (not removed)
