"""What every reader of signed notifications does first: no secret, no acceptance; then the signature over the raw bytes, then JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import attrs
from returns.result import Failure

from payports.adapters.gateways.kit.json_reading import JsonObject, read_object
from payports.adapters.gateways.kit.timed_signatures import verify
from payports.adapters.gateways.kit.webhook_secrets import WebhookSecrets
from payports.domain.outcome import Outcome
from payports.ports.gateway import Notification, WebhookReader, WebhookRefused


class EventReader(Protocol):
    """The gateway's own part of reading notifications."""

    def read_events(self, event: JsonObject) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        """Check that account and mode are ours, then translate the items of a verified object.

        Failures:
            WebhookRefused: another account or mode, or an item that cannot be read.
        """
        ...


@attrs.frozen(kw_only=True)
class SignedWebhooks(WebhookReader):
    """Reads notifications that are signed as ``t=SECONDS,v1=HEX`` in ``header``; ``events`` reads what is verified."""

    secrets: WebhookSecrets
    header: str
    events: EventReader

    def read(
        self,
        headers: Mapping[str, str],
        body: bytes,
        params: Mapping[str, str],  # noqa: ARG002 -- parameters are not signed, so none is believed
        now: datetime,
    ) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        """Verify a body, then read its items.

        Failures:
            WebhookRefused: no secret, a bad signature or time, no JSON object, or what ``events`` refuses.
        """
        if self.secrets.current is None:
            return Failure(WebhookRefused("no webhook secret is configured", 503))
        refused = verify(self.secrets, self.header, headers, body, now)
        if refused:
            return Failure(refused)
        event = read_object(body)
        return (
            Failure(WebhookRefused("the body is no JSON object")) if event is None else self.events.read_events(event)
        )
