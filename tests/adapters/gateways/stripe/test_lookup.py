"""Finding out: by name, by metadata in lists, by taking the key; and a vault that is asked whose a method is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import attrs
import pytest
from returns.result import Failure, Success

from payports.adapters.gateways.kit.http_results import Lost, SendResult
from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.stripe.client import StripeClient
from payports.adapters.gateways.stripe.config import PINNED_VERSION
from payports.adapters.gateways.stripe.gateway import StripeGateway
from payports.adapters.gateways.stripe.lookup import MAX_PAGES, TransactionLookup
from payports.adapters.gateways.stripe.vault import StripeVault
from payports.domain.failures import ResultUnknown
from payports.domain.lifecycle import AUTHORIZE, CAPTURE, CHARGEBACK, REFUND, REVERSE_AUTH
from payports.domain.money import Money
from payports.domain.observation import Observation
from payports.domain.payment import Customer
from payports.domain.payment_method import PaymentMethod
from payports.domain.transaction_types import TransactionStatus
from payports.ports.gateway import NotFoundYet
from payports.testing import FixedClock
from tests.adapters.gateways.stripe.stubs import KEY, TERMS, an_intent, answered, asked_for
from tests.adapters.gateways.stripe.test_fuzzing import REFUNDED

TEN = Money.of("10.00", "EUR")
OURS = {"payports_transaction": "t-ours"}
Query = dict[str, list[str]]


def always(said: SendResult | tuple[int, Any]) -> Callable[[str, str, Query], SendResult | tuple[int, Any]]:
    def says(method: str, path: str, query: Query) -> SendResult | tuple[int, Any]:  # noqa: ARG001
        return said

    return says


class Scripted(Sender):
    """A Stripe that says what a test wants; ``asked``: what was asked, method and path."""

    def __init__(self, says: Callable[[str, str, Query], SendResult | tuple[int, Any]]) -> None:
        super().__init__()
        self._says = says
        self.asked: list[str] = []
        self.keys: list[str] = []

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> SendResult:
        path, _, query = url.removeprefix("https://stripe").partition("?")
        self.asked.append(f"{method} {path}")
        if method == "POST":
            self.keys.append(headers.get("Idempotency-Key", ""))
        said = self._says(method, path, parse_qs(query or body.decode()))
        return answered(*said) if isinstance(said, tuple) else said


def a_gateway(sender: Sender, clock: FixedClock | None = None, *, fences: bool = True) -> StripeGateway:
    channel = StripeClient(base_url="https://stripe", secret_key=KEY, version=PINNED_VERSION, sender=sender)
    return StripeGateway(
        lookup=TransactionLookup(client=channel, settings=TERMS, clock=clock or FixedClock(), fences=fences)
    )


ASKED = asked_for(AUTHORIZE, TEN, key="t-ours")
SENT_AT = int(ASKED.sent_at.timestamp())


def a_page(*items: dict[str, Any], more: bool = False, kind: str = "list", **changes: Any) -> tuple[int, Any]:
    return 200, {"object": kind, "data": list(items), "has_more": more, **changes}


def found(gateway: StripeGateway, *, fence: bool = False, **changes: Any) -> TransactionStatus | None:
    answer = gateway.look_up(attrs.evolve(ASKED, **changes), fence=fence)
    return None if isinstance(answer, NotFoundYet) else answer.status


def test_what_has_a_name_is_asked_for_by_it() -> None:
    stripe = Scripted(always((200, an_intent(metadata=OURS))))
    assert found(a_gateway(stripe), gateway_reference="pi_1") is TransactionStatus.SUCCEEDED
    assert stripe.asked == ["GET /v1/payment_intents/pi_1"]


@pytest.mark.parametrize(
    "answer", [Lost("gone"), (500, {}), (401, {}), (404, {"error": {"type": "invalid_request_error"}})]
)
def test_nothing_is_called_missing_where_stripe_could_not_be_asked(answer: Any) -> None:
    for changes in ({}, {"gateway_reference": "pi_1"}):
        assert found(a_gateway(Scripted(always(answer))), fence=True, **changes) is TransactionStatus.UNKNOWN


def test_a_capture_that_did_not_happen_is_missing() -> None:
    stripe = Scripted(always((200, an_intent())))
    for kind in (CAPTURE, REVERSE_AUTH):
        assert found(a_gateway(stripe, fences=False), type=kind, parent_reference="pi_1") is None


def test_the_lists_are_read_as_far_as_needed() -> None:
    """The newest hundred do not reach back to when it was sent, so the time itself is asked for, page by page."""

    def says(method: str, path: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        if path.endswith("/pi_9"):
            return 200, an_intent(id="pi_9", metadata=OURS)
        if "created[gte]" not in query:
            newest = [an_intent(id=f"pi_n{number}", created=SENT_AT + 9_000 - number) for number in range(3)]
            return a_page(*newest, more=True)
        assert int(query["created[gte]"][0]) < SENT_AT < int(query["created[lte]"][0])
        if "starting_after" not in query:
            return a_page(an_intent(id="pi_5", created=SENT_AT), more=True)
        assert query["starting_after"] == ["pi_5"]
        return a_page(an_intent(id="pi_9", metadata=OURS))

    stripe = Scripted(says)
    assert found(a_gateway(stripe)) is TransactionStatus.SUCCEEDED
    assert len(stripe.asked) == 4


def test_a_list_that_reaches_back_far_enough_is_the_whole_answer() -> None:
    old = [an_intent(id=f"pi_{number}", created=SENT_AT + 60 - 600 * number) for number in range(3)]
    stripe = Scripted(always(a_page(*old, more=True)))
    assert found(a_gateway(stripe)) is None
    assert len(stripe.asked) == 1


def test_a_list_without_end_is_given_up() -> None:
    stripe = Scripted(always(a_page(an_intent(created=SENT_AT), more=True)))
    assert found(a_gateway(stripe)) is TransactionStatus.UNKNOWN
    assert len(stripe.asked) == 1 + MAX_PAGES


def _fencing(taken: tuple[int, Any]) -> Callable[[str, str, Query], tuple[int, Any]]:
    def says(method: str, path: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        return a_page() if method == "GET" else taken

    return says


IN_USE = {"error": {"type": "idempotency_error"}}


def test_a_key_is_taken_by_what_is_never_confirmed() -> None:
    stripe = Scripted(
        _fencing((200, an_intent(status="requires_payment_method", metadata={"payports_fence": "t-ours"})))
    )
    assert found(a_gateway(stripe), fence=True) is TransactionStatus.NOT_EXECUTED
    assert stripe.keys == ["t-ours"]


def test_a_key_that_stripe_has_brings_the_stored_answer() -> None:
    def says(method: str, path: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        if method == "GET":
            return a_page()
        return (200, an_intent(metadata=OURS)) if "confirm" in query else (400, IN_USE)

    stripe = Scripted(says)
    assert found(a_gateway(stripe), fence=True) is TransactionStatus.SUCCEEDED
    assert stripe.keys == ["t-ours", "t-ours"]


@pytest.mark.parametrize("status", [401, 403, 429])
@pytest.mark.parametrize("kind", ["invalid_request_error", "rate_limit_error", "api_error"])
def test_a_key_whose_stored_answer_cannot_be_had_proves_nothing(status: int, kind: str) -> None:
    def says(method: str, path: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001 -- of any path
        if method == "GET":
            return a_page()
        return (status, {"error": {"type": kind, "code": "rate_limit"}}) if "confirm" in query else (400, IN_USE)

    stripe = Scripted(says)
    assert found(a_gateway(stripe), fence=True) is TransactionStatus.UNKNOWN
    assert stripe.keys == ["t-ours", "t-ours"]


@pytest.mark.parametrize("answer", [(400, IN_USE), (409, IN_USE), (500, {}), (200, an_intent(metadata={}, amount=1))])
def test_a_key_that_could_not_be_taken_proves_nothing(answer: tuple[int, Any]) -> None:
    assert found(a_gateway(Scripted(_fencing(answer))), fence=True) is TransactionStatus.UNKNOWN


def test_a_key_that_stripe_would_not_take_is_waited_for() -> None:
    refused = (400, {"error": {"type": "invalid_request_error", "code": "amount_too_small"}})
    assert found(a_gateway(Scripted(_fencing(refused))), fence=True) is None


def test_no_key_is_taken_once_stripe_may_have_forgotten_it() -> None:
    clock = FixedClock()
    clock.advance(timedelta(hours=23, seconds=1).total_seconds())
    stripe = Scripted(_fencing((200, {})))
    assert found(a_gateway(stripe, clock), fence=True) is None
    assert stripe.keys == []


def test_a_refund_is_found_among_those_of_its_intent() -> None:
    def says(method: str, path: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        if path.endswith("/re_1"):
            return 200, REFUNDED
        assert query["payment_intent"] == ["pi_1"]
        return a_page({**REFUNDED, "id": "re_0", "metadata": {}}, REFUNDED)

    assert found(a_gateway(Scripted(says)), type=REFUND, parent_reference="pi_1") is TransactionStatus.SUCCEEDED


def test_what_only_stripe_tells_of_is_unknown() -> None:
    assert found(a_gateway(Scripted(always((200, {})))), type=CHARGEBACK) is TransactionStatus.UNKNOWN


def test_the_vault_lists_only_what_is_the_customers() -> None:
    def says(method: str, path: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        if path.endswith("/search"):
            assert query["query"] == ['metadata["payports_customer"]:"a\\"da"']
            mine = {"id": "cus_1", "metadata": {"payports_customer": 'a"da'}}
            return a_page(mine, {"id": "cus_2", "metadata": {"payports_customer": "other"}}, kind="search_result")
        assert query["customer"] == ["cus_1"]
        card = {"brand": "visa", "last4": "4242", "exp_month": 1, "exp_year": 2031}
        return a_page({"id": "pm_1", "customer": "cus_1", "card": card})

    stripe = Scripted(says)
    vault = StripeVault(client=a_gateway(stripe).lookup.client, settings=TERMS)
    (kept,) = vault.methods_of(Customer('a"da')).unwrap()
    assert (kept.token, kept.display["expiry"], kept.single_use) == ("pm_1", "01/2031", False)


class Bank:
    """The part of Stripe that keeps methods: keys are honoured there, and the bank says what it is told to say."""

    def __init__(self, *says: str) -> None:
        self.says, self.kept, self.asked_the_bank = list(says), dict[str, tuple[int, Any]](), 0
        self.set_up: dict[str, Any] = {"id": "seti_1", "status": "requires_payment_method", "latest_attempt": None}
        self.method: dict[str, Any] = {"id": "pm_1", "customer": None, "card": {"brand": "visa", "last4": "4242"}}
        self.lost: set[str] = set()
        self.stripe = Scripted(self._said)
        self.vault = StripeVault(client=a_gateway(self.stripe).lookup.client, settings=TERMS)

    def _said(self, method: str, path: str, query: Query) -> SendResult | tuple[int, Any]:
        if method == "GET":
            known: dict[str, Any] = {
                "customers/search": {"object": "search_result", "data": []},
                "payment_methods/pm_1": self.method,
                "setup_intents/seti_1": self.set_up,
            }
            return 200, known[path.removeprefix("/v1/")]
        key = self.stripe.keys[-1]
        answer = self.kept[key] if key in self.kept else self._done(path, query)
        if key:
            self.kept[key] = answer
        return Lost("gone") if path in self.lost else answer

    def _done(self, path: str, query: Query) -> tuple[int, Any]:
        match path.removeprefix("/v1/"):
            case "customers":
                return 200, {"id": "cus_1", "metadata": {"payports_customer": "ada"}}
            case "payment_methods/pm_1/attach":
                self.method["customer"] = query["customer"][0]
                return 200, self.method
            case "setup_intents":
                self.set_up.setdefault("customer", query["customer"][0])
                return 200, dict(self.set_up)
            case _:
                return self._confirmed(query)

    def _confirmed(self, query: Query) -> tuple[int, Any]:
        self.asked_the_bank += 1
        said = self.says.pop(0)
        self.set_up.update(latest_attempt=f"setatt_{self.asked_the_bank}")
        if said in ("succeeded", "requires_action"):
            self.set_up.update(status=said, payment_method=query["payment_method"][0])
            return 200, dict(self.set_up)
        return 402, {"error": {"type": "card_error", "code": "card_declined", "decline_code": said}}

    def keep(self) -> Any:
        return self.vault.keep(Customer("ada"), PaymentMethod({"token": "pm_1"}))


@pytest.mark.parametrize("times", [1, 2])
def test_a_card_that_wants_the_shopper_first_is_not_kept(times: int) -> None:
    bank = Bank("requires_action")
    for _ in range(times):
        assert getattr(bank.keep().failure(), "code", "") == "authentication_required"


def test_a_card_that_was_declined_may_be_kept_later() -> None:
    bank = Bank("insufficient_funds", "try_again_later", "succeeded")
    for code in ("insufficient_funds", "try_again_later"):
        assert getattr(bank.keep().failure(), "code", "") == code
    assert bank.keep().unwrap().token == "pm_1"
    assert bank.keep().unwrap().token == "pm_1"
    assert bank.asked_the_bank == 3, "a refusal was brought again, or what had been agreed was asked for once more"


def test_an_answer_that_was_lost_does_not_double_the_effect() -> None:
    for path in (
        "/v1/customers",
        "/v1/payment_methods/pm_1/attach",
        "/v1/setup_intents",
        "/v1/setup_intents/seti_1/confirm",
    ):
        bank = Bank("succeeded")
        bank.lost.add(path)
        assert isinstance(bank.keep().failure(), ResultUnknown), path
        bank.lost.clear()
        assert bank.keep().unwrap().token == "pm_1"
        assert bank.asked_the_bank == 1
        assert bank.stripe.asked.count("POST /v1/payment_methods/pm_1/attach") == 1


@pytest.mark.parametrize("changes", [{"customer": "cus_2"}, {"payment_method": "pm_2"}, {"payment_method": ["pm_1"]}])
def test_a_set_up_of_something_else_is_not_believed(changes: dict[str, Any]) -> None:
    bank = Bank()
    bank.set_up = {"id": "seti_1", "status": "succeeded", "customer": "cus_1", "payment_method": "pm_1", **changes}
    assert isinstance(bank.keep().failure(), ResultUnknown)


@pytest.mark.parametrize("customer", [["cus_1"], 1, "../cus_1"])
def test_a_method_whose_owner_cannot_be_read_is_not_called_removed(customer: Any) -> None:
    bank = Bank()
    bank.method["customer"] = customer
    assert isinstance(bank.vault.forget(Customer("ada"), PaymentMethod({"token": "pm_1"})), Failure)


@pytest.mark.parametrize(("owner", "succeeds"), [("ada", True), ("bob", False), (None, False)])
def test_only_its_customer_removes_a_method(owner: str | None, succeeds: bool) -> None:
    def says(method: str, path: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        if path.startswith("/v1/customers/"):
            return 200, {"id": "cus_1", "metadata": {"payports_customer": owner}}
        return 200, {"id": "pm_1", "customer": None if path.endswith("/detach") else "cus_1"}

    stripe = Scripted(says)
    vault = StripeVault(client=a_gateway(stripe).lookup.client, settings=TERMS)
    forgotten = vault.forget(Customer("ada"), PaymentMethod({"token": "pm_1", "customer": "cus_1"}))
    assert isinstance(forgotten, Success) is succeeds
    assert ("POST /v1/payment_methods/pm_1/detach" in stripe.asked) is succeeds


def test_the_headers_carry_key_version_and_account() -> None:
    seen: dict[str, str] = {}

    class Noting(Sender):
        def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> SendResult:  # noqa: ARG002
            seen.update(headers)
            return Lost("gone")

    gateway = a_gateway(Noting())
    channel = attrs.evolve(gateway.lookup.client, connected_account="acct_1")
    attrs.evolve(gateway, lookup=attrs.evolve(gateway.lookup, client=channel)).execute(ASKED)
    assert (seen["Stripe-Version"], seen["Stripe-Account"], seen["Idempotency-Key"]) == (
        "2022-11-15",
        "acct_1",
        "t-ours",
    )
    assert KEY.reveal() not in repr(gateway)
    assert isinstance(json.dumps(seen), str)


def test_what_is_returned_by_confirm_is_marked_as_such() -> None:
    stripe = Scripted(always((200, an_intent(metadata=OURS))))
    confirmed = a_gateway(stripe).confirm(attrs.evolve(ASKED, gateway_reference="pi_1"), {"payment_intent": "pi_evil"})
    assert isinstance(confirmed, Observation)
    assert confirmed.gateway_reference == "pi_1"
    assert stripe.asked == ["GET /v1/payment_intents/pi_1"], "what the browser named was asked for"
