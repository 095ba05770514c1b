"""A gateway whose calls are observed: the same ports, each call reported to the observers.

Only names, ids and amounts of what the ports' types promise are reported; an adapter that gives something else is UNREADABLE.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.adapters.telemetry.watch import Verdict, Watch
from payports.domain.capabilities import Capabilities
from payports.domain.cart import Cart
from payports.domain.failures import Declined, NotExecuted, ResultUnknown
from payports.domain.input_checks import InvalidInput
from payports.domain.observation import NextAction, Observation
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer
from payports.domain.payment_method import PaymentMethod, PaymentType
from payports.domain.transaction_types import TransactionStatus
from payports.ports.gateway import (
    ExternalActions,
    Gateway,
    MethodVault,
    NotFoundYet,
    Notification,
    PaymentRequest,
    PaymentResponse,
    PaymentValidator,
    RollbackGateway,
    TransactionGateway,
    WebhookReader,
    WebhookRefused,
)
from payports.ports.telemetry import Attribute
from payports.ports.tokenization import ClientSession, TokenizationBridge

_NOTHING: Final[Mapping[str, Attribute]] = {}


def watched_gateway(gateway: Gateway, watch: Watch) -> Gateway:
    """The same gateway, every call of its ports watched."""
    return attrs.evolve(
        gateway,
        transactions=_Transactions(gateway.transactions, watch),
        validator=_Validator(gateway.validator, watch) if gateway.validator else None,
        rollback=_Rollback(gateway.rollback, watch) if gateway.rollback else None,
        webhooks=_Webhooks(gateway.webhooks, watch) if gateway.webhooks else None,
        actions=_Actions(gateway.actions, watch) if gateway.actions else None,
        vault=_Vault(gateway.vault, watch) if gateway.vault else None,
        bridge=_Bridge(gateway.bridge, watch) if gateway.bridge else None,
    )


def _about(request: PaymentRequest) -> dict[str, Attribute]:
    return {
        "payports.payment.id": request.payment_id,
        "payports.transaction.id": request.transaction_id,
        "payports.transaction.type": request.type.value,
        "payports.amount_minor": request.amount.minor,
        "payports.currency": request.amount.currency.code,
    }


def _of_response(response: PaymentResponse) -> Verdict:
    return _of_observation(response.seen)


def _of_look_up(answer: Observation | NotFoundYet) -> Verdict:
    return Verdict(outcome="NOT_FOUND_YET") if isinstance(answer, NotFoundYet) else _of_observation(answer)


def _of_observation(observation: Observation) -> Verdict:
    status = TransactionStatus(observation.status)
    attributes: dict[str, Attribute] = {"payports.transaction.status": status.value}
    if observation.failure_type is not None:
        attributes["payports.failure_type"] = observation.failure_type.value
    return Verdict(outcome=status.value, failed=status is TransactionStatus.UNKNOWN, attributes=attributes)


def _of_problem(problem: InvalidInput | None) -> Verdict:
    return Verdict(outcome="GOOD" if problem is None else "REFUSED")


def _of_answer(answer: Outcome[object, object]) -> Verdict:
    if isinstance(answer, Success):
        return Verdict(outcome="DONE")
    problem = type(answer.failure())
    return Verdict(outcome="FAILED", failed=problem is ResultUnknown, attributes={"error.type": problem.__name__})


def _of_reading(read: Outcome[tuple[Notification, ...], WebhookRefused]) -> Verdict:
    if isinstance(read, Failure):
        return Verdict(outcome="REFUSED", attributes={"http.response.status_code": int(read.failure().status_code)})
    return Verdict(outcome="BELIEVED", attributes={"payports.items": len(read.unwrap())})


@attrs.frozen
class _Transactions(TransactionGateway):
    inner: TransactionGateway
    watch: Watch

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        work = partial(self.inner.execute, request)
        return self.watch.over("gateway.execute", _about(request), work, _of_response)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        work = partial(self.inner.look_up, request, fence=fence)
        return self.watch.over("gateway.look_up", {**_about(request), "payports.fence": fence}, work, _of_look_up)


@attrs.frozen
class _Validator(PaymentValidator):
    inner: PaymentValidator
    watch: Watch

    def check(self, method: PaymentMethod, payment_type: PaymentType) -> InvalidInput | None:
        work = partial(self.inner.check, method, payment_type)
        return self.watch.over("gateway.check", {"payports.payment.type": payment_type.value}, work, _of_problem)


@attrs.frozen
class _Rollback(RollbackGateway):
    inner: RollbackGateway
    watch: Watch

    def roll_back(self, request: PaymentRequest) -> PaymentResponse:
        work = partial(self.inner.roll_back, request)
        return self.watch.over("gateway.roll_back", _about(request), work, _of_response)


@attrs.frozen
class _Webhooks(WebhookReader):
    inner: WebhookReader
    watch: Watch

    def read(
        self, headers: Mapping[str, str], body: bytes, params: Mapping[str, str], now: datetime
    ) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        work = partial(self.inner.read, headers, body, params, now)
        return self.watch.over("gateway.read_webhook", {"payports.bytes": len(body)}, work, _of_reading)


@attrs.frozen
class _Actions(ExternalActions):
    inner: ExternalActions
    watch: Watch

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:
        work = partial(self.inner.confirm, request, params)
        return self.watch.over("gateway.confirm", _about(request), work, _of_look_up)

    def present(self, request: PaymentRequest, action: NextAction) -> NextAction:
        work = partial(self.inner.present, request, action)
        return self.watch.over("gateway.present", _about(request), work, lambda _: Verdict(outcome="DONE"))

    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:
        return self.watch.over("gateway.give_up", _about(request), partial(self.inner.give_up, request), _of_look_up)


@attrs.frozen
class _Vault(MethodVault):
    inner: MethodVault
    watch: Watch

    def keep(
        self, customer: Customer, method: PaymentMethod
    ) -> Outcome[PaymentMethod, InvalidInput | Declined | NotExecuted | ResultUnknown]:
        return self.watch.over("gateway.keep", _NOTHING, partial(self.inner.keep, customer, method), _of_answer)

    def methods_of(self, customer: Customer) -> Outcome[tuple[PaymentMethod, ...], NotExecuted]:
        return self.watch.over("gateway.methods_of", _NOTHING, partial(self.inner.methods_of, customer), _of_answer)

    def forget(self, customer: Customer, method: PaymentMethod) -> Outcome[None, NotExecuted | ResultUnknown]:
        return self.watch.over("gateway.forget", _NOTHING, partial(self.inner.forget, customer, method), _of_answer)


@attrs.frozen
class _Bridge(TokenizationBridge):
    inner: TokenizationBridge
    watch: Watch

    def open(self, gateway: str, cart: Cart, customer: Customer | None) -> ClientSession:
        work = partial(self.inner.open, gateway, cart, customer)
        return self.watch.over("gateway.open_session", _NOTHING, work, lambda _: Verdict(outcome="DONE"))

    def accept(self, payload: Mapping[str, object]) -> Outcome[PaymentMethod, InvalidInput]:
        return self.watch.over("gateway.accept_token", _NOTHING, partial(self.inner.accept, payload), _of_answer)
