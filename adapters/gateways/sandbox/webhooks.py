"""Reading the bank's notifications: verified over the raw bytes, closed unless all is well."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.adapters.gateways.kit.json_reading import JsonObject, nested, nested_list, read_object, text
from payports.adapters.gateways.kit.webhook_secrets import FormerSecret
from payports.adapters.gateways.sandbox.messages import ENVIRONMENT
from payports.adapters.gateways.sandbox.signatures import verify
from payports.adapters.gateways.sandbox.translation import read_transaction
from payports.domain.observation import Channel
from payports.domain.outcome import Outcome
from payports.domain.secret import Secret
from payports.ports.gateway import Notification, WebhookReader, WebhookRefused

_MAX_BODY: Final = 1_000_000
_MAX_ITEMS: Final = 1_000


@attrs.frozen
class SandboxWebhooks(WebhookReader):
    """Believes what is signed with the secret, and is about this account. Without a secret it believes nothing."""

    secret: Secret | None
    account: str
    former: FormerSecret | None = None

    def read(
        self,
        headers: Mapping[str, str],
        body: bytes,
        params: Mapping[str, str],  # noqa: ARG002 -- the bank signs no parameters, so none is believed
        now: datetime,
    ) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        """Read all items, each verified by itself; one that cannot be believed refuses the whole body.

        Failures:
            WebhookRefused: no secret, a bad signature or time, another account or environment, or an unreadable item.
        """
        if self.secret is None:
            return Failure(WebhookRefused("no webhook secret is configured", 503))
        if len(body) > _MAX_BODY:
            return Failure(WebhookRefused("the body is too long", 413))
        refused = verify(self.secret, headers, body, now, self.former)
        if refused:
            return Failure(refused)
        return self._read(read_object(body) or {})

    def _read(self, told: JsonObject) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        if text(told, "account") != self.account or text(told, "environment") != ENVIRONMENT:
            return Failure(WebhookRefused("another account or environment"))
        read = [self._item(one) for one in nested_list(told, "items")]
        believed = tuple(one for one in read if one)
        if not 0 < len(read) == len(believed) <= _MAX_ITEMS:
            return Failure(WebhookRefused("an item cannot be read, or is about another account"))
        return Success(believed)

    def _item(self, told: JsonObject) -> Notification | None:
        event_id = text(told, "id", 255)
        seen = read_transaction(nested(told, "transaction"), Channel.WEBHOOK)
        if not event_id or seen is None or seen.account != self.account:
            return None
        return Notification(event_id=event_id, seen=seen)
