"""The Stripe adapter: transactions, actions and the check of a method, each a call and the reading of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Final

import attrs

from payports.adapters.gateways.kit.observations import unknown
from payports.adapters.gateways.stripe import queries, requests
from payports.adapters.gateways.stripe.form import is_id
from payports.adapters.gateways.stripe.json_objects import payload_of
from payports.adapters.gateways.stripe.lookup import IN_FLIGHT, TransactionLookup
from payports.adapters.gateways.stripe.objects import read_intent
from payports.adapters.gateways.stripe.requests import MAX_NAME, OWN_FIELDS, StripeSettings
from payports.adapters.gateways.stripe.responses import is_key_in_use, next_action_of, page_of, read_answer
from payports.domain.capabilities import Capabilities, LookUp, PartialCapture
from payports.domain.input_checks import InvalidInput
from payports.domain.lifecycle import AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE, REFUND, REVERSE_AUTH, SETTLED
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.payment_method import PaymentMethod, PaymentType
from payports.ports.gateway import (
    ExternalActions,
    NotFoundYet,
    PaymentRequest,
    PaymentResponse,
    PaymentValidator,
    TransactionGateway,
)

_METADATA: Final = 50
"""Entries that Stripe keeps with an object. Source: docs.stripe.com/metadata."""
_CAPTURES: Final = 20
"""Entries that are kept free for several captures, each of which adds one."""


@cache
def capabilities_of(settings: StripeSettings, *, fences: bool) -> Capabilities:
    """What Stripe can do with these settings."""
    once = frozenset({AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE, REVERSE_AUTH, REFUND})
    several = settings.several_captures
    return Capabilities(
        types=once if several else once | {SETTLED},  # an entry in the balance is of the whole charge
        partial_capture=PartialCapture.MULTIPLE if several else PartialCapture.RELEASES_REST,
        partial_refund=True,
        reports_settlement=not several,
        idempotency_window=timedelta(hours=24),
        look_up=LookUp.BY_KEY,
        in_flight_bound=IN_FLIGHT,
        fences=fences,
        authorization_lifetime=timedelta(days=7),
        pass_through_limit=_METADATA - OWN_FIELDS - settings.hosted_page - (_CAPTURES if several else 0),
        pass_through_length=500,
        pass_through_name_length=MAX_NAME,
    )


@attrs.frozen(kw_only=True)
class StripeGateway(TransactionGateway, ExternalActions, PaymentValidator):
    """Transactions at Stripe."""

    lookup: TransactionLookup

    @property
    def capabilities(self) -> Capabilities:
        """What Stripe can do with these settings."""
        return capabilities_of(self._settings, fences=self.lookup.fences)

    @property
    def _settings(self) -> StripeSettings:
        return self.lookup.settings

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        """Send one transaction. That its key was used for something else is believed only if it was us who took the key."""
        sent = self.lookup.client.send(requests.execution_of(request, self._settings))
        if self.lookup.fences and is_key_in_use(sent):
            taken = self.lookup.key_fence.take(request, Channel.ANSWER)
            return PaymentResponse(seen=taken) if taken else read_answer(sent, request, self._settings)
        return read_answer(sent, request, self._settings)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        """Look up by Stripe's reference or by our id in its metadata; with ``fence`` take the key of what is not there."""
        return self.lookup.find(request, Channel.LOOK_UP, fence=fence)

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:  # noqa: ARG002 -- the port asks for it
        """Ask Stripe how the action ended; what the browser sent is not needed."""
        return self.lookup.find(request, Channel.RETURN)

    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:
        """Cancel the intent, or close the page, that waits for the shopper, and say what is true then."""
        if not self.lookup.fences:
            return NotFoundYet("this server cannot be told to give up")
        found = self.lookup.find(request, Channel.LOOK_UP, give_up=True)
        if isinstance(found, Observation):
            return found
        return unknown(request, Channel.LOOK_UP, found.reason)

    def present(self, request: PaymentRequest, action: NextAction) -> NextAction:  # noqa: ARG002 -- the action names what it is about
        """Fetch the client secret, or the address that holds one, which is never stored; without it, give the action as it was stored."""
        if action.url or not is_id(action.reference):
            return action
        if action.type == "hosted_page":
            page = page_of(payload_of(self.lookup.client.send(queries.session_of(action.reference))), complete=True)
            return page if page and page.reference == action.reference else action
        intent = read_intent(payload_of(self.lookup.client.send(queries.intent_of(action.reference))))
        if intent is None or intent.id != action.reference or intent.livemode is not self._settings.livemode:
            return action
        complete = next_action_of(intent, self._settings, complete=True)
        return complete if complete.type == action.type and intent.secret else action

    def check(self, method: PaymentMethod, payment_type: PaymentType) -> InvalidInput | None:  # noqa: ARG002 -- the port asks for it
        """Require a token of Stripe's, unless the shopper chooses on a hosted page."""
        if not method.token and self._settings.hosted_page:
            return None
        if is_id(method.token):
            return None
        return InvalidInput("method.properties.token", "is missing or no id of Stripe's")
