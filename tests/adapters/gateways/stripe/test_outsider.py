"""What an outsider found: contradictions, answers that name nobody, several captures, methods of others, and what was shown or left."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

import payports
from payports import ConfigurationError
from payports.adapters.gateways.stripe import requests
from payports.adapters.gateways.stripe.events import read_event
from payports.adapters.gateways.stripe.form import Call
from payports.adapters.gateways.stripe.objects import read_intent
from payports.adapters.gateways.stripe.requests import Selection, StripeSettings, capture_name
from payports.adapters.gateways.stripe.responses import read_answer, read_finding
from payports.adapters.gateways.stripe.vault import MAX_PAGES, StripeVault
from payports.adapters.tokenization.stripe import StripeBridge
from payports.domain.lifecycle import AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE, REFUND, REVERSE_AUTH
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.observe import Discrepancy, observe
from payports.domain.payment import Customer, Owner, Payment
from payports.domain.payment_method import LineItem, PaymentMethod
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.gateway import PaymentRequest
from payports.testing import FixedClock
from tests.adapters.gateways.stripe.stubs import TERMS, an_intent, answered, asked_for, connected
from tests.adapters.gateways.stripe.test_attacks import FAILED, GOOD, UNCAPTURED, a_session, asked
from tests.adapters.gateways.stripe.test_fuzzing import CHARGE
from tests.adapters.gateways.stripe.test_lookup import ASKED, Bank, Query, Scripted, a_gateway, a_page, always, found

TEN, SIX, FOUR = Money.of("10.00", "EUR"), Money.of("6.00", "EUR"), Money.of("4.00", "EUR")
SENT: Final = {"payports_transaction": "t-ours"}
SUCCEEDED, UNKNOWN = TransactionStatus.SUCCEEDED, TransactionStatus.UNKNOWN
SEVERAL: Final = attrs.evolve(TERMS, several_captures=True)
NOW: Final = FixedClock().now()


def by_verb(get: tuple[int, Any], post: tuple[int, Any]) -> Callable[[str, str, Query], tuple[int, Any]]:
    def says(verb: str, path: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        return post if verb == "POST" else get

    return says


def by_path(
    part: str, there: tuple[int, Any], elsewhere: tuple[int, Any]
) -> Callable[[str, str, Query], tuple[int, Any]]:
    def says(verb: str, path: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        return there if part in path else elsewhere

    return says


# Contradictions.


@pytest.mark.parametrize("page", [{"status": "complete"}, {"status": "complete", "payment_status": None}, {}])
@pytest.mark.parametrize("intent", [FAILED, {"status": "canceled", "latest_charge": None}], ids=repr)
def test_a_page_that_is_paid_is_no_failure(page: dict[str, Any], intent: dict[str, Any]) -> None:
    for method, kind in (("manual", AUTHORIZE), ("automatic", AUTHORIZE_AND_CAPTURE)):
        made = an_intent(**{"latest_charge": None, "metadata": SENT, "capture_method": method, **intent})
        session = a_session(**{"payment_status": "paid", "url": None, **page}, payment_intent=made)
        request = asked(kind, attributes={"session": "cs_1"})
        seen = read_finding(answered(200, session), request, TERMS, Channel.LOOK_UP)
        assert isinstance(seen, Observation)
        assert seen.status is UNKNOWN


def test_a_refusal_whose_charge_is_still_under_way_is_none() -> None:
    for status, expected in (("pending", UNKNOWN), ("failed", TransactionStatus.DECLINED)):
        told = an_intent(**FAILED, metadata=SENT, latest_charge={**UNCAPTURED, "status": status})
        assert read_answer(answered(200, told), asked(AUTHORIZE), TERMS).seen.status is expected


@pytest.mark.parametrize("kind", [AUTHORIZE, CAPTURE, REVERSE_AUTH])
def test_what_is_cancelled_and_can_be_captured_is_unknown(kind: TransactionType) -> None:
    told = an_intent(status="canceled", amount_capturable=1000, metadata=SENT)
    for terms in (TERMS, SEVERAL):
        assert read_answer(answered(200, told), asked(kind), terms).seen.status is UNKNOWN
    events = read_event("payment_intent.canceled", told, TERMS)
    assert not any(one.type is REVERSE_AUTH for one in events or ())


# Answers that name nobody, or somebody else.


@pytest.mark.parametrize("kind", [AUTHORIZE, AUTHORIZE_AND_CAPTURE, REFUND])
@pytest.mark.parametrize("metadata", [None, {}, {"other": "x"}, {"payports_transaction": "t-other"}])
def test_an_answer_to_us_names_our_transaction(kind: TransactionType, metadata: Any) -> None:
    told = {**GOOD[kind], "metadata": metadata}
    if kind is not REFUND:
        told["latest_charge"] = "ch_1"
    assert read_answer(answered(200, {**told, "metadata": SENT}), asked(kind), TERMS).seen.status is SUCCEEDED
    assert read_answer(answered(200, told), asked(kind), TERMS).seen.status is UNKNOWN


@pytest.mark.parametrize("metadata", [SENT, {}])
def test_a_charge_of_another_transaction_is_no_success(metadata: dict[str, str]) -> None:
    told = {**GOOD[AUTHORIZE], "metadata": metadata}
    told["latest_charge"] = {**UNCAPTURED, "metadata": {"payports_transaction": "t-777"}}
    for seen in (
        read_answer(answered(200, told), asked(AUTHORIZE), TERMS).seen,
        read_finding(answered(200, told), asked(AUTHORIZE), TERMS, Channel.LOOK_UP),
    ):
        assert isinstance(seen, Observation)
        assert seen.status is UNKNOWN


def test_a_capture_is_answered_with_what_names_its_hold() -> None:
    hold = asked(CAPTURE, key="t-2", parent_id="t-ours")
    for transaction, status in (("t-ours", SUCCEEDED), ("t-other", UNKNOWN)):
        charge = {**CHARGE, "metadata": {"payports_transaction": transaction}}
        told = {**GOOD[CAPTURE], "metadata": {"payports_transaction": transaction}, "latest_charge": charge}
        assert read_answer(answered(200, told), hold, TERMS).seen.status is status


@pytest.mark.parametrize(
    "changes", [{"livemode": True}, {"amount_capturable": 1000}, {"amount_received": 1}, {"amount": 1}]
)
def test_a_fence_that_is_of_another_mode_or_holds_money_took_no_key(changes: dict[str, Any]) -> None:
    fence = an_intent(status="requires_payment_method", metadata={"payports_fence": "t-ours"}, latest_charge=None)
    for answer, status in ((fence, TransactionStatus.NOT_EXECUTED), ({**fence, **changes}, UNKNOWN)):
        says = Scripted(by_verb(get=a_page(), post=(200, answer)))
        assert found(a_gateway(says), fence=True) is status


@pytest.mark.parametrize("changes", [{"object": "search_result"}, {"object": None}, {"url": "/v1/charges"}, {"url": 1}])
def test_a_list_of_something_else_proves_nothing(changes: dict[str, Any]) -> None:
    assert found(a_gateway(Scripted(always(a_page(url="/v1/payment_intents")))), fence=False) is None
    status, told = a_page()
    assert found(a_gateway(Scripted(always((status, {**told, **changes})))), fence=False) is UNKNOWN


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_told_as_such(status: int) -> None:
    refused = {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided: sk_test_****"}}
    for name in ("", "pi_1"):
        seen = a_gateway(Scripted(always((status, refused)))).look_up(attrs.evolve(ASKED, gateway_reference=name))
        assert isinstance(seen, Observation)
        assert (seen.status, seen.message) == (UNKNOWN, f"Stripe refuses the secret key (status {status})")


# Several captures.


def _with_multicapture(status: str | None) -> dict[str, Any]:
    card = {"multicapture": {"status": status}} if status else {}
    return {**UNCAPTURED, "payment_method_details": {"type": "card", "card": card}}


@pytest.mark.parametrize(("status", "several"), [("available", True), ("unavailable", False), (None, False)])
def test_a_card_is_captured_several_times_only_if_stripe_lets_it(status: str | None, several: bool) -> None:
    told = an_intent(metadata=SENT, latest_charge=_with_multicapture(status))
    hold = read_answer(answered(200, told), asked(AUTHORIZE), SEVERAL).seen
    assert hold.status is SUCCEEDED
    heard = read_event("charge.succeeded", _with_multicapture(status), SEVERAL)
    assert heard is not None
    assert dict(heard[0].attributes).get("multicapture") == dict(hold.attributes).get("multicapture") == status
    capture = asked(CAPTURE, SIX, parent_attributes=dict(hold.attributes))
    call = requests.execution_of(capture, SEVERAL)
    assert isinstance(call, Call)
    assert (call.form.get("final_capture") is False) is several
    assert "multicapture" not in dict(read_answer(answered(200, told), asked(AUTHORIZE), TERMS).seen.attributes)


def test_the_one_capture_of_such_a_card_is_found_again_and_what_it_releases_is_told() -> None:
    left = {**SENT, capture_name("t-2"): "600 t-2"}
    told = an_intent(status="succeeded", amount_received=600, metadata=left)
    capture = asked(CAPTURE, SIX, key="t-2", parent_id="t-ours")
    assert read_answer(answered(200, told), capture, SEVERAL).seen.status is SUCCEEDED
    events = read_event("payment_intent.succeeded", told, SEVERAL)
    assert [(one.type, one.transaction_id, one.amount) for one in events or ()] == [
        (AUTHORIZE, "t-ours", TEN),
        (CAPTURE, "t-2", SIX),
        (REVERSE_AUTH, "t-ours", FOUR),
    ]
    assert len(read_event("payment_intent.succeeded", {**told, "status": "requires_capture"}, SEVERAL) or ()) == 2


def test_a_hosted_page_asks_for_several_captures_too() -> None:
    terms = attrs.evolve(SEVERAL, hosted_page=True)
    request = asked(AUTHORIZE, method=PaymentMethod({}), return_url="https://shop.example/back")
    call = requests.execution_of(request, terms)
    assert isinstance(call, Call)
    assert call.form["payment_method_options"] == {"card": {"request_multicapture": "if_available"}}
    at_once = requests.execution_of(attrs.evolve(request, type=AUTHORIZE_AND_CAPTURE), terms)
    assert isinstance(at_once, Call)
    assert "payment_method_options" not in at_once.form


def a_payment(**captures: Money) -> Payment:
    """A hold of ten euro, and captures of ours that Stripe has answered."""

    def made(name: str, kind: TransactionType, amount: Money, parent: str | None) -> Transaction:
        one = Transaction(id=name, type=kind, requested=amount, created_at=NOW, parent_id=parent, account="test")
        return one.with_observation(
            Observation(status=SUCCEEDED, channel=Channel.ANSWER, amount=amount, gateway_reference="pi_1")
        )

    return Payment(
        id="p-1",
        owner=Owner("cart", "c-1"),
        amount=TEN,
        gateway="card",
        method=PaymentMethod({}),
        created_at=NOW,
        transactions=(
            made("t-ours", AUTHORIZE, TEN, None),
            *(made(name, CAPTURE, amount, "t-ours") for name, amount in captures.items()),
        ),
    )


def _heard(payment: Payment, told: dict[str, Any]) -> tuple[Payment, list[object]]:
    problems: list[object] = []
    for seen in read_event("payment_intent.succeeded", told, SEVERAL) or ():
        after = observe(payment, seen, NOW)
        if isinstance(after, Success):
            payment = after.unwrap()
            continue
        problem = after.failure()
        problems.append(problem)
        payment = problem.payment if isinstance(problem, Discrepancy) else payment
    return payment, problems


def test_a_capture_in_the_dashboard_is_recorded_as_observed() -> None:
    told = an_intent(status="succeeded", amount_received=600, metadata=SENT)
    payment, problems = _heard(a_payment(), told)
    assert problems == []
    made = {one.type: one for one in payment.transactions}
    assert (made[CAPTURE].amount, made[CAPTURE].observed_only, made[REVERSE_AUTH].amount) == (SIX, True, FOUR)


@pytest.mark.parametrize("ours", [{"a": SIX}, {"a": FOUR}, {"a": FOUR, "b": Money.of("2.00", "EUR")}])
@pytest.mark.parametrize("more", [100, 400])
def test_a_capture_in_the_dashboard_beside_ours_needs_attention(ours: dict[str, Money], more: int) -> None:
    named = {capture_name(name): f"{amount.minor} {name}" for name, amount in ours.items()}
    total = sum(amount.minor for amount in ours.values())
    told = an_intent(status="succeeded", amount_received=total, metadata={**SENT, **named})
    assert _heard(a_payment(**ours), told)[1] == []
    assert _heard(a_payment(**ours), {**told, "amount_received": total + more})[1] != []


# Saved methods.

ADA: Final = Customer("ada")
SEARCHED: Final = a_page({"id": "cus_1", "metadata": {"payports_customer": "ada"}}, kind="search_result")


def a_vault(stripe: Scripted, terms: StripeSettings = TERMS) -> StripeVault:
    return StripeVault(client=a_gateway(stripe).lookup.client, settings=terms)


@pytest.mark.parametrize(
    ("selection", "fields"),
    [
        (Selection.NONE, {}),
        (Selection.TYPES, {"payment_method_types[]": ["card"]}),
        (
            Selection.AUTOMATIC,
            {"automatic_payment_methods[enabled]": ["true"], "automatic_payment_methods[allow_redirects]": ["never"]},
        ),
    ],
)
def test_a_method_is_set_up_as_the_version_wants_it(selection: Selection, fields: dict[str, Any]) -> None:
    bank, sent = Bank("succeeded"), dict[str, Query]()
    says = bank._said  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] -- the same bank, listened to

    def listened(method: str, path: str, query: Query) -> Any:
        bank.stripe.keys[:] = stripe.keys
        sent[path] = query
        return says(method, path, query)

    stripe = Scripted(listened)
    assert isinstance(
        a_vault(stripe, attrs.evolve(TERMS, selection=selection)).keep(ADA, PaymentMethod({"token": "pm_1"})), Success
    )
    form = sent["/v1/setup_intents"]
    assert {name: value for name, value in form.items() if "payment_method" in name} == fields


METHOD: Final[dict[str, Any]] = {"id": "pm_1", "customer": "cus_1", "livemode": False}
OWNER: Final[dict[str, Any]] = {"id": "cus_1", "metadata": {"payports_customer": "ada"}, "livemode": False}
GONE: Final[dict[str, Any]] = {**METHOD, "customer": None}


@pytest.mark.parametrize(
    ("answers", "forgotten"),
    [
        ((METHOD, OWNER, GONE), True),
        (({**METHOD, "id": "pm_2"}, OWNER, GONE), False),
        (({**METHOD, "livemode": True}, OWNER, GONE), False),
        (({**GONE, "id": "pm_2"}, OWNER, GONE), False),
        ((METHOD, {**OWNER, "id": "cus_2"}, GONE), False),
        ((METHOD, {**OWNER, "livemode": True}, GONE), False),
        ((METHOD, OWNER, METHOD), False),
        ((METHOD, OWNER, {**GONE, "id": "pm_2"}), False),
    ],
)
def test_a_method_is_forgotten_only_by_answers_about_it(answers: tuple[Any, Any, Any], forgotten: bool) -> None:
    method, owner, gone = answers

    def says(verb: str, path: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        return 200, gone if verb == "POST" else owner if "/customers/" in path else method

    done = a_vault(Scripted(says)).forget(ADA, PaymentMethod({"token": "pm_1"}))
    assert isinstance(done, Success) is forgotten


@pytest.mark.parametrize("changes", [{"customer": "cus_2"}, {"customer": None}, {"livemode": True}, {"id": "../x"}])
def test_a_list_with_a_method_of_another_customer_is_not_believed(changes: dict[str, Any]) -> None:
    for method, believed in ((METHOD, True), ({**METHOD, **changes}, False)):
        stripe = Scripted(by_path("search", SEARCHED, a_page(method)))
        assert isinstance(a_vault(stripe).methods_of(ADA), Success) is believed


def test_all_methods_are_listed_page_by_page_up_to_a_bound() -> None:
    def says(verb: str, path: str, query: Query) -> tuple[int, Any]:  # noqa: ARG001
        if "search" in path:
            return SEARCHED
        start = int(query.get("starting_after", ["pm_0"])[0].removeprefix("pm_"))
        rows = [{**METHOD, "id": f"pm_{start + number}"} for number in range(1, 101)]
        return a_page(*rows, more=start + 100 < last)

    last = 250
    listed = a_vault(Scripted(says)).methods_of(ADA).unwrap()
    assert len({one.token for one in listed}) == 300
    last = 10**9
    endless = Scripted(says)
    assert isinstance(a_vault(endless).methods_of(ADA), Failure)
    assert len(endless.asked) == 1 + MAX_PAGES


# Bridge, page and doctor.


@pytest.mark.parametrize(
    ("secret", "account", "bridge", "key"),
    [
        ("sk_test_1", "", {"publishable_key": "pk_live_1"}, "publishable_key"),
        ("sk_live_1", "", {"publishable_key": "pk_test_1"}, "publishable_key"),
        ("sk_test_1", "", {"publishable_key": "pk_test_\n"}, "publishable_key"),
        ("sk_test_1", "acct_1", {"publishable_key": "pk_test_1"}, "account"),
        ("sk_test_1", "acct_1", {"publishable_key": "pk_test_1", "account": "acct_2"}, "account"),
        ("sk_test_1", "acct_1", {"publishable_key": "pk_test_1", "account": "acct_1"}, ""),
        ("sk_live_1", "", {"publishable_key": "pk_live_1"}, ""),
    ],
)
def test_a_bridge_of_its_own_fits_its_gateway(secret: str, account: str, bridge: dict[str, str], key: str) -> None:
    card: dict[str, object] = {"adapter": "stripe", "secret_key": secret, "bridge": "stripe", "bridge_options": bridge}
    configured = {
        "store": {"url": "memory:"},
        "gateways": {"card": {**card, **({"account": account} if account else {})}},
    }
    if not key:
        payports.connect(configured).close()
        return
    with pytest.raises(ConfigurationError) as refused:
        payports.connect(configured)
    assert refused.value.key == f"gateways.card.bridge_options.{key}"


@pytest.mark.parametrize("payload", [None, [], "pm_1", 1, ["token"]])
def test_a_bridge_refuses_what_is_no_object(payload: Any) -> None:
    refused = StripeBridge(publishable_key="pk_test_1").accept(payload)
    assert isinstance(refused, Failure)
    assert refused.failure().field == "payload"


def _page_form(request: PaymentRequest, **changes: Any) -> Any:
    call = requests.execution_of(request, attrs.evolve(TERMS, hosted_page=True, **changes))
    assert isinstance(call, Call)
    return call.form


def test_a_page_says_what_is_bought_and_is_open_no_longer_than_we_wait() -> None:
    request = asked_for(AUTHORIZE, TEN, method=PaymentMethod({}), return_url="https://shop.example/back")
    cup, pot = LineItem(name="Cup", quantity=2), LineItem(name="Pot")
    for items, title, shown in (
        ((), "", "cart c-1"),
        ((cup, pot), "", "2 x Cup, Pot"),
        ((cup,), "Your order", "Your order"),
        ((LineItem(name="n" * 300),), "", "n" * 250),
    ):
        form = _page_form(attrs.evolve(request, line_items=items), page_title=title)
        assert form["line_items"][0]["price_data"]["product_data"] == {"name": shown}
        assert form["expires_at"] == int(request.sent_at.timestamp()) + 3600


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"page_expires": "30m"}, "page_expires"),
        ({"page_expires": "24h"}, "page_expires"),
        ({"page_title": "x" * 251}, "page_title"),
    ],
)
def test_a_page_that_stripe_would_not_take_is_refused_at_once(options: dict[str, Any], key: str) -> None:
    connected(hosted_page=True, page_expires="35m", page_title="Your order")
    with pytest.raises(ConfigurationError) as refused:
        connected(hosted_page=True, **options)
    assert refused.value.key == f"gateways.card.{key}"


# What is shown.


def test_an_intent_shows_no_address_with_a_secret() -> None:
    url = "https://hooks.stripe.com/x?payment_intent_client_secret=pi_1_secret_of_the_client"
    told = an_intent(status="requires_action", next_action={"redirect_to_url": {"url": url}})
    assert "secret_of" not in repr(read_intent(told))


@given(
    st.text(min_size=1, max_size=40),
    st.sampled_from(["amount", "amount_received", "amount_capturable", "amount_captured"]),
)
def test_an_excerpt_keeps_no_text_where_an_amount_is(written: str, name: str) -> None:
    raw = read_answer(answered(200, {**GOOD[AUTHORIZE], name: f"X{written}"}), asked(AUTHORIZE), TERMS).raw
    assert name not in json.loads(raw)
    free = read_answer(answered(200, {**GOOD[AUTHORIZE], "status": f"Jane Doe {written}"}), asked(AUTHORIZE), TERMS).raw
    assert "Jane" not in free


# What is left running.

_STARTS: Final = """
import os, sys
from payports.adapters.demonstrations.localstripe_server import running_localstripe
with running_localstripe() as local:
    print(local.url, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_localstripe_ends_with_whoever_started_it(ended_by: signal.Signals) -> None:
    """Its output is the write end of a pipe of ours, which is at its end once nobody has it any more."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _STARTS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=write_end,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    os.close(write_end)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(ended_by)
        process.wait(timeout=30)
        os.set_blocking(read_end, False)
        assert _is_at_its_end(read_end), "localstripe is still running"
    finally:
        process.kill()
        process.communicate()
        os.close(read_end)


def _is_at_its_end(pipe: int) -> bool:
    while select.select([pipe], [], [], 20)[0]:
        if not os.read(pipe, 65_536):
            return True
    return False
