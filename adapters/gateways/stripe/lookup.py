"""Look up what became of a transaction, without making it happen.

By Stripe's reference if that is known; else by our id in the metadata, in lists that are complete at once (search may lag an hour).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

import attrs

from payports.adapters.gateways.kit.json_reading import JsonObject, integer, nested_list
from payports.adapters.gateways.kit.observations import unknown
from payports.adapters.gateways.kit.paging import Page, Search, find_in_pages
from payports.adapters.gateways.stripe import queries, requests
from payports.adapters.gateways.stripe.cancellation import after_closing, closing_call
from payports.adapters.gateways.stripe.client import StripeClient
from payports.adapters.gateways.stripe.form import Call, is_id
from payports.adapters.gateways.stripe.json_objects import metadata_of, own_id, payload_of, read_page, reference_of
from payports.adapters.gateways.stripe.key_fence import KeyFence
from payports.adapters.gateways.stripe.objects import read_intent, transaction_of
from payports.adapters.gateways.stripe.requests import StripeSettings
from payports.adapters.gateways.stripe.responses import read_finding, why_unanswered
from payports.domain.lifecycle import INITIATING, REFUND, SETTLED
from payports.domain.observation import Channel, Observation
from payports.domain.transaction_types import FAILED, TransactionStatus
from payports.ports.clock import Clock
from payports.ports.gateway import NotFoundYet, PaymentRequest

IN_FLIGHT: Final = timedelta(minutes=10)
"""How long after sending a request may still be executed."""
SKEW: Final = timedelta(minutes=5)
"""How far Stripe's clock may be from ours."""
MAX_PAGES: Final = 20
"""Pages of a hundred, before the result is unknown."""
_STEPS: Final = 2
"""A page is closed, then the intent that remains of it."""

LookUpResult = Observation | NotFoundYet


