"""The readers are total, and success is never read out of what is about something else."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Success

from payports.adapters.gateways.kit.http_results import Answer
from payports.adapters.gateways.kit.json_reading import nested
from payports.adapters.gateways.kit.timed_signatures import signed
from payports.adapters.gateways.kit.webhook_secrets import WebhookSecrets
from payports.adapters.gateways.stripe.events import read_event
from payports.adapters.gateways.stripe.responses import read_answer, read_finding
from payports.adapters.gateways.stripe.webhooks import HEADER, stripe_webhooks
from payports.domain.lifecycle import AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE, REFUND, REVERSE_AUTH, SETTLED
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.secret import Secret
from payports.domain.transaction_types import FAILED, TransactionStatus
from payports.ports.gateway import NotFoundYet, PaymentResponse
from payports.testing import FixedClock
from tests.adapters.gateways.stripe.stubs import TERMS, WEBHOOK_SECRET, an_intent, asked_for, judged

HOLDS_OR_TAKES: Final = (AUTHORIZE, AUTHORIZE_AND_CAPTURE)
TEN: Final = Money.of("10.00", "EUR")
CERTAIN: Final = {TransactionStatus.SUCCEEDED, *FAILED}
ROUNDS, A_ROUND = 1_000, 200
"""200,000 inputs for each reader."""

KINDS: Final = (AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE, REVERSE_AUTH, REFUND, SETTLED)
ASKED: Final = [asked_for(kind, TEN, parent="pi_1", key="t-ours") for kind in KINDS]
SENT: Final = {"payports_transaction": "t-ours"}
CHARGE: Final = {
    "id": "ch_1",
    "object": "charge",
    "amount": 1000,
    "amount_captured": 1000,
    "amount_refunded": 0,
    "captured": True,
    "currency": "eur",
    "status": "succeeded",
    "payment_intent": "pi_1",
    "metadata": {"payports_transaction": "t-ours"},
    "balance_transaction": {"id": "txn_1", "status": "available", "source": "ch_1"},
}
REFUNDED: Final = {
    "id": "re_1",
    "object": "refund",
    "amount": 1000,
    "currency": "eur",
    "status": "succeeded",
    "payment_intent": "pi_1",
    "balance_transaction": "txn_2",
    "metadata": {"payports_transaction": "t-ours"},
}
DISPUTE: Final = {
    "id": "dp_1",
    "object": "dispute",
    "amount": 1000,
    "currency": "eur",
    "status": "lost",
    "payment_intent": "pi_1",
    "balance_transactions": [{"amount": -1000}],
}
SEEDS: Final[list[dict[str, Any]]] = [
    an_intent(),
    an_intent(metadata=SENT),
    an_intent(status="succeeded", amount_received=1000, latest_charge=CHARGE),
    an_intent(status="succeeded", amount_received=1000, capture_method="automatic", metadata=SENT),
    an_intent(status="requires_payment_method", last_payment_error={"code": "card_declined"}, metadata=SENT),
    an_intent(status="canceled", latest_charge={**CHARGE, "captured": False}),
    an_intent(status="requires_action", next_action={"redirect_to_url": {"url": "https://hooks.stripe.com/x"}}),
    REFUNDED,
    CHARGE,
    DISPUTE,
    {"error": {"type": "card_error", "code": "card_declined", "payment_intent": an_intent()}},
    {"id": "cs_1", "object": "checkout.session", "url": "https://checkout.stripe.com/x", "payment_intent": an_intent()},
]
VALUES: Final[list[Any]] = json.loads(
    """[null, true, false, 0, 1, -1, 999, 1000, 1001, 1e300, 1000000000000000000000000000000, 1.5, "", "eur", "usd", "EUR", "succeeded",
    "canceled", "requires_capture", "pi_1", "pi_2", "../pi_1", "\\u0000", "\\ud800", [], {}, [[]], {"id": "ch_1"}, {"data": [{}]}]"""
)


def _mutated(seed: Any, random: Random) -> Any:
    """Change some of a tree: other values, other names, nothing at all, something else's branch."""
    if isinstance(seed, dict) and random.random() < 0.9:
        table = cast("dict[str, Any]", seed)
        kept = {name: _mutated(value, random) if random.random() < 0.25 else value for name, value in table.items()}
        if kept and random.random() < 0.2:
            del kept[random.choice(list(kept))]
        return kept
    if isinstance(seed, list) and random.random() < 0.8:
        items: list[Any] = seed  # pyright: ignore[reportUnknownVariableType]
        return [_mutated(one, random) for one in items]
    return random.choice(VALUES) if random.random() < 0.8 else random.choice(SEEDS)


def _body(random: Random) -> bytes:
    body = json.dumps(_mutated(random.choice(SEEDS), random)).encode()
    if random.random() < 0.1:
        spoilt = bytearray(body)
        for _ in range(random.randrange(1, 8)):
            spoilt[random.randrange(len(spoilt))] = random.randrange(256)
        return bytes(spoilt)
    return body


