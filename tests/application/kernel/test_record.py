"""Recording an observation: it is merged with concurrent changes, written once, and sets due dates and saved methods."""

from __future__ import annotations

from typing import Any, Final

import pytest

from payports import Busy, Failure, PaymentMethod, SavedMethodStatus, Success, TransactionStatus, TransactionType
from payports.application.kernel.record import Received, record
from payports.application.kernel.unit_of_work import TRIES
from payports.domain.history import Cause
from payports.domain.observe import UnmatchedObservation
from payports.domain.secret import Secret
from payports.ports.gateway import PaymentResponse
from tests.application.concurrent_writers import with_stale_commits
from tests.application.fixtures import (
    CUSTOMER,
    HOUR,
    ShopFixture,
    eur,
    new_payment,
    observation,
    only,
    open_shop,
    problem,
    value_of,
)
from tests.application.scenarios import OWNER

HOST: Final = Cause("host")


@pytest.mark.parametrize(("times", "fine"), [(TRIES - 1, True), (TRIES, False)])
def test_an_observation_is_recorded_in_a_bounded_number_of_tries(times: int, fine: bool) -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    fact = observation(TransactionStatus.SUCCEEDED, transaction_id=row.id)
    env = with_stale_commits(shop, times=times).environment
    recorded = record(env, shop.reload(payment), Received(observation=fact), HOST)
    if fine:
        assert value_of(recorded) == shop.reload(payment)
    else:
        assert recorded == Failure(Busy(f"payment {payment.id}"))


def test_a_known_observation_is_not_written_again() -> None:
    shop = open_shop()
    payment = shop.pay()
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    commits = len(shop.store.commits)
    now = shop.reload(payment)
    assert record(shop.environment, now, Received(observation=row.seen[0]), HOST) == Success(now)
    assert len(shop.store.commits) == commits
    about_nothing = problem(
        record(shop.environment, now, Received(observation=observation(TransactionStatus.SUCCEEDED)), HOST)
    )
    assert isinstance(about_nothing, UnmatchedObservation)


def test_new_method_properties_replace_those_of_the_same_name() -> None:
    shop = open_shop()
    payment = value_of(
        shop.payments.create(
            new_payment(method=PaymentMethod({"token": "tok_approved", "pin": "1"}, {"last4": "4242"}))
        )
    )
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    fact = observation(TransactionStatus.SUCCEEDED, transaction_id=row.id)
    properties = PaymentMethod({"token": "pm_1", "customer": "cu"}).properties
    value_of(
        record(shop.environment, shop.reload(payment), Received(observation=fact, method_properties=properties), HOST)
    )
    method = shop.reload(payment).method
    revealed = {name: secret.reveal() for name, secret in method.properties.items()}
    assert revealed == {"token": "pm_1", "pin": "1", "customer": "cu"}
    assert (dict(method.display), method.single_use) == ({"last4": "4242"}, False)


def answering(shop: ShopFixture, **rest: Any) -> None:
    """Let the gateway answer the next calls without doing anything."""
    properties = rest.pop("method_properties", {})
    shop.spy.instead = lambda _: PaymentResponse(seen=observation(**rest), method_properties=properties)


def test_a_token_in_an_answer_is_used_for_the_next_call() -> None:
    shop = open_shop()
    payment = shop.pay()
    answering(shop, status=TransactionStatus.SUCCEEDED, method_properties={"token": Secret("pm_for_ever")})
    value_of(shop.transactions.authorize(payment.id))
    assert shop.reload(payment).method.token == "pm_for_ever"
    value_of(shop.transactions.capture(payment.id))
    assert shop.spy.executed[-1].method.token == "pm_for_ever"


def test_an_observation_is_merged_with_concurrent_changes() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    loaded = shop.reload(payment)
    value_of(shop.payments.update(payment.id, eur(5_991)))
    fact = observation(TransactionStatus.SUCCEEDED, transaction_id=row.id)
    merged = value_of(record(shop.environment, loaded, Received(observation=fact), Cause("host")))
    assert (merged.amount, merged.transactions[0].succeeded) == (eur(5_991), True)
    assert merged == shop.reload(payment)


def test_a_due_date_changes_only_with_its_own_transaction() -> None:
    shop = open_shop()
    payment = shop.pay(minor=3_000, token="tok_async")
    slow = value_of(shop.transactions.authorize(payment.id, eur(1_000))).transactions[0]
    due = shop.reload(payment).by_id[slow.id].due_at
    assert due
    shop.clock.advance(1)
    value_of(shop.transactions.authorize(payment.id, eur(2_000)))
    assert shop.reload(payment).by_id[slow.id].due_at == due


def test_a_transaction_made_outside_is_created_when_it_is_first_observed() -> None:
    shop = open_shop()
    payment = shop.pay()
    sale = value_of(shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    shop.clock.advance(HOUR)
    refund = observation(
        TransactionStatus.SUCCEEDED,
        type=TransactionType.REFUND,
        gateway_reference="re_1",
        parent_reference=sale.gateway_reference,
        amount=eur(500),
    )
    value_of(shop.transactions.record(payment.id, refund))
    assert only(shop.reload(payment), TransactionType.REFUND).created_at == shop.clock.now() > sale.created_at


@pytest.mark.parametrize("removed", [False, True])
def test_a_hard_decline_retires_its_saved_method_once(removed: bool) -> None:
    shop = open_shop()
    kept = value_of(shop.saved_methods.save(CUSTOMER, "sandbox", new_payment(token="tok_async").method))
    payment = value_of(shop.saved_methods.use(kept.id, customer=CUSTOMER, owner=OWNER, amount=eur(1_000)))
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    if removed:
        value_of(shop.saved_methods.remove(kept.id, customer=CUSTOMER))
    store = shop.store.of("default")
    before = store.saved_method(kept.id)
    decline = observation(TransactionStatus.DECLINED, transaction_id=row.id, hard=True)
    problem(shop.transactions.record(payment.id, decline))
    after = store.saved_method(kept.id)
    assert before
    assert after
    assert after.status is SavedMethodStatus.ARCHIVED
    assert after.version == before.version + (not removed)
