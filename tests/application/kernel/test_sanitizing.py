"""What an adapter reports is cleaned to the edge of every limit, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs
import pytest

from payports import (
    Address,
    LineItem,
    NextAction,
    Observation,
    Owner,
    Payment,
    PaymentMethod,
    PaymentType,
    Transaction,
    TransactionStatus,
    TransactionType,
)
from payports.application.kernel import gateway_calls, sanitizing
from payports.domain.capabilities import Capabilities
from payports.domain.observation import Channel
from payports.ports.gateway import (
    ExternalActions,
    Gateway,
    MethodVault,
    PaymentRequest,
    PaymentValidator,
    RollbackGateway,
    TransactionGateway,
)
from payports.testing.clock import START
from tests.application.shops import CUSTOMER, eur

SUCCEEDED: Final = TransactionStatus.SUCCEEDED


METHOD: Final = PaymentMethod({"token": "tok_approved", "pin": "a-b-c"})


AUTHORIZED: Final = Observation(
    status=SUCCEEDED,
    channel=Channel.ANSWER,
    transaction_id="t-1",
    gateway_reference="au_1",
    attributes={"network": "n-1"},  # pyright: ignore[reportArgumentType] -- its converter takes a mapping
)


HOLD: Final = Transaction(
    id="t-1", type=TransactionType.AUTHORIZE, requested=eur(100), created_at=START, seen=(AUTHORIZED,)
)


CAPTURED: Final = attrs.evolve(AUTHORIZED, transaction_id="t-2", gateway_reference="ca_1", attributes={"batch": "b-1"})


CAPTURE: Final = Transaction(
    id="t-2", type=TransactionType.CAPTURE, requested=eur(60), created_at=START, parent_id="t-1", seen=(CAPTURED,)
)


PAYMENT: Final = Payment(
    id="p-1",
    owner=Owner("cart", "c-1"),
    amount=eur(100),
    gateway="sandbox",
    method=METHOD,
    created_at=START,
    type=PaymentType.DEBIT_CARD,
    customer=CUSTOMER,
    billing=Address(city="Bern", country="CH"),
    shipping=Address(city="Wien", country="AT"),
    line_items=(LineItem(name="tea"),),
    pass_through={"order": "o-1"},
    transactions=(HOLD, CAPTURE),
)


REQUEST: Final = gateway_calls.payment_request(PAYMENT, HOLD)


class Adapter(TransactionGateway, RollbackGateway, ExternalActions, MethodVault, PaymentValidator):
    """Every port of an adapter at once: says what a test wants, or raises it, and notes what it was asked."""

    def __init__(self, says: Any) -> None:
        self.says = says
        self.asked: list[tuple[object, ...]] = []

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    def _say(self, *asked: object) -> Any:
        self.asked.append(asked)
        if isinstance(self.says, BaseException):
            raise self.says
        return self.says

    def execute(self, request: PaymentRequest) -> Any:
        return self._say("execute", request)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Any:
        return self._say("look_up", request, fence)

    def roll_back(self, request: PaymentRequest) -> Any:
        return self._say("roll_back", request)

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Any:
        return self._say("confirm", request, params)

    def present(self, request: PaymentRequest, action: NextAction) -> Any:
        return self._say("present", request, action)

    def give_up(self, request: PaymentRequest) -> Any:
        return self._say("give_up", request)

    def keep(self, customer: object, method: PaymentMethod) -> Any:
        return self._say("keep", customer, method)

    def methods_of(self, customer: object) -> Any:
        return self._say("methods_of", customer)

    def forget(self, customer: object, method: PaymentMethod) -> Any:
        return self._say("forget", customer, method)

    def check(self, method: PaymentMethod, payment_type: PaymentType) -> Any:
        return self._say("check", method, payment_type)


def bare(adapter: Adapter) -> Gateway:
    """An adapter that offers nothing but transactions."""
    return Gateway(transactions=adapter)


def saying(**rest: Any) -> Observation:
    known: dict[str, Any] = {"status": SUCCEEDED, "channel": Channel.OPERATOR}
    return Observation(**(known | rest))


def kept(**rest: Any) -> Observation | None:
    return sanitizing.sanitized(saying(**rest))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a" * 500, "a" * 500),
        ("a" * 501, "a" * 500),
        ("one\ntwo\0three", "one two three"),
        ("card 4242 4242 4242 4242", "card ****4242"),
        (5, ""),
        (None, ""),
    ],
)
def test_a_text_is_bounded_printable_and_without_card_numbers(text: Any, plain: str) -> None:
    assert sanitizing.sanitized_text(text) == plain
    if type(text) is str:
        assert kept(code=text, message=text) == saying(
            code=sanitizing.sanitized_text(text), message=sanitizing.sanitized_text(text)
        )


@pytest.mark.parametrize("field", ["gateway_reference", "parent_reference", "account"])
@pytest.mark.parametrize(("reference", "may_be"), [("r" * 255, True), ("r" * 256, False), ("a\tb", False)])
def test_a_name_that_the_gateway_gave_is_kept_whole_or_refuses_the_answer(
    field: str, reference: str, may_be: bool
) -> None:
    said = saying(**{field: reference})
    assert sanitizing.sanitized(said) == (said if may_be else None)


@pytest.mark.parametrize(
    ("name", "value", "stays"),
    [
        ("n" * 255, "v", True),
        ("n" * 256, "v", False),
        ("n", "v" * 4_000, True),
        ("n", "v" * 4_001, False),
        ("n", "v\n", False),
        ("n\n", "v", False),
    ],
)
def test_an_attribute_or_a_field_that_cannot_be_kept_is_left_out(name: str, value: str, stays: bool) -> None:
    pairs = ((name, value),) if stays else ()
    said = saying(attributes={name: value, "other": "x"}, next_action=NextAction(type="a", fields=((name, value),)))
    assert sanitizing.sanitized(said) == saying(
        attributes=dict((*pairs, ("other", "x"))), next_action=NextAction(type="a", fields=pairs)
    )


def test_a_card_number_in_an_attribute_is_masked() -> None:
    found = kept(attributes={"card": "4242424242424242"})
    assert found
    assert found.attributes == (("card", "****4242"),)


@pytest.mark.parametrize(
    ("url", "stays"),
    [
        ("https://bank.example/3ds", True),
        ("http://127.0.0.1/3ds", True),
        ("https://bank.example/" + "a" * (4_000 - 21), True),
        ("https://bank.example/" + "a" * (4_001 - 21), False),
        ("https://bank.example/\n", False),
        ("javascript:alert(1)", False),
        ("ftp://bank.example", False),
        ("/3ds", False),
    ],
)
def test_a_browser_is_sent_to_addresses_of_the_web_only(url: str, stays: bool) -> None:
    said = NextAction(type="redirect", url=url, reference="ch_1")
    assert kept(next_action=said) == saying(next_action=said if stays else attrs.evolve(said, url=""))


@pytest.mark.parametrize(("reference", "stays"), [("r" * 255, True), ("r" * 256, False), ("a\tb", False)])
def test_an_action_without_a_name_that_can_be_kept_has_none(reference: str, stays: bool) -> None:
    said = NextAction(type="one\ntwo", reference=reference)
    assert kept(next_action=said) == saying(
        next_action=NextAction(type="one two", reference=reference if stays else "")
    )


WRONG: Final[dict[str, Any]] = {
    "status": "SUCCEEDED",
    "transaction_id": 1,
    "type": "AUTHORIZE",
    "amount": 100,
    "partial": 0,
    "gateway_reference": None,
    "parent_reference": b"r",
    "account": 1,
    "code": None,
    "failure_type": "DECLINED",
    "hard": None,
    "message": 1,
    "next_action": {"type": "redirect"},
    "flagged_for_review": 1,
}


@pytest.mark.parametrize("field", WRONG)
def test_a_field_of_another_type_refuses_the_answer(field: str) -> None:
    assert sanitizing.is_well_formed(saying())
    assert not sanitizing.is_well_formed(saying(**{field: WRONG[field]}))
    assert kept(**{field: WRONG[field]}) is None


ANY: Final[Any] = None


@pytest.mark.parametrize("attributes", [None, 5, "ab", [("a", "b")], (["a", "b"],), (("a",),), (("a", 1),)])
def test_attributes_that_are_no_pairs_refuse_the_answer(attributes: Any) -> None:
    said = saying()
    object.__setattr__(said, "attributes", attributes)  # an adapter that goes round the constructor
    assert not sanitizing.is_well_formed(said)
    assert sanitizing.sanitized(said) is None


def test_attributes_are_put_in_order_whoever_made_them() -> None:
    said = saying()
    object.__setattr__(said, "attributes", (("b", "1"), ("a", "2"), ("b", "3")))
    cleaned = sanitizing.sanitized(said)
    assert cleaned
    assert cleaned.attributes == (("a", "2"), ("b", "3"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": ANY},
        {"url": ANY},
        {"reference": ANY},
        {"fields": [("a", "b")]},
        {"fields": (["a", "b"],)},
        {"fields": (("a",),)},
        {"fields": (("a", "b", "c"),)},
        {"fields": (("a", 1),)},
        {"fields": ((1, "b"),)},
        {"fields": ("ab",)},
    ],
)
def test_an_action_of_other_types_refuses_the_answer(wrong: dict[str, Any]) -> None:
    fine: dict[str, Any] = {"type": "a", "url": "", "reference": "", "fields": (("a", "b"),)}
    assert kept(next_action=NextAction(**fine)) == saying(next_action=NextAction(**fine))
    assert kept(next_action=NextAction(**(fine | wrong))) is None


def test_an_attribute_that_is_no_text_refuses_the_answer() -> None:
    assert kept(attributes={"a": 1}) is None


def test_a_look_alike_is_no_observation() -> None:
    look_alike: Any = type("LookAlike", (Observation,), {})(status=SUCCEEDED, channel=Channel.WEBHOOK)
    assert sanitizing.sanitized(look_alike) is None
    assert sanitizing.sanitized(None) is None


def test_what_is_said_of_itself_is_kept_unless_it_is_known_better() -> None:
    said = saying(transaction_id="t-1", channel=Channel.WEBHOOK)
    assert sanitizing.sanitized(said) == said
    assert sanitizing.sanitized(said, about="") == attrs.evolve(said, transaction_id="")
    assert sanitizing.sanitized(said, channel=Channel.LOOK_UP) == attrs.evolve(said, channel=Channel.LOOK_UP)


@pytest.mark.parametrize(("secret", "hidden"), [("abcd", True), ("abc", False)])
@pytest.mark.parametrize("field", ["code", "message"])
def test_a_secret_that_a_gateway_repeats_is_taken_out_unless_it_stands_in_ordinary_words(
    field: str, secret: str, hidden: bool
) -> None:
    request = attrs.evolve(REQUEST, method=PaymentMethod({"token": secret, "other": "zyxw"}))
    said = saying(**{field: f"of {secret} {secret} zyxw."})
    heard = gateway_calls.look_up(bare(Adapter(said)), request, fence=False)
    assert isinstance(heard, Observation)
    text = getattr(heard, field)
    assert "zyxw" not in text
    assert (secret not in text) is hidden
    assert text.startswith("of ")
    assert text.endswith(".")
    assert getattr(heard, "code" if field == "message" else "message") == ""