@attrs.frozen(kw_only=True)
class TransactionLookup:
    """Looks up transactions. ``fences``: the server honours idempotency keys, so that they can be taken."""

    client: StripeClient
    settings: StripeSettings
    clock: Clock
    fences: bool

    @property
    def key_fence(self) -> KeyFence:
        """Takes the keys of requests that Stripe does not know."""
        return KeyFence(client=self.client, settings=self.settings, clock=self.clock)

    def find(
        self, request: PaymentRequest, channel: Channel, *, fence: bool = False, give_up: bool = False
    ) -> LookUpResult:
        """Find a transaction. With ``fence`` or ``give_up``, prove that one unknown to Stripe can never happen, if possible.

        A declined intent whose secret the browser may have is cancelled before it counts as declined; with ``give_up`` every intent or page
        that still waits for the shopper is closed.
        """
        found, payload = self._find(request, channel)
        if not self.fences:
            return found
        if isinstance(found, NotFoundYet):
            return (self.key_fence.take(request, channel) if fence or give_up else None) or found
        return self._close(request, channel, found, payload, give_up=give_up)

    def _close(
        self, request: PaymentRequest, channel: Channel, before: Observation, payload: JsonObject, *, give_up: bool
    ) -> Observation:
        """Close a page first, then what remains of its intent. What cannot be closed does not count as declined."""
        found: LookUpResult = before
        payload = self._page_of(payload) if give_up else payload
        if _is_page(payload):
            request = attrs.evolve(request, attributes={"session": own_id(payload), **request.attributes})
        call = first = self._next_closing(request, payload, give_up=give_up)
        for _ in range(_STEPS):
            if call is None:
                break
            sent = self.client.send(call)
            found, payload = read_finding(sent, request, self.settings, channel), payload_of(sent)
            if not isinstance(found, Observation) or found.status is TransactionStatus.UNKNOWN or _is_page(payload):
                found, payload = self._find(request, channel)
            former, call = call, self._next_closing(request, payload, give_up=give_up)
            if call == former:
                break
        if first is None:
            return before
        if isinstance(found, NotFoundYet) or (call and found.status in FAILED):
            return unknown(request, channel, "what was open could not be closed")
        return after_closing(found, before)

    def _next_closing(self, request: PaymentRequest, payload: JsonObject, *, give_up: bool) -> Call | None:
        minute = int(self.clock.now().timestamp()) // 60
        return closing_call(payload, request, self.settings, give_up=give_up, minute=minute)

    def _page_of(self, payload: JsonObject) -> JsonObject:
        """Fetch the open page that an intent is paid on; the intent itself if there is none, or it cannot be had."""
        intent = read_intent(payload)
        if intent is None or not intent.on_page:
            return payload
        listed = nested_list(payload_of(self.client.send(queries.sessions_of(intent.id))), "data")
        pages = [item for item in listed if _is_page(item) and reference_of(item, "payment_intent") == intent.id]
        return pages[0] if len(pages) == 1 else payload

    def _find(self, request: PaymentRequest, channel: Channel) -> tuple[LookUpResult, JsonObject]:
        """Find a transaction, with Stripe's object if there is a single one."""
        call = self._direct(request)
        if call:
            return self._read(call, request, channel)
        if request.type in INITIATING:
            return self._listed_intent(request, channel)
        if request.type is REFUND and is_id(request.parent_reference):
            return self._listed(request, channel, lambda after: queries.refunds_of(request.parent_reference, after))
        return unknown(request, channel, f"Stripe tells of a {request.type.value} by itself"), {}

    def _read(self, call: Call, request: PaymentRequest, channel: Channel) -> tuple[LookUpResult, JsonObject]:
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

    def _listed_intent(self, request: PaymentRequest, channel: Channel) -> tuple[LookUpResult, JsonObject]:
        """Look through the newest intents, then, if these do not reach back far enough, through those of the time of sending."""
        sent_at = int(request.sent_at.timestamp())
        skew = int(SKEW.total_seconds())
        page = self._page(queries.intents(), request, channel)
        if isinstance(page, Observation):
            return page, {}
        intent = next((item for item in page.items if transaction_of(item) == request.transaction_id), None)
        if intent:
            return self._whole(intent, request, channel)
        if page.last or _reach_back(page.items, sent_at - skew):
            return NotFoundYet("Stripe lists no such intent"), {}
        between = (sent_at - skew, sent_at + skew + int(IN_FLIGHT.total_seconds()))
        return self._listed(request, channel, lambda after: queries.intents(after, between))

    def _listed(
        self, request: PaymentRequest, channel: Channel, list_after: Callable[[str], Call]
    ) -> tuple[LookUpResult, JsonObject]:
        """Look through a list for our id."""
        found = find_in_pages(
            lambda after: self._page(list_after(after), request, channel),
            lambda item: transaction_of(item) == request.transaction_id,
            MAX_PAGES,
        )
        match found:
            case Observation():
                return found, {}
            case Search.NOT_THERE:
                return NotFoundYet("Stripe lists nothing with its id"), {}
            case Search.NO_END:
                return unknown(request, channel, "Stripe's list could not be read to its end"), {}
            case _:
                return self._whole(found, request, channel)

    def _page(self, call: Call, request: PaymentRequest, channel: Channel) -> Page | Observation:
        """Fetch one page of a list. An item that cannot be read may be the one that is looked for, so it spoils the page."""
        sent = self.client.send(call)
        page = read_page(sent, call)
        items = page.items if page else ()
        twice = len({own_id(item) for item in items if transaction_of(item) == request.transaction_id}) > 1
        if page is None or twice or not all(own_id(item) and metadata_of(item) is not None for item in items):
            return unknown(request, channel, why_unanswered(sent))
        return page

    def _whole(self, listed: JsonObject, request: PaymentRequest, channel: Channel) -> tuple[LookUpResult, JsonObject]:
        """Fetch an object of a list anew, with all that the list leaves out."""
        name = own_id(listed)
        call = queries.refund_of(name) if request.type is REFUND else queries.intent_of(name)
        return self._read(call, attrs.evolve(request, gateway_reference=name), channel)


def _is_page(payload: JsonObject) -> bool:
    return payload.get("object") == "checkout.session"


def _reach_back(listed: Sequence[JsonObject], since: int) -> bool:
    """Tell whether a list, newest first, surely holds everything created since a time."""
    created = [integer(item, "created") for item in listed]
    known = [time for time in created if time is not None]
    return len(known) == len(listed) > 0 and known == sorted(known, reverse=True) and known[-1] < since
