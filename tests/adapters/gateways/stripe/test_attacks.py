"""What an attacker, or a Stripe on a bad day, might answer: none of it makes money move that did not, or forgets money that did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs
import pytest
from pytest_httpserver import HTTPServer
from returns.result import Failure, Success

from payports.adapters.gateways.kit.http_results import Answer
from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.kit.timed_signatures import signed
from payports.adapters.gateways.stripe import requests
from payports.adapters.gateways.stripe.events import read_event
from payports.adapters.gateways.stripe.form import Call, Unsendable, path
from payports.adapters.gateways.stripe.requests import capture_name
from payports.adapters.gateways.stripe.responses import read_answer, read_finding
from payports.domain.judgement import Contradiction, judge
from payports.domain.lifecycle import AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE, REFUND, REVERSE_AUTH, SETTLED
from payports.domain.money import Money
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.payment import Customer
from payports.domain.payment_method import PaymentMethod
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.gateway import NotFoundYet, PaymentRequest
from tests.adapters.gateways.stripe.stubs import TERMS, an_intent, answered, asked_for, connected, judged
from tests.adapters.gateways.stripe.test_fuzzing import CHARGE, DISPUTE, REFUNDED
from tests.adapters.gateways.stripe.test_lookup import ASKED, SENT_AT, Query, Scripted, a_gateway, a_page, always
from tests.adapters.gateways.stripe.test_lookup import found as found_by
from tests.adapters.gateways.stripe.test_webhooks import AT, NOW, READER, SECRET, an_event, read

SUCCEEDED, UNKNOWN = TransactionStatus.SUCCEEDED, TransactionStatus.UNKNOWN
DECLINED, NOT_EXECUTED = TransactionStatus.DECLINED, TransactionStatus.NOT_EXECUTED
REQUIRES_ACTION = TransactionStatus.REQUIRES_ACTION
TEN, SIX, FOUR = Money.of("10.00", "EUR"), Money.of("6.00", "EUR"), Money.of("4.00", "EUR")
SEVERAL = attrs.evolve(TERMS, several_captures=True)
HOSTED = attrs.evolve(TERMS, hosted_page=True)
OURS = {"payports_transaction": "t-1"}
SENT = {"payports_transaction": "t-ours"}
ON_PAGE = {**OURS, "payports_page": "1"}
UNCAPTURED: Final = {**CHARGE, "captured": False, "amount_captured": 0}
KINDS: Final = (AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE, REVERSE_AUTH, REFUND, SETTLED)


def asked(kind: TransactionType, amount: Money = TEN, *, key: str = "t-ours", **more: Any) -> PaymentRequest:
    parent = "" if kind in (AUTHORIZE, AUTHORIZE_AND_CAPTURE) else "pi_1"
    return asked_for(kind, amount, parent=parent, key=key, **more)


GOOD: Final[Mapping[TransactionType, dict[str, Any]]] = {
    AUTHORIZE: an_intent(latest_charge=UNCAPTURED, metadata=SENT),
    AUTHORIZE_AND_CAPTURE: an_intent(
        status="succeeded", amount_received=1000, capture_method="automatic", latest_charge=CHARGE, metadata=SENT
    ),
    CAPTURE: an_intent(status="succeeded", amount_received=1000, latest_charge=CHARGE),
    REVERSE_AUTH: an_intent(status="canceled", latest_charge=UNCAPTURED),
    REFUND: REFUNDED,
    SETTLED: an_intent(status="succeeded", amount_received=1000, latest_charge=CHARGE),
}
"""The answer to each that is a success of ten euro."""


def _with_charge(told: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {**told, "latest_charge": {**told["latest_charge"], **changes}}


def _doubled(told: dict[str, Any], name: str, value: object) -> bytes:
    text = json.dumps(told)
    return f"{text[:-1]}, {json.dumps(name)}: {json.dumps(value)}}}".encode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_answer_is_a_success(kind: TransactionType) -> None:
    assert read_answer(answered(200, GOOD[kind]), asked(kind), TERMS).seen.status is SUCCEEDED


def each(name: str, *values: Any) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


_SPOILT: Final[list[dict[str, Any]]] = [
    *each("livemode", None, 0, "false", [], {}),
    *each("metadata", [], "x", 1, {"payports_transaction": 1}, {"payports_transaction": ["t"]}),
    *each("metadata", *each("payports_transaction", "a b", "\ud800", "x" * 256)),
    *each("capture_method", None, "manuel", []),
    *each("amount_received", None, "1000", 1000.0, -1, 1001, []),
    *each("amount_capturable", None, "0", 1001),
    *each("latest_charge", 1, [], {}, {"id": "ch_1"}, "../ch_1"),
    *each("object", None, "charge", []),
    *each("status", None, "", "SUCCEEDED", ["succeeded"]),
]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not REFUND])
@pytest.mark.parametrize("changes", _SPOILT, ids=repr)
def test_what_is_malformed_where_money_is_is_no_success(kind: TransactionType, changes: dict[str, Any]) -> None:
    if changes == {"latest_charge": {}} and kind is not SETTLED:
        changes = {"latest_charge": {"object": "charge"}}
    assert read_answer(answered(200, {**GOOD[kind], **changes}), asked(kind), TERMS).seen.status is UNKNOWN


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not REFUND])
def test_what_is_not_told_of_the_mode_is_no_success(kind: TransactionType) -> None:
    told = {name: value for name, value in GOOD[kind].items() if name != "livemode"}
    assert read_answer(answered(200, told), asked(kind), TERMS).seen.status is UNKNOWN


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metadata", {"x": "y"}),
        ("amount", 1),
        ("currency", "usd"),
        ("status", "failed"),
        ("id", "x_1"),
        ("object", "x"),
    ],
)
def test_what_is_told_in_two_ways_is_no_success(kind: TransactionType, name: str, value: object) -> None:
    body = _doubled(GOOD[kind], name, value)
    assert read_answer(answered(200, body), asked(kind), TERMS).seen.status is UNKNOWN


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not REFUND])
@pytest.mark.parametrize(("name", "value"), [("livemode", True), ("capture_method", "x"), ("amount_received", 1)])
def test_what_an_intent_tells_in_two_ways_is_no_success(kind: TransactionType, name: str, value: object) -> None:
    assert read_answer(answered(200, _doubled(GOOD[kind], name, value)), asked(kind), TERMS).seen.status is UNKNOWN


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not REFUND])
@pytest.mark.parametrize(
    "changes",
    [
        {"payment_intent": "pi_2"},
        {"payment_intent": ["pi_1"]},
        {"currency": "usd"},
        {"amount": 999},
        {"amount": None},
        {"livemode": True},
        {"livemode": "false"},
        {"captured": None},
        {"amount_captured": 400},
        {"amount_captured": "1000"},
        {"metadata": []},
        {"id": "../ch_1"},
    ],
    ids=repr,
)
def test_a_charge_that_speaks_against_its_intent_is_no_success(kind: TransactionType, changes: dict[str, Any]) -> None:
    told = _with_charge(GOOD[kind], **changes)
    assert read_answer(answered(200, told), asked(kind), TERMS).seen.status is UNKNOWN


@pytest.mark.parametrize("kind", [AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE, SETTLED])
@pytest.mark.parametrize("status", ["failed", "pending", "", None])
def test_a_charge_that_did_not_succeed_is_no_success(kind: TransactionType, status: str | None) -> None:
    told = _with_charge(GOOD[kind], status=status)
    assert read_answer(answered(200, told), asked(kind), TERMS).seen.status is UNKNOWN


@pytest.mark.parametrize("kind", [CAPTURE, REVERSE_AUTH])
def test_what_follows_a_hold_is_of_an_intent_that_was_one(kind: TransactionType) -> None:
    told = {**GOOD[kind], "capture_method": "automatic"}
    assert read_answer(answered(200, told), asked(kind), TERMS).seen.status is UNKNOWN


def test_an_intent_that_tells_nothing_of_what_was_received_was_not_paid() -> None:
    told = {name: value for name, value in GOOD[AUTHORIZE_AND_CAPTURE].items() if name != "amount_received"}
    told["latest_charge"] = "ch_1"
    assert read_answer(answered(200, told), asked(AUTHORIZE_AND_CAPTURE), TERMS).seen.status is UNKNOWN


@pytest.mark.parametrize(
    "changes",
    [
        *each("payment_intent", None, 1, [], {}, "pi_2", "../pi_1", {"id": "pi_2"}),
        *each("metadata", [], {"payports_transaction": "t-other"}, {"payports_transaction": 1}),
        *each("amount", 999, 1001, "1000", None),
        {"currency": "usd"},
        {"livemode": True},
        {"object": "charge"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("status", ["succeeded", "failed", "pending"])
def test_a_refund_of_something_else_says_nothing(changes: dict[str, Any], status: str) -> None:
    told = {**GOOD[REFUND], "status": status, **changes}
    assert judged(read_answer(answered(200, told), asked(REFUND), TERMS).seen, asked(REFUND)) is UNKNOWN


# What was captured before a hold was given up.


@pytest.mark.parametrize(
    "told",
    [
        an_intent(status="canceled", amount_received=600),
        an_intent(status="canceled", amount_received=1000),
        an_intent(status="canceled", latest_charge=CHARGE),
        an_intent(status="canceled", amount_received=600, latest_charge={**CHARGE, "amount_captured": 600}),
    ],
)
def test_a_hold_that_was_captured_is_not_given_up(told: dict[str, Any]) -> None:
    for kind in (AUTHORIZE, CAPTURE, REVERSE_AUTH):
        assert read_answer(answered(200, {**told, "metadata": SENT}), asked(kind), TERMS).seen.status is UNKNOWN


def test_a_hold_that_was_captured_in_part_needs_attention() -> None:
    told = an_intent(status="canceled", amount_received=600)
    seen = read_answer(answered(200, told), asked(REVERSE_AUTH), TERMS).seen
    assert isinstance(judge(TEN, "test", (seen,)).contradiction, Contradiction)


@pytest.mark.parametrize("terms", [TERMS, SEVERAL])
def test_a_notification_of_a_cancellation_tells_what_was_captured_before(terms: Any) -> None:
    left = {**OURS, capture_name("t-2"): "600 t-2"}
    told = read_event(
        "payment_intent.canceled", an_intent(status="canceled", amount_received=600, metadata=left), terms
    )
    assert told is not None
    assert [(one.type, one.status, one.amount) for one in told] == [
        (AUTHORIZE, SUCCEEDED, TEN),
        (CAPTURE, SUCCEEDED, SIX),
        (REVERSE_AUTH, SUCCEEDED, FOUR),
    ]


# Several captures.


def _captured(received: int, status: str = "requires_capture", **units: int) -> dict[str, Any]:
    left = {capture_name(name): f"{number} {name}" for name, number in units.items()}
    return an_intent(amount_received=received, status=status, metadata={**OURS, **left})


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (_captured(600, a=600), SUCCEEDED),
        (_captured(1000, a=600, b=400), SUCCEEDED),
        (_captured(900, a=600, b=400), UNKNOWN),
        (_captured(600, a=600, b=600), UNKNOWN),
        (_captured(600, a=500), UNKNOWN),
        (_captured(600, status="canceled", a=600), SUCCEEDED),
        (_captured(600, b=600), None),
        (_captured(1000, b=600), UNKNOWN),
        (_captured(600, status="canceled", b=600), NOT_EXECUTED),
        (_captured(600, status="canceled"), UNKNOWN),
        (_captured(0, status="canceled"), NOT_EXECUTED),
    ],
)
def test_captures_are_added_up_against_what_was_received(
    told: dict[str, Any], status: TransactionStatus | None
) -> None:
    seen = read_finding(answered(200, told), asked(CAPTURE, SIX, key="a"), SEVERAL, Channel.LOOK_UP)
    assert (seen.status if isinstance(seen, Observation) else None) is status


@pytest.mark.parametrize("told", [_captured(900, a=600, b=400), _captured(600, a=600, b=600), _captured(0, a=600)])
def test_captures_that_do_not_add_up_are_not_told(told: dict[str, Any]) -> None:
    events = read_event("payment_intent.succeeded", {**told, "status": "succeeded"}, SEVERAL)
    assert not any(one.type is CAPTURE for one in events or ())


@pytest.mark.parametrize("entry", ["600", "600 other", "six t-2", " 600 t-2", "600 t-2 ", "-600 t-2", "0600 t-2"])
def test_an_entry_that_is_not_as_we_write_it_proves_nothing(entry: str) -> None:
    told = an_intent(amount_received=600, metadata={**OURS, capture_name("t-2"): entry})
    assert read_answer(answered(200, told), asked(CAPTURE, SIX, key="t-2"), SEVERAL).seen.status is UNKNOWN


@pytest.mark.parametrize("key", ["t-2", "0" * 37, "k" * 255, "a[b]/c.d"])
def test_a_capture_is_told_by_its_own_id_whatever_its_length(key: str) -> None:
    call = requests.execution_of(asked(CAPTURE, SIX, key=key), SEVERAL)
    assert isinstance(call, Call)
    told = an_intent(status="succeeded", amount_received=600, metadata={**OURS, **call.form["metadata"]})
    events = read_event("payment_intent.succeeded", told, SEVERAL)
    assert events is not None
    assert [(one.transaction_id, one.amount) for one in events if one.type is CAPTURE] == [(key, SIX)]


# What is never sent.


@pytest.mark.parametrize("fields", [{"cap_x": "1"}, {"cap_": "1"}, {"payports_page": "1"}, {"payports_x": "1"}])
@pytest.mark.parametrize("terms", [TERMS, SEVERAL, HOSTED])
def test_pass_through_fields_do_not_pose_as_ours(fields: dict[str, str], terms: Any) -> None:
    method = PaymentMethod({}) if terms is HOSTED else PaymentMethod({"token": "pm_1"})
    request = asked(AUTHORIZE, pass_through=fields, method=method, return_url="https://shop.example/back")
    assert isinstance(requests.execution_of(request, terms), Unsendable)
    assert connected().transactions.execute(request).seen.status is NOT_EXECUTED
    assert isinstance(requests.execution_of(attrs.evolve(request, pass_through={"capital": "1"}), terms), Call)


@pytest.mark.parametrize(
    "changes",
    [{"pass_through": {"a": "\ud800"}}, {"pass_through": {"\ud800": "a"}}, {"return_url": "https://x/\udfff"}],
)
def test_half_a_character_is_refused_unsent(changes: dict[str, Any]) -> None:
    request = asked(AUTHORIZE, **changes)
    assert isinstance(requests.execution_of(request, TERMS), Unsendable)
    assert connected().transactions.execute(request).seen.status is NOT_EXECUTED


def test_half_a_character_in_a_customer_is_refused_unsent() -> None:
    vault = connected().vault
    assert vault is not None
    assert isinstance(vault.keep(Customer("\ud800"), PaymentMethod({"token": "pm_1"})), Failure)
    assert isinstance(vault.methods_of(Customer("\ud800")), Failure)


@pytest.mark.parametrize("name", [".", "..", "...", "%2E%2E", "a/../b", "\ud800"])
def test_no_name_walks_through_an_address(name: str, httpserver: HTTPServer) -> None:
    """Asked over a real socket, because HTTP libraries undo escapes and then walk."""
    httpserver.expect_request("").respond_with_data("{}")
    Sender().send("GET", httpserver.url_for(path("payment_intents", name, "capture")), {})
    ((request, _),) = httpserver.log
    target = request.environ["REQUEST_URI"]
    parts = target.split("/")
    assert parts[:3] == ["", "v1", "payment_intents"]
    assert len(parts) == 5
    assert not {".", ".."} & {part.replace("%2E", ".") for part in parts}


# Secrets in addresses.

SECRETS: Final = [
    "https://hooks.stripe.com/x?payment_intent=pi_1&payment_intent_client_secret=pi_1_secret_of_the_client",
    "https://hooks.stripe.com/x?setup_intent_client_secret=seti_1_secret_x",
    "https://hooks.stripe.com/x?client_secret=src_1",
    "https://hooks.stripe.com/x?a=1#source_secret=x",
    "https://hooks.stripe.com/x?%63lient_%73ecret=x",
    "https://hooks.stripe.com/x?next=%2Fy%3Fclient_%2573ecret%3Dx",
    "https://hooks.stripe.com/x?a=pi_1_secret_of_the_client",
]


@pytest.mark.parametrize("url", SECRETS)
def test_an_address_with_a_secret_is_kept_nowhere_and_handed_out_all_the_same(url: str) -> None:
    told = an_intent(status="requires_action", next_action={"redirect_to_url": {"url": url}}, metadata=OURS)
    stripe = Scripted(always((200, told)))
    response = a_gateway(stripe).execute(asked(AUTHORIZE, key="t-1"))
    heard = read_event("payment_intent.requires_action", told, TERMS)
    assert heard is not None
    for seen in (response.seen, heard[0]):
        assert seen.next_action is not None
        assert seen.next_action == NextAction(type="redirect", reference="pi_1")
        shown = a_gateway(stripe).present(asked(AUTHORIZE, gateway_reference="pi_1"), seen.next_action)
        assert shown == NextAction(type="redirect", url=url, reference="pi_1")
    assert "ecret" not in repr(response)
    assert "ecret" not in repr(heard)


def test_an_address_without_a_secret_is_kept_and_not_asked_for_again() -> None:
    url = "https://hooks.stripe.com/x?merchant=acct_1"
    told = an_intent(status="requires_action", next_action={"redirect_to_url": {"url": url}}, metadata=SENT)
    stripe = Scripted(always((200, told)))
    action = a_gateway(stripe).execute(asked(AUTHORIZE)).seen.next_action
    assert action is not None
    assert a_gateway(stripe).present(asked(AUTHORIZE), action).url == url
    assert stripe.asked == ["POST /v1/payment_intents"]


@pytest.mark.parametrize("told", [{}, an_intent(id="pi_2"), an_intent(livemode=True), an_intent(client_secret="")])
def test_what_was_not_kept_is_taken_from_its_own_intent_only(told: dict[str, Any]) -> None:
    action = NextAction(type="challenge", reference="pi_1")
    assert a_gateway(Scripted(always((200, told)))).present(asked(AUTHORIZE), action) == action


# Hosted pages.


def a_session(**changes: Any) -> dict[str, Any]:
    usual = {
        "id": "cs_1",
        "object": "checkout.session",
        "status": "open",
        "payment_status": "unpaid",
        "url": "https://checkout.stripe.com/c/1",
        "livemode": False,
        "payment_intent": None,
    }
    return {**usual, **changes}


def on_page(**changes: Any) -> dict[str, Any]:
    return an_intent(**{"metadata": ON_PAGE, "latest_charge": None, **changes})


FAILED: Final = {"status": "requires_payment_method", "last_payment_error": {"code": "card_declined"}}


@pytest.mark.parametrize(
    ("session", "status"),
    [
        (a_session(), REQUIRES_ACTION),
        (a_session(payment_intent="pi_1"), REQUIRES_ACTION),
        (a_session(payment_intent=on_page(**FAILED)), REQUIRES_ACTION),
        (a_session(payment_intent=on_page(status="requires_payment_method")), REQUIRES_ACTION),
        (a_session(payment_intent=on_page(status="requires_action")), REQUIRES_ACTION),
        (a_session(payment_intent=on_page(status="processing")), TransactionStatus.AWAITING_RESULT),
        (a_session(payment_intent=on_page(amount=999)), UNKNOWN),
        (a_session(payment_intent=on_page(metadata={"payports_transaction": "t-9"}, **FAILED)), UNKNOWN),
        (a_session(payment_intent=on_page(livemode=True, **FAILED)), UNKNOWN),
        (a_session(payment_intent={}), UNKNOWN),
        (a_session(payment_intent=[]), UNKNOWN),
        (a_session(livemode=None), UNKNOWN),
        (a_session(metadata=[]), UNKNOWN),
        (a_session(status="complete", payment_status="paid", payment_intent=on_page()), SUCCEEDED),
        (a_session(status="complete", payment_intent=on_page(**FAILED)), DECLINED),
        (a_session(status="complete", payment_intent="pi_1"), UNKNOWN),
        (a_session(status="expired"), NOT_EXECUTED),
        (a_session(status="expired", payment_intent=on_page(**FAILED)), DECLINED),
        (a_session(status="expired", payment_intent=on_page(status="requires_payment_method")), NOT_EXECUTED),
        (a_session(status="expired", payment_intent=on_page(status="canceled")), DECLINED),
        (a_session(status="expired", payment_intent=on_page()), SUCCEEDED),
        (a_session(status="expired", payment_status="paid"), UNKNOWN),
        (a_session(status="expired", payment_intent="pi_1"), UNKNOWN),
        (a_session(status="expired", payment_intent=["pi_1"]), UNKNOWN),
        (a_session(status="expired", payment_intent=on_page(status="requires_action")), UNKNOWN),
        (a_session(status="expired", payment_intent=on_page(amount=999)), UNKNOWN),
        (
            a_session(status="expired", payment_intent=on_page(status="succeeded", amount=999, amount_received=999)),
            UNKNOWN,
        ),
        (a_session(status="expired", payment_intent=on_page(status="canceled", amount_received=600)), UNKNOWN),
    ],
)
def test_a_page_is_read_to_what_is_certain(session: dict[str, Any], status: TransactionStatus) -> None:
    request = asked(AUTHORIZE, key="t-1", attributes={"session": "cs_1"})
    seen = read_finding(answered(200, session), request, HOSTED, Channel.LOOK_UP)
    assert isinstance(seen, Observation)
    assert seen.status is status
    if status is REQUIRES_ACTION:
        assert seen.next_action is not None
        assert seen.next_action.url == session["url"]


def test_an_expired_page_does_not_hide_an_intent_that_is_known() -> None:
    request = asked(AUTHORIZE, key="t-1", attributes={"session": "cs_1"}, gateway_reference="pi_1")
    seen = read_finding(answered(200, a_session(status="expired")), request, HOSTED, Channel.LOOK_UP)
    assert isinstance(seen, Observation)
    assert seen.status is UNKNOWN


def test_a_payment_on_a_page_is_marked_as_such_and_asked_for_by_its_page() -> None:
    request = asked(AUTHORIZE, key="t-1", method=PaymentMethod({}), return_url="https://shop.example/back")
    call = requests.execution_of(request, HOSTED)
    assert isinstance(call, Call)
    assert call.form["payment_intent_data"]["metadata"]["payports_page"] == "1"
    stripe = Scripted(always((200, a_session(payment_intent=on_page(**FAILED)))))
    later = attrs.evolve(request, attributes={"session": "cs_1"}, gateway_reference="pi_1")
    seen = a_gateway(stripe).look_up(later)
    assert stripe.asked == ["GET /v1/checkout/sessions/cs_1"]
    assert isinstance(seen, Observation)
    assert seen.status is REQUIRES_ACTION


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        ("payment_intent.payment_failed", on_page(**FAILED)),
        ("payment_intent.requires_action", on_page(status="requires_action")),
        ("charge.failed", {**UNCAPTURED, "status": "failed", "metadata": ON_PAGE}),
        ("checkout.session.expired", a_session(status="expired", metadata=OURS, payment_intent="pi_1")),
        ("checkout.session.expired", a_session(status="expired", metadata=OURS, payment_status="paid")),
        ("checkout.session.expired", a_session(status="complete", metadata=OURS)),
    ],
)
def test_a_card_that_is_declined_on_a_page_is_not_the_end(kind: str, thing: dict[str, Any]) -> None:
    assert read_event(kind, thing, HOSTED) == ()
    intent = read_answer(answered(200, on_page(**FAILED)), asked(AUTHORIZE, key="t-1"), HOSTED).seen
    assert intent.status is UNKNOWN, "the page may still be open"


# Refusals.


def refusal(intent: object, kind: str = "invalid_request_error", **more: str) -> dict[str, Any]:
    return {"error": {"type": kind, "payment_intent": intent, **more}}


@pytest.mark.parametrize("kind", [CAPTURE, REVERSE_AUTH])
@pytest.mark.parametrize(
    "intent",
    [
        an_intent(status="succeeded", amount_received=1000),
        an_intent(status="canceled"),
        an_intent(status="processing"),
        an_intent(id="pi_2"),
        an_intent(livemode=True),
        an_intent(amount="1000"),
        "pi_1",
        [],
        {},
    ],
    ids=repr,
)
def test_a_refusal_whose_intent_does_not_still_stand_is_looked_up(kind: TransactionType, intent: object) -> None:
    seen = read_answer(answered(400, refusal(intent)), asked(kind), TERMS).seen
    assert seen.status is UNKNOWN


@pytest.mark.parametrize("kind", [CAPTURE, REVERSE_AUTH])
def test_a_refusal_whose_intent_still_stands_is_believed(kind: TransactionType) -> None:
    for told in (refusal(an_intent()), refusal(None)):
        assert read_answer(answered(400, told), asked(kind), TERMS).seen.status is NOT_EXECUTED


@pytest.mark.parametrize(
    "intent",
    [
        *({**an_intent(**FAILED), name: None} for name in ("livemode", "amount", "currency", "id", "status")),
        an_intent(**FAILED, metadata=[]),
        an_intent(**FAILED, amount_received=1000),
        {**an_intent(**FAILED), "amount_capturable": 1000},
        an_intent(**FAILED, latest_charge=UNCAPTURED),
        an_intent(),
        "pi_1",
        [],
        {},
        1,
    ],
    ids=repr,
)
def test_a_decline_whose_intent_cannot_be_read_or_holds_money_is_no_decline(intent: object) -> None:
    told = refusal(intent, "card_error", code="card_declined")
    assert read_answer(answered(402, told), asked(AUTHORIZE), TERMS).seen.status is UNKNOWN


def test_a_decline_with_its_intent_is_one() -> None:
    told = refusal(an_intent(**FAILED, metadata=SENT), "card_error", code="card_declined")
    assert read_answer(answered(402, told), asked(AUTHORIZE), TERMS).seen.status is DECLINED
    doubled = _doubled(told["error"], "payment_intent", None).decode()
    twice = answered(402, f'{{"error": {doubled}}}'.encode())
    assert read_answer(twice, asked(AUTHORIZE), TERMS).seen.status is UNKNOWN


@pytest.mark.parametrize(
    "changes", [{"amount_capturable": 1000}, {"latest_charge": UNCAPTURED}, {"amount_received": 1}]
)
def test_an_intent_that_holds_money_was_not_declined(changes: dict[str, Any]) -> None:
    refused = an_intent(**FAILED, metadata=SENT)
    assert read_answer(answered(200, refused), asked(AUTHORIZE), TERMS).seen.status is DECLINED
    told = {**refused, **changes}
    assert read_answer(answered(200, told), asked(AUTHORIZE), TERMS).seen.status is UNKNOWN


# Notifications.


@pytest.mark.parametrize(
    ("name", "value"),
    [("account", "acct_other"), ("account", ""), ("livemode", True), ("livemode", 0), ("id", "evt_2"), ("type", "x")],
)
def test_an_event_that_is_told_in_two_ways_is_refused(name: str, value: object) -> None:
    event = json.loads(an_event("payment_intent.succeeded", an_intent(metadata=OURS)))
    first = {"account": "acct_first", **event} if name == "account" else event
    body = _doubled(first, name, value)
    assert isinstance(read(body), Failure)


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        ("payment_intent.succeeded", an_intent(metadata=[])),
        ("payment_intent.succeeded", {**an_intent(metadata=OURS), "livemode": None}),
        ("charge.succeeded", {**CHARGE, "captured": 1}),
        ("charge.succeeded", {**CHARGE, "payment_intent": 1}),
        ("charge.captured", {**CHARGE, "amount_captured": 2000}),
        ("charge.refunded", {**CHARGE, "refunds": {"data": [REFUNDED, {"id": "re_2"}]}}),
        ("refund.created", {**REFUNDED, "payment_intent": ["pi_1"]}),
        ("charge.dispute.created", {**DISPUTE, "payment_intent": 1}),
        ("checkout.session.expired", a_session(status="expired", metadata=[])),
    ],
)
def test_an_event_whose_object_is_malformed_is_refused(kind: str, thing: dict[str, Any]) -> None:
    assert isinstance(read(an_event(kind, thing)), Failure)


@pytest.mark.parametrize("thing", [{**UNCAPTURED, "amount_refunded": 400}, {**CHARGE, "amount_refunded": 1000}])
def test_a_hold_is_given_up_only_as_a_whole(thing: dict[str, Any]) -> None:
    assert read(an_event("charge.refunded", thing)).unwrap() == ()


@pytest.mark.parametrize("zeros", ["0", "00", "000"])
def test_a_time_with_zeros_before_it_is_no_time(zeros: str) -> None:
    body = an_event("payment_intent.succeeded", an_intent(metadata=OURS))
    header = signed(SECRET, body, AT)
    assert isinstance(READER.read({"Stripe-Signature": header}, body, {}, NOW), Success)
    for padded in (header.replace("t=", f"t={zeros}"), "v0=1, " + header.replace("t=", f"t={zeros}")):
        assert isinstance(READER.read({"stripe-signature": padded}, body, {}, NOW), Failure)


# Lists.


def _listing(*items: dict[str, Any], more: Any = True) -> Any:
    def says(method: str, where: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        return a_page(*items, more=more)

    return says


OLD: Final = SENT_AT - 3_600


@pytest.mark.parametrize(
    "items",
    [
        [an_intent()],
        [an_intent(created=None)],
        [an_intent(created=str(OLD))],
        [an_intent(id="pi_1", created=OLD), an_intent(id="pi_2", created=SENT_AT), an_intent(id="pi_3", created=OLD)],
        [an_intent(id="pi_1"), an_intent(id="pi_2", created=OLD)],
        [{**an_intent(created=OLD), "id": None}],
        [an_intent(created=OLD, metadata=[])],
        [an_intent(id=f"pi_{number}", created=OLD, metadata={"payports_transaction": "t-ours"}) for number in (1, 2)],
        [],
    ],
)
def test_a_list_that_does_not_surely_reach_back_proves_nothing(items: list[dict[str, Any]]) -> None:
    assert found_by(a_gateway(Scripted(_listing(*items)))) is UNKNOWN


@pytest.mark.parametrize("more", [None, 0, "false"])
def test_a_list_that_does_not_say_that_it_ends_proves_nothing(more: Any) -> None:
    stripe = Scripted(_listing({**REFUNDED, "metadata": {}}, more=more))
    assert found_by(a_gateway(stripe), type=REFUND, parent_reference="pi_1") is UNKNOWN


def test_what_a_list_has_shown_is_what_is_read() -> None:
    def says(method: str, where: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        ours = an_intent(id="pi_9", metadata={"payports_transaction": "t-ours"}, created=SENT_AT)
        return (200, an_intent(id="pi_8")) if where.endswith("/pi_9") else a_page(ours)

    assert found_by(a_gateway(Scripted(says))) is UNKNOWN


@pytest.mark.parametrize("changes", [{"status": "requires_capture"}, {"livemode": None}, {"object": "charge"}])
def test_a_key_counts_as_taken_only_by_an_intent_that_waits(changes: dict[str, Any]) -> None:
    fence = an_intent(**{"status": "requires_payment_method", "metadata": {"payports_fence": "t-ours"}, **changes})

    def says(method: str, where: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        return (200, fence) if method == "POST" else a_page()

    found = a_gateway(Scripted(says)).look_up(ASKED, fence=True)
    assert not isinstance(found, NotFoundYet)
    assert found.status is UNKNOWN


def test_no_answer_raises_however_deep_or_long_it_is() -> None:
    for body in (b"[" * 100_000, b'{"a":' * 50_000, b'{"amount": ' + b"9" * 10_000 + b"}", b'{"id": NaN}', b"\xff"):
        for kind in KINDS:
            assert read_answer(Answer(200, {}, body), asked(kind), TERMS).seen.status is UNKNOWN
