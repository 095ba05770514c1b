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
from payports.adapters.gateways.stripe import queries, requests
from payports.adapters.gateways.stripe.cancellation import closed, closing_of
from payports.adapters.gateways.stripe.client import StripeClient
from payports.adapters.gateways.stripe.form import Call, is_id
from payports.adapters.gateways.stripe.interpretation import moves_money
from payports.adapters.gateways.stripe.json_objects import body_of, is_list, metadata_of, named, own_id
from payports.adapters.gateways.stripe.objects import Intent, read_intent, transaction_of
from payports.adapters.gateways.stripe.observations import seen_of
from payports.adapters.gateways.stripe.queries import FENCE
from payports.adapters.gateways.stripe.requests import Terms
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

    channel: StripeClient
    terms: Terms
    clock: Clock
    fences: bool

    def find(self, asked: PaymentRequest, channel: Channel, *, fence: bool = False, give_up: bool = False) -> Finding:
        """Find a transaction, or prove that it can never happen if that is wanted and possible.

        What was refused after it may have been handed out is closed before it is told as declined; with ``give_up`` whatever still waits
        for the shopper is.
        """
        found, told = self._find(asked, channel)
        if not self.fences:
            return found
        if isinstance(found, NotFoundYet):
            return (self.take_key(asked, channel) if fence or give_up else None) or found
        return self._closed(asked, channel, found, told, give_up=give_up)

    def _closed(
        self, asked: PaymentRequest, channel: Channel, before: Observation, told: JsonObject, *, give_up: bool
    ) -> Observation:
        """Close what is open: a page first, then what is left of its intent. What cannot be closed is not told as declined."""
        found: Finding = before
        told = self._page_of(told) if give_up else told
        if _is_page(told):
            asked = attrs.evolve(asked, attributes={"session": own_id(told), **asked.attributes})
        call = first = self._closing(asked, told, give_up=give_up)
        for _ in range(_STEPS):
            if call is None:
                break
            sent = self.channel.send(call)
            found, told = read_finding(sent, asked, self.terms, channel), body_of(sent)
            if not isinstance(found, Observation) or found.status is TransactionStatus.UNKNOWN or _is_page(told):
                found, told = self._find(asked, channel)
            former, call = call, self._closing(asked, told, give_up=give_up)
            if call == former:
                break
        if first is None:
            return before
        if isinstance(found, NotFoundYet) or (call and found.status in FAILED):
            return seen_of(asked, channel, TransactionStatus.UNKNOWN, "what was open could not be closed")
        return closed(found, before)

    def _closing(self, asked: PaymentRequest, told: JsonObject, *, give_up: bool) -> Call | None:
        minute = int(self.clock.now().timestamp()) // 60
        return closing_of(told, asked, self.terms, give_up=give_up, minute=minute)

    def _page_of(self, told: JsonObject) -> JsonObject:
        """The page that an intent is paid on, as long as that is open; the intent itself if there is none, or it cannot be asked for."""
        intent = read_intent(told)
        if intent is None or not intent.on_page:
            return told
        listed = nested_list(body_of(self.channel.send(queries.sessions_of(intent.id))), "data")
        pages = [one for one in listed if _is_page(one) and named(one, "payment_intent") == intent.id]
        return pages[0] if len(pages) == 1 else told

    def take_key(self, asked: PaymentRequest, channel: Channel) -> Observation | None:
        """Take the key of a request for what moves nothing, or find that Stripe has it; nothing once Stripe may have forgotten it."""
        if asked.type is SETTLED or self.clock.now() - asked.sent_at > KEY_WINDOW:
            return None
        sent = self.channel.send(queries.fence_of(asked))
        if is_key_in_use(sent):
            return self._replayed(asked, channel)
        if isinstance(sent, Answer) and sent.status in _NOT_TAKEN:
            return None
        told = body_of(sent)
        fence = read_intent(told)
        if fence and self._is_idle(fence, asked):
            seen = seen_of(asked, channel, TransactionStatus.NOT_EXECUTED, "its key was taken before it came")
            return attrs.evolve(seen, failure_type=FailureType.NOT_POSSIBLE)
        found = answered(told, asked, self.terms) if told and FENCE not in (metadata_of(told) or {}) else None
        if found:
            return attrs.evolve(found, channel=channel)
        return seen_of(asked, channel, TransactionStatus.UNKNOWN, "its key could not be taken")

    def _replayed(self, asked: PaymentRequest, channel: Channel) -> Observation:
        """Stripe has the key, so the request came: sent again, it brings the stored answer, or a refusal of sending it again.

        That, too busy or with another key to the account, says nothing about the first.
        """
        sent = self.channel.send(requests.execution_of(asked, self.terms))
        if not isinstance(sent, Answer) or sent.status in _BEFORE_KEYS:
            return seen_of(asked, channel, TransactionStatus.UNKNOWN, "its stored answer could not be had")
        return attrs.evolve(read_answer(sent, asked, self.terms).seen, channel=channel)

    def _is_idle(self, fence: Intent, asked: PaymentRequest) -> bool:
        """An intent of ours that took the key and moves nothing."""
        ours = fence.metadata.get(FENCE) == asked.transaction_id and fence.livemode is self.terms.livemode
        idle = fence.status == "requires_payment_method" and not moves_money(fence) and not fence.authorized
        return ours and idle and fence.amount == asked.amount

    def _find(self, asked: PaymentRequest, channel: Channel) -> tuple[Finding, JsonObject]:
        """Find a transaction; also what Stripe told of it, where that was a single object."""
        call = self._direct(asked)
        if call:
            return self._read(call, asked, channel)
        if asked.type in INITIATING:
            return self._listed_intent(asked, channel)
        if asked.type is REFUND and is_id(asked.parent_reference):
            return self._listed(asked, channel, lambda after: queries.refunds_of(asked.parent_reference, after))
        unknown = TransactionStatus.UNKNOWN
        return seen_of(asked, channel, unknown, f"Stripe tells of a {asked.type.value} by itself"), {}

    def _read(self, call: Call, asked: PaymentRequest, channel: Channel) -> tuple[Finding, JsonObject]:
        sent = self.channel.send(call)
        return read_finding(sent, asked, self.terms, channel), body_of(sent)

    def _direct(self, asked: PaymentRequest) -> Call | None:
        own, parent = asked.gateway_reference, asked.parent_reference
        session = asked.attributes.get("session", "")
        if asked.type in INITIATING:
            if is_id(session):
                return queries.session_of(session)
            return queries.intent_of(own) if is_id(own) else None
        if asked.type is REFUND:
            return queries.refund_of(own) if is_id(own) else None
        if not is_id(parent) or asked.type not in requests.ON_INTENT:
            return None
        return queries.settlement_of(parent) if asked.type is SETTLED else queries.intent_of(parent)

    def _listed_intent(self, asked: PaymentRequest, channel: Channel) -> tuple[Finding, JsonObject]:
        """Look among the newest intents, then, if these do not reach back far enough, among those of the time when it was sent."""
        sent_at = int(asked.sent_at.timestamp())
        skew = int(SKEW.total_seconds())
        page = self._page(queries.intents(), asked, channel)
        if isinstance(page, Observation):
            return page, {}
        newest = nested_list(page, "data")
        found = _named(newest, asked)
        if found:
            return self._whole(found, asked, channel)
        if page.get("has_more") is False or _reach_back(newest, sent_at - skew):
            return NotFoundYet("Stripe lists no such intent"), {}
        between = (sent_at - skew, sent_at + skew + int(IN_FLIGHT.total_seconds()))
        return self._listed(asked, channel, lambda after: queries.intents(after, between))

    def _listed(
        self, asked: PaymentRequest, channel: Channel, list_after: Callable[[str], Call]
    ) -> tuple[Finding, JsonObject]:
        after = ""
        for _ in range(MAX_PAGES):
            page = self._page(list_after(after), asked, channel)
            if isinstance(page, Observation):
                return page, {}
            items = nested_list(page, "data")
            found = _named(items, asked)
            if found:
                return self._whole(found, asked, channel)
            if page.get("has_more") is False:
                return NotFoundYet("Stripe lists nothing with its id"), {}
            if not items:
                break
            after = own_id(items[-1])
        return seen_of(asked, channel, TransactionStatus.UNKNOWN, "Stripe's list could not be read to its end"), {}

    def _page(self, call: Call, asked: PaymentRequest, channel: Channel) -> JsonObject | Observation:
        """One page of a list, all of whose items can be told apart: one that cannot be read may be that which is looked for."""
        sent = self.channel.send(call)
        told = body_of(sent)
        items = nested_list(told, "data")
        twice = len({own_id(one) for one in items if transaction_of(one) == asked.transaction_id}) > 1
        if not is_list(told, call) or twice or not all(own_id(one) and _is_clear(one) for one in items):
            return seen_of(asked, channel, TransactionStatus.UNKNOWN, unasked(sent))
        return told

    def _whole(self, listed: JsonObject, asked: PaymentRequest, channel: Channel) -> tuple[Finding, JsonObject]:
        """Ask for what a list has shown, with all that the list leaves out."""
        name = own_id(listed)
        call = queries.refund_of(name) if asked.type is REFUND else queries.intent_of(name)
        return self._read(call, attrs.evolve(asked, gateway_reference=name), channel)


def _is_page(told: JsonObject) -> bool:
    return told.get("object") == "checkout.session"


def _named(items: list[JsonObject], asked: PaymentRequest) -> JsonObject | None:
    return next((one for one in items if transaction_of(one) == asked.transaction_id), None)


def _is_clear(listed: JsonObject) -> bool:
    """Others may have put anything under the name of ours: only what is no metadata at all, or has it in two ways, is unclear."""
    return metadata_of(listed) is not None


def _reach_back(listed: list[JsonObject], since: int) -> bool:
    """Tell whether a list, newest first, surely holds all that was made since a time."""
    created = [integer(one, "created") for one in listed]
    known = [one for one in created if one is not None]
    return len(known) == len(listed) > 0 and known == sorted(known, reverse=True) and known[-1] < since
