"""Execute one command: load, look up what is indeterminate, decide, record the intents, call the gateway, record its answers.

One commit for the intents of a command before a byte leaves, then one for each result. No transaction of the store is open while the
gateway is called. What cannot be recorded afterwards stays SENDING_TO_PROCESSOR, and recovery finds it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.application.kernel import gateway_calls
from payports.application.kernel.environment import Environment
from payports.application.kernel.policy import ConfiguredGateway
from payports.application.kernel.record import Received, record
from payports.application.kernel.status_inquiry import look_up_indeterminate
from payports.application.kernel.unit_of_work import HOST, TRIES, CheckoutLease, Saved, is_lost
from payports.domain.begin import Begun, begin
from payports.domain.command import Command
from payports.domain.failures import (
    Busy,
    Conflict,
    OperationNotAllowed,
    PaymentNotFound,
    Refusal,
    ResultUnknown,
    TransactionProblem,
)
from payports.domain.fulfilment import moved_for_source
from payports.domain.history import Cause
from payports.domain.lifecycle import INITIATING
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.saved_method import may_use
from payports.domain.transaction import Transaction
from payports.domain.transaction_report import TransactionReport, report
from payports.domain.transaction_types import TransactionStatus
from payports.ports.commit import Commit, RequestRecord
from payports.ports.gateway import PaymentResponse
from payports.ports.store import StoreFailed

_CONTINUES: Final = frozenset(
    {TransactionStatus.SUCCEEDED, TransactionStatus.AWAITING_RESULT, TransactionStatus.REQUIRES_ACTION}
)
"""After these the next transaction of the same command is sent."""


@attrs.frozen(kw_only=True)
class Intents:
    """What was recorded and is to be sent: nobody else may send it.

    ``earlier``: the transactions that the command's key made before. ``lease``: what the attempt's next commit must prove.
    """

    payment: Payment
    transactions: tuple[Transaction, ...]
    configured: ConfiguredGateway
    earlier: tuple[Transaction, ...]
    lease: CheckoutLease | None


def execute(
    env: Environment, payment_id: str, command: Command, cause: Cause = HOST, return_url: str = ""
) -> Outcome[TransactionReport, TransactionProblem]:
    """Run a command on a payment; with a key, at most once, and again the same answer.

    Failures:
        every member of ``TransactionProblem``; only Declined, NotExecuted and ResultUnknown can follow a transaction that was sent.
    """
    recorded = record_intents(env, payment_id, command, cause)
    if isinstance(recorded, Failure):
        return recorded
    intents = recorded.unwrap()
    return Success(intents) if isinstance(intents, TransactionReport) else send(env, intents, cause, return_url)


def record_intents(
    env: Environment, payment_id: str, command: Command, cause: Cause, lease: CheckoutLease | None = None
) -> Outcome[Intents | TransactionReport, TransactionProblem]:
    """Decide on a command and record its intents; a repeated key gives the report of what it has done.

    With a ``lease`` only while it is not lost: the commit proves it.
    """
    for _ in range(TRIES):
        payment = env.store.payment(payment_id)
        if payment is None:
            return Failure(PaymentNotFound(payment_id))
        found = env.gateways.find(payment.gateway, command.type.value)
        if isinstance(found, Failure):
            return found
        known = env.store.request(command.key) if command.key else None
        if known and known.fingerprint != fingerprint(payment_id, command):
            return Failure(Conflict(command.key))
        payment = look_up_indeterminate(env, payment, cause)
        wanted = _still_wanted(payment, command, known) if known else command
        if not isinstance(wanted, Command):
            return wanted
        earlier = _earlier(payment, command)
        if command.type in INITIATING and is_method_gone(env, payment):
            return Failure(OperationNotAllowed(command.type.value, METHOD_GONE))
        others = _others(env, payment, command)
        begun = _begin(env, payment, _guarded(wanted, others), found.unwrap())
        if isinstance(begun, Failure):
            return begun
        first = () if known or not command.key else (_request_record(payment_id, command, begun.unwrap()),)
        beside = Commit(requests=first, changes=tuple(env.work.change(other, other, cause) for other in others))
        saved = env.work.save(payment, begun.unwrap().payment, cause, beside, lease)
        if isinstance(saved, Success):
            return Success(_intents(saved.unwrap(), begun.unwrap(), found.unwrap(), earlier))
        if is_lost(lease, saved.failure()):
            return Failure(Busy(saved.failure().name))
    return Failure(Busy(f"payment {payment_id}"))


def send(
    env: Environment, intents: Intents, cause: Cause, return_url: str = ""
) -> Outcome[TransactionReport, TransactionProblem]:
    """Send recorded intents one after the other and record each answer; after one that failed or is unknown the rest is NOT_EXECUTED."""
    payment, stopped = intents.payment, False
    for intent in intents.transactions:
        if stopped:
            response = PaymentResponse(seen=_not_sent(intent))
        else:
            request = gateway_calls.payment_request(payment, intent, return_url)
            response = gateway_calls.execute(intents.configured.gateway, request, reverses=intent.reverses)
        recorded = _record(env, payment, response, cause)
        if recorded is None:
            return Failure(ResultUnknown(intent.id))
        payment = recorded
        stopped = stopped or payment.by_id[intent.id].status not in _CONTINUES
    return report(payment, (payment.by_id[made.id] for made in (*intents.earlier, *intents.transactions)))


def _begin(
    env: Environment, payment: Payment, command: Command, configured: ConfiguredGateway
) -> Outcome[Begun, Refusal]:
    gateway = configured.gateway
    command = command.evolve(account=gateway.account)
    return begin(payment, command, gateway.transactions.capabilities, env.ids.new, env.now())


def _intents(saved: Saved, begun: Begun, configured: ConfiguredGateway, earlier: tuple[Transaction, ...]) -> Intents:
    return Intents(
        payment=saved.payment,
        transactions=begun.intents,
        configured=configured,
        earlier=earlier,
        lease=saved.lease,
    )


def _others(env: Environment, payment: Payment, command: Command) -> tuple[Payment, ...]:
    """The owner's other payments, if what was moved on them decides as well: none may change until the intent is recorded."""
    if command.guard is None:
        return ()
    return tuple(other for other in env.store.payments_of(payment.owner) if other.id != payment.id)


