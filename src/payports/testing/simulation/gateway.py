"""The adapter of the simulated bank, with the network between them: requests and answers are lost, late, duplicated or garbled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs
from returns.result import Success

from payports.adapters.gateways.ledger.entries import Entry, EntryState, LedgerRequest
from payports.adapters.gateways.sandbox.gateway import capabilities_of
from payports.domain.capabilities import Capabilities, LookUp
from payports.domain.money import Money
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.outcome import Outcome
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import (
    ExternalActions,
    Gateway,
    NotFoundYet,
    Notification,
    PaymentRequest,
    PaymentResponse,
    TransactionGateway,
    WebhookReader,
    WebhookRefused,
)
from payports.testing.simulation.bank import Account, SimulatedBank
from payports.testing.simulation.faults import DAY, HOUR, Fault, FaultInjector
from payports.testing.simulation.scheduler import Scheduler, Waiting

_STATUSES: Final = {
    EntryState.DONE: TransactionStatus.SUCCEEDED,
    EntryState.DECLINED: TransactionStatus.DECLINED,
    EntryState.ACTION: TransactionStatus.REQUIRES_ACTION,
    EntryState.PENDING: TransactionStatus.AWAITING_RESULT,
    EntryState.FENCED: TransactionStatus.NOT_EXECUTED,
    EntryState.REVOKED: TransactionStatus.REVOKED,
}
TIMEOUT_S: Final = 30.0


@attrs.frozen
class SimulatedGateway(TransactionGateway, ExternalActions, WebhookReader):
    """One account. ``on_request`` gets every request before it is sent."""

    account: Account
    bank: SimulatedBank
    process: Waiting
    scheduler: Scheduler
    faults: FaultInjector
    on_request: Callable[[PaymentRequest], object]

    @property
    def capabilities(self) -> Capabilities:
        """The terms of the account as capabilities."""
        return attrs.evolve(
            capabilities_of(self.account.terms),
            look_up=LookUp.BY_KEY,
            fences=self.account.fences,
            look_up_reliable_after=timedelta(seconds=self.account.reliable_s),
            in_flight_bound=timedelta(seconds=self.account.in_flight_s),
            idempotency_window=timedelta(seconds=self.account.window_s),
        )

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        """Send a request through the network."""
        self.process.step(f"execute {request.type} {request.amount.minor} {request.transaction_id}")
        self.on_request(request)
        seen = self._exchange(request)
        self.process.note(f"answered {seen.status} {seen.amount.minor if seen.amount else ''}")
        return PaymentResponse(seen=seen)

    def _exchange(self, request: PaymentRequest) -> Observation:
        faults, order = self.faults, self.order(request)
        if faults.occurs(Fault.UNREACHABLE):
            return _without_answer(TransactionStatus.NOT_EXECUTED, request)
        if faults.occurs(Fault.REQUEST_LOST):
            return self._timeout(request)
        delay_s = faults.delay_s(1.0, 2 * DAY if self.account.fences else self.account.in_flight_s * 0.9)
        if faults.occurs(Fault.REQUEST_LATE):
            self.scheduler.call_later(delay_s, lambda: self.bank.execute(self.account, order))
            return self._timeout(request)
        if faults.occurs(Fault.REQUEST_DOUBLED):
            self.scheduler.call_later(delay_s, lambda: self.bank.execute(self.account, order))
        entry = self.bank.execute(self.account, order)
        if faults.occurs(Fault.ANSWER_LOST):
            return self._timeout(request)
        self.process.sleep(faults.delay_s(10, 3 * HOUR) if faults.occurs(Fault.ANSWER_SLOW) else 0.2)
        if faults.occurs(Fault.ANSWER_GARBLED):
            return _without_answer(TransactionStatus.UNKNOWN, request)
        if entry.state is EntryState.DONE and faults.occurs(Fault.WRONG_AMOUNT):
            if faults.random.random() < 0.5:
                self.bank.send_webhook(entry, wrong=True)
            else:
                return attrs.evolve(
                    self._observation(entry, Channel.ANSWER, wrong=True), status=TransactionStatus.UNKNOWN
                )
        return self._observation(entry, Channel.ANSWER)

    def _timeout(self, request: PaymentRequest) -> Observation:
        self.process.sleep(TIMEOUT_S)
        return _without_answer(TransactionStatus.UNKNOWN, request)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        """Look a transaction up."""
        return self._ask(request, Channel.LOOK_UP, fence=fence)

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:  # noqa: ARG002 -- never believed
        """Ask for the result of an action."""
        return self._ask(request, Channel.RETURN)

    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:
        """Give an action up, if the bank supports it."""
        if not self.account.fences:
            return NotFoundYet("the bank does not support giving up")
        return self._ask(request, Channel.LOOK_UP, give_up=True)

    def _ask(
        self, request: PaymentRequest, channel: Channel, *, fence: bool = False, give_up: bool = False
    ) -> Observation | NotFoundYet:
        suffix = " and fence" if fence else " and give up" if give_up else ""
        self.process.step(f"look up {request.transaction_id}{suffix}")
        faults = self.faults
        if faults.occurs(Fault.LOOK_UP_FAILS):
            return attrs.evolve(_without_answer(TransactionStatus.UNKNOWN, request), channel=channel)
        if give_up:
            self.bank.give_up(self.account, request.transaction_id)
        if fence and self.account.fences:
            entry: Entry | None = self.bank.fence_key(self.account, self.order(request))
        else:
            entry = self.bank.find(self.account, request.transaction_id)
        slow = faults.occurs(Fault.LOOK_UP_SLOW)
        self.process.sleep(faults.delay_s(1, HOUR) if slow else 0.1)
        fresh = entry is not None and entry.made_at + self.account.reliable_s > self.scheduler.now
        if entry is None or (fresh and not self.account.fences and faults.occurs(Fault.NOT_FOUND_YET)):
            return NotFoundYet("the bank does not know it")
        seen = self._observation(entry, channel)
        self.process.note(f"found {seen.status}")
        if seen.amount and seen.amount != request.amount and not seen.partial:
            return attrs.evolve(seen, status=TransactionStatus.UNKNOWN)
        return seen

    def read(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 -- other tests forge webhooks
        body: bytes,
        params: Mapping[str, str],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        """Read the webhook whose number is the body."""
        webhook = self.bank.sent[int(body)]
        seen = self._observation(webhook.entry, Channel.WEBHOOK)
        return Success((Notification(event_id=f"ev-{webhook.number}", seen=seen),))

    def order(self, request: PaymentRequest) -> LedgerRequest:
        return LedgerRequest(
            account=self.account.name,
            key=request.transaction_id,
            type=request.type,
            minor=request.amount.minor,
            currency=request.amount.currency.code,
            parent=request.parent_reference,
            content=f"{request.type} {request.amount} {request.parent_reference} {request.payment_id}",
        )

    def _observation(self, entry: Entry, channel: Channel, *, wrong: bool = False) -> Observation:
        moved = entry.state in (EntryState.DONE, EntryState.REVOKED)
        waits = entry.state is EntryState.ACTION
        return Observation(
            status=_STATUSES[entry.state],
            channel=channel,
            transaction_id=entry.key,
            type=entry.type,
            amount=Money(entry.minor + wrong, entry.currency) if moved else None,
            partial=moved and entry.partial,
            gateway_reference="" if entry.state is EntryState.FENCED else entry.reference,
            parent_reference=entry.parent,
            account=entry.account,
            code=entry.code,
            failure_type=entry.failure if entry.state is EntryState.DECLINED else None,
            hard=entry.hard,
            next_action=NextAction(type="challenge", url="https://bank.example/", reference=entry.reference)
            if waits
            else None,
        )


def gateway_of(gateway: SimulatedGateway) -> Gateway:
    """All ports of one account."""
    return Gateway(transactions=gateway, webhooks=gateway, actions=gateway, account=gateway.account.name)


def _without_answer(status: TransactionStatus, request: PaymentRequest) -> Observation:
    failure = FailureType.NOT_POSSIBLE if status is TransactionStatus.NOT_EXECUTED else None
    return Observation(
        status=status, channel=Channel.ANSWER, transaction_id=request.transaction_id, failure_type=failure
    )
