"""Odd input to every argument of every service: a typed failure, no exception, nothing changed, nothing secret repeated."""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs
import pytest

from payports import (
    Address,
    Cart,
    Customer,
    Failure,
    InvalidInput,
    LineItem,
    Money,
    Observation,
    Owner,
    PaymentMethod,
    PaymentType,
    Payports,
    Source,
    Success,
    TransactionStatus,
    TransactionType,
    WebhookReceipt,
)
from payports.application.kernel.input_validation import never_stop
from payports.domain.observation import Channel
from tests.application.fixtures import CUSTOMER, ShopFixture, eur, new_payment, open_shop, problem, snapshot, value_of

CARD_NUMBER: Final = "4242424242424242"
CODE: Final = "737"


def of_any_type(value: Any) -> Any:
    """Hide a value's type from the type checker, which hosts need not use."""
    return value


class EqualToAll:
    """Equal to everything."""

    __slots__ = ()

    def __eq__(self, _: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


OddMoney: Final[Any] = type("OddMoney", (EqualToAll, of_any_type(Money)), {})


class OddText(EqualToAll, str):
    """A text that is equal to everything."""

    __slots__ = ()


ODD: Final[dict[str, Any]] = {
    "nothing": None,
    "true": True,
    "zero": 0,
    "below zero": -1,
    "2**63": 2**63,
    "a float": 1.5,
    "not a number": float("nan"),
    "infinity": float("inf"),
    "a decimal": Decimal("1E+1000000"),
    "an empty text": "",
    "a blank": " ",
    "blanks at the ends": " a ",
    "ten megabytes": "a" * 10_000_000,
    "NUL": "a\0b",
    "a lone surrogate": "a\ud800",
    "right to left": "a\u202eb",
    "no width": "\u200b",
    "a line end": "a\r\nb",
    "a colour": "\x1b[31mred",
    "bytes": b"a",
    "a card number": CARD_NUMBER,
    "a card number with blanks": "4242 4242 4242 4242",
    "a list": [],
    "a tuple": ("a",),
    "a mapping": {"a": "b"},
    "a set": {1},
    "an object": object(),
    "a type": Money,
    "an error": RuntimeError("a"),
    "money of nothing": Money(0, "EUR"),
    "all the money": Money(2**63 - 1, "EUR"),
    "other money": Money(1, "USD"),
    "yen": Money(1, "JPY"),
    "odd money": OddMoney(100, "EUR"),
    "an odd text": OddText("a"),
    "an owner": Owner("cart", "c-1"),
    "an odd owner": Owner("", "\0"),
    "an owner of nothing": Owner(of_any_type(None), of_any_type(1)),
    "a customer": CUSTOMER,
    "an odd customer": Customer(""),
    "a customer of nothing": Customer(of_any_type(None)),
    "a cart": Cart("c-3", total=eur(5_990)),
    "an odd cart": Cart("", total=eur(1)),
    "a cart of nothing": Cart(of_any_type(None), total=of_any_type(None)),
    "a cart with an odd version": Cart("c-1", total=eur(5_990), version="\0"),
    "a source": Source("a", ""),
    "a source of nothing": Source(of_any_type(None), of_any_type([])),
    "a status": TransactionStatus.UNKNOWN,
    "a payment type": PaymentType.COD,
    "a method with a card number": PaymentMethod({"token": CARD_NUMBER}),
    "a method that shows one": PaymentMethod({"token": "tok_approved"}, {"number": CARD_NUMBER}),
    "a method with a code": PaymentMethod({"token": "tok_approved", "cvc": CODE}),
    "a method of numbers": PaymentMethod({"token": of_any_type(5)}),
    "an observation": Observation(status=TransactionStatus.SUCCEEDED, channel=Channel.WEBHOOK, transaction_id="t-none"),
    "an odd observation": Observation(status=of_any_type("paid"), channel=of_any_type(None)),
}


@attrs.frozen(kw_only=True)
class Call:
    """A valid call of a service, each argument of which is replaced in turn."""

    service: str
    method: str
    arguments: Mapping[str, Any]

    def run(self, shop: Payports, **spoilt: Any) -> Any:
        method: Callable[..., Any] = getattr(getattr(shop, self.service), self.method)
        return method(**{**self.arguments, **spoilt})


def calls(shop: ShopFixture) -> Iterator[Call]:
    """Every public method of every service, with valid arguments."""
    payment = shop.pay()
    row = value_of(shop.transactions.authorize_and_capture(payment.id, eur(1_000))).transactions[0]
    saved = value_of(shop.saved_methods.save(CUSTOMER, "sandbox", PaymentMethod({"token": "tok_approved"})))
    value_of(shop.events.deliver(lambda _: None))
    cart, owner = Cart("c-3", total=eur(5_990)), Owner("cart", "c-1")
    shop.pay("c-3")
    moving = {"amount": eur(1), "key": "k-1"}
    known: dict[tuple[str, str], dict[str, Any]] = {
        ("options", "for_cart"): {"cart": cart},
        ("payments", "create"): {"new": new_payment("c-2"), "key": "k-0"},
        ("payments", "update"): {"payment_id": payment.id, "amount": eur(5_991), "method": None},
        ("payments", "archive"): {"payment_id": payment.id},
        ("payments", "get"): {"payment_id": payment.id},
        ("payments", "of_owner"): {"owner": owner},
        ("payments", "summary"): {"payment_id": payment.id},
        ("payments", "coverage"): {"cart": cart},
        ("transactions", "credit"): {"payment_id": payment.id, "amount": eur(1), "source": None, "key": "k-1"},
        ("transactions", "settle"): {"payment_id": payment.id, "amount": None, "parent": None, "key": "k-1"},
        ("transactions", "record"): {
            "payment_id": payment.id,
            "observation": Observation(
                status=TransactionStatus.SUCCEEDED, channel=Channel.WEBHOOK, transaction_id=row.id
            ),
        },
        ("transactions", "refresh"): {"payment_id": payment.id},
        ("checkout", "submit"): {"cart": cart, "request_id": "r-1", "return_url": ""},
        ("checkout", "resume"): {"gateway": "sandbox", "params": {"callback_token": "wrong"}, "cart": cart},
        ("checkout", "cancel"): {"owner": owner},
        ("orders", "capture"): {"owner": owner, "fulfillment_id": "f-1", **moving},
        ("orders", "cancel"): {"owner": owner, "fulfillment_id": "f-1", **moving},
        ("orders", "refund"): {"owner": owner, "return_id": "x-1", **moving},
        ("orders", "release"): {"owner": owner},
        ("saved_methods", "save"): {
            "customer": CUSTOMER,
            "gateway": "sandbox",
            "method": PaymentMethod({"token": "tok_approved"}),
            "type": PaymentType.CREDIT_CARD,
            "name": "mine",
        },
        ("saved_methods", "of_customer"): {"customer": CUSTOMER},
        ("saved_methods", "remove"): {"saved_method_id": saved.id, "customer": CUSTOMER},
        ("saved_methods", "use"): {
            "saved_method_id": saved.id,
            "customer": CUSTOMER,
            "owner": owner,
            "amount": eur(1),
        },
        ("tokenization", "open"): {"gateway": "sandbox", "cart": cart, "customer": None},
        ("tokenization", "accept"): {"gateway": "sandbox", "payload": {"token": "tok_approved"}},
        ("webhooks", "receive"): {"gateway": "sandbox", "headers": {}, "body": b"{}", "params": None},
        ("maintenance", "run"): {"limit": 10, "stopping": never_stop},
        ("maintenance", "needs_attention"): {},
        ("maintenance", "resolve"): {
            "transaction_id": row.id,
            "status": TransactionStatus.SUCCEEDED,
            "operator": "ada",
            "reason": "because",
            "gateway_reference": "",
        },
        ("events", "deliver"): {"handler": print, "limit": 10, "stopping": never_stop},
        ("events", "history"): {"payment_id": payment.id},
    }
    for method in ("authorize", "authorize_and_capture"):
        known["transactions", method] = {"payment_id": payment.id, **moving}
    for method in ("capture", "reverse_authorization", "void", "refund"):
        known["transactions", method] = {"payment_id": payment.id, "parent": None, "source": None, **moving}
    for (service, method), arguments in known.items():
        yield Call(service=service, method=method, arguments=arguments)


SERVICES: Final = (
    *("options", "payments", "transactions", "checkout", "orders", "saved_methods", "tokenization"),
    *("webhooks", "maintenance", "events"),
)


def test_every_argument_of_every_service_is_in_this_test() -> None:
    shop = open_shop()
    tested = {(call.service, call.method): set(call.arguments) for call in calls(shop)}
    public = {
        (service, name): set(inspect.signature(method).parameters)
        for service in SERVICES
        for name, method in inspect.getmembers(getattr(shop.payports, service), callable)
        if not name.startswith("_")
    }
    assert tested == public


@pytest.mark.parametrize("odd", list(ODD))
def test_an_odd_value_as_any_argument_is_a_typed_failure_and_changes_nothing(odd: str) -> None:
    shop = open_shop()
    value = ODD[odd]
    for call in list(calls(shop)):
        for name in call.arguments:
            before, copied = snapshot(shop), copy.copy(value)
            started = time.thread_time()
            try:
                outcome = call.run(shop.payports, **{name: value})
            except Exception as error:
                raise AssertionError(f"{call.service}.{call.method}({name}={odd}) raised {error!r}") from error
            where = f"{call.service}.{call.method}({name}={odd}) gave {str(outcome)[:300]}"
            assert type(outcome) in (Success, Failure), where
            outcome = of_any_type(outcome)
            assert time.thread_time() - started < 1.0, where
            assert CARD_NUMBER not in repr(outcome).replace(" ", ""), where
            if isinstance(outcome, Failure):
                refused = problem(of_any_type(outcome))
                assert refused.message, where
                assert refused.shopper_message, where
                assert len(refused.message) < 1_000, where
                assert refused.message.isprintable(), where
                assert snapshot(shop) == before, where
            elif isinstance(receipt := value_of(outcome), WebhookReceipt):
                assert 400 <= receipt.status_code < 500, where
                assert snapshot(shop) == before, where
            else:
                assert _may_be(call, name, copied), where
                shop = open_shop()
                for again in list(calls(shop)):
                    if (again.service, again.method) == (call.service, call.method):
                        call = again


def _may_be(call: Call, name: str, value: Any) -> bool:
    """Whether an odd value is a valid one for this argument."""
    right: dict[str, Callable[[Any], bool]] = {
        "amount": lambda value: value is None or (type(value) is Money and value.currency.code == "EUR" and 0 < value.minor < 10**15),
        "limit": lambda _: False,
        "handler": callable,
        "stopping": lambda value: callable(value) and not isinstance(value, type),
        "cart": lambda value: value is None or type(value) is Cart,
        "customer": lambda value: value is None or type(value) is Customer,
        "owner": lambda value: type(value) is Owner,
        "method": lambda value: value is None,
        "type": lambda value: type(value) is PaymentType,
        "params": lambda _: True,
        "headers": lambda value: type(value) is dict,
        "payload": lambda _: False,
        "observation": lambda value: type(value) is Observation,
        "status": lambda _: False,
        "key": lambda value: value is None,
        "parent": lambda value: value is None,
        "source": lambda value: value is None,
        "name": lambda value: value in ("", " "),
        "return_url": lambda value: value in ("", " "),
        "reason": lambda value: type(value) is str,
        "gateway_reference": lambda value: value == "",
    }  # fmt: skip
    if (call.method, name) == ("use", "amount"):
        return type(value) is Money and 0 < value.minor < 10**15
    free_text = name in ("name", "return_url", "reason") and type(value) is str and value.isprintable()
    optional = name == "gateway_reference" and not value
    return free_text or optional or right.get(name, lambda _: False)(value)


# --- a new payment, field by field ---


FIELDS: Final[dict[str, Any]] = {
    "owner": None,
    "amount": None,
    "gateway": None,
    "method": None,
    "type": None,
    "customer": None,
    "name": None,
    "saved_method_id": None,
    "save_for_future_use": None,
    "billing": None,
    "shipping": None,
    "line_items": None,
}


@pytest.mark.parametrize("field", FIELDS)
def test_an_odd_value_in_any_field_of_a_payment_is_a_typed_failure_and_changes_nothing(field: str) -> None:
    shop = open_shop()
    for name, value in ODD.items():
        before = snapshot(shop)
        new = attrs.evolve(new_payment(), **{field: value})
        outcome = shop.payments.create(new)
        if isinstance(outcome, Success):
            made = outcome.unwrap()
            assert type(getattr(made, field)) in _KINDS[field], (field, name)
            assert shop.reload(made) == made
        else:
            assert snapshot(shop) == before, name
        assert CARD_NUMBER not in repr(outcome).replace(" ", ""), name


_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "owner": (Owner,),
    "amount": (Money,),
    "gateway": (str,),
    "method": (PaymentMethod,),
    "type": (PaymentType,),
    "customer": (Customer, type(None)),
    "name": (str,),
    "saved_method_id": (str, type(None)),
    "save_for_future_use": (bool,),
    "billing": (Address, type(None)),
    "shipping": (Address, type(None)),
    "line_items": (tuple,),
}


