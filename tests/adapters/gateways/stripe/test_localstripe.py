"""The suite for gateways against localstripe, a Stripe that somebody else wrote; what it lacks is skipped by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from typing import Any, ClassVar, NoReturn
from urllib.parse import quote

import attrs
import pytest
from pytest_httpserver import HTTPServer
from returns.result import Failure, Success
from werkzeug import Request, Response

from payports.adapters.demonstrations.localstripe_server import TEST_KEY, Localstripe, running_localstripe
from payports.adapters.gateways.stripe.currencies import money_of
from payports.domain.failures import Declined
from payports.domain.judgement import judge
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    CAPTURE,
    INITIATING,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
)
from payports.domain.money import Money
from payports.domain.observation import Observation
from payports.domain.payment import Customer
from payports.domain.payment_method import PaymentMethod
from payports.domain.secret import Secret
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.clock import Clock
from payports.ports.gateway import Gateway, PaymentRequest
from payports.testing import Effect
from payports.testing.gateway_conformance import GatewayConformance
from tests.adapters.gateways.fixtures import a_request
from tests.adapters.gateways.stripe.stubs import WEBHOOK_SECRET, connected

_BOTH = pytest.mark.parametrize("kind", sorted(INITIATING))
_NUMBERS = {"declined": "4000000000000341", "action": "4000002500003155"}


class Now(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture(scope="module", name="local")
def _local() -> Iterator[Localstripe]:
    with running_localstripe() as local:
        yield local


def lacks(what: str) -> NoReturn:
    pytest.skip(f"localstripe {what}")


class TestLocalstripe(GatewayConformance):
    local: ClassVar[Localstripe]

    @pytest.fixture(autouse=True)
    def _connected(self, tmp_path: Path, local: Localstripe) -> Iterator[None]:
        type(self).local = local
        yield from super()._connected.__wrapped__(self, tmp_path)  # type: ignore[attr-defined]

    def connect(self, folder: Path) -> Gateway:  # noqa: ARG002
        return connected(self.local.url, Now(), secret_key=Secret(TEST_KEY), fence_keys=False)

    def method(self, scenario: str) -> PaymentMethod | None:
        if scenario == "approved":
            return PaymentMethod({"token": "pm_card_visa"})
        if scenario == "invalid":
            return PaymentMethod({"token": "pm_that_nobody_knows"})
        return PaymentMethod({"token": self.local.card(_NUMBERS[scenario])}) if scenario in _NUMBERS else None

    def request(self, kind: TransactionType, amount: Money | None = None, **more: Any) -> PaymentRequest:
        return attrs.evolve(super().request(kind, amount, **more), return_url="")  # localstripe knows no return_url

    def effects(self) -> Sequence[Effect] | None:
        return [one for intent in self.local.everything("payment_intents") for one in _effects_of(intent)]

    def finish_action(self, seen: Observation, *, approve: bool) -> bool:
        intent = self.local.get(f"/v1/payment_intents/{seen.gateway_reference}")
        if intent["status"] != "requires_action":
            return False
        form = f"client_secret={intent['client_secret']}&success={str(approve).lower()}"
        self.local.post(f"/v1/payment_intents/{seen.gateway_reference}/_authenticate", form)
        return True

    @_BOTH
    def test_a_repeated_request_gives_the_same_answer_and_one_effect(self, kind: TransactionType) -> None:  # noqa: ARG002
        lacks("ignores idempotency keys")

    @_BOTH
    def test_a_used_key_does_nothing_else(self, kind: TransactionType) -> None:  # noqa: ARG002
        lacks("ignores idempotency keys")

    def test_reversals_of_a_hold_are_as_declared(self) -> None:
        """Once it is cancelled, localstripe captures it all the same: that is seen, and told neither as done nor as refused."""
        hold = self.done(AUTHORIZE)
        self.refused(REVERSE_AUTH, self.part(11, 10), on=hold)
        self.done(REVERSE_AUTH, on=hold)
        assert self.execute(self.request(CAPTURE, on=hold)).status is TransactionStatus.UNKNOWN
        self.refused(REVERSE_AUTH, self.part(1, 10), on=hold)

    def test_two_refunds_never_exceed_the_capture(self) -> None:
        lacks("refunds more than was captured")

    def test_no_sequence_moves_more_than_there_is(self) -> None:
        lacks("refunds more than was captured")

    @pytest.mark.parametrize("kind", [CAPTURE, REVERSE_AUTH, REFUND])
    def test_what_has_no_parent_is_refused(self, kind: TransactionType) -> None:
        if kind is REFUND:
            lacks("refunds what is only held")
        super().test_what_has_no_parent_is_refused(kind)

    def test_a_kept_method_pays_again_and_is_forgotten(self) -> None:
        lacks("cannot search for customers")


def _effects_of(intent: dict[str, Any]) -> Iterator[Effect]:
    key = str(intent["metadata"].get("payports_transaction", ""))
    amount = money_of(intent["amount"], intent["currency"])
    if amount and intent["status"] in ("requires_capture", "succeeded", "canceled") and intent["latest_charge"]:
        kind = AUTHORIZE if intent["capture_method"] == "manual" else AUTHORIZE_AND_CAPTURE
        yield Effect(transaction_id=key, type=kind, amount=amount, gateway_reference=intent["id"])


@pytest.fixture(name="card")
def _card(local: Localstripe) -> Gateway:
    return connected(local.url, Now(), secret_key=Secret(TEST_KEY), fence_keys=False)


def do(
    gateway: Gateway,
    kind: TransactionType,
    amount: str = "10.00",
    on: Observation | None = None,
    token: str = "pm_card_visa",
) -> Observation:
    request = a_request(kind, Money.of(amount, "EUR"), token=token, on=on)
    request = attrs.evolve(request, sent_at=Now().now(), parent_attributes=dict(on.attributes) if on else {})
    return gateway.transactions.execute(request).seen


def test_a_partial_capture_releases_the_rest_and_refunds_go_up_to_it(local: Localstripe, card: Gateway) -> None:
    hold = do(card, AUTHORIZE)
    capture = do(card, CAPTURE, "6.00", hold)
    assert (capture.status, capture.amount) == (TransactionStatus.SUCCEEDED, Money.of("6.00", "EUR"))
    first, second = do(card, REFUND, "2.00", capture), do(card, REFUND, "3.00", capture)
    assert first.gateway_reference != second.gateway_reference
    charge = local.get(f"/v1/payment_intents/{hold.gateway_reference}")["latest_charge"]
    assert charge["amount_refunded"] == 400 + 200 + 300, "the four euro that were released count there too"


def test_a_hold_is_given_up_as_a_whole_or_not_at_all(local: Localstripe, card: Gateway) -> None:
    hold = do(card, AUTHORIZE)
    assert do(card, REVERSE_AUTH, "4.00", hold).status is TransactionStatus.NOT_EXECUTED
    assert do(card, REVERSE_AUTH, "10.00", hold).status is TransactionStatus.SUCCEEDED
    assert local.get(f"/v1/payment_intents/{hold.gateway_reference}")["status"] == "canceled"
    assert do(card, CAPTURE, "10.00", hold).status is TransactionStatus.UNKNOWN, (
        "localstripe captures what is cancelled"
    )


def test_what_was_captured_is_settled_once_it_is_available(card: Gateway) -> None:
    capture = do(card, AUTHORIZE_AND_CAPTURE)
    settled = do(card, SETTLED, "10.00", capture)
    assert settled.status is TransactionStatus.SUCCEEDED
    assert settled.gateway_reference.startswith("txn_")
    assert do(card, SETTLED, "10.00", do(card, AUTHORIZE)).status is TransactionStatus.NOT_EXECUTED


def test_the_secret_of_a_challenge_is_fetched_and_never_kept(local: Localstripe, card: Gateway) -> None:
    request = a_request(AUTHORIZE, token=local.card(_NUMBERS["action"]))
    answer = card.transactions.execute(request)
    assert answer.seen.next_action is not None
    assert "_secret_" not in repr(answer)
    assert card.actions is not None
    named = attrs.evolve(request, gateway_reference=answer.seen.gateway_reference)
    shown = dict(card.actions.present(named, answer.seen.next_action).fields)
    assert shown["client_secret"].startswith(f"{answer.seen.gateway_reference}_secret_")


def test_what_the_answer_of_was_lost_is_found_by_our_id(card: Gateway) -> None:
    request = attrs.evolve(a_request(AUTHORIZE, token="pm_card_visa"), sent_at=Now().now())
    assert card.transactions.execute(request).seen.status is TransactionStatus.SUCCEEDED
    found = card.transactions.look_up(request)
    assert isinstance(found, Observation)
    assert found.status is TransactionStatus.SUCCEEDED


def test_a_refund_that_was_lost_is_found_by_our_id(card: Gateway) -> None:
    capture = do(card, AUTHORIZE_AND_CAPTURE)
    request = a_request(REFUND, Money.of("3.00", "EUR"), on=capture)
    assert not isinstance(card.transactions.look_up(request), Observation)
    done = card.transactions.execute(request).seen
    found = card.transactions.look_up(request)
    assert isinstance(found, Observation)
    assert (found.status, found.gateway_reference) == (TransactionStatus.SUCCEEDED, done.gateway_reference)


def test_a_method_is_attached_to_its_customer_pays_and_is_detached(local: Localstripe, card: Gateway) -> None:
    vault = card.vault
    assert vault is not None
    kept = vault.keep(Customer("ada"), PaymentMethod({"token": local.card("4242424242424242")})).unwrap()
    assert kept.display == {"brand": "visa", "last4": "4242", "expiry": "12/2030"}
    listed = local.get("/v1/payment_methods", customer=kept.property("customer"), type="card")["data"]
    assert [one["id"] for one in listed] == [kept.token]
    request = attrs.evolve(a_request(AUTHORIZE), method=kept)
    assert card.transactions.execute(request).seen.status is TransactionStatus.SUCCEEDED
    assert isinstance(vault.forget(Customer("bob"), kept), Failure), "bob forgets what is ada's"
    assert local.get(f"/v1/payment_methods/{kept.token}")["customer"] == kept.property("customer")
    for _ in range(2):
        assert isinstance(vault.forget(Customer("ada"), kept), Success)
    assert local.get(f"/v1/payment_methods/{kept.token}")["customer"] is None


def test_a_card_that_may_not_be_attached_is_declined(local: Localstripe, card: Gateway) -> None:
    assert card.vault is not None
    refused = card.vault.keep(Customer("ada"), PaymentMethod({"token": local.card("4000000000000002")}))
    assert isinstance(refused, Failure)
    assert isinstance(refused.failure(), Declined)


def test_its_notifications_are_believed_and_merge_with_the_answer(
    local: Localstripe, card: Gateway, httpserver: HTTPServer
) -> None:
    arrived = Queue[Request]()

    def take(request: Request) -> Response:
        request.get_data()
        arrived.put(request)
        return Response("ok")

    httpserver.expect_request("/hook").respond_with_handler(take)
    local.post("/_config/webhooks/tests", f"secret={WEBHOOK_SECRET}&url={quote(httpserver.url_for('/hook'), safe='')}")
    request = attrs.evolve(a_request(AUTHORIZE_AND_CAPTURE, token="pm_card_visa"), sent_at=Now().now())
    answer = card.transactions.execute(request).seen
    seen = _told_of(request, card, arrived)
    assert seen.status is TransactionStatus.SUCCEEDED
    judged = judge(request.amount, "test", (answer, seen))
    assert judged.status is TransactionStatus.SUCCEEDED
    assert judged.contradiction is None


def _told_of(request: PaymentRequest, card: Gateway, arrived: Queue[Request]) -> Observation:
    assert card.webhooks is not None
    while True:  # other tests' notifications come in between
        got = arrived.get(timeout=10)
        read = card.webhooks.read(dict(got.headers), got.get_data(), {}, Now().now()).value_or(())
        for one in read:
            if one.seen.transaction_id == request.transaction_id:
                return one.seen
