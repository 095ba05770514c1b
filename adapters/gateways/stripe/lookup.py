"""Finding out what became of a transaction, without making it happen.

By what Stripe has named already; else by the metadata that went with it, in lists that are complete at once (search may lag an hour). What
is not there can be fenced: its key is taken for an intent that is never confirmed, so that the request, if it is still on its way, meets
Stripe's ``idempotency_error``. Source: docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import attrs

from payports.adapters.gateways.kit.http_results import Answer
from payports.adapters.gateways.kit.json_reading import JsonObject, integer, nested_list
from payports.adapters.gateways.kit.observations import observation_of, unknown
from payports.adapters.gateways.stripe import queries, requests
from payports.adapters.gateways.stripe.cancellation import closed, closing_of
from payports.adapters.gateways.stripe.client import StripeClient
from payports.adapters.gateways.stripe.form import Call, is_id
from payports.adapters.gateways.stripe.interpretation import moves_money
from payports.adapters.gateways.stripe.json_objects import is_list, metadata_of, named, own_id, payload_of
from payports.adapters.gateways.stripe.objects import Intent, read_intent, transaction_of
from payports.adapters.gateways.stripe.queries import FENCE
from payports.adapters.gateways.stripe.requests import StripeSettings
from payports.adapters.gateways.stripe.responses import answered, is_key_in_use, read_answer, read_finding, unasked
from payports.domain.lifecycle import INITIATING, REFUND, SETTLED
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import FAILED, FailureType, TransactionStatus
from payports.ports.clock import Clock
from payports.ports.gateway import NotFoundYet, PaymentRequest

KEY_WINDOW: Final = timedelta(hours=23)
"""How long a key surely stands: Stripe keeps it for at least 24 hours; the hour is for clocks that differ."""
IN_FLIGHT: Final = timedelta(minutes=10)
"""How long after it was sent a request may still be executed."""
SKEW: Final = timedelta(minutes=5)
"""How far Stripe's clock may be from ours."""
MAX_PAGES: Final = 20
"""Lists of a hundred, before we say that we do not know."""
_STEPS: Final = 2
"""A page is closed, then the intent that it has left."""

_BEFORE_KEYS: Final = frozenset({401, 403, 429})
"""So Stripe answers before it looks at a key."""

_NOT_TAKEN: Final = frozenset({400, 401, 402, 403, 404, 429})
"""Refusals that leave the key as it was, such as of an amount that is too small for an intent: then only waiting helps."""

Finding = Observation | NotFoundYet


