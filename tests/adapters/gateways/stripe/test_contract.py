"""Every request that the adapter can build keeps Stripe's official contract, and its newest names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stripe import params

from payports.adapters.gateways.kit.http_results import SendResult
from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.stripe import queries, requests
from payports.adapters.gateways.stripe.client import StripeClient
from payports.adapters.gateways.stripe.config import PINNED_VERSION
from payports.adapters.gateways.stripe.currencies import DECIMALS
from payports.adapters.gateways.stripe.form import Call, Unsendable
from payports.adapters.gateways.stripe.requests import Selection, StripeSettings
from payports.adapters.gateways.stripe.vault import StripeVault
from payports.domain.lifecycle import (
    AUTHORIZE,
    CAPTURE,
    DETACHED_CREDIT,
    INITIATING,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.money import MAX_MINOR, Money
from payports.domain.payment import Customer, Owner
from payports.domain.payment_method import Address, PaymentMethod, PaymentType
from payports.domain.transaction_types import TransactionType
from payports.ports.gateway import PaymentRequest
from tests.adapters.gateways.stripe.openapi import decoded, problems
from tests.adapters.gateways.stripe.stubs import KEY, TERMS, answered, needs_specs

NEWER = {"confirmation_token", "final_capture", "request_multicapture"}
"""Names that are newer than the contract at hand (2023-08-16): the newest SDK must know them instead."""
GONE = {"payment_method_types": 'removed in 2026-09-30.endive; sent only with payment_methods = "types", for the pin'}
"""Names that the newest API no longer takes. They are sent under the pinned version only."""

_texts = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=60)
_ids = st.from_regex(r"[A-Za-z0-9_\-]{1,60}", fullmatch=True)
_addresses = st.builds(
    Address,
    name=_texts,
    lines=st.lists(_texts, max_size=3).map(tuple),
    city=_texts,
    postal_code=_texts,
    country=st.just("DE"),
)


def _a_method(token: str, customer: str, off_session: str) -> PaymentMethod:
    return PaymentMethod({"token": token, "customer": customer, "off_session": off_session})


_requests = st.builds(
    PaymentRequest,
    transaction_id=st.from_regex(r"[!-~]{1,80}", fullmatch=True),
    type=st.sampled_from([*sorted(INITIATING), CAPTURE, REVERSE_AUTH, REFUND, SETTLED, VOID, DETACHED_CREDIT]),
    amount=st.builds(Money, st.integers(1, 99_999_999), st.sampled_from(sorted(DECIMALS))),
    payment_id=_ids,
    owner=st.builds(Owner, _texts, _texts),
    method=st.builds(
        _a_method,
        st.one_of(_ids.map("pm_{}".format), _ids.map("ctoken_{}".format), st.just("")),
        st.one_of(st.just(""), _ids.map("cus_{}".format)),
        st.sampled_from(["", "true"]),
    ),
    payment_type=st.just(PaymentType.CREDIT_CARD),
    sent_at=st.just(datetime(2026, 11, 22, tzinfo=UTC)),
    parent_reference=st.one_of(_ids, _texts),
    shipping=st.none() | _addresses,
    pass_through=st.dictionaries(_texts.filter(bool), _texts, max_size=5),
    return_url=st.sampled_from(["", "https://shop.example/return?callback_token=x&y=1"]),
)
_terms = st.builds(
    StripeSettings,
    account=st.just("test"),
    selection=st.sampled_from(Selection),
    several_captures=st.booleans(),
    hosted_page=st.booleans(),
)


def _old(call: Call) -> Call:
    """The call without the names that are newer than the contract."""
    form = {name: value for name, value in call.form.items() if name not in NEWER}
    form.pop("payment_method_options", None)
    return attrs.evolve(call, form=form)


@needs_specs
@settings(max_examples=400)
@given(asked=_requests, terms=_terms)
def test_whatever_is_asked_is_refused_unsent_or_keeps_the_contract(
    asked: PaymentRequest, terms: StripeSettings
) -> None:
    for built in (requests.execution_of(asked, terms), queries.fence_of(asked)):
        if isinstance(built, Call):
            assert problems(_old(built)) == []
            assert built.method == "GET" or built.key == asked.transaction_id


@needs_specs
def test_what_is_asked_to_find_out_keeps_the_contract() -> None:
    for call in (
        queries.intent_of("pi_1"),
        queries.settlement_of("pi_1"),
        queries.session_of("cs_1"),
        queries.refund_of("re_1"),
        queries.refunds_of("pi_1", "re_1"),
        queries.intents("pi_1", (1, 2)),
        queries.sessions_of("pi_1"),
        queries.cancellation_of("pi_1", "k"),
        queries.expiry_of("cs_1", "k"),
    ):
        assert problems(call) == []


class _Recorder(Sender):
    """Answers whatever the vault asks, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Call] = []

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> SendResult:  # noqa: ARG002
        path, _, query = url.partition("?")
        self.sent.append(Call(method, path, decoded(body.decode() or query)))
        kind = path.split("/")[2]
        attached = any(call.path.endswith("/attach") for call in self.sent) and not path.endswith("/detach")
        owner = {
            "id": {"customers": "cus_1", "payment_methods": "pm_1", "setup_intents": "seti_1"}[kind],
            "metadata": {"payports_customer": "ada"},
            "customer": "cus_1" if attached else None,
            "payment_method": "pm_1",
            "status": "requires_payment_method" if method == "GET" else "succeeded",
        }
        listing = method == "GET" and path.endswith(("/search", "/payment_methods"))
        searched = "search" in path
        found = {
            "object": "search_result" if searched else "list",
            "data": [] if searched else [owner],
            "has_more": False,
        }
        return answered(200, found if listing else owner)


