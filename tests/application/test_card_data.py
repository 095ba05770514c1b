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
from tests.application.fixtures import CUSTOMER, eur, new_payment, open_shop, problem, snapshot, value_of

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
    shop = open_shop()
    before = snapshot(shop)
    refused = problem(shop.payments.create(new))
    assert isinstance(refused, InvalidInput)
    assert CARD_NUMBER not in repr(refused) + refused.message + refused.shopper_message
    assert snapshot(shop) == before


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
    shop = open_shop()
    payment = shop.pay(token="tok_async")
    row = value_of(shop.transactions.authorize(payment.id)).transactions[0]
    before = snapshot(shop)
    fine: dict[str, Any] = {"status": TransactionStatus.SUCCEEDED, "channel": Channel.WEBHOOK, "transaction_id": row.id}
    refused = problem(shop.transactions.record(payment.id, Observation(**(fine | odd))))
    assert isinstance(refused, InvalidInput)
    assert CARD_NUMBER not in repr(refused) + refused.message
    assert snapshot(shop) == before


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
def test_an_invalid_payload_is_refused_and_its_card_data_not_repeated(payload: Any) -> None:
    shop = open_shop()
    refused = problem(shop.tokenization.accept("sandbox", payload))
    assert isinstance(refused, InvalidInput)
    assert CARD_NUMBER not in repr(refused) + refused.message


# --- never repeated ---


TOKEN: Final = "tok_canary_5d1e8a"
"""What must never be repeated. The card number and the code are in the wrong fields, the token is in its own."""


def test_the_browser_gets_only_publishable_data() -> None:
    shop = open_shop()
    session = value_of(shop.tokenization.open("sandbox", Cart("c-1", total=eur(5_990)), CUSTOMER))
    shown = json.dumps(session.for_browser())
    assert shop.bank.webhook_secret.reveal() not in shown
    assert CUSTOMER.id not in shown


def test_only_the_gateway_sees_a_token() -> None:
    """No repr, failure, message, history, fact or exception shows it; pickling is refused."""
    shop = open_shop()
    payment = shop.pay(token=TOKEN)
    outcomes: list[Any] = [payment, shop.submit(), shop.transactions.authorize(payment.id), shop.reload(payment)]
    outcomes += [shop.events.history(payment.id), shop.payments.summary(payment.id), shop.store.commits]
    outcomes += [shop.maintenance.needs_attention(), shop.payports, shop.spy.executed]
    assert shop.spy.executed[0].method.token == TOKEN
    for outcome in outcomes:
        assert TOKEN not in repr(outcome) + str(outcome)
    assert TOKEN not in json.dumps(attrs.asdict(payment), default=str)
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(payment)


def test_an_exception_of_a_gateway_is_reported_by_its_class_only() -> None:
    shop = open_shop()
    payment = shop.pay(token=TOKEN)

    def leak(request: Any) -> None:
        raise RuntimeError(f"POST https://bank.example?token={request.method.token}")

    shop.spy.during = leak
    shown = repr([shop.transactions.authorize(payment.id), shop.events.history(payment.id), shop.reload(payment)])
    assert TOKEN not in shown
    assert "RuntimeError" in shown


def test_a_traceback_through_the_services_shows_no_token() -> None:
    shop = open_shop()
    payment = shop.pay(token=TOKEN)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    shop.spy.during = interrupt
    with pytest.raises(KeyboardInterrupt) as caught:
        shop.transactions.authorize(payment.id)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert TOKEN not in "".join(shown.format())
