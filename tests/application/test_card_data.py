"""Card numbers, codes and tokens: refused where they are not expected, kept nowhere else, and never repeated."""

from __future__ import annotations

import json
import pickle
import traceback
from typing import Any, Final

import attrs
import pytest

from payports import (
    Address,
    Cart,
    Customer,
    InvalidInput,
    LineItem,
    NewPayment,
    NextAction,
    Observation,
    PaymentMethod,
    TransactionStatus,
)
from payports.domain.observation import Channel
from tests.application.shops import CUSTOMER, bench, eur, new_payment, problem, snapshot, told

# --- refused ---


CARD_NUMBER: Final = "4242424242424242"


CODE: Final = "737"


LEAKS: Final[dict[str, NewPayment]] = {
    "owner": new_payment(CARD_NUMBER),
    "name": new_payment(name=f"visa {CARD_NUMBER}"),
    "token": new_payment(token=CARD_NUMBER),
    "a property": new_payment(method=PaymentMethod({"token": "tok_approved", "number": CARD_NUMBER})),
    "a code": new_payment(method=PaymentMethod({"token": "tok_approved", "cvv": CODE})),
    "what is shown": new_payment(method=PaymentMethod({"token": "tok_approved"}, {"masked": CARD_NUMBER})),
    "a name of what is shown": new_payment(method=PaymentMethod({"token": "tok_approved"}, {CARD_NUMBER: "x"})),
    "the address": new_payment(billing=Address(lines=(f"Card {CARD_NUMBER}",))),
    "the city": new_payment(shipping=Address(city=CARD_NUMBER)),
    "an item": new_payment(line_items=(LineItem(name=CARD_NUMBER),)),
    "an item's reference": new_payment(line_items=(LineItem(name="x", reference=CARD_NUMBER),)),
    "what passes through": new_payment(pass_through={"note": CARD_NUMBER}),
    "a name of what passes through": new_payment(pass_through={CARD_NUMBER: "x"}),
    "the customer": new_payment(customer=Customer(CARD_NUMBER)),
}  # fmt: skip


@pytest.mark.parametrize("new", LEAKS.values(), ids=LEAKS)
def test_a_card_number_or_code_in_any_field_is_refused_and_kept_nowhere(new: NewPayment) -> None:
    on = bench()
    before = snapshot(on)
    refused = problem(on.shop.payments.create(new))
    assert isinstance(refused, InvalidInput)
    assert CARD_NUMBER not in repr(refused) + refused.message + refused.shopper_message
    assert snapshot(on) == before


OBSERVED: Final[dict[str, dict[str, Any]]] = {
    "a card number as message": {"message": f"paid with {CARD_NUMBER}"},
    "a card number as code": {"code": CARD_NUMBER},
    "a card number as attribute": {"attributes": {"a": CARD_NUMBER}},
    "a card number as reference": {"gateway_reference": CARD_NUMBER},
    "a card number in an action": {"next_action": NextAction(type="redirect", url=f"https://x.example/{CARD_NUMBER}")},
    "a code as attribute": {"attributes": {"cvc": CODE}},
    "NUL": {"message": "a\0"},
    "half a character": {"message": "\ud800"},
    "an endless message": {"message": "a" * 1_000_000},
    "an endless reference": {"gateway_reference": "a" * 1_000_000},
    "an operator's channel": {"channel": Channel.OPERATOR},
    "no channel": {"channel": None},
    "a text as status": {"status": "SUCCEEDED"},
    "a number as amount": {"amount": 100},
    "a number as message": {"message": 1},
    "a text as type": {"type": "REFUND"},
    "a text as action": {"next_action": "https://x.example"},
    "a text as flag": {"partial": "yes"},
}


@pytest.mark.parametrize("odd", OBSERVED.values(), ids=OBSERVED)
def test_an_odd_observation_of_the_host_is_refused_and_kept_nowhere(odd: dict[str, Any]) -> None:
    on = bench()
    payment = on.pay(token="tok_async")
    row = told(on.shop.transactions.authorize(payment.id)).transactions[0]
    before = snapshot(on)
    fine: dict[str, Any] = {"status": TransactionStatus.SUCCEEDED, "channel": Channel.WEBHOOK, "transaction_id": row.id}
    refused = problem(on.shop.transactions.record(payment.id, Observation(**(fine | odd))))
    assert isinstance(refused, InvalidInput)
    assert CARD_NUMBER not in repr(refused) + refused.message
    assert snapshot(on) == before


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"token": ""},
        {"token": None},
        {"token": 5},
        {"token": CARD_NUMBER},
        {"token": f"tok_{CARD_NUMBER}"},
        {"token": "tok_approved", "cvc": CODE},
        {"token": "tok_approved", "number": CARD_NUMBER},
        {"token": "tok_approved", CARD_NUMBER: "x"},
        {"token": "tok_approved", "display": {"number": CARD_NUMBER}},
        {"token": "tok_approved", "display": CARD_NUMBER},
        {"token": "tok_approved", 5: "x"},
        {"token": "tok_approved; DROP TABLE payments"},
        {"token": "../../etc/passwd"},
    ],
)
def test_a_payload_that_is_no_token_is_refused_and_card_data_is_not_repeated(payload: Any) -> None:
    on = bench()
    refused = problem(on.shop.tokenization.accept("sandbox", payload))
    assert isinstance(refused, InvalidInput)
    assert CARD_NUMBER not in repr(refused) + refused.message


# --- never repeated ---


TOKEN: Final = "tok_canary_5d1e8a"
"""What must never be repeated. The card number and the code are in fields that are not for them, the token is in one that is."""


def test_the_browser_gets_publishable_data_only() -> None:
    on = bench()
    session = told(on.shop.tokenization.open("sandbox", Cart("c-1", total=eur(5_990)), CUSTOMER))
    shown = json.dumps(session.for_browser())
    assert on.bank.webhook_secret.reveal() not in shown
    assert CUSTOMER.id not in shown


def test_a_token_is_seen_by_the_gateway_and_by_nobody_else() -> None:
    """In no repr, failure, message, history, fact or exception; pickles refuse it."""
    on = bench()
    payment = on.pay(token=TOKEN)
    outcomes: list[Any] = [payment, on.submit(), on.shop.transactions.authorize(payment.id), on.again(payment)]
    outcomes += [on.shop.events.history(payment.id), on.shop.payments.summary(payment.id), on.store.commits]
    outcomes += [on.shop.maintenance.needs_attention(), on.shop, on.spy.executed]
    assert on.spy.executed[0].method.token == TOKEN
    for one in outcomes:
        assert TOKEN not in repr(one) + str(one)
    assert TOKEN not in json.dumps(attrs.asdict(payment), default=str)
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(payment)


def test_an_exception_in_a_gateway_is_told_by_its_name_only() -> None:
    on = bench()
    payment = on.pay(token=TOKEN)

    def leak(request: Any) -> None:
        raise RuntimeError(f"POST https://bank.example?token={request.method.token}")

    on.spy.during = leak
    shown = repr([on.shop.transactions.authorize(payment.id), on.shop.events.history(payment.id), on.again(payment)])
    assert TOKEN not in shown
    assert "RuntimeError" in shown


def test_a_traceback_through_the_services_shows_no_token() -> None:
    on = bench()
    payment = on.pay(token=TOKEN)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    on.spy.during = interrupt
    with pytest.raises(KeyboardInterrupt) as caught:
        on.shop.transactions.authorize(payment.id)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert TOKEN not in "".join(shown.format())