@attrs.frozen(kw_only=True)
class Lookup:
    """Asks Stripe. ``fences``: keys are honoured there, so that they can be taken."""

    client: StripeClient
    settings: StripeSettings
    clock: Clock
    fences: bool

    def find(self, request: PaymentRequest, channel: Channel, *, fence: bool = False, give_up: bool = False) -> Finding:
        """Find a transaction, or prove that it can never happen if that is wanted and possible.

        What was refused after it may have been handed out is closed before it is told as declined; with ``give_up`` whatever still waits
        for the shopper is.
        """
        found, payload = self._find(request, channel)
        if not self.fences:
            return found
        if isinstance(found, NotFoundYet):
            return (self.take_key(request, channel) if fence or give_up else None) or found
        return self._closed(request, channel, found, payload, give_up=give_up)

    def _closed(
        self, request: PaymentRequest, channel: Channel, before: Observation, payload: JsonObject, *, give_up: bool
    ) -> Observation:
        """Close what is open: a page first, then what is left of its intent. What cannot be closed is not told as declined."""
        found: Finding = before
        payload = self._page_of(payload) if give_up else payload
        if _is_page(payload):
            request = attrs.evolve(request, attributes={"session": own_id(payload), **request.attributes})
        call = first = self._closing(request, payload, give_up=give_up)
        for _ in range(_STEPS):
            if call is None:
                break
            sent = self.client.send(call)
            found, payload = read_finding(sent, request, self.settings, channel), payload_of(sent)
            if not isinstance(found, Observation) or found.status is TransactionStatus.UNKNOWN or _is_page(payload):
                found, payload = self._find(request, channel)
            former, call = call, self._closing(request, payload, give_up=give_up)
            if call == former:
                break
        if first is None:
            return before
        if isinstance(found, NotFoundYet) or (call and found.status in FAILED):
            return unknown(request, channel, "what was open could not be closed")
        return closed(found, before)

    def _closing(self, request: PaymentRequest, payload: JsonObject, *, give_up: bool) -> Call | None:
        minute = int(self.clock.now().timestamp()) // 60
        return closing_of(payload, request, self.settings, give_up=give_up, minute=minute)

    def _page_of(self, payload: JsonObject) -> JsonObject:
        """The page that an intent is paid on, as long as that is open; the intent itself if there is none, or it cannot be asked for."""
        intent = read_intent(payload)
        if intent is None or not intent.on_page:
            return payload
        listed = nested_list(payload_of(self.client.send(queries.sessions_of(intent.id))), "data")
        pages = [one for one in listed if _is_page(one) and named(one, "payment_intent") == intent.id]
        return pages[0] if len(pages) == 1 else payload

    def take_key(self, request: PaymentRequest, channel: Channel) -> Observation | None:
        """Take the key of a request for what moves nothing, or find that Stripe has it; nothing once Stripe may have forgotten it."""
        if request.type is SETTLED or self.clock.now() - request.sent_at > KEY_WINDOW:
            return None
        sent = self.client.send(queries.fence_of(request))
        if is_key_in_use(sent):
            return self._replayed(request, channel)
        if isinstance(sent, Answer) and sent.status in _NOT_TAKEN:
            return None
        payload = payload_of(sent)
        fence = read_intent(payload)
        if fence and self._is_idle(fence, request):
            seen = observation_of(request, channel, TransactionStatus.NOT_EXECUTED, "its key was taken before it came")
            return attrs.evolve(seen, failure_type=FailureType.NOT_POSSIBLE)
        found = (
            answered(payload, request, self.settings) if payload and FENCE not in (metadata_of(payload) or {}) else None
        )
        if found:
            return attrs.evolve(found, channel=channel)
        return unknown(request, channel, "its key could not be taken")

    def _replayed(self, request: PaymentRequest, channel: Channel) -> Observation:
        """Stripe has the key, so the request came: sent again, it brings the stored answer, or a refusal of sending it again.

        That, too busy or with another key to the account, says nothing about the first.
        """
        sent = self.client.send(requests.execution_of(request, self.settings))
        if not isinstance(sent, Answer) or sent.status in _BEFORE_KEYS:
            return unknown(request, channel, "its stored answer could not be had")
        return attrs.evolve(read_answer(sent, request, self.settings).seen, channel=channel)

    def _is_idle(self, fence: Intent, request: PaymentRequest) -> bool:
        """An intent of ours that took the key and moves nothing."""
        ours = fence.metadata.get(FENCE) == request.transaction_id and fence.livemode is self.settings.livemode
        idle = fence.status == "requires_payment_method" and not moves_money(fence) and not fence.authorized
        return ours and idle and fence.amount == request.amount

    def _find(self, request: PaymentRequest, channel: Channel) -> tuple[Finding, JsonObject]:
        """Find a transaction; also what Stripe told of it, where that was a single object."""
        call = self._direct(request)
        if call:
            return self._read(call, request, channel)
        if request.type in INITIATING:
            return self._listed_intent(request, channel)
        if request.type is REFUND and is_id(request.parent_reference):
            return self._listed(request, channel, lambda after: queries.refunds_of(request.parent_reference, after))
        return unknown(request, channel, f"Stripe tells of a {request.type.value} by itself"), {}

    def _read(self, call: Call, request: PaymentRequest, channel: Channel) -> tuple[Finding, JsonObject]:
        sent = self.client.send(call)
        return read_finding(sent, request, self.settings, channel), payload_of(sent)

    def _direct(self, request: PaymentRequest) -> Call | None:
        own, parent = request.gateway_reference, request.parent_reference
        session = request.attributes.get("session", "")
        if request.type in INITIATING:
            if is_id(session):
                return queries.session_of(session)
            return queries.intent_of(own) if is_id(own) else None
        if request.type is REFUND:
            return queries.refund_of(own) if is_id(own) else None
        if not is_id(parent) or request.type not in requests.ON_INTENT:
            return None
        return queries.settlement_of(parent) if request.type is SETTLED else queries.intent_of(parent)

    def _listed_intent(self, request: PaymentRequest, channel: Channel) -> tuple[Finding, JsonObject]:
        """Look among the newest intents, then, if these do not reach back far enough, among those of the time when it was sent."""
        sent_at = int(request.sent_at.timestamp())
        skew = int(SKEW.total_seconds())
        page = self._page(queries.intents(), request, channel)
        if isinstance(page, Observation):
            return page, {}
        newest = nested_list(page, "data")
        found = _named(newest, request)
        if found:
            return self._whole(found, request, channel)
        if page.get("has_more") is False or _reach_back(newest, sent_at - skew):
            return NotFoundYet("Stripe lists no such intent"), {}
        between = (sent_at - skew, sent_at + skew + int(IN_FLIGHT.total_seconds()))
        return self._listed(request, channel, lambda after: queries.intents(after, between))

    def _listed(
        self, request: PaymentRequest, channel: Channel, list_after: Callable[[str], Call]
    ) -> tuple[Finding, JsonObject]:
        after = ""
        for _ in range(MAX_PAGES):
            page = self._page(list_after(after), request, channel)
            if isinstance(page, Observation):
                return page, {}
            items = nested_list(page, "data")
            found = _named(items, request)
            if found:
                return self._whole(found, request, channel)
            if page.get("has_more") is False:
                return NotFoundYet("Stripe lists nothing with its id"), {}
            if not items:
                break
            after = own_id(items[-1])
        return unknown(request, channel, "Stripe's list could not be read to its end"), {}

    def _page(self, call: Call, request: PaymentRequest, channel: Channel) -> JsonObject | Observation:
        """One page of a list, all of whose items can be told apart: one that cannot be read may be that which is looked for."""
        sent = self.client.send(call)
        payload = payload_of(sent)
        items = nested_list(payload, "data")
        twice = len({own_id(one) for one in items if transaction_of(one) == request.transaction_id}) > 1
        if not is_list(payload, call) or twice or not all(own_id(one) and _is_clear(one) for one in items):
            return unknown(request, channel, unasked(sent))
        return payload

    def _whole(self, listed: JsonObject, request: PaymentRequest, channel: Channel) -> tuple[Finding, JsonObject]:
        """Ask for what a list has shown, with all that the list leaves out."""
        name = own_id(listed)
        call = queries.refund_of(name) if request.type is REFUND else queries.intent_of(name)
        return self._read(call, attrs.evolve(request, gateway_reference=name), channel)


def _is_page(payload: JsonObject) -> bool:
    return payload.get("object") == "checkout.session"


def _named(items: list[JsonObject], request: PaymentRequest) -> JsonObject | None:
    return next((one for one in items if transaction_of(one) == request.transaction_id), None)


def _is_clear(listed: JsonObject) -> bool:
    """Others may have put anything under the name of ours: only what is no metadata at all, or has it in two ways, is unclear."""
    return metadata_of(listed) is not None


def _reach_back(listed: list[JsonObject], since: int) -> bool:
    """Tell whether a list, newest first, surely holds all that was made since a time."""
    created = [integer(one, "created") for one in listed]
    known = [one for one in created if one is not None]
    return len(known) == len(listed) > 0 and known == sorted(known, reverse=True) and known[-1] < since