def _guarded(command: Command, others: tuple[Payment, ...]) -> Command:
    if command.guard is None or command.source is None:
        return command
    elsewhere = sum(moved_for_source(other, command.source, command.guard.own_keys) for other in others)
    return command.evolve(guard=attrs.evolve(command.guard, elsewhere_minor=elsewhere))


METHOD_GONE: Final = "its saved method was removed or will never work again"


def is_method_gone(env: Environment, payment: Payment) -> bool:
    """Tell whether a payment rests on a saved method that its owner has removed, or that was declined for good."""
    if payment.saved_method_id is None:
        return False
    return not may_use(env.store.saved_method(payment.saved_method_id), payment.customer)


def _record(env: Environment, payment: Payment, response: PaymentResponse, cause: Cause) -> Payment | None:
    received = Received(observation=response.seen, method_properties=response.method_properties)
    try:
        recorded = record(env, payment, received, cause)
    except StoreFailed:
        return None
    return recorded.unwrap() if isinstance(recorded, Success) else None


def _still_wanted(
    payment: Payment, command: Command, known: RequestRecord
) -> Command | Success[TransactionReport] | Failure[TransactionProblem]:
    """Decide what a repeated key still asks for: nothing (then the answer), or what was proven not to have been executed."""
    earlier = _earlier(payment, command)
    if any(made.status is TransactionStatus.SENDING_TO_PROCESSOR for made in earlier):
        return Failure(Busy(f"payment {payment.id}"))
    left = int(known.plan) - sum(made.requested.minor for made in earlier)
    answer = report(payment, earlier)
    if left <= 0 or isinstance(answer, Failure):
        return answer
    return command.evolve(amount=Money(left, payment.currency))


def _earlier(payment: Payment, command: Command) -> tuple[Transaction, ...]:
    """What a key has made so far, but for what was proven not to have been executed."""
    made = payment.under_key(command.key) if command.key else ()
    return tuple(
        transaction
        for transaction in made
        if not transaction.implied_by and transaction.status is not TransactionStatus.NOT_EXECUTED
    )


def _request_record(payment_id: str, command: Command, begun: Begun) -> RequestRecord:
    """Build the idempotency record. ``plan`` is the total requested (minor units), so that a retry knows what remains."""
    asked = sum(intent.requested.minor for intent in begun.intents)
    return RequestRecord(
        key=command.key, fingerprint=fingerprint(payment_id, command), payment_id=payment_id, plan=str(asked)
    )


def fingerprint(*content: object) -> str:
    """Digest the content of a request, to tell a repetition from another request under the same key."""
    return sha256(repr(content).encode()).hexdigest()


def _not_sent(intent: Transaction) -> Observation:
    return Observation(
        status=TransactionStatus.NOT_EXECUTED,
        channel=Channel.ANSWER,
        transaction_id=intent.id,
        message="not sent, because what came before it did not succeed",
    )