def test_too_much_of_anything_is_refused() -> None:
    shop = open_shop()
    before = snapshot(shop)
    for new in (
        new_payment(pass_through={f"k{number}": "v" for number in range(1_000)}),
        new_payment(pass_through={"k": "v" * 501}),
        new_payment(line_items=(LineItem(name="x"),) * 1_001),
        new_payment(method=PaymentMethod({f"k{number}": "v" for number in range(1_000)})),
        new_payment(name="n" * 2_001),
    ):
        assert isinstance(problem(shop.payments.create(new)), InvalidInput)
    assert snapshot(shop) == before


@pytest.mark.parametrize("key", ["payports:x", "payports:", "", " k", "k" * 256, "k\n"])
def test_reserved_and_invalid_keys_are_refused(key: str) -> None:
    shop = open_shop()
    payment = shop.pay()
    assert isinstance(problem(shop.transactions.authorize(payment.id, key=key)), InvalidInput)
    assert isinstance(problem(shop.submit(request_id=key)), InvalidInput)


WORDS: Final[tuple[Any, ...]] = (
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "-0",
        "-1",
        "1_000",
        "١٢٣",
        "１２.５",
        "1E+1000000",
        "0x10",
        "1e3",
        " 1",
        "1 ",
        "1\n",
    ),
    *(
        "+1",
        "1.",
        ".5",
        "1.234",
        "",
        "9" * 17,
        "1,5",
        "²",
        "1٫5",
        None,
        1,
        1.5,
        True,
        b"1",
        Decimal(1),
        [],
        float("nan"),
    ),
)


