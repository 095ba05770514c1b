"""What needs an operator's attention, and what an operator decides about it."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import attrs
import pytest

from payports import (
    CheckedOut,
    InvalidInput,
    Observation,
    OperationNotAllowed,
    Payment,
    TransactionStatus,
    TransactionType,
)
from payports.domain.attention import AttentionItem, AttentionKind
from payports.domain.capabilities import LookUp
from payports.domain.observation import Channel
from tests.application.fixtures import (
    DAY,
    HOUR,
    MINUTE,
    ShopFixture,
    eur,
    only,
    open_shop,
    problem,
    snapshot,
    value_of,
    with_gateway,
    without_gateway,
)
from tests.application.maintenance.scenarios import (
    attention_items,
    attention_kinds,
    declined,
    failed_with_a_hold,
    hold_of,
    passed,
    run,
    unknown,
)
from tests.application.stubs import fail

# --- decisions of an operator ---


def test_an_operators_decision_on_a_discrepancy_keeps_who_and_why() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_wrong_amount")
    problem(shop.transactions.authorize(payment.id))
    (item,) = value_of(shop.maintenance.needs_attention())
    shop.maintenance.resolve(
        item.transaction_id, TransactionStatus.SUCCEEDED, operator="ada", reason="the bank says 59.90"
    )
    assert value_of(shop.maintenance.needs_attention()) == ()
    assert value_of(shop.payments.summary(payment.id)).amount_authorized == eur(5_990)
    ruling = value_of(shop.events.history(payment.id))[-1].fact
    assert (ruling.by, ruling.why) == ("operator ada", "the bank says 59.90")


def test_an_operator_cannot_lower_a_success() -> None:
    shop = open_shop()
    payment = shop.pay()
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    shop.maintenance.resolve(row.id, TransactionStatus.NOT_EXECUTED, operator="ada", reason="I do not like it")
    assert value_of(shop.payments.summary(payment.id)).amount_authorized == eur(5_990)


@pytest.mark.parametrize(
    "status", ["UNKNOWN", "SENDING_TO_PROCESSOR", "REQUIRES_ACTION", "paid", None, 6, ["SUCCEEDED"]]
)
def test_an_operator_can_set_only_final_statuses(status: Any) -> None:
    shop = open_shop()
    payment = shop.pay()
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    ruled = shop.maintenance.resolve(row.id, status, operator="ada", reason="because")
    assert isinstance(problem(ruled), InvalidInput)


def test_a_decision_records_the_operator_the_reason_and_the_reference() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    report = value_of(
        shop.maintenance.resolve(
            row.id,
            TransactionStatus.SUCCEEDED,
            operator="ada",
            reason="a b",
            gateway_reference=row.gateway_reference,
        )
    )
    assert report.payment == shop.reload(payment)
    assert report.transactions == shop.reload(payment).transactions
    assert report.transactions[0].judgement.telling == Observation(
        status=TransactionStatus.SUCCEEDED,
        channel=Channel.OPERATOR,
        transaction_id=row.id,
        gateway_reference=row.gateway_reference,
        operator="ada",
        message="a b",
    )


def test_a_decision_finalizes_the_checkout_that_waited_for_it() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    value_of(shop.submit())
    row = shop.reload(payment).transactions[0]
    value_of(shop.maintenance.resolve(row.id, TransactionStatus.SUCCEEDED, operator="ada", reason="paid"))
    assert shop.reload(payment).placed
    assert isinstance(value_of(shop.submit()), CheckedOut)


@pytest.mark.parametrize("reason", [None, 5, b"because"])
def test_a_reason_must_be_text(reason: Any) -> None:
    ruled = open_shop().maintenance.resolve("t-1", TransactionStatus.SUCCEEDED, operator="ada", reason=reason)
    assert problem(ruled) == InvalidInput("reason", "must be text")


def shown(shop: ShopFixture) -> list[AttentionKind]:
    return [item.kind for item in value_of(shop.maintenance.needs_attention())]


def test_an_unknown_result_that_nobody_can_look_up_is_shown_at_once() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_timeout_charged")
    problem(shop.transactions.authorize(payment.id))
    assert shown(shop) == []
    blind: Any = type("Blind", (), {"capabilities": attrs.evolve(shop.spy.capabilities, look_up=LookUp.NONE)})()
    assert shown(with_gateway(shop, transactions=blind)) == [AttentionKind.UNKNOWN_RESULT]


def test_a_discrepancy_and_an_implied_release_are_shown_once() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "partial_capture": "RELEASES_REST"}}})
    odd = shop.pay(token="tok_wrong_amount")
    problem(shop.transactions.authorize(odd.id))
    part = shop.pay("c-2")
    value_of(shop.transactions.authorize(part.id))
    shop.bank.fail_next("CAPTURE", "timeout_charged")
    problem(shop.transactions.capture(part.id, eur(1_000)))
    shop.spy.on_look_up = lambda _: None
    blind: Any = type("Blind", (), {"capabilities": attrs.evolve(shop.spy.capabilities, look_up=LookUp.NONE)})()
    assert sorted(shown(with_gateway(shop, transactions=blind))) == ["DISCREPANCY", "UNKNOWN_RESULT"]


def test_final_results_at_a_removed_gateway_need_no_attention() -> None:
    shop = open_shop()
    for token in ("tok_declined", "tok_unreachable", "tok_approved"):
        shop.transactions.authorize(shop.pay(token=token).id)
    assert shown(without_gateway(shop)) == []


def test_a_decision_cannot_give_a_known_transaction_another_reference() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    hold = shop.reload(payment).transactions[0]
    resolve = partial(shop.maintenance.resolve, hold.id, TransactionStatus.SUCCEEDED, operator="ada", reason="seen")
    before = snapshot(shop)
    refused = problem(resolve(gateway_reference="a-typo"))
    assert (refused.field, snapshot(shop)) == ("gateway_reference", before)
    value_of(resolve(gateway_reference=hold.gateway_reference))
    value_of(shop.transactions.capture(payment.id))


def test_an_operators_reference_may_be_corrected() -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_timeout_charged")
    problem(shop.transactions.authorize(payment.id))
    resolve = partial(
        shop.maintenance.resolve,
        shop.reload(payment).transactions[0].id,
        TransactionStatus.SUCCEEDED,
        operator="ada",
        reason="seen",
    )
    for name in ("", "a-typo", "its-name"):
        value_of(resolve(gateway_reference=name))
    assert shop.reload(payment).transactions[0].judgement.references == ("a-typo", "its-name")


def test_an_operator_who_lowers_a_final_status_is_refused() -> None:
    shop = open_shop()
    row = value_of(shop.transactions.authorize(shop.pay().id)).transactions[0]
    ruled = shop.maintenance.resolve(row.id, TransactionStatus.DECLINED, operator="ada", reason="it seems so")
    assert problem(ruled) == OperationNotAllowed("resolve", "a final status is never lowered: it stays SUCCEEDED")


# --- what is shown ---


def ruled(shop: ShopFixture, payment: Payment) -> None:
    """Let an operator note everything that needs attention about a payment."""
    for item in value_of(shop.maintenance.needs_attention()):
        status = shop.reload(payment).by_id[item.transaction_id].status
        shop.maintenance.resolve(item.transaction_id, status, operator="ada", reason="seen")


def captured(shop: ShopFixture) -> tuple[Payment, str]:
    payment = shop.pay()
    made = value_of(shop.transactions.authorize_and_capture(payment.id)).transactions[0]
    return payment, made.gateway_reference


def test_a_chargeback_is_shown_until_an_operator_notes_it() -> None:
    shop = open_shop()
    payment, reference = captured(shop)
    shop.bank.dashboard("CHARGEBACK", reference, eur(5_990))
    shop.deliver_webhooks()
    assert attention_kinds(shop) == {AttentionKind.CHARGEBACK}
    ruled(shop, payment)
    assert attention_kinds(shop) == set()


def test_a_revoked_success_is_shown_until_an_operator_notes_it() -> None:
    shop = open_shop()
    payment, reference = captured(shop)
    shop.bank.revoke(reference)
    shop.deliver_webhooks()
    assert attention_kinds(shop) == {AttentionKind.TAKEN_BACK}
    ruled(shop, payment)
    assert attention_kinds(shop) == set()


def test_an_order_whose_awaited_result_fails_is_shown() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox", "awaiting_covers": True}}})
    payment = shop.pay(token="tok_async")
    value_of(shop.submit())
    shop.bank.finish_async(shop.reload(payment).transactions[0].gateway_reference, succeed=False)
    shop.deliver_webhooks()
    assert attention_kinds(shop) == {AttentionKind.UNCOVERED_ORDER}
    ruled(shop, payment)
    assert attention_kinds(shop) == set()


def test_everything_that_needs_attention_is_found_page_by_page() -> None:
    shop = open_shop()
    for number in range(12):
        problem(shop.transactions.authorize(shop.pay(f"c-{number}", token="tok_wrong_amount").id))
    whole = value_of(shop.maintenance.needs_attention())
    assert len({item.payment_id for item in whole}) == 12
    pages = [shop.repository.needing_attention(limit=5)]
    while pages[-1]:
        pages.append(shop.repository.needing_attention(after=pages[-1][-1].id, limit=5))
    assert [item.id for page in pages for item in page] == [item.payment_id for item in whole]


def test_an_unknown_result_is_shown_after_half_an_hour() -> None:
    shop = open_shop()
    payment = unknown(shop, 1)
    row = shop.reload(payment).transactions[0]
    shop.clock.advance(30 * MINUTE - 1)
    assert attention_items(shop) == []
    shop.clock.advance(1)
    shown = AttentionItem(
        kind=AttentionKind.UNKNOWN_RESULT,
        payment_id=payment.id,
        transaction_id=row.id,
        message="nobody knows whether 59.90 EUR moved",
        what_to_do="look at the gateway, then resolve() with what is true",
    )
    assert attention_items(shop) == [shown]


def test_an_unknown_result_at_a_removed_gateway_is_shown_at_once() -> None:
    shop = open_shop()
    payment = unknown(shop, 1)
    fine = shop.pay("c-2")
    value_of(shop.transactions.authorize(fine.id))
    row = shop.reload(payment).transactions[0]
    assert attention_items(without_gateway(shop)) == [
        AttentionItem(
            kind=AttentionKind.UNKNOWN_GATEWAY,
            payment_id=payment.id,
            transaction_id=row.id,
            message="gateway 'sandbox' is not configured any more",
            what_to_do="configure it again, or resolve() by hand",
        )
    ]
    assert attention_items(shop) == []


def test_a_reversal_at_a_removed_gateway_is_shown() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id))
    value_of(shop.payments.archive(payment.id))
    (item,) = attention_items(without_gateway(shop))
    assert item.kind is AttentionKind.UNKNOWN_GATEWAY
    shop.clock.advance(HOUR)
    assert run(without_gateway(shop)) == passed()
    shop.clock.advance(DAY)
    assert run(shop) == passed(reversed=1)


def test_an_unknown_result_is_never_recorded_as_a_failure_however_often_nobody_answers() -> None:
    """Hyperswitch records a timeout as failed after the last poll, Spree as failed and retryable."""
    shop = open_shop()
    payment = shop.pay(token="tok_timeout_charged")
    problem(shop.transactions.authorize(payment.id))
    shop.spy.on_look_up = lambda _: None
    shop.let_time_pass(HOUR, 48)
    row = only(shop.reload(payment), TransactionType.AUTHORIZE)
    assert row.status is TransactionStatus.UNKNOWN
    assert row.due_at is not None
    assert row.due_at > shop.clock.now()
    (item,) = value_of(shop.maintenance.needs_attention())
    assert (item.kind, item.transaction_id) == (AttentionKind.UNKNOWN_RESULT, row.id)
    assert value_of(shop.payments.summary(payment.id)).amount_available_for_authorize == eur(0)


def test_a_transaction_keeps_its_gateway_and_a_removed_gateway_is_shown() -> None:
    shop = open_shop({"gateways": {"sandbox": {"adapter": "sandbox"}, "other": {"adapter": "sandbox"}}})
    payment = shop.pay(token="tok_timeout_charged")

    def die(_: object) -> None:
        raise KeyboardInterrupt

    shop.spies["sandbox"].during = die
    with pytest.raises(KeyboardInterrupt):
        shop.transactions.authorize(payment.id)
    gone = without_gateway(shop)
    gone.let_time_pass(HOUR, 3)
    assert shop.spies["other"].calls == 0
    (item,) = value_of(gone.maintenance.needs_attention())
    assert item.kind is AttentionKind.UNKNOWN_GATEWAY
    assert value_of(shop.payments.get(payment.id)).transactions[0].indeterminate


AUTHORIZE: Final = TransactionType.AUTHORIZE
REVERSE_AUTH: Final = TransactionType.REVERSE_AUTH


def test_all_pages_of_what_needs_attention_are_shown() -> None:
    shop = open_shop()
    store: Any = shop.environment.store
    for number in range(3):
        payment = shop.pay(f"c-{number}", token="tok_wrong_amount")
        problem(shop.transactions.authorize(payment.id))
    read, pages = store.needing_attention, list[str]()

    def one_each(after: str = "", limit: int = 0) -> Any:
        assert limit > 0
        assert after not in pages
        pages.append(after)
        return read(after, 1)

    store.needing_attention = one_each
    shown = [item.payment_id for item in value_of(shop.maintenance.needs_attention())]
    assert len(shown) == len(set(shown)) == 3


@pytest.mark.parametrize(("late_s", "shown"), [(0, False), (1, True)])
def test_a_result_awaited_for_more_than_a_week_is_shown(late_s: int, shown: bool) -> None:
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    shop.clock.advance(7 * DAY + late_s)
    value_of(shop.transactions.refresh(payment.id))
    item = AttentionItem(
        kind=AttentionKind.UNKNOWN_RESULT,
        payment_id=payment.id,
        transaction_id=row.id,
        message="the gateway has owed the result of 59.90 EUR for more than 7 days",
        what_to_do="ask the gateway, then resolve() with what is true",
    )
    assert value_of(shop.maintenance.needs_attention()) == ((item,) if shown else ())


def test_each_item_says_what_is_the_case_and_what_to_do() -> None:
    shop = open_shop({"checkout": {"rollback": "immediate"}})
    odd = shop.pay("c-2", token="tok_wrong_amount")
    problem(shop.transactions.authorize(odd.id))
    payment = failed_with_a_hold(shop, "REVERSE_AUTH")
    hold, tried = hold_of(shop, payment), only(shop.reload(payment), REVERSE_AUTH)
    stuck = only(shop.reload(odd), AUTHORIZE)
    items = {item.transaction_id: item for item in value_of(shop.maintenance.needs_attention())}
    assert stuck.discrepancy
    assert items[stuck.id].message == stuck.discrepancy.message
    assert items[stuck.id].what_to_do == "compare with the gateway's own records, then resolve() with what is true"
    assert items[tried.id].message == f"10.00 EUR of AUTHORIZE {hold.id} should have gone back and did not"
    assert items[tried.id].what_to_do == (
        "it is tried again; or undo it at the gateway, and resolve() this reversal as SUCCEEDED"
    )


def test_at_a_removed_gateway_only_open_transactions_are_shown() -> None:
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize(payment.id, eur(1_000)))
    declined(shop, payment, 2_000)
    shop.bank.fail_next("AUTHORIZE", "timeout_charged")
    shop.spy.on_look_up = fail()
    problem(shop.transactions.authorize(payment.id, eur(990)))
    unknown = shop.reload(payment).transactions[-1].id
    shown = value_of(without_gateway(shop).maintenance.needs_attention())
    assert [(item.kind, item.transaction_id) for item in shown] == [(AttentionKind.UNKNOWN_GATEWAY, unknown)]
