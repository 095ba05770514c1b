"""The adapter of the simulated bank, and the network between: here requests and answers get lost, late, doubled and garbled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs
from returns.result import Success

from payports.adapters.gateways.book.entries import Entry, EntryState, Order
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
from payports.testing.simulation.faults import DAY, HOUR, Fault, Weather
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
    """One account. ``sending`` is told of every request before it leaves."""

    account: Account
    bank: SimulatedBank
    process: Waiting
    scheduler: Scheduler
    weather: Weather
    sending: Callable[[PaymentRequest], object]

    @property
    def capabilities(self) -> Capabilities:
        """What the bank agreed to for this account."""
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
        self.sending(request)
        seen = self._sent(request)
        self.process.note(f"answered {seen.status} {seen.amount.minor if seen.amount else ''}")
        return PaymentResponse(seen=seen)

    def _sent(self, request: PaymentRequest) -> Observation:
        weather, order = self.weather, self.order(request)
        if weather.strikes(Fault.UNREACHABLE):
            return _nothing(TransactionStatus.NOT_EXECUTED, request)
        if weather.strikes(Fault.REQUEST_LOST):
            return self._timeout(request)
        late = weather.between(1.0, 2 * DAY if self.account.fences else self.account.in_flight_s * 0.9)
        if weather.strikes(Fault.REQUEST_LATE):
            self.scheduler.later(late, lambda: self.bank.execute(self.account, order))
            return self._timeout(request)
        if weather.strikes(Fault.REQUEST_DOUBLED):
            self.scheduler.later(late, lambda: self.bank.execute(self.account, order))
        made = self.bank.execute(self.account, order)
        if weather.strikes(Fault.ANSWER_LOST):
            return self._timeout(request)
        self.process.sleep(weather.between(10, 3 * HOUR) if weather.strikes(Fault.ANSWER_SLOW) else 0.2)
        if weather.strikes(Fault.ANSWER_GARBLED):
            return _nothing(TransactionStatus.UNKNOWN, request)
        if made.state is EntryState.DONE and weather.strikes(Fault.WRONG_AMOUNT):
            if weather.random.random() < 0.5:
                self.bank.tell(made, wrong=True)
            else:
                return attrs.evolve(self._seen(made, Channel.ANSWER, wrong=True), status=TransactionStatus.UNKNOWN)
        return self._seen(made, Channel.ANSWER)

    def _timeout(self, request: PaymentRequest) -> Observation:
        self.process.sleep(TIMEOUT_S)
        return _nothing(TransactionStatus.UNKNOWN, request)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        """Ask what became of a transaction."""
        return self._ask(request, Channel.LOOK_UP, fence=fence)

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:  # noqa: ARG002 -- never believed
        """Ask how an action ended."""
        return self._ask(request, Channel.RETURN)

    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:
        """Let no shopper take an action any more, where the bank can be told so."""
        if not self.account.fences:
            return NotFoundYet("it cannot be told to give up")
        return self._ask(request, Channel.LOOK_UP, give_up=True)

    def _ask(
        self, request: PaymentRequest, channel: Channel, *, fence: bool = False, give_up: bool = False
    ) -> Observation | NotFoundYet:
        how = " and fence" if fence else " and give up" if give_up else ""
        self.process.step(f"look up {request.transaction_id}{how}")
        weather = self.weather
        if weather.strikes(Fault.LOOK_UP_FAILS):
            return attrs.evolve(_nothing(TransactionStatus.UNKNOWN, request), channel=channel)
        if give_up:
            self.bank.give_up(self.account, request.transaction_id)
        if fence and self.account.fences:
            found: Entry | None = self.bank.burn(self.account, self.order(request))
        else:
            found = self.bank.find(self.account, request.transaction_id)
        slow = weather.strikes(Fault.LOOK_UP_SLOW)
        self.process.sleep(weather.between(1, HOUR) if slow else 0.1)
        fresh = found is not None and found.made_at + self.account.reliable_s > self.scheduler.now
        if found is None or (fresh and not self.account.fences and weather.strikes(Fault.NOT_FOUND_YET)):
            return NotFoundYet("the bank does not know it")
        seen = self._seen(found, channel)
        self.process.note(f"found {seen.status}")
        if seen.amount and seen.amount != request.amount and not seen.partial:
            return attrs.evolve(seen, status=TransactionStatus.UNKNOWN)
        return seen

    def read(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 -- nobody forges here: other tests do
        body: bytes,
        params: Mapping[str, str],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        """Read the notification whose number is the body."""
        notice = self.bank.sent[int(body)]
        seen = self._seen(notice.entry, Channel.WEBHOOK)
        return Success((Notification(event_id=f"ev-{notice.number}", seen=seen),))

    def order(self, request: PaymentRequest) -> Order:
        return Order(
            account=self.account.name,
            key=request.transaction_id,
            type=request.type,
            minor=request.amount.minor,
            currency=request.amount.currency.code,
            parent=request.parent_reference,
            content=f"{request.type} {request.amount} {request.parent_reference} {request.payment_id}",
        )

    def _seen(self, entry: Entry, channel: Channel, *, wrong: bool = False) -> Observation:
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


def _nothing(status: TransactionStatus, request: PaymentRequest) -> Observation:
    failure = FailureType.NOT_POSSIBLE if status is TransactionStatus.NOT_EXECUTED else None
    return Observation(
        status=status, channel=Channel.ANSWER, transaction_id=request.transaction_id, failure_type=failure
    )
