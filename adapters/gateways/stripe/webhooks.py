"""Stripe's notifications: signed over the raw bytes, bound to account and mode."""

from __future__ import annotations

from typing import Final

import attrs
from returns.result import Failure, Success

from payports.adapters.gateways.kit.json_reading import JsonObject, nested, text
from payports.adapters.gateways.kit.webhook_secrets import WebhookSecrets
from payports.adapters.gateways.kit.webhooks import EventReader, SignedWebhooks
from payports.adapters.gateways.stripe.events import read_event
from payports.adapters.gateways.stripe.requests import StripeSettings
from payports.domain.outcome import Outcome
from payports.ports.gateway import Notification, WebhookRefused

HEADER: Final = "Stripe-Signature"


def stripe_webhooks(secrets: WebhookSecrets, settings: StripeSettings, connected_account: str = "") -> SignedWebhooks:
    """Build the reader. ``connected_account``: whose events are ours, if they are not the platform's own."""
    return SignedWebhooks(secrets=secrets, header=HEADER, events=StripeEvents(settings, connected_account))


@attrs.frozen
class StripeEvents(EventReader):
    """Reads verified events. Stripe sends those of all modes and accounts to one address: what is not ours tells nothing."""

    settings: StripeSettings
    connected_account: str = ""

    def read_events(self, event: JsonObject) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        """Read one event, which may tell of several transactions or of none.

        Failures:
            WebhookRefused: no clear account or mode, or an unreadable object.
        """
        event_id, event_type = text(event, "id", 200), text(event, "type", 200)
        if not (event_id and event_type):
            return Failure(WebhookRefused("it is no event"))
        payload = nested(nested(event, "data"), "object")
        mode, account = event.get("livemode"), event.get("account")
        if not isinstance(mode, bool) or payload.get("livemode", mode) is not mode:
            return Failure(WebhookRefused("no mode, or two"))
        if not isinstance(account, str | None):
            return Failure(WebhookRefused("the account cannot be read"))
        if mode is not self.settings.livemode or (account or "") != self.connected_account:
            return Success(())
        observations = read_event(event_type, payload, self.settings)
        if observations is None:
            return Failure(WebhookRefused("the event's object cannot be read"))
        return Success(
            tuple(
                Notification(event_id=event_id if number == 1 else f"{event_id}/{number}", seen=seen)
                for number, seen in enumerate(observations, 1)
            )
        )