@pytest.mark.parametrize("word", WORDS, ids=repr)
def test_a_text_that_is_no_plain_amount_is_refused_at_once(word: Any) -> None:
    started = time.thread_time()
    assert isinstance(problem(Money.parse(word, "EUR")), InvalidInput)
    assert time.thread_time() - started < 0.01


@pytest.mark.parametrize(
    "code", ["usd", "uſd", "ıdr", "US", "USDX", "USD\0", " USD", "XXX", "XAU", "", None, 840, b"USD", of_any_type([])]
)
def test_an_unknown_currency_is_refused(code: Any) -> None:
    assert isinstance(problem(Money.parse("1", code)), InvalidInput)


def test_an_invalid_type_of_transaction_is_never_a_command() -> None:
    public = {name for name, _ in inspect.getmembers(open_shop().transactions, callable) if not name.startswith("_")}
    assert not {kind.value.lower() for kind in TransactionType if "CHARGEBACK" in kind.value} & public


def test_amounts_below_zero_do_not_exist() -> None:
    """Vendure, django-payments and getpaid accept a refund of -5."""
    with pytest.raises(ValueError, match="between 0"):
        Money(-500, "EUR")
    assert isinstance(problem(Money.parse("-5", "EUR")), InvalidInput)
    shop = open_shop()
    payment = shop.pay()
    value_of(shop.transactions.authorize_and_capture(payment.id))
    assert isinstance(problem(shop.transactions.refund(payment.id, eur(0))), InvalidInput)


def test_half_a_yen_does_not_exist() -> None:
    """Medusa accepts JPY 100.5."""
    assert isinstance(problem(Money.parse("100.5", "JPY")), InvalidInput)
    with pytest.raises(ValueError, match="decimals"):
        Money.of("100.5", "JPY")