@needs_specs
def test_what_the_vault_asks_keeps_the_contract() -> None:
    recorder = _Recorder()
    channel = StripeClient(base_url="", secret_key=KEY, version=PINNED_VERSION, sender=recorder)
    vault = StripeVault(client=channel, settings=TERMS)
    kept = vault.keep(Customer("ada"), PaymentMethod({"token": "pm_1"})).unwrap()
    vault.methods_of(Customer("ada")).unwrap()
    vault.forget(Customer("ada"), kept).unwrap()
    assert len(recorder.sent) > 10
    assert [(call.path, problems(call)) for call in recorder.sent if problems(call)] == []


@pytest.mark.parametrize(
    "name", ["../charges", "pi_1/../../x", "pi 1", "pi_1?x=1", "pi_1#", "", ".", "..", "p\u0131_1", "a" * 300]
)
def test_no_foreign_text_enters_an_address(name: str) -> None:
    asked = PaymentRequest(
        transaction_id="t-1",
        type=CAPTURE,
        amount=Money.of("10.00", "EUR"),
        payment_id="p-1",
        owner=Owner("cart", "c-1"),
        method=PaymentMethod({}),
        payment_type=PaymentType.CREDIT_CARD,
        sent_at=datetime(2026, 11, 22, tzinfo=UTC),
        parent_reference=name,
    )
    for kind in (CAPTURE, REVERSE_AUTH, REFUND, SETTLED):
        assert isinstance(requests.execution_of(attrs.evolve(asked, type=kind), TERMS), Unsendable)


_NEWEST: dict[TransactionType, Any] = {
    AUTHORIZE: params.PaymentIntentCreateParams,
    CAPTURE: params.PaymentIntentCaptureParams,
    REVERSE_AUTH: params.PaymentIntentCancelParams,
    REFUND: params.RefundCreateParams,
}


@given(asked=_requests.filter(lambda one: one.type in _NEWEST), terms=_terms.filter(lambda one: not one.hosted_page))
def test_the_newest_sdk_knows_every_name_but_those_that_the_pin_keeps(
    asked: PaymentRequest, terms: StripeSettings
) -> None:
    built = requests.execution_of(asked, terms)
    if isinstance(built, Call):
        known = set(_NEWEST[asked.type].__annotations__)
        assert set(decoded(built.encoded)) - known <= set(GONE)


def test_the_names_that_are_newer_than_the_contract_are_in_the_sdk() -> None:
    assert "confirmation_token" in params.PaymentIntentCreateParams.__annotations__
    assert "final_capture" in params.PaymentIntentCaptureParams.__annotations__
    assert "request_multicapture" in params.PaymentIntentCreateParamsPaymentMethodOptionsCard.__annotations__


@needs_specs
@pytest.mark.parametrize(
    "spoilt", [{"amount": "ten"}, {"colour": "red"}, {"capture_method": "never"}, {"shipping": {"name": "x"}}]
)
def test_the_judge_notices_what_does_not_keep_the_contract(spoilt: dict[str, Any]) -> None:
    good = Call("POST", "/v1/payment_intents", {"amount": 1000, "currency": "eur"})
    assert problems(good) == []
    assert problems(attrs.evolve(good, form={**good.form, **spoilt}))
    assert problems(attrs.evolve(good, form={"currency": "eur"}))


def test_the_pin_is_the_last_version_that_takes_cards_when_nothing_is_said() -> None:
    assert PINNED_VERSION < "2023-08-16", "from then on nothing said means all methods of the dashboard"
    assert PINNED_VERSION >= "2022-11-15", "before it there is no latest_charge"


def test_amounts_beyond_what_can_be_counted_are_not_sent() -> None:
    for amount in (Money(1, "MGA"), Money(1, "KWD"), Money(1000, "IQD"), Money(1, "CLF")):
        asked = PaymentRequest(
            transaction_id="t-1",
            type=AUTHORIZE,
            amount=amount,
            payment_id="p-1",
            owner=Owner("cart", "c-1"),
            method=PaymentMethod({"token": "pm_1"}),
            payment_type=PaymentType.CREDIT_CARD,
            sent_at=datetime(2026, 11, 22, tzinfo=UTC),
        )
        assert isinstance(requests.execution_of(asked, TERMS), Unsendable)
    assert MAX_MINOR > 0
