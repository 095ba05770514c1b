"""What the shopper left behind is closed at Stripe before it counts as over; a client secret that was handed out is worth nothing then."""

from __future__ import annotations

import json
from typing import Any, Final

import attrs
import pytest

import payports
from payports import Cart, NewPayment
from payports.adapters.gateways.kit.http_results import Lost, SendResult
from payports.adapters.gateways.stripe.gateway import StripeGateway
from payports.adapters.gateways.stripe.requests import StripeSettings
from payports.application.shop import Payports
from payports.domain.checkout import ActionRequired
from payports.domain.lifecycle import AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE
from payports.domain.money import Money
from payports.domain.observation import Observation
from payports.domain.payment_method import PaymentMethod
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import Gateway, NotFoundYet, PaymentRequest
from payports.testing import FixedClock
from tests.adapters.gateways.stripe.stubs import TERMS, an_intent, asked_for
from tests.adapters.gateways.stripe.test_lookup import Query, Scripted, a_gateway, a_page, always

TEN: Final = Money.of("10.00", "EUR")
SENT: Final = {"payports_transaction": "t-1"}
ASKED: Final = asked_for(AUTHORIZE, TEN, key="t-1", gateway_reference="pi_1")
ON_PAGE: Final = attrs.evolve(
    ASKED,
    gateway_reference="",
    attributes={"session": "cs_1"},
    method=PaymentMethod({}),
    return_url="https://shop.example",
)
ERROR: Final = {"code": "payment_intent_authentication_failure"}
UNTAKEN: Final = {
    "id": "ch_1",
    "amount": 1000,
    "amount_captured": 0,
    "currency": "eur",
    "status": "succeeded",
    "captured": False,
}
SUCCEEDED, DECLINED = TransactionStatus.SUCCEEDED, TransactionStatus.DECLINED
UNKNOWN, REQUIRES_ACTION = TransactionStatus.UNKNOWN, TransactionStatus.REQUIRES_ACTION


class Desk:
    """A Stripe with one intent and perhaps one page, which it closes as it is told to, or does not."""

    def __init__(self, page: dict[str, Any] | None = None, **intent: Any) -> None:
        self.intent = an_intent(**{"metadata": SENT, "latest_charge": None, **intent})
        self.page = page
        self.refuses = self.made = False
        self.answer: SendResult | tuple[int, Any] | None = None
        self.forms: list[Query] = []
        self.meanwhile: dict[str, Any] = {}
        self.stripe = Scripted(self._says)

    def _says(self, method: str, path: str, query: Query) -> SendResult | tuple[int, Any]:
        if method == "POST" and self.made:
            self.intent["metadata"] = {"payports_transaction": query["metadata[payports_transaction]"][0]}
            return 200, self.intent
        if method == "POST":
            self.forms.append(query)
            self.intent.update(self.meanwhile)
            if not self.refuses and not self.meanwhile:
                self._close(path)
            refused = 400, {"error": {"type": "invalid_request_error", "payment_intent": self.intent}}
            return self.answer or (refused if self.refuses or self.meanwhile else (200, self._shown(path)))
        if path == "/v1/checkout/sessions":
            return a_page(*([self.page] if self.page else []))
        return a_page(self.intent) if path == "/v1/payment_intents" else (200, self._shown(path))

    def _close(self, path: str) -> None:
        if path.endswith("/expire") and self.page:
            self.page.update(status="expired", url=None)
        else:
            self.intent.update(status="canceled", cancellation_reason="abandoned", next_action=None)

    def _shown(self, path: str) -> dict[str, Any]:
        return self.page if "/checkout/" in path and self.page else self.intent

    @property
    def posts(self) -> list[str]:
        return [one.removeprefix("POST /v1/") for one in self.stripe.asked if one.startswith("POST")]

    def gateway(self, terms: StripeSettings = TERMS, *, fences: bool = True) -> StripeGateway:
        built = a_gateway(self.stripe, fences=fences)
        return attrs.evolve(built, lookup=attrs.evolve(built.lookup, settings=terms))

    def given_up(self, asked: PaymentRequest = ASKED) -> Observation:
        return observed(self.gateway().give_up(asked))


