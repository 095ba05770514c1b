"""What the tests of the Stripe adapter share."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from stripe import WebhookSignature

from payports.adapters.gateways import stripe
from payports.adapters.gateways.kit.http_results import Answer
from payports.adapters.gateways.stripe.requests import StripeSettings
from payports.domain.judgement import judge
from payports.domain.observation import Observation
from payports.domain.secret import Secret
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.clock import Clock
from payports.ports.gateway import Gateway, PaymentRequest
from payports.testing import FixedClock
from tests.adapters.gateways.fixtures import a_context, a_request

SPECS = Path(os.environ.get("PAYPORTS_SPECS", "/nowhere"))
needs_specs = pytest.mark.skipif(not SPECS.is_dir(), reason="PAYPORTS_SPECS names no folder with the contracts")

KEY = Secret("sk_test_of_these_tests")
WEBHOOK_SECRET = "whsec_of_these_tests_only"
TERMS = StripeSettings(account="test", publishable_key="pk_test_of_these_tests")


def connected(base_url: str = "http://127.0.0.1:9", clock: Clock | None = None, **options: object) -> Gateway:
    given = {"secret_key": KEY, "publishable_key": TERMS.publishable_key, "webhook_secret": Secret(WEBHOOK_SECRET)}
    return stripe.connect(a_context(clock=clock or FixedClock(), options={**given, "base_url": base_url, **options}))


def signed_by_the_sdk(body: str, secret: str = WEBHOOK_SECRET, at: int | None = None) -> str:
    """The header as Stripe's own SDK writes it."""
    sign: Any = WebhookSignature.generate_signature_header  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] -- half typed
    return str(sign(body, secret, timestamp=at))


def asked_for(kind: TransactionType, amount: Any, *, parent: str = "", key: str = "", **more: Any) -> PaymentRequest:
    request = a_request(kind, amount, token="pm_card_visa", key=key)
    return attrs.evolve(request, parent_reference=parent, **more)


def answered(status: int, told: object) -> Answer:
    return Answer(status, {}, told if isinstance(told, bytes) else json.dumps(told).encode())


def judged(seen: Observation, request: PaymentRequest) -> TransactionStatus:
    """The status that the core makes of it: the adapter reports an amount, the core compares it with what was asked for."""
    return judge(request.amount, TERMS.account, (seen,)).status


def an_intent(**changes: Any) -> dict[str, Any]:
    """An intent of ten euro, held, as Stripe tells of it; once it is no longer held nothing can be captured."""
    held = changes.get("status", "requires_capture") == "requires_capture"
    usual: dict[str, Any] = {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 1000,
        "amount_capturable": 1000 - changes.get("amount_received", 0) if held else 0,
        "amount_received": 0,
        "capture_method": "manual",
        "currency": "eur",
        "latest_charge": "ch_1",
        "livemode": False,
        "client_secret": "pi_1_secret_of_the_client",
        "status": "requires_capture",
        "metadata": {},
    }
    return {**usual, **changes}


def fixtures(version: str) -> Mapping[str, Any]:
    found = json.loads((SPECS / "stripe" / f"fixtures3-{version}.json").read_text())
    return dict(found["resources"])
