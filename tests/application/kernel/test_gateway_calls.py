"""Calls of a gateway's ports: answers are bound to the request; anything else is an unknown result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import pytest

from payports import (
    Address,
    Declined,
    Failure,
    InvalidInput,
    LineItem,
    NextAction,
    Observation,
    Owner,
    Payment,
    PaymentMethod,
    PaymentType,
    ResultUnknown,
    Success,
    Transaction,
    TransactionStatus,
    TransactionType,
)
from payports.application.kernel import gateway_calls
from payports.domain.capabilities import Capabilities
from payports.domain.observation import Channel
from payports.domain.secret import Secret
from payports.ports.gateway import (
    ExternalActions,
    Gateway,
    MethodVault,
    NotFoundYet,
    PaymentRequest,
    PaymentResponse,
    PaymentValidator,
    RollbackGateway,
    TransactionGateway,
)
from payports.testing.clock import START
from tests.application.fixtures import CUSTOMER, eur

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
    """Every port of an adapter at once: returns an answer of the test's choice, or raises it, and keeps its calls."""

    def __init__(self, says: Any) -> None:
        self.says = says
        self.calls: list[tuple[object, ...]] = []

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    def _say(self, *call: object) -> Any:
        self.calls.append(call)
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


def whole(adapter: Adapter) -> Gateway:
    return Gateway(
        transactions=adapter, rollback=adapter, actions=adapter, vault=adapter, validator=adapter, account="a-1"
    )


def bare(adapter: Adapter) -> Gateway:
    """An adapter that offers nothing but transactions."""
    return Gateway(transactions=adapter)


def saying(**rest: Any) -> Observation:
    known: dict[str, Any] = {"status": SUCCEEDED, "channel": Channel.OPERATOR}
    return Observation(**(known | rest))


def test_a_request_holds_all_that_a_gateway_may_need() -> None:
    assert gateway_calls.payment_request(PAYMENT, CAPTURE, "https://shop.example/back") == PaymentRequest(
        transaction_id="t-2",
        type=TransactionType.CAPTURE,
        amount=eur(60),
        payment_id="p-1",
        owner=PAYMENT.owner,
        method=METHOD,
        payment_type=PaymentType.DEBIT_CARD,
        sent_at=START,
        parent_id="t-1",
        gateway_reference="ca_1",
        attributes={"batch": "b-1"},
        parent_reference="au_1",
        parent_attributes={"network": "n-1"},
        customer=CUSTOMER,
        billing=PAYMENT.billing,
        shipping=PAYMENT.shipping,
        line_items=PAYMENT.line_items,
        pass_through={"order": "o-1"},
        return_url="https://shop.example/back",
    )
    assert (REQUEST.parent_id, REQUEST.parent_reference, REQUEST.parent_attributes, REQUEST.return_url) == (
        *("", "", {}),
        "",
    )


# --- the answer to each call, and its channel ---


_Call = Callable[[Gateway], Any]
CALLS: Final[dict[str, tuple[_Call, Channel]]] = {
    "execute": (lambda shop: gateway_calls.execute(shop, REQUEST).seen, Channel.ANSWER),
    "look_up": (lambda shop: gateway_calls.look_up(shop, REQUEST, fence=True), Channel.LOOK_UP),
    "confirm": (lambda shop: gateway_calls.confirm(shop, REQUEST, {"a": "b"}), Channel.RETURN),
    "give_up": (lambda shop: gateway_calls.give_up(shop, REQUEST), Channel.LOOK_UP),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_is_bound_to_its_request_and_its_channel(call: str) -> None:
    ask, channel = CALLS[call]
    said = saying(gateway_reference="au_1", operator="eve")
    adapter = Adapter(PaymentResponse(seen=said) if call == "execute" else said)
    assert ask(whole(adapter)) == attrs.evolve(said, channel=channel, transaction_id="t-1", operator="")
    further = {"look_up": (True,), "confirm": ({"a": "b"},)}.get(call, ())
    assert adapter.calls == [(call, REQUEST, *further)]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("says", "message"),
    [
        (RuntimeError("tok_approved"), "the adapter raised RuntimeError"),
        (None, "the adapter gave NoneType"),
        ("paid", "the adapter gave str"),
        (saying(transaction_id="t-9"), "the gateway answered about another transaction"),
        (saying(gateway_reference="\n"), "the adapter's answer cannot be kept"),
        (saying(status="paid"), "the adapter's answer cannot be kept"),
        (saying(transaction_id=9), "the adapter's answer cannot be kept"),
    ],
)
def test_anything_but_an_answer_is_an_unknown_result_with_a_reason(call: str, says: Any, message: str) -> None:
    ask, channel = CALLS[call]
    answer = PaymentResponse(seen=says) if call == "execute" and isinstance(says, Observation) else says
    assert ask(whole(Adapter(answer))) == Observation(
        status=TransactionStatus.UNKNOWN, channel=channel, transaction_id="t-1", message=message
    )