def observed(found: Observation | NotFoundYet) -> Observation:
    assert isinstance(found, Observation)
    return found


WAITING: Final[list[dict[str, Any]]] = [
    {"status": "requires_action", "next_action": {"type": "use_stripe_sdk"}},
    {"status": "requires_confirmation"},
    {"status": "requires_payment_method"},
]


@pytest.mark.parametrize("waits", WAITING, ids=repr)
def test_what_waits_for_the_shopper_is_cancelled_when_it_is_given_up(waits: dict[str, Any]) -> None:
    for kind, method in ((AUTHORIZE, "manual"), (AUTHORIZE_AND_CAPTURE, "automatic")):
        desk = Desk(**waits, capture_method=method)
        seen = desk.given_up(attrs.evolve(ASKED, type=kind))
        assert (seen.status, seen.code, seen.failure_type) == (DECLINED, "action_expired", FailureType.ABANDONED)
        assert desk.posts == ["payment_intents/pi_1/cancel"]
        assert desk.forms[0]["cancellation_reason"] == ["abandoned"]
        assert desk.stripe.keys[0] not in ("", "t-1")
        again = observed(desk.gateway().confirm(attrs.evolve(ASKED, type=kind), {}))
        assert (again.status, again.code) == (DECLINED, "action_expired"), "asked again, it is the same"


def test_a_look_up_leaves_to_the_shopper_what_waits_for_them() -> None:
    for fence in (False, True):
        for name in ("", "pi_1"):
            desk, asked = Desk(**WAITING[0]), attrs.evolve(ASKED, gateway_reference=name)
            assert observed(desk.gateway().look_up(asked, fence=fence)).status is REQUIRES_ACTION
            assert desk.posts == []
            assert desk.given_up(asked).status is DECLINED


@pytest.mark.parametrize(
    ("truth", "status"),
    [
        ({"status": "requires_capture", "amount_capturable": 1000, "latest_charge": UNTAKEN}, SUCCEEDED),
        ({"status": "processing"}, TransactionStatus.AWAITING_RESULT),
        ({"status": "requires_action", "next_action": {"type": "use_stripe_sdk"}}, REQUIRES_ACTION),
        ({"status": "requires_payment_method", "last_payment_error": ERROR}, UNKNOWN),
    ],
)
def test_what_came_of_it_meanwhile_is_what_is_told(truth: dict[str, Any], status: TransactionStatus) -> None:
    desk = Desk(**WAITING[0])
    desk.meanwhile = truth
    assert desk.given_up().status is status


def test_a_hold_that_was_approved_just_before_it_was_cancelled_was_taken_back() -> None:
    desk = Desk(**WAITING[0])
    desk.answer = 200, an_intent(status="canceled", metadata=SENT, latest_charge=UNTAKEN)
    assert desk.given_up().status is TransactionStatus.REVOKED


@pytest.mark.parametrize("answer", [Lost("gone"), (500, {}), (200, {}), (200, an_intent(id="pi_2", status="canceled"))])
def test_an_answer_that_cannot_be_used_is_asked_for_anew(answer: Any) -> None:
    for refuses, status in ((False, DECLINED), (True, REQUIRES_ACTION)):
        desk = Desk(**WAITING[0])
        desk.answer, desk.refuses = answer, refuses
        assert desk.given_up().status is status


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "requires_capture", "amount_capturable": 1000, "latest_charge": UNTAKEN},
        {"status": "processing"},
        {"status": "canceled"},
        {**WAITING[0], "amount": 999},
        {**WAITING[0], "livemode": True},
        {**WAITING[0], "metadata": {"payports_transaction": "t-9"}},
        {**WAITING[0], "amount_received": 1},
        {**WAITING[2], "latest_charge": UNTAKEN},
    ],
    ids=repr,
)
def test_what_does_not_wait_or_is_not_ours_is_not_cancelled(changes: dict[str, Any]) -> None:
    desk = Desk(**changes)
    desk.given_up()
    assert desk.posts == []