@settings(max_examples=ROUNDS)
@given(seed=st.integers(0, 2**64))
def test_the_reader_of_answers_is_total_and_never_succeeds_with_something_else(seed: int) -> None:
    random = Random(seed)  # noqa: S311 -- mutations, no secrets
    for _ in range(A_ROUND):
        body, asked = _body(random), random.choice(ASKED)
        answer = Answer(random.choice((200, 200, 200, 302, 400, 402, 404, 409, 429, 500)), {}, body)
        response = read_answer(answer, asked, TERMS)
        assert type(response) is PaymentResponse
        found = read_finding(answer, asked, TERMS, Channel.LOOK_UP)
        assert isinstance(found, Observation | NotFoundYet)
        for seen in (response.seen, found):
            certain = isinstance(seen, Observation) and seen.status in CERTAIN
            status = judged(seen, asked) if isinstance(seen, Observation) and certain else None
            if isinstance(seen, Observation) and status is TransactionStatus.SUCCEEDED:
                assert answer.status == 200
                _check_success(seen, json.loads(body))
            elif isinstance(seen, Observation) and status in FAILED and seen.type in HOLDS_OR_TAKES:
                _check_failure(json.loads(body))


def _check_success(seen: Observation, told: dict[str, Any]) -> None:
    """Read the body anew, in the plainest way, and see that nothing of it speaks against a success of ten euro."""
    assert seen.amount == TEN
    about = told["payment_intent"] if told.get("object") == "checkout.session" else told
    assert about["currency"] == "eur"
    assert about.get("livemode", False if seen.type is REFUND else None) is False
    named = nested(about, "metadata").get("payports_transaction", "")
    if seen.type in (AUTHORIZE, AUTHORIZE_AND_CAPTURE, REFUND):
        unnamed = seen.channel is not Channel.ANSWER or about is not told
        assert named == "t-ours" or (named == "" and unnamed)
    charge = about.get("latest_charge")
    if isinstance(charge, dict):
        assert (charge["amount"], charge["currency"]) == (about["amount"], "eur")
        assert charge["status"] == "succeeded" or seen.type is REVERSE_AUTH
        if seen.type in (AUTHORIZE, AUTHORIZE_AND_CAPTURE):
            assert nested(cast("dict[str, Any]", charge), "metadata").get("payports_transaction", "") in ("", "t-ours")
    if seen.type is REVERSE_AUTH:
        assert not about.get("amount_received")
        assert not about.get("amount_capturable")
    assert about["amount"] >= 1000 if seen.type in (CAPTURE, SETTLED) else about["amount"] == 1000
    if seen.type in (CAPTURE, REVERSE_AUTH, SETTLED):
        assert about["id"] == "pi_1"
    if seen.type is AUTHORIZE_AND_CAPTURE and about.get("amount_received") is not None:
        assert about["amount_received"] == 1000


def _check_failure(told: dict[str, Any]) -> None:
    """What is told as failed shows no money: neither in the intent itself nor in that of a refusal or a page."""
    about = nested(nested(told, "error"), "payment_intent") or nested(told, "payment_intent") or told
    assert about.get("amount_received") in (0, None)
    assert about.get("status") not in ("succeeded", "requires_capture", "processing") or told.get("object") == "charge"


KINDS_OF_EVENTS: Final = (
    "payment_intent.succeeded",
    "payment_intent.canceled",
    "payment_intent.amount_capturable_updated",
    "charge.succeeded",
    "charge.captured",
    "charge.refunded",
    "charge.failed",
    "charge.refund.updated",
    "refund.created",
    "charge.dispute.funds_reinstated",
    "checkout.session.expired",
    "customer.created",
)


@settings(max_examples=ROUNDS)
@given(seed=st.integers(0, 2**64))
def test_the_reader_of_events_is_total_and_believes_nothing_of_another_mode(seed: int) -> None:
    random = Random(seed)  # noqa: S311 -- mutations, no secrets
    reader = stripe_webhooks(WebhookSecrets(Secret(WEBHOOK_SECRET)), TERMS)
    now = FixedClock().now()
    for _ in range(A_ROUND):
        thing, kind = _mutated(random.choice(SEEDS), random), random.choice(KINDS_OF_EVENTS)
        event = {"id": "evt_1", "object": "event", "type": kind, "livemode": False, "data": {"object": thing}}
        body = json.dumps(_mutated(event, random) if random.random() < 0.2 else event).encode()
        headers = {HEADER: signed(Secret(WEBHOOK_SECRET), body, int(now.timestamp()))}
        read = reader.read(headers, body, {}, now)
        for one in read.unwrap() if isinstance(read, Success) else ():
            assert one.seen.account == "test"
            assert one.event_id
            told = json.loads(body)["data"]["object"]
            assert told.get("livemode") is not True


@given(
    st.text(max_size=30),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5), lambda inner: st.dictionaries(st.text(max_size=9), inner)
    ),
)
def test_whatever_an_event_holds_it_is_read(kind: str, thing: Any) -> None:
    read_event(kind, cast("dict[str, Any]", thing) if isinstance(thing, dict) else {}, TERMS)


@given(st.integers(100, 599), st.binary(max_size=300))
def test_whatever_bytes_come_they_are_no_success(status: int, body: bytes) -> None:
    for asked in ASKED:
        assert read_answer(Answer(status, {}, body), asked, TERMS).seen.status is not TransactionStatus.SUCCEEDED
