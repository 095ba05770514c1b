"""The bank's notifications: signed over the raw bytes, bound to one account and the sandbox environment."""

from __future__ import annotations

from typing import Final

import attrs
from returns.result import Failure, Success

from payports.adapters.gateways.kit.json_reading import JsonObject, nested, nested_list, text
from payports.adapters.gateways.kit.webhook_secrets import WebhookSecrets
from payports.adapters.gateways.kit.webhooks import EventReader, SignedWebhooks
from payports.adapters.gateways.sandbox.messages import ENVIRONMENT
from payports.adapters.gateways.sandbox.signatures import HEADER
from payports.adapters.gateways.sandbox.translation import read_transaction
from payports.domain.observation import Channel
from payports.domain.outcome import Outcome
from payports.ports.gateway import Notification, WebhookRefused

_MAX_ITEMS: Final = 1_000


def sandbox_webhooks(secrets: WebhookSecrets, account: str) -> SignedWebhooks:
    """Build the reader of notifications about one account."""
    return SignedWebhooks(secrets=secrets, header=HEADER, events=SandboxEvents(account))


@attrs.frozen
class SandboxEvents(EventReader):
    """Reads the items of verified notifications. One unreadable item refuses the whole body."""

    account: str

    def read_events(self, event: JsonObject) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        """Read every item.

        Failures:
            WebhookRefused: another account or environment, no item, too many, or an unreadable one.
        """
        if text(event, "account") != self.account or text(event, "environment") != ENVIRONMENT:
            return Failure(WebhookRefused("another account or environment"))
        items = [self._notification(item) for item in nested_list(event, "items")]
        notifications = tuple(item for item in items if item)
        if not 0 < len(items) == len(notifications) <= _MAX_ITEMS:
            return Failure(WebhookRefused("an item cannot be read, or is about another account"))
        return Success(notifications)

    def _notification(self, item: JsonObject) -> Notification | None:
        event_id = text(item, "id", 255)
        seen = read_transaction(nested(item, "transaction"), Channel.WEBHOOK)
        if not event_id or seen is None or seen.account != self.account:
            return None
        return Notification(event_id=event_id, seen=seen)