def test_a_server_without_keys_cannot_be_told_to_give_up() -> None:
    desk = Desk(**WAITING[0])
    assert isinstance(desk.gateway(fences=False).give_up(ASKED), NotFoundYet)
    assert desk.posts == []


class Shopper:
    """A shop whose only gateway is the desk, and a shopper who was sent to a 3-D Secure check."""

    def __init__(self) -> None:
        self.desk, self.clock = Desk(**WAITING[0]), FixedClock()
        transactions = self.desk.gateway()
        self.card = Gateway(transactions=transactions, validator=transactions, actions=transactions, account="test")

    def sent_away(self, shop: Payports) -> Cart:
        cart = Cart("c-1", total=TEN)
        method = PaymentMethod({"token": "pm_1"})
        shop.payments.create(NewPayment(owner=cart.owner, amount=TEN, gateway="card", method=method)).unwrap()
        self.desk.made = True
        assert isinstance(shop.checkout.submit(cart, request_id="r-1").unwrap(), ActionRequired)
        self.desk.made = False
        return cart

    def shop(self) -> Payports:
        return payports.connect({"store": {"url": "memory:"}}, gateways={"card": self.card}, clock=self.clock)


def the_hold(shop: Payports, cart: Cart) -> Transaction:
    (payment,) = shop.payments.of_owner(cart.owner).unwrap()
    return payment.transactions[0]


def test_what_lapses_or_is_given_up_by_the_shop_cannot_be_paid_any_more() -> None:
    for lapses in (True, False):
        shopper = Shopper()
        with shopper.shop() as shop:
            cart = shopper.sent_away(shop)
            if lapses:
                shopper.clock.advance(3_900)
                shop.maintenance.run().unwrap()
            else:
                shop.checkout.cancel(cart.owner).unwrap()
            assert the_hold(shop, cart).status is DECLINED
            assert shopper.desk.intent["status"] == "canceled"


def test_what_stripe_does_not_close_is_waited_for_by_the_shop() -> None:
    shopper = Shopper()
    with shopper.shop() as shop:
        cart = shopper.sent_away(shop)
        shopper.desk.refuses = True
        shopper.clock.advance(3_900)
        shop.maintenance.run().unwrap()
        assert the_hold(shop, cart).status is REQUIRES_ACTION
        held = {"status": "requires_capture", "amount_capturable": 1000, "latest_charge": UNTAKEN}
        shopper.desk.intent.update(**held, next_action=None)
        shopper.clock.advance(8 * 3_600)
        shop.maintenance.run().unwrap()
        assert the_hold(shop, cart).status is SUCCEEDED


# A refusal that may have been handed out.

REFUSED: Final[dict[str, Any]] = {"status": "requires_payment_method", "last_payment_error": ERROR}


def test_a_failed_check_is_a_decline_once_its_secret_is_worth_nothing() -> None:
    for kind in ("confirm", "look_up"):
        desk = Desk(**REFUSED)
        gateway = desk.gateway()
        seen = observed(gateway.confirm(ASKED, {}) if kind == "confirm" else gateway.look_up(ASKED))
        assert (seen.status, seen.code) == (DECLINED, ERROR["code"])
        assert seen.failure_type is FailureType.AUTHENTICATION_REQUIRED
        assert desk.posts == ["payment_intents/pi_1/cancel"]
        assert desk.intent["status"] == "canceled"


def test_a_refusal_that_cannot_be_closed_is_not_the_end() -> None:
    desk = Desk(**REFUSED)
    desk.refuses = True
    assert observed(desk.gateway().confirm(ASKED, {})).status is UNKNOWN
    desk = Desk(**REFUSED)
    desk.meanwhile = {"status": "requires_capture", "amount_capturable": 1000, "last_payment_error": None}
    assert observed(desk.gateway().confirm(ASKED, {})).status is SUCCEEDED, "another card was taken meanwhile"


