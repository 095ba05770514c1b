"""Make sure that a request which Stripe does not know can never be executed: take its idempotency key for something harmless.

The key goes to an intent that is never confirmed, so that the request, if it is still on its way, meets Stripe's ``idempotency_error``.
Source: docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import attrs

from payports.adapters.gateways.kit.http_results import Answer
from payports.adapters.gateways.kit.observations import not_executed, unknown
from payports.adapters.gateways.stripe.client import StripeClient
from payports.adapters.gateways.stripe.interpretation import moves_money
from payports.adapters.gateways.stripe.json_objects import metadata_of, payload_of
from payports.adapters.gateways.stripe.objects import Intent, read_intent
from payports.adapters.gateways.stripe.queries import FENCE, fence_of
from payports.adapters.gateways.stripe.requests import StripeSettings, execution_of
from payports.adapters.gateways.stripe.responses import is_key_in_use, observe_answer, read_answer
from payports.domain.lifecycle import SETTLED
from payports.domain.observation import Channel, Observation
from payports.ports.clock import Clock
from payports.ports.gateway import PaymentRequest

KEY_WINDOW: Final = timedelta(hours=23)
"""How long a key surely stands: Stripe keeps it for at least 24 hours; the hour is for clocks that differ."""

_BEFORE_KEYS: Final = frozenset({401, 403, 429})
"""Statuses with which Stripe answers before it looks at a key."""

_NOT_TAKEN: Final = frozenset({400, 401, 402, 403, 404, 429})
"""Refusals that leave the key as it was, such as of an amount that is too small for an intent: then only waiting helps."""


@attrs.frozen(kw_only=True)
class KeyFence:
    """Takes keys at Stripe."""

    client: StripeClient
    settings: StripeSettings
    clock: Clock

    def take(self, request: PaymentRequest, channel: Channel) -> Observation | None:
        """Take the key of a request, or find that Stripe has it; nothing once Stripe may have forgotten it."""
        if request.type is SETTLED or self.clock.now() - request.sent_at > KEY_WINDOW:
            return None
        sent = self.client.send(fence_of(request))
        if is_key_in_use(sent):
            return self._replay(request, channel)
        if isinstance(sent, Answer) and sent.status in _NOT_TAKEN:
            return None
        payload = payload_of(sent)
        fence = read_intent(payload)
        if fence and self._is_idle(fence, request):
            return not_executed(request, channel, "its key was taken before it came")
        is_fence = FENCE in (metadata_of(payload) or {})
        found = observe_answer(payload, request, self.settings) if payload and not is_fence else None
        return (
            attrs.evolve(found, channel=channel) if found else unknown(request, channel, "its key could not be taken")
        )

    def _replay(self, request: PaymentRequest, channel: Channel) -> Observation:
        """Send the request again: Stripe has its key, so it brings the stored answer.

        A refusal of sending it again (too busy, or another key to the account) says nothing about the first answer.
        """
        sent = self.client.send(execution_of(request, self.settings))
        if not isinstance(sent, Answer) or sent.status in _BEFORE_KEYS:
            return unknown(request, channel, "its stored answer could not be had")
        return attrs.evolve(read_answer(sent, request, self.settings).seen, channel=channel)

    def _is_idle(self, fence: Intent, request: PaymentRequest) -> bool:
        """Tell whether this is our intent that took the key and moves nothing."""
        ours = fence.metadata.get(FENCE) == request.transaction_id and fence.livemode is self.settings.livemode
        idle = fence.status == "requires_payment_method" and not moves_money(fence) and not fence.authorized
        return ours and idle and fence.amount == request.amount
