"""localstripe in the place of the sandbox bank: the same carts and orders, and what localstripe says it holds."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import attrs

from payports.adapters.command_line.presentation.errors import Refused
from payports.adapters.demonstrations.localstripe_server import (
    TEST_KEY,
    Localstripe,
    LocalstripeUnavailable,
    running_localstripe,
)
from payports.adapters.gateways.kit.http_results import Answer, Lost, SendResult
from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.ledger.entries import Effect
from payports.adapters.gateways.stripe.config import connect
from payports.adapters.gateways.stripe.currencies import money_of
from payports.adapters.gateways.stripe.gateway import StripeGateway
from payports.adapters.gateways.stripe.json_objects import id_of
from payports.domain.checkout import ActionRequired
from payports.domain.lifecycle import AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE, REFUND, REVERSE_AUTH
from payports.domain.transaction_types import TransactionType
from payports.ports.adapter import AdapterContext
from payports.ports.clock import Clock, Ids
from payports.ports.gateway import Gateway

SANDBOX: Final = "sandbox"
STRIPE: Final = "stripe"
ANONYMOUS: Final = frozenset({CAPTURE, REVERSE_AUTH})
"""localstripe keeps none of our ids with these; it takes no metadata there."""

_APPROVED: Final = "pm_card_visa"
_NUMBERS: Final[Mapping[str, str]] = {"tok_declined": "4000000000000341", "tok_3ds": "4000002500003155"}
_LOST: Final = "tok_timeout_charged"


def stripe_options(url: str = "http://127.0.0.1:9") -> dict[str, object]:
    """What a gateway to localstripe needs in the configuration; by itself, one that is no longer there."""
    return {"adapter": STRIPE, "secret_key": TEST_KEY, "base_url": url, "fence_keys": False}


@contextmanager
def stripe_bank() -> Generator[StripeBank, None, None]:
    """Start localstripe and stop it at the end."""
    try:
        with running_localstripe() as local:
            yield StripeBank(local)
    except LocalstripeUnavailable as error:
        reason = str(error)
    else:
        return
    raise Refused(reason)


@attrs.frozen
class StripeBank:
    """A running localstripe, as the demonstration and the replay use a bank."""

    local: Localstripe
    return_url: str = ""
    _sender: LosingSender = attrs.field(factory=lambda: LosingSender())

    @property
    def url(self) -> str:
        """Where it is."""
        return self.local.url

    def gateway(self, name: str, clock: Clock, ids: Ids) -> Gateway:
        """The adapter as it would be connected to Stripe itself, but for the address and a line that may lose an answer."""
        options = {key: value for key, value in stripe_options(self.url).items() if key != "adapter"}
        built = connect(AdapterContext(name=name, options=options, clock=clock, ids=ids, ephemeral=True))
        transactions = built.transactions
        if not isinstance(transactions, StripeGateway):
            return built
        lookup = transactions.lookup
        losing = attrs.evolve(lookup, client=attrs.evolve(lookup.client, sender=self._sender))
        gateway = attrs.evolve(transactions, lookup=losing)
        return attrs.evolve(built, transactions=gateway, validator=gateway, actions=gateway, webhooks=None)

    def token(self, name: str) -> str:
        """The payment method of localstripe that goes as the sandbox bank's token does."""
        if name == _LOST:
            token = self.local.card("4242424242424242")
            self._sender.lose_once(token)
            return token
        return self.local.card(_NUMBERS[name]) if name in _NUMBERS else _APPROVED

    def approve(self, required: ActionRequired) -> dict[str, str]:
        """Pass the bank's check as the shopper would, with what Stripe's script was given; then come back."""
        for action in required.next_actions:
            secret = dict(action.fields).get("client_secret", "")
            form = f"client_secret={secret}&success=true"
            self.local.post(f"/v1/payment_intents/{action.reference}/_authenticate", form)
        return {"callback_token": required.callback_token}

    def webhooks(self, limit: int | None = None) -> list[tuple[dict[str, str], bytes]]:  # noqa: ARG002 -- the port asks for it
        """None: what localstripe would send, it sends a second late; everything is asked for instead."""
        return []

    def finish_async(self, reference: str, succeed: bool = True) -> None:
        """Nothing is asynchronous here."""

    def iter_effects(self) -> Iterator[Effect]:
        """Everything that localstripe says really happened."""
        for intent in self.local.everything("payment_intents"):
            yield from _effects_of(intent)
        for refund in self.local.everything("refunds"):
            yield from self._effects_of_refund(refund)

    def _effects_of_refund(self, refund: Mapping[str, Any]) -> Iterator[Effect]:
        """What a partial capture released is a refund there that nobody asked for."""
        charge = self.local.get(f"/v1/charges/{refund['charge']}")
        key = str(refund["metadata"].get("payports_transaction", ""))
        yield from _effect(REFUND if key else REVERSE_AUTH, refund, key, str(charge["payment_intent"]))


class LosingSender(Sender):
    """Sends everything, and loses the answer about one payment method, once."""

    def __init__(self) -> None:
        super().__init__()
        self._marked: set[str] = set()

    def lose_once(self, token: str) -> None:
        """Lose the next answer about a method."""
        self._marked.add(token)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> SendResult:
        """Send one request, once."""
        sent = super().send(method, url, headers, body)
        lost = {token for token in self._marked if f"payment_method={token}&".encode() in body + b"&"}
        self._marked -= lost
        return Lost("the answer was lost on purpose") if lost and isinstance(sent, Answer) else sent


def _effects_of(intent: Mapping[str, Any]) -> Iterator[Effect]:
    key, charge = str(intent["metadata"].get("payports_transaction", "")), intent["latest_charge"]
    if not charge or charge["status"] != "succeeded":
        return
    manual = intent["capture_method"] == "manual"
    yield from _effect(AUTHORIZE if manual else AUTHORIZE_AND_CAPTURE, intent, key, "")
    if manual and intent["status"] == "canceled":
        yield from _effect(REVERSE_AUTH, intent, "", intent["id"])
    if manual and intent["status"] == "succeeded":
        released = sum(refund["amount"] for refund in charge["refunds"]["data"] if not refund["metadata"])
        yield from _effect(CAPTURE, {**intent, "amount": intent["amount"] - released}, "", intent["id"])


def _effect(kind: TransactionType, stripe_object: Mapping[str, Any], key: str, parent: str) -> Iterator[Effect]:
    amount = money_of(stripe_object["amount"], stripe_object["currency"])
    if amount is not None:
        yield Effect(
            transaction_id=key,
            type=kind,
            amount=amount,
            gateway_reference=id_of(stripe_object["id"]),
            parent_reference=parent,
        )
