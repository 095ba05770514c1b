"""``shop.webhooks``: notifications of gateways. Each is verified first, and then merged as one observation among others."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from returns.result import Failure, Success

from payports.application.checkout.finalize import finalize_if_waiting
from payports.application.kernel.environment import Environment, store_errors_as_failures
from payports.application.kernel.sanitizing import sanitized
from payports.application.webhooks.inbox import Applied, apply, find_payment
from payports.domain.failures import GatewayUnsupported, StoreUnavailable
from payports.domain.input_checks import InvalidInput, check_identifier
from payports.domain.observation import Channel
from payports.domain.outcome import Outcome
from payports.ports.commit import InboxEntry
from payports.ports.gateway import MAX_BODY, Notification, WebhookReader, WebhookRefused


@attrs.frozen
class WebhookReceipt:
    """What to answer the gateway (``status_code``, ``body``), and how many of the notifications were ``applied`` now; a repeated one is not
    applied again."""

    status_code: int
    body: bytes
    applied: int


@attrs.frozen
class Webhooks:
    """Receives notifications."""

    _env: Environment

    @store_errors_as_failures
    def receive(
        self,
        gateway: str,
        headers: Mapping[str, str],
        body: bytes,
        params: Mapping[str, str] | None = None,
    ) -> Outcome[WebhookReceipt, InvalidInput | GatewayUnsupported | StoreUnavailable]:
        """Verify a raw body and its headers, and apply the notifications in it.

        A body that fails verification changes nothing, is stored nowhere and is answered with 4xx (503 without a secret).
        A notification about an unknown transaction is parked and retried by maintenance.

        Failures:
            GatewayUnsupported: no such gateway, or it sends no notifications. InvalidInput: the body is not bytes. StoreUnavailable: answer
            5xx, the gateway will send it again.
        """
        problem = check_identifier("gateway", gateway) or _check(headers, body)
        if problem:
            return Failure(problem)
        found = self._env.gateways.find(gateway, "webhooks")
        if isinstance(found, Failure):
            return found
        reader = found.unwrap().gateway.webhooks
        if reader is None:
            return Failure(GatewayUnsupported(gateway, "webhooks"))
        if len(body) > MAX_BODY:
            return Success(WebhookReceipt(413, b"too large", 0))
        read = self._read(reader, headers, body, params or {})
        if isinstance(read, Failure):
            return Success(WebhookReceipt(read.failure().status_code, b"refused", 0))
        applied = [self._apply(gateway, notification) for notification in read.unwrap()]
        if Applied.BUSY in applied:
            return Success(WebhookReceipt(503, b"busy", applied.count(Applied.APPLIED)))
        return Success(WebhookReceipt(200, b"ok", applied.count(Applied.APPLIED)))

    def _read(
        self, reader: WebhookReader, headers: Mapping[str, str], body: bytes, params: Mapping[str, str]
    ) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        try:
            return _sanitized(reader.read(headers, body, params, self._env.now()))
        except Exception as error:  # noqa: BLE001 -- what an adapter cannot read is not believed
            reason = f"the adapter raised {type(error).__name__}"
        return Failure(WebhookRefused(reason))

    def _apply(self, gateway: str, notification: Notification) -> Applied | None:
        entry = self._env.store.inbox_entry(gateway, notification.event_id)
        if entry is None:
            entry = InboxEntry(
                gateway=gateway,
                event_id=notification.event_id,
                received_at=self._env.now(),
                seen=notification.seen,
            )
        elif entry.due_at is None:
            self._finalize_again(entry)
            return None
        return apply(self._env, entry)

    def _finalize_again(self, entry: InboxEntry) -> None:
        """Finalize the checkout that waited for a repeated notification, in case the process that applied it stopped right after."""
        payment = find_payment(self._env, entry.gateway, entry.seen)
        if payment:
            finalize_if_waiting(self._env, payment.owner)


def _sanitized(
    read: Outcome[tuple[Notification, ...], WebhookRefused],
) -> Outcome[tuple[Notification, ...], WebhookRefused]:
    """Make a reader's notifications safe to store; one that cannot be stored refuses the whole body."""
    if isinstance(read, Failure):
        return Failure(WebhookRefused("refused", read.failure().status_code))
    notifications: list[Notification] = []
    for notification in read.unwrap():
        observation = sanitized(notification.seen, channel=Channel.WEBHOOK)
        if observation is None or check_identifier("event_id", notification.event_id):
            return Failure(WebhookRefused("an item cannot be kept"))
        notifications.append(Notification(event_id=notification.event_id, seen=observation))
    return Success(tuple(notifications))


def _check(headers: object, body: object) -> InvalidInput | None:
    if type(body) is not bytes:
        return InvalidInput("body", "must be the raw bytes")
    return None if isinstance(headers, Mapping) else InvalidInput("headers", "must be a mapping")
