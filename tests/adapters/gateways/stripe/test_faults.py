"""Faults on real sockets, between the adapter and localstripe: each gives the status that is certain, and nothing happens twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import attrs
import pytest

from payports.adapters.demonstrations.localstripe_server import TEST_KEY, Localstripe, running_localstripe
from payports.domain.lifecycle import AUTHORIZE, INITIATING
from payports.domain.money import Money
from payports.domain.observation import Observation
from payports.domain.payment_method import PaymentMethod
from payports.domain.secret import Secret
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.gateway import Gateway, PaymentRequest, WebhookReader
from payports.testing.gateway_conformance import GatewayConformance
from tests.adapters.gateways.fixtures import a_request
from tests.adapters.gateways.stripe.stubs import connected, signed_by_the_sdk
from tests.adapters.gateways.stripe.test_localstripe import Now
from tests.adapters.gateways.stripe.test_localstripe import TestLocalstripe as AtLocalstripe
from tests.adapters.gateways.stripe.unreliable_proxy import APPROVED, FAULTS, UnreliableProxy, unreliable_proxy

UNKNOWN, NOT_EXECUTED = TransactionStatus.UNKNOWN, TransactionStatus.NOT_EXECUTED
SUCCEEDED = TransactionStatus.SUCCEEDED

AFTERWARDS = {
    "pm_lost_not_done": (UNKNOWN, False),
    "pm_reset_before": (UNKNOWN, False),
    "pm_error_not_done": (UNKNOWN, False),
    "pm_conflict": (UNKNOWN, False),
    "pm_busy": (NOT_EXECUTED, False),
    "pm_locked": (UNKNOWN, False),
    "pm_away": (UNKNOWN, False),
    "pm_lost_done": (UNKNOWN, True),
    "pm_error_done": (UNKNOWN, True),
    "pm_garbage": (UNKNOWN, True),
    "pm_truncated": (UNKNOWN, True),
    "pm_drip": (UNKNOWN, True),
    "pm_bomb": (UNKNOWN, True),
    "pm_wrong_amount": (UNKNOWN, True),
    "pm_wrong_currency": (UNKNOWN, True),
    "pm_wrong_mode": (UNKNOWN, True),
}
"""What is answered under each fault, and whether the money is held all the same."""


@pytest.fixture(scope="module", name="local")
def _local() -> Iterator[Localstripe]:
    with running_localstripe() as local:
        yield local


@pytest.fixture(name="proxy")
def _proxy(local: Localstripe) -> Iterator[UnreliableProxy]:
    with unreliable_proxy(local.url) as proxy:
        yield proxy


@pytest.fixture(name="card")
def _card(proxy: UnreliableProxy) -> Gateway:
    return connected(proxy.url, Now(), secret_key=Secret(TEST_KEY), total_timeout="3s")


def an_authorization(token: str) -> PaymentRequest:
    return attrs.evolve(a_request(AUTHORIZE, token=token), sent_at=Now().now())


def test_the_table_names_every_fault() -> None:
    assert set(AFTERWARDS) == set(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_gives_what_is_certain_and_the_truth_is_found(
    fault: str, proxy: UnreliableProxy, card: Gateway
) -> None:
    status, held = AFTERWARDS[fault]
    request = an_authorization(fault)
    begun = monotonic()
    assert card.transactions.execute(request).seen.status is status
    assert monotonic() - begun < 10, "a fault holds the shop up"
    found = card.transactions.look_up(request, fence=True)
    assert isinstance(found, Observation)
    assert found.status is (SUCCEEDED if held else NOT_EXECUTED)
    assert proxy.effects.count(request.transaction_id) == 1, "the hold, or the fence in its place"


@pytest.mark.parametrize("fault", [fault for fault, (_, held) in AFTERWARDS.items() if held])
def test_a_retry_makes_no_second_effect(fault: str, proxy: UnreliableProxy, card: Gateway, local: Localstripe) -> None:
    request = an_authorization(fault)
    for _ in range(2):
        card.transactions.execute(request)
    named = [one["metadata"].get("payports_transaction") for one in local.everything("payment_intents")]
    assert named.count(request.transaction_id) == 1
    assert proxy.posts.count(request.transaction_id) == 2


def test_nobody_at_home_is_proof_that_nothing_was_sent() -> None:
    card = connected("http://127.0.0.1:9")
    assert card.transactions.execute(an_authorization(APPROVED)).seen.status is NOT_EXECUTED
    found = card.transactions.look_up(an_authorization(APPROVED), fence=True)
    assert isinstance(found, Observation)
    assert found.status is UNKNOWN


def _signed(intent: Mapping[str, Any]) -> tuple[Mapping[str, str], bytes]:
    kind = "payment_intent.amount_capturable_updated"
    body = json.dumps({"id": f"evt_{intent['id']}", "type": kind, "livemode": False, "data": {"object": intent}})
    return {"Stripe-Signature": signed_by_the_sdk(body)}, body.encode()


class TestThroughTheLine(AtLocalstripe):
    """The suite for gateways again, with idempotency keys and with all that can go wrong on the way."""

    proxy: UnreliableProxy

    def connect(self, folder: Path) -> Gateway:  # noqa: ARG002
        self._told = len(self.local.everything("payment_intents"))
        self._serving = unreliable_proxy(self.local.url)
        self.proxy = self._serving.__enter__()
        return connected(self.proxy.url, Now(), secret_key=Secret(TEST_KEY))

    def disconnect(self) -> None:
        self._serving.__exit__(None, None, None)

    def method(self, scenario: str) -> PaymentMethod | None:
        return PaymentMethod({"token": f"pm_{scenario}"}) if f"pm_{scenario}" in FAULTS else super().method(scenario)

    def notifications(self) -> Sequence[tuple[Mapping[str, str], bytes]] | None:
        """What Stripe would tell of the intents that are new, signed by its own SDK; localstripe itself tells of captures only."""
        every = self.local.everything("payment_intents")
        new, self._told = every[self._told :], len(every)
        return [_signed(intent) for intent in new]

    def reader_with_another_secret(self) -> WebhookReader | None:
        return connected(webhook_secret=Secret("whsec_another_secret_of_some_length")).webhooks

    @pytest.mark.parametrize("kind", sorted(INITIATING))
    def test_a_repeated_request_gives_the_same_answer_and_one_effect(self, kind: TransactionType) -> None:
        GatewayConformance.test_a_repeated_request_gives_the_same_answer_and_one_effect(self, kind)

    @pytest.mark.parametrize("kind", sorted(INITIATING))
    def test_a_used_key_does_nothing_else(self, kind: TransactionType) -> None:
        GatewayConformance.test_a_used_key_does_nothing_else(self, kind)

    def request(self, kind: TransactionType, amount: Money | None = None, **more: Any) -> PaymentRequest:
        return GatewayConformance.request(self, kind, amount, **more)  # the proxy takes the return_url away