@pytest.mark.parametrize("call", ["look_up", "confirm", "give_up"])
def test_not_found_is_passed_on(call: str) -> None:
    assert CALLS[call][0](whole(Adapter(NotFoundYet("gone")))) == NotFoundYet("gone")


def test_an_answer_keeps_its_excerpt_and_the_properties_that_a_method_may_have() -> None:
    properties = {"token": Secret("pm_1"), "customer": Secret("cu_1")}
    answer = PaymentResponse(seen=saying(), raw="{}", method_properties=properties)
    heard = gateway_calls.execute(whole(Adapter(answer)), REQUEST)
    assert (heard.raw, heard.method_properties) == ("{}", properties)


@pytest.mark.parametrize(
    "properties", [None, {"token": "pm_1"}, {"token": Secret("4242424242424242")}, {"": Secret("pm_1")}, ()]
)
def test_invalid_method_properties_are_left_out_and_the_answer_stands(properties: Any) -> None:
    heard = gateway_calls.execute(whole(Adapter(PaymentResponse(seen=saying(), method_properties=properties))), REQUEST)
    assert (heard.seen.status, heard.method_properties) == (SUCCEEDED, {})


@pytest.mark.parametrize(("reverses", "call"), [(True, "roll_back"), (False, "execute")])
def test_a_reversal_uses_the_gateways_own_rollback_if_it_has_one(reverses: bool, call: str) -> None:
    adapter = Adapter(PaymentResponse(seen=saying()))
    gateway_calls.execute(whole(adapter), REQUEST, reverses=reverses)
    gateway_calls.execute(bare(adapter), REQUEST, reverses=reverses)
    assert adapter.calls == [(call, REQUEST), ("execute", REQUEST)]


def test_an_adapter_without_actions_is_asked_by_look_up_without_a_fence() -> None:
    adapter = Adapter(saying())
    assert gateway_calls.confirm(bare(adapter), REQUEST, {}) == saying(channel=Channel.LOOK_UP, transaction_id="t-1")
    assert adapter.calls == [("look_up", REQUEST, False)]
    assert gateway_calls.give_up(bare(adapter), REQUEST) == NotFoundYet("the gateway cannot end an action")


INTERRUPTED: Final[tuple[_Call, ...]] = (
    *(call for call, _ in CALLS.values()),
    lambda shop: gateway_calls.keep(shop, CUSTOMER, METHOD),
    lambda shop: gateway_calls.forget(shop, CUSTOMER, METHOD),
)


