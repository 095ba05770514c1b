"""The bank from a tester's side: the same over both transports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from returns.result import Failure, Success

from payports.adapters.gateways.sandbox import connect
from payports.adapters.gateways.sandbox.bank import SandboxBank as Bank
from payports.domain.failures import Declined
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    CAPTURE,
    CHARGEBACK,
    CHARGEBACK_REVERSAL,
    DETACHED_CREDIT,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.money import Money
from payports.domain.observation import Observation
from payports.domain.payment import Customer
from payports.domain.transaction_types import FailureType, TransactionStatus, TransactionType
from payports.ports.gateway import Gateway
from payports.testing import FixedClock, RemoteSandboxBank, SandboxBank, serving
from tests.adapters.gateways.fixtures import EUR, a_context, a_request, execute, judged

HALF = Money.of("5.00", "EUR")
ONE = Money.of("1.00", "EUR")

AnyBank = SandboxBank | RemoteSandboxBank


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture(params=["in process", "over http"])
def bank(request: pytest.FixtureRequest) -> Iterator[AnyBank]:
    if request.param == "over http":
        with serving() as remote:
            yield remote
    else:
        local = SandboxBank()
        yield local
        local.close()


@pytest.fixture
def gateway(bank: AnyBank, clock: FixedClock) -> Gateway:
    return connected(bank, clock)


def connected(bank: AnyBank, clock: FixedClock | None = None, **options: object) -> Gateway:
    return connect(a_context(clock=clock, attachments={"bank": bank}, options=options))


def notified(gateway: Gateway, bank: AnyBank, clock: FixedClock) -> list[Observation]:
    """Read the pending notifications."""
    assert gateway.webhooks is not None
    reader = gateway.webhooks
    return [
        notification.seen
        for headers, body in bank.webhooks()
        for notification in reader.read(headers, body, {}, clock.now()).unwrap()
    ]


def moved(bank: AnyBank) -> list[tuple[TransactionType, int]]:
    return [(effect.type, effect.amount.minor) for effect in bank.effects()]


EXPECTED = {
    "tok_approved": (TransactionStatus.SUCCEEDED, "", None, False, 1_000),
    "tok_declined": (TransactionStatus.DECLINED, "insufficient_funds", FailureType.DECLINED, False, 0),
    "tok_declined_hard": (TransactionStatus.DECLINED, "lost_card", FailureType.DECLINED, True, 0),
    "tok_timeout_charged": (TransactionStatus.UNKNOWN, "", None, False, 1_000),
    "tok_timeout_not_charged": (TransactionStatus.UNKNOWN, "", None, False, 0),
    "tok_unreachable": (TransactionStatus.NOT_EXECUTED, "", None, False, 0),
    "tok_server_error": (TransactionStatus.UNKNOWN, "server_error", None, False, 1_000),
    "tok_server_error_not_charged": (TransactionStatus.UNKNOWN, "server_error", None, False, 0),
    "tok_garbage": (TransactionStatus.UNKNOWN, "", None, False, 1_000),
    "tok_wrong_amount": (TransactionStatus.UNKNOWN, "", None, False, 1_000),
    "tok_partial": (TransactionStatus.SUCCEEDED, "", None, False, 500),
    "tok_3ds": (TransactionStatus.REQUIRES_ACTION, "", None, False, 0),
    "tok_hosted": (TransactionStatus.REQUIRES_ACTION, "", None, False, 0),
    "tok_async": (TransactionStatus.AWAITING_RESULT, "", None, False, 0),
    "tok_nobody_knows": (TransactionStatus.DECLINED, "invalid_token", FailureType.INVALID_PAYMENT_METHOD, True, 0),
    "": (TransactionStatus.DECLINED, "invalid_token", FailureType.INVALID_PAYMENT_METHOD, True, 0),
}


@pytest.mark.parametrize("kind", [AUTHORIZE, AUTHORIZE_AND_CAPTURE])
@pytest.mark.parametrize("token", EXPECTED)
def test_a_token_chooses_how_it_goes(bank: AnyBank, gateway: Gateway, token: str, kind: TransactionType) -> None:
    status, code, failure, hard, happened = EXPECTED[token]
    request = a_request(kind, token=token)
    seen = execute(gateway, request)
    assert (judged(seen, request), seen.code, seen.failure_type, seen.hard) == (status, code, failure, hard)
    assert [(effect.transaction_id, effect.type, effect.amount.minor) for effect in bank.effects()] == (
        [(request.transaction_id, kind, happened)] if happened else []
    )


@pytest.mark.parametrize("kind", [CAPTURE, REFUND, VOID, REVERSE_AUTH])
@pytest.mark.parametrize(
    "scenario", [token.removeprefix("tok_") for token in EXPECTED if token.startswith("tok_")][:-1]
)
def test_the_next_operation_can_be_made_to_fail(
    bank: AnyBank, gateway: Gateway, scenario: str, kind: TransactionType
) -> None:
    status, code, *_, happened = EXPECTED[f"tok_{scenario}"]
    parent = execute(gateway, a_request(AUTHORIZE_AND_CAPTURE if kind in (REFUND, VOID) else AUTHORIZE))
    bank.fail_next(kind.value, scenario)
    request = a_request(kind, on=parent)
    seen = execute(gateway, request)
    assert (judged(seen, request), seen.code) == (status, code)
    assert moved(bank)[1:] == ([(kind, happened)] if happened else [])


def test_a_planned_failure_happens_once_and_only_to_its_type(bank: AnyBank, gateway: Gateway) -> None:
    bank.fail_next(AUTHORIZE, "declined")
    bank.fail_next("AUTHORIZE", "approved")
    assert execute(gateway, a_request(AUTHORIZE_AND_CAPTURE)).status is TransactionStatus.SUCCEEDED
    assert execute(gateway, a_request(AUTHORIZE)).status is TransactionStatus.DECLINED
    assert execute(gateway, a_request(AUTHORIZE, token="tok_declined_hard")).hard
    assert execute(gateway, a_request(AUTHORIZE)).status is TransactionStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("kind", "scenario"), [("NOTHING", "declined"), ("AUTHORIZE", "tok_declined"), ("AUTHORIZE", "")]
)
def test_a_failure_that_does_not_exist_cannot_be_planned(bank: AnyBank, kind: str, scenario: str) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        bank.fail_next(kind, scenario)


@pytest.mark.parametrize("token", ["tok_3ds", "tok_hosted"])
@pytest.mark.parametrize("approve", [True, False])
def test_an_action_takes_effect_when_it_is_completed(
    bank: AnyBank, gateway: Gateway, clock: FixedClock, token: str, approve: bool
) -> None:
    request = a_request(AUTHORIZE, token=token)
    seen = execute(gateway, request)
    assert seen.next_action is not None
    assert seen.next_action.type == ("challenge" if token == "tok_3ds" else "hosted_page")
    assert (bank.effects(), bank.webhooks()) == ((), [])
    bank.complete_action(seen.next_action.reference, approve)
    (hook,) = notified(gateway, bank, clock)
    assert hook.status is (TransactionStatus.SUCCEEDED if approve else TransactionStatus.DECLINED)
    assert (hook.transaction_id, hook.gateway_reference) == (request.transaction_id, seen.gateway_reference)
    assert len(bank.effects()) == approve
    with pytest.raises(ValueError, match="nothing that is ACTION"):
        bank.complete_action(seen.gateway_reference)


def test_an_action_that_nobody_takes_expires(bank: AnyBank, gateway: Gateway, clock: FixedClock) -> None:
    request = a_request(AUTHORIZE, token="tok_3ds")
    seen = execute(gateway, request)
    clock.advance(3_601)
    bank.complete_action(seen.gateway_reference)
    found = gateway.transactions.look_up(request)
    assert isinstance(found, Observation)
    assert (found.status, found.failure_type) == (TransactionStatus.DECLINED, FailureType.ABANDONED)
    assert bank.effects() == ()


@pytest.mark.parametrize("succeed", [True, False])
def test_an_asynchronous_result_takes_effect_when_it_comes(
    bank: AnyBank, gateway: Gateway, clock: FixedClock, succeed: bool
) -> None:
    seen = execute(gateway, a_request(AUTHORIZE_AND_CAPTURE, token="tok_async"))
    assert (bank.effects(), bank.webhooks()) == ((), [])
    bank.finish_async(seen.gateway_reference, succeed)
    assert [seen.status for seen in notified(gateway, bank, clock)] == [
        TransactionStatus.SUCCEEDED if succeed else TransactionStatus.DECLINED
    ]
    assert len(bank.effects()) == succeed


def test_what_is_pending_counts_against_the_limits(bank: AnyBank, gateway: Gateway) -> None:
    sale = execute(gateway, a_request(AUTHORIZE_AND_CAPTURE))
    bank.fail_next(REFUND, "async")
    refund = execute(gateway, a_request(REFUND, on=sale))
    assert execute(gateway, a_request(REFUND, ONE, on=sale)).code == "not_enough_left"
    bank.finish_async(refund.gateway_reference, succeed=False)
    assert execute(gateway, a_request(REFUND, on=sale)).status is TransactionStatus.SUCCEEDED


def test_a_partial_capture_releases_the_rest_if_the_terms_say_so(bank: AnyBank, clock: FixedClock) -> None:
    gateway = connected(bank, clock, partial_capture="RELEASES_REST")
    hold = execute(gateway, a_request(AUTHORIZE))
    capture = execute(gateway, a_request(CAPTURE, HALF, on=hold))
    assert moved(bank) == [(AUTHORIZE, 1_000), (CAPTURE, 500), (REVERSE_AUTH, 500)]
    release = bank.effects()[-1]
    assert (release.transaction_id, release.parent_reference) == ("", hold.gateway_reference)
    assert {seen.type for seen in notified(gateway, bank, clock)} == {AUTHORIZE, CAPTURE}
    assert execute(gateway, a_request(CAPTURE, ONE, on=hold)).code == "not_enough_left"
    assert execute(gateway, a_request(VOID, HALF, on=capture)).status is TransactionStatus.SUCCEEDED
    assert execute(gateway, a_request(CAPTURE, HALF, on=hold)).status is TransactionStatus.SUCCEEDED


@pytest.mark.parametrize("succeed", [True, False])
def test_an_implied_release_waits_for_its_capture(bank: AnyBank, succeed: bool) -> None:
    gateway = connected(bank, partial_capture="RELEASES_REST")
    hold = execute(gateway, a_request(AUTHORIZE))
    bank.fail_next(CAPTURE, "async")
    capture = execute(gateway, a_request(CAPTURE, HALF, on=hold))
    assert moved(bank) == [(AUTHORIZE, 1_000)]
    bank.finish_async(capture.gateway_reference, succeed)
    assert moved(bank)[1:] == ([(CAPTURE, 500), (REVERSE_AUTH, 500)] if succeed else [])


def test_a_hold_expires_after_a_week(gateway: Gateway, clock: FixedClock) -> None:
    hold = execute(gateway, a_request(AUTHORIZE))
    clock.advance(7 * 86_400 + 1)
    refused = execute(gateway, a_request(CAPTURE, on=hold))
    assert (refused.code, refused.failure_type) == ("authorization_expired", FailureType.EXPIRED)


def test_a_settlement_batch_settles_captures_and_notifies(bank: AnyBank, gateway: Gateway, clock: FixedClock) -> None:
    sale = execute(gateway, a_request(AUTHORIZE_AND_CAPTURE))
    voided = execute(gateway, a_request(AUTHORIZE_AND_CAPTURE))
    execute(gateway, a_request(VOID, on=voided))
    now = execute(gateway, a_request(AUTHORIZE_AND_CAPTURE))
    assert execute(gateway, a_request(SETTLED, on=now)).status is TransactionStatus.SUCCEEDED
    bank.webhooks()
    assert (bank.settle(), bank.settle()) == (1, 0)
    (hook,) = notified(gateway, bank, clock)
    assert (hook.type, hook.transaction_id, hook.parent_reference, hook.amount) == (
        SETTLED,
        "",
        sale.gateway_reference,
        EUR,
    )
    assert execute(gateway, a_request(VOID, on=sale)).code == "already_settled"


def test_a_large_settlement_batch_is_notified_in_bodies_of_many_items(
    bank: AnyBank, gateway: Gateway, clock: FixedClock
) -> None:
    for _ in range(101):
        execute(gateway, a_request(AUTHORIZE_AND_CAPTURE))
    bank.webhooks()
    assert bank.settle() == 101
    bodies = bank.webhooks()
    assert [len(json.loads(body)["items"]) for _, body in bodies] == [100, 1]
    assert gateway.webhooks is not None
    read = [gateway.webhooks.read(headers, body, {}, clock.now()) for headers, body in bodies]
    ids = [item.event_id for items in read for item in items.unwrap()]
    assert len(set(ids)) == 101


def test_a_detached_credit_needs_its_option(bank: AnyBank) -> None:
    assert execute(connected(bank), a_request(DETACHED_CREDIT)).code == "not_enabled"
    assert (
        execute(connected(bank, detached_credit=True), a_request(DETACHED_CREDIT)).status is TransactionStatus.SUCCEEDED
    )
    assert moved(bank) == [(DETACHED_CREDIT, 1_000)]


def test_what_is_done_outside_is_notified_without_our_id(bank: AnyBank, gateway: Gateway, clock: FixedClock) -> None:
    sale = execute(gateway, a_request(AUTHORIZE_AND_CAPTURE))
    bank.webhooks()
    refund = bank.dashboard("REFUND", sale.gateway_reference, ONE)
    lost = bank.dashboard(CHARGEBACK, sale.gateway_reference, HALF)
    won = bank.dashboard(CHARGEBACK_REVERSAL, lost, HALF)
    hooks = notified(gateway, bank, clock)
    assert [(hook.transaction_id, hook.type, hook.gateway_reference) for hook in hooks] == [
        ("", REFUND, refund),
        ("", CHARGEBACK, lost),
        ("", CHARGEBACK_REVERSAL, won),
    ]
    with pytest.raises(ValueError, match="not_enough_left"):
        bank.dashboard("REFUND", sale.gateway_reference, EUR)
    with pytest.raises(ValueError, match="nothing that is DONE"):
        bank.dashboard("REFUND", "no-such-thing", ONE)


def test_what_is_revoked_is_notified_and_no_longer_an_effect(
    bank: AnyBank, gateway: Gateway, clock: FixedClock
) -> None:
    sale = execute(gateway, a_request(AUTHORIZE_AND_CAPTURE))
    bank.webhooks()
    bank.revoke(sale.gateway_reference)
    assert [seen.status for seen in notified(gateway, bank, clock)] == [TransactionStatus.REVOKED]
    assert (bank.effects(), bank.totals()) == ((), {})
    assert execute(gateway, a_request(REFUND, on=sale)).code == "no_such_parent"


def test_effects_are_paged_in_the_order_in_which_they_happened(bank: AnyBank, gateway: Gateway) -> None:
    waiting = execute(gateway, a_request(AUTHORIZE, token="tok_3ds"))
    first = execute(gateway, a_request(AUTHORIZE))
    bank.complete_action(waiting.gateway_reference)
    effects = bank.effects()
    assert [effect.gateway_reference for effect in effects] == [first.gateway_reference, waiting.gateway_reference]
    assert tuple(bank.iter_effects(limit=1)) == effects
    assert tuple(bank.iter_effects(after=effects[0].position)) == effects[1:]
    assert bank.totals() == {(AUTHORIZE, "EUR"): 2_000}


def test_a_notification_is_handed_over_once_and_echoes_what_was_passed_through(bank: AnyBank, gateway: Gateway) -> None:
    execute(gateway, a_request(AUTHORIZE, pass_through={"owner": "cart/c-1"}))
    execute(gateway, a_request(AUTHORIZE, token="tok_declined"))
    (_, first) = bank.webhooks(limit=1)[0]
    assert json.loads(first)["items"][0]["transaction"]["pass_through"] == {"owner": "cart/c-1"}
    assert [len(bank.webhooks()), len(bank.webhooks())] == [1, 0]


def test_a_kept_method_keeps_its_scenario(bank: AnyBank, gateway: Gateway) -> None:
    assert gateway.vault is not None
    ada = Customer("ada")
    kept = gateway.vault.keep(ada, a_request(AUTHORIZE, token="tok_declined").method)
    assert isinstance(kept, Success)
    token = kept.unwrap().token
    assert token.startswith("pm_")
    assert execute(gateway, a_request(AUTHORIZE, token=token)).code == "insufficient_funds"
    assert execute(connected(bank, account="other"), a_request(AUTHORIZE, token=token)).code == "invalid_token"
    assert gateway.vault.forget(ada, kept.unwrap()) == Success(None)
    assert execute(gateway, a_request(AUTHORIZE, token=token)).code == "invalid_token"
    unknown = gateway.vault.keep(ada, a_request(AUTHORIZE, token="tok_no").method)
    assert isinstance(unknown, Failure)
    assert isinstance(problem := unknown.failure(), Declined)
    assert problem.hard


def test_accounts_do_not_see_each_other(bank: AnyBank, gateway: Gateway) -> None:
    other = connected(bank, account="other")
    sale = execute(gateway, a_request(AUTHORIZE_AND_CAPTURE, key="same"))
    assert execute(other, a_request(REFUND, on=sale)).code == "no_such_parent"
    assert execute(other, a_request(AUTHORIZE_AND_CAPTURE, key="same")).status is TransactionStatus.SUCCEEDED
    assert len(bank.effects()) == 2


def test_a_hosted_page_needs_no_token(bank: AnyBank) -> None:
    gateway = connected(bank, hosted_page=True)
    request = a_request(AUTHORIZE, token="")
    assert gateway.validator is not None
    assert gateway.validator.check(request.method, request.payment_type) is None
    seen = execute(gateway, request)
    assert seen.next_action is not None
    assert seen.next_action.type == "hosted_page"


def test_a_file_keeps_the_ledger_for_the_next_bank(tmp_path: Path) -> None:
    path = str(tmp_path / "bank.db")
    first = SandboxBank(path)
    request = a_request(AUTHORIZE)
    seen = execute(connected(first), request)
    first.fail_next(CAPTURE, "declined")
    first.close()
    first.close()
    second = SandboxBank(path)
    assert [effect.gateway_reference for effect in second.effects()] == [seen.gateway_reference]
    assert execute(connected(second), request) == seen
    assert execute(connected(second), a_request(CAPTURE, on=seen)).status is TransactionStatus.DECLINED
    second.close()


def test_two_banks_never_give_the_same_reference() -> None:
    banks = [SandboxBank(), SandboxBank()]
    assert len({execute(connected(bank), a_request(AUTHORIZE)).gateway_reference for bank in banks}) == 2
    for bank in banks:
        bank.close()


def test_a_bank_is_given_its_clock_once() -> None:
    own, other = FixedClock(), FixedClock()
    assert Bank(clock=own).clock is own
    bank = Bank()
    bank.adopt_clock(own)
    bank.adopt_clock(other)
    assert bank.clock is own
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Bank(webhook_secret="fifteen bytes..")
