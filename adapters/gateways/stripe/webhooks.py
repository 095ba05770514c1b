"""Reading Stripe's notifications: verified over the raw bytes, bound to account and mode, closed unless all is well."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.adapters.gateways.kit.json_reading import JsonObject, nested, text
from payports.adapters.gateways.kit.timed_signatures import verify
from payports.adapters.gateways.kit.webhook_secrets import FormerSecret, WebhookSecrets
from payports.adapters.gateways.stripe.events import read_event
from payports.adapters.gateways.stripe.json_objects import read_body
from payports.adapters.gateways.stripe.requests import Terms
from payports.domain.outcome import Outcome
from payports.domain.secret import Secret
from payports.ports.gateway import Notification, WebhookReader, WebhookRefused

HEADER: Final = "Stripe-Signature"
_MAX_BODY: Final = 1_000_000


@attrs.frozen(kw_only=True)
class StripeWebhooks(WebhookReader):
    """Believes what is signed with the secret, and nothing without one. What is of another account or mode is nothing to us."""

    secret: Secret | None
    terms: Terms
    connected_account: str = ""
    former: FormerSecret | None = None

    def read(
        self,
        headers: Mapping[str, str],
        body: bytes,
        params: Mapping[str, str],  # noqa: ARG002 -- Stripe signs no parameters, so none is believed
        now: datetime,
    ) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        """Read one event, which may tell of several transactions or of none; of another account or mode it tells nothing.

        Failures:
            WebhookRefused: no secret, a bad signature or time, no clear account or mode, or an unreadable object.
        """
        if self.secret is None:
            return Failure(WebhookRefused("no webhook secret is configured", 503))
        if len(body) > _MAX_BODY:
            return Failure(WebhookRefused("the body is too long", 413))
        refused = verify(WebhookSecrets(self.secret, self.former), HEADER, headers, body, now)
        if refused:
            return Failure(refused)
        return self._read(read_body(body))

    def _read(self, event: JsonObject) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        event_id, kind = text(event, "id", 200), text(event, "type", 200)
        if not (event_id and kind):
            return Failure(WebhookRefused("it is no event"))
        thing = nested(nested(event, "data"), "object")
        mode, account = event.get("livemode"), event.get("account")
        if not isinstance(mode, bool) or thing.get("livemode", mode) is not mode:
            return Failure(WebhookRefused("no mode, or two"))
        if not isinstance(account, str | None):
            return Failure(WebhookRefused("the account cannot be read"))
        if mode is not self.terms.livemode or (account or "") != self.connected_account:
            return Success(())  # Stripe sends events of all modes and accounts to one address
        told = read_event(kind, thing, self.terms)
        if told is None:
            return Failure(WebhookRefused("the event's object cannot be read"))
        return Success(
            tuple(
                Notification(event_id=event_id if number == 1 else f"{event_id}/{number}", seen=seen)
                for number, seen in enumerate(told, 1)
            )
        )