@pytest.mark.parametrize("interrupted", [KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("call", INTERRUPTED)
def test_an_interruption_goes_on_without_the_frames_and_causes_of_the_adapter(
    call: _Call, interrupted: BaseException
) -> None:
    interrupted.__cause__ = RuntimeError("tok_approved")
    with pytest.raises(type(interrupted)) as caught:
        call(whole(Adapter(interrupted)))
    assert caught.value is interrupted
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert "_say" not in [frame.name for frame in caught.traceback]


# --- optional ports ---


DISPLAYED: Final = PaymentMethod({"token": "pm_1"}, {"last4": "4242"}, single_use=False)
DECLINED: Final = Failure(Declined("lost_card"))


@pytest.mark.parametrize(
    ("says", "kept"),
    [
        (Success(DISPLAYED), Success(DISPLAYED)),
        (DECLINED, DECLINED),
        (None, Failure(ResultUnknown(""))),
        (RuntimeError("tok_approved"), Failure(ResultUnknown(""))),
        (Success("pm_1"), Failure(InvalidInput("method", "must be a PaymentMethod"))),
    ],
)
def test_a_vault_keeps_a_method_or_says_why_not(says: Any, kept: Any) -> None:
    adapter = Adapter(says)
    assert gateway_calls.keep(whole(adapter), CUSTOMER, METHOD) == kept
    assert adapter.calls == [("keep", CUSTOMER, METHOD)]


@pytest.mark.parametrize(
    ("says", "forgotten"),
    [
        (Success(None), Success(None)),
        (DECLINED, DECLINED),
        (None, Failure(ResultUnknown(""))),
        (RuntimeError("tok_approved"), Failure(ResultUnknown(""))),
    ],
)
def test_a_vault_forgets_a_method_or_says_why_not(says: Any, forgotten: Any) -> None:
    adapter = Adapter(says)
    assert gateway_calls.forget(whole(adapter), CUSTOMER, METHOD) == forgotten
    assert adapter.calls == [("forget", CUSTOMER, METHOD)]


def test_without_a_vault_a_method_is_kept_as_it_is_and_nothing_is_forgotten() -> None:
    adapter = Adapter(None)
    assert gateway_calls.keep(bare(adapter), CUSTOMER, METHOD) == Success(attrs.evolve(METHOD, single_use=False))
    assert gateway_calls.forget(bare(adapter), CUSTOMER, METHOD) == Success(None)
    assert adapter.calls == []


@pytest.mark.parametrize(
    ("says", "problem"),
    [
        (None, None),
        (InvalidInput("token", "is too old"), InvalidInput("token", "is too old")),
        (RuntimeError("tok_approved"), InvalidInput("method", "the adapter's check raised RuntimeError")),
        (True, InvalidInput("method", "the adapter's check gave bool")),
    ],
)
def test_a_method_is_valid_only_if_the_adapter_says_so(says: Any, problem: InvalidInput | None) -> None:
    adapter = Adapter(says)
    assert gateway_calls.check(whole(adapter), METHOD, PaymentType.COD) == problem
    assert adapter.calls == [("check", METHOD, PaymentType.COD)]
    assert gateway_calls.check(bare(adapter), METHOD, PaymentType.COD) is None


ACTION: Final = NextAction(type="challenge", reference="ch_1")


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        (NextAction(type="challenge", fields=(("secret", "s"),)), NextAction(type="challenge", fields=(("secret", "s"),))),
        (NextAction(type="redirect", url="javascript:alert(1)"), NextAction(type="redirect")),
        (None, ACTION),
        (RuntimeError("s"), ACTION),
        ({"type": "challenge"}, ACTION),
    ],
)  # fmt: skip
def test_an_action_is_completed_by_its_gateway_or_shown_as_it_is(says: Any, shown: NextAction) -> None:
    adapter = Adapter(says)
    assert gateway_calls.present(whole(adapter), REQUEST, ACTION) == shown
    assert adapter.calls == [("present", REQUEST, ACTION)]
    assert gateway_calls.present(bare(adapter), REQUEST, ACTION) == ACTION


@pytest.mark.parametrize(("secret", "hidden"), [("abcd", True), ("abc", False)])
@pytest.mark.parametrize("field", ["code", "message"])
def test_a_secret_that_a_gateway_repeats_is_removed_unless_it_is_too_short_to_tell(
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
