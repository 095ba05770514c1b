"""The two gateways that sign webhooks: genuine bodies, and bodies that a stolen secret could sign."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import attrs

from payports.adapters.gateways.kit.timed_signatures import signed
from payports.adapters.gateways.sandbox.signatures import HEADER as SANDBOX_HEADER
from payports.adapters.gateways.stripe.webhooks import HEADER as STRIPE_HEADER
from payports.domain.secret import Secret
from payports.testing import FixedClock
from tests.adapters.gateways.stripe.stubs import an_intent

Table = dict[str, Any]
Rewrite = Callable[[Table], Table]

AT: Final = int(FixedClock().now().timestamp())
UNTIL: Final = FixedClock().now() - timedelta(days=1)
"""The end of the former secrets."""
SECRETS: Final = {"sandbox": Secret("the sandbox signs with this"), "card": Secret("whsec_stripe_signs_with_this")}
FORMER: Final = {"sandbox": Secret("the sandbox signed with this"), "card": Secret("whsec_stripe_signed_with_this")}


@attrs.frozen(kw_only=True)
class Scheme:
    """A gateway's webhooks. ``elsewhere``: rewrites to another account, environment or mode, or with an invalid item."""

    gateway: str
    header: str
    genuine: tuple[bytes, ...]
    elsewhere: Mapping[str, Rewrite]

    @property
    def secret(self) -> Secret:
        return SECRETS[self.gateway]

    def headers(self, body: bytes, at: int = AT, secret: Secret | None = None) -> dict[str, str]:
        return {"Content-Type": "application/json", self.header: signed(secret or self.secret, body, at)}


def sandbox_scheme(*bodies: bytes) -> Scheme:
    """The sandbox's scheme: a body may hold several items."""

    def of_the_account(told: Table) -> Table:
        return {**told, "account": "another"}

    def of_the_environment(told: Table) -> Table:
        return {**told, "environment": "live"}

    def bad_item(change: Mapping[str, Any]) -> Rewrite:
        def rewrite(told: Table) -> Table:
            bad = {**told["items"][-1], "id": "ev_bad", "transaction": {**told["items"][-1]["transaction"], **change}}
            return {**told, "items": [*told["items"], bad]}

        return rewrite

    ways: dict[str, Rewrite] = {
        "account": of_the_account,
        "environment": of_the_environment,
        "item of another account": bad_item({"account": "another"}),
        "item of another environment": bad_item({"environment": "live"}),
        "item without a status": bad_item({"status": "very good"}),
        "item with a bent amount": bad_item({"amount_minor": "5990"}),
        "item without a name": lambda told: {**told, "items": [*told["items"], {**told["items"][0], "id": ""}]},
        "item that is none": lambda told: {**told, "items": [*told["items"], None]},
        "no item": lambda told: {**told, "items": []},
    }
    return Scheme(gateway="sandbox", header=SANDBOX_HEADER, genuine=bodies, elsewhere=ways)


def stripe_scheme(*bodies: bytes) -> Scheme:
    """Stripe's scheme: one event per body."""

    def of_the_object(change: Mapping[str, Any]) -> Rewrite:
        return lambda told: {**told, "data": {"object": {**told["data"]["object"], **change}}}

    ways: dict[str, Rewrite] = {
        "all of it live": lambda told: of_the_object({"livemode": True})({**told, "livemode": True}),
        "live": lambda told: {**told, "livemode": True},
        "no mode": lambda told: {name: value for name, value in told.items() if name != "livemode"},
        "mode as text": lambda told: {**told, "livemode": "false"},
        "mode as number": lambda told: {**told, "livemode": 0},
        "live object": of_the_object({"livemode": True}),
        "connected account": lambda told: {**told, "account": "acct_another"},
        "no id": lambda told: {**told, "id": ""},
        "no type": lambda told: {**told, "type": None},
    }
    return Scheme(gateway="card", header=STRIPE_HEADER, genuine=bodies, elsewhere=ways)


def a_stripe_event(transaction_id: str, number: int = 1, **changes: Any) -> bytes:
    """An event about a payment intent that authorizes ten euros for a transaction of ours."""
    reference = f"pi_{number}"
    intent = an_intent(id=reference, metadata={"payports_transaction": transaction_id}, **changes)
    event = {"id": f"evt_{number}", "object": "event", "type": "payment_intent.amount_capturable_updated"}
    return json.dumps({**event, "livemode": False, "data": {"object": intent}}).encode()
