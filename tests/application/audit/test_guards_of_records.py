"""Guards of what is written down: an answer that cannot be, dates, what was made outside, and what goes to the gateway."""

from __future__ import annotations

from typing import Final

import pytest

from payports import Owner, ResultUnknown, SavedMethodStatus, TransactionStatus, TransactionType
from tests.application.shops import CUSTOMER, HOUR, MINUTE, bench, eur, new_payment, only, problem, seen, told
from tests.application.writers import faster

AUTHORIZE: Final = TransactionType.AUTHORIZE
OWNER: Final = Owner("cart", "c-1")


def test_an_answer_that_nobody_could_write_down_is_unknown_until_it_is_looked_up() -> None:
    on = bench()
    payment = on.pay()

    def keep_moving(_: object) -> None:
        on.store.before_commit = lambda _: faster(on, payment)

    on.spy.during = keep_moving
    unknown = problem(on.shop.transactions.authorize(payment.id))
    on.store.before_commit = on.spy.during = None
    row = only(on.again(payment), AUTHORIZE)
    assert unknown == ResultUnknown(row.id)
    assert row.status is TransactionStatus.SENDING_TO_PROCESSOR
    on.clock.advance(2 * MINUTE)
    told(on.shop.maintenance.run())
    assert only(on.again(payment), AUTHORIZE).succeeded
    assert on.effects() == [("AUTHORIZE", 5_990)]


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


def test_a_gateway_is_given_no_address_and_no_parent_that_nobody_named() -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    told(on.shop.transactions.authorize(payment.id))
    told(on.shop.transactions.refresh(payment.id))
    for asked in (*on.spy.executed, *on.spy.looked_up):
        assert (asked.return_url, asked.parent_id, asked.parent_reference) == ("", "", "")


@pytest.mark.parametrize("which", [0, 1])
def test_one_capture_of_several_is_settled(which: int) -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    captures = [told(on.shop.transactions.capture(payment.id, eur(minor))).transactions[0] for minor in (1_000, 2_000)]
    settled = told(on.shop.transactions.settle(payment.id, parent=captures[which].id)).transactions
    assert [(one.parent_id, one.requested) for one in settled] == [(captures[which].id, captures[which].requested)]


def test_no_more_is_settled_than_was_asked() -> None:
    on = bench()
    payment = on.pay()
    told(on.shop.transactions.authorize(payment.id))
    first, _ = [told(on.shop.transactions.capture(payment.id, eur(minor))).transactions[0] for minor in (1_000, 2_000)]
    settled = told(on.shop.transactions.settle(payment.id, eur(1_000))).transactions
    assert [(one.parent_id, one.requested) for one in settled] == [(first.id, eur(1_000))]