def test_each_standing_is_closed_with_a_key_of_its_own() -> None:
    """Stripe keeps a refusal with the key: asked with the same one, it would bring it again when the intent has moved on."""
    keys: list[str] = []
    for waits in (WAITING[0], REFUSED, REFUSED):
        desk = Desk(**waits)
        desk.given_up()
        keys += desk.stripe.keys
    assert keys[0] != keys[1] == keys[2]


def test_the_answer_to_our_own_request_was_handed_to_nobody() -> None:
    told = {"error": {"type": "card_error", "code": "card_declined", "payment_intent": an_intent(**REFUSED)}}
    stripe = Scripted(always((402, told)))
    assert a_gateway(stripe).execute(attrs.evolve(ASKED, gateway_reference="")).seen.status is DECLINED
    assert stripe.asked == ["POST /v1/payment_intents"]


def test_nothing_is_closed_that_follows_a_hold() -> None:
    desk = Desk(**WAITING[0])
    follows = attrs.evolve(ASKED, type=CAPTURE, transaction_id="t-2", parent_id="t-1", parent_reference="pi_1")
    desk.gateway().give_up(follows)
    assert desk.posts == []


# Pages.


def a_session(**changes: Any) -> dict[str, Any]:
    usual = {
        "id": "cs_1",
        "object": "checkout.session",
        "status": "open",
        "payment_status": "unpaid",
        "url": "https://checkout.stripe.com/c/1",
        "livemode": False,
        "payment_intent": None,
        "metadata": SENT,
    }
    return {**usual, **changes}


def test_an_open_page_is_closed_when_it_is_given_up() -> None:
    desk = Desk(page=a_session())
    seen = desk.given_up(ON_PAGE)
    assert (seen.status, seen.code, seen.failure_type) == (DECLINED, "action_expired", FailureType.ABANDONED)
    assert desk.posts == ["checkout/sessions/cs_1/expire"]
    assert desk.stripe.keys[0] not in ("", "t-1")


def test_what_a_page_leaves_open_is_cancelled_after_it() -> None:
    desk = Desk(metadata={**SENT, "payports_page": "1"}, **WAITING[0])
    desk.page = a_session(payment_intent=desk.intent)
    assert desk.given_up(ON_PAGE).status is DECLINED
    assert desk.posts == ["checkout/sessions/cs_1/expire", "payment_intents/pi_1/cancel"]


def test_the_page_of_an_intent_is_looked_for_when_only_the_intent_is_known() -> None:
    desk = Desk(metadata={**SENT, "payports_page": "1"}, **REFUSED)
    desk.page = a_session(payment_intent="pi_1")
    desk.given_up()
    assert desk.posts == ["checkout/sessions/cs_1/expire"]


def test_a_page_that_was_paid_meanwhile_is_a_success() -> None:
    paid = an_intent(metadata={**SENT, "payports_page": "1"}, latest_charge=UNTAKEN)
    desk = Desk(page=a_session())
    assert desk.page is not None
    desk.refuses = True
    desk.answer = 400, {"error": {"type": "invalid_request_error"}}
    gateway = desk.gateway()

    def pays(method: str, path: str, query: Query) -> SendResult | tuple[int, Any]:
        if method == "POST" and desk.page:
            desk.page.update(status="complete", payment_status="unpaid", payment_intent=paid)
        return desk._says(method, path, query)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- the same desk, a moment later

    stripe = Scripted(pays)
    channel = attrs.evolve(gateway.lookup.client, sender=stripe)
    gateway = attrs.evolve(gateway, lookup=attrs.evolve(gateway.lookup, client=channel))
    assert observed(gateway.give_up(ON_PAGE)).status is SUCCEEDED


@pytest.mark.parametrize("changes", [{"id": "cs_2"}, {"livemode": True}, {"status": "complete", "url": None}])
def test_a_page_that_is_another_or_is_over_is_not_closed(changes: dict[str, Any]) -> None:
    desk = Desk(page=a_session(**changes))
    desk.given_up(ON_PAGE)
    assert desk.posts == []


def test_no_secret_is_in_what_was_given_up() -> None:
    desk = Desk(**WAITING[0])
    assert "secret" not in json.dumps(repr(desk.given_up()))
