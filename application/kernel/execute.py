"""Execute one command: load, look up what is in doubt, decide, record, call, record.

Exactly two commits a transaction: the intent before a byte leaves, the result after. No transaction of the store is open while the
gateway is called. What cannot be recorded afterwards stays SENDING_TO_PROCESSOR, and recovery finds it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.application.kernel import gateway_calls
from payports.application.kernel.record import record
from payports.application.kernel.status_inquiry import look_up_indeterminate
from payports.application.kernel.unit_of_work import HOST, TRIES, CheckoutLease, ConfiguredGateway, Environment
from payports.domain.begin import Begun, Command, begin
from payports.domain.failures import (
    Busy,
    Conflict,
    Declined,
    NotExecuted,
    OperationNotAllowed,
    PaymentNotFound,
    ResultUnknown,
    TransactionProblem,
)
from payports.domain.fulfilment import moved_for
from payports.domain.history import Cause
from payports.domain.lifecycle import INITIATING
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.saved_method import may_use
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import PaymentResponse
from payports.ports.store import Commit, RequestRecord, StoreFailed

_GOES_ON: Final = frozenset(
    {TransactionStatus.SUCCEEDED, TransactionStatus.AWAITING_RESULT, TransactionStatus.REQUIRES_ACTION}
)


@attrs.frozen
class TransactionReport:
    """What a command came to: the payment as it is now, and the command's transactions (SUCCEEDED, AWAITING_RESULT or REQUIRES_ACTION)."""

    payment: Payment
    transactions: tuple[Transaction, ...]


def execute(
    env: Environment,
    payment_id: str,
    command: Command,
    cause: Cause = HOST,
    return_url: str = "",
    hold: CheckoutLease | None = None,
) -> Outcome[TransactionReport, TransactionProblem]:
    """Run a command on a payment; with a key, at most once, and again the same answer. With a ``hold`` only while it is not lost.

    Failures:
        every member of ``TransactionProblem``; none of them but Declined, NotExecuted and ResultUnknown follows a call.
    """
    for _ in range(TRIES):
        payment = env.store.payment(payment_id)
        if payment is None:
            return Failure(PaymentNotFound(payment_id))
        found = env.gateway(payment.gateway, command.type.value)
        if isinstance(found, Failure):
            return found
        known = env.store.request(command.key) if command.key else None
        if known and known.fingerprint != fingerprint(payment_id, command):
            return Failure(Conflict(command.key))
        payment = look_up_indeterminate(env, payment, cause)
        wanted = _still_wanted(payment, command, known) if known else command
        if not isinstance(wanted, Command):
            return wanted
        standing = _standing(payment, command)
        if command.type in INITIATING and is_method_gone(env, payment):
            return Failure(OperationNotAllowed(command.type.value, METHOD_GONE))
        others = _others(env, payment, command)
        begun = begin(
            payment,
            _guarded(wanted, others).evolve(account=found.unwrap().gateway.account),
            found.unwrap().gateway.transactions.capabilities,
            env.ids.new,
            env.now(),
        )
        if isinstance(begun, Failure):
            return begun
        first = () if known or not command.key else (_record_of(payment_id, command, begun.unwrap()),)
        beside = Commit(requests=first, changes=tuple(env.change(one, one, cause) for one in others))
        intended = env.save(payment, begun.unwrap().payment, cause, beside, hold)
        if isinstance(intended, Failure) and hold and hold.is_lost(intended.failure()):
            return Failure(Busy(intended.failure().what))
        if isinstance(intended, Success):
            sent = Begun(intended.unwrap(), begun.unwrap().requests)
            return _call(env, found.unwrap(), sent, cause, return_url, standing)
    return Failure(Busy(f"payment {payment_id}"))


def _others(env: Environment, payment: Payment, command: Command) -> tuple[Payment, ...]:
    """The owner's other payments, if what was moved on them decides as well: none may change until the intent is recorded."""
    if command.guard is None:
        return ()
    return tuple(one for one in env.store.payments_of(payment.owner) if one.id != payment.id)


def _guarded(command: Command, others: tuple[Payment, ...]) -> Command:
    if command.guard is None or command.source is None:
        return command
    elsewhere = sum(moved_for(one, command.source, command.guard.own_keys) for one in others)
    return command.evolve(guard=attrs.evolve(command.guard, elsewhere_minor=elsewhere))


METHOD_GONE: Final = "its saved method was removed or will never work again"


def is_method_gone(env: Environment, payment: Payment) -> bool:
    """Tell whether a payment rests on a saved method that its owner has removed, or that was declined for good."""
    if payment.saved_method_id is None:
        return False
    return not may_use(env.store.saved_method(payment.saved_method_id), payment.customer)


def _call(
    env: Environment,
    configured: ConfiguredGateway,
    begun: Begun,
    cause: Cause,
    return_url: str,
    standing: tuple[Transaction, ...],
) -> Outcome[TransactionReport, TransactionProblem]:
    payment, stopped = begun.payment, False
    for intent in begun.requests:
        if stopped:
            response = PaymentResponse(seen=_never_sent(intent))
        else:
            request = gateway_calls.payment_request(payment, intent, return_url)
            response = gateway_calls.execute(configured.gateway, request, reverses=intent.reverses)
        noted = _note(env, payment, response, cause)
        if noted is None:
            return Failure(ResultUnknown(intent.id))
        payment = noted
        stopped = stopped or payment.by_id[intent.id].status not in _GOES_ON
    return report(payment, tuple(payment.by_id[one.id] for one in (*standing, *begun.requests)))


def _note(env: Environment, payment: Payment, response: PaymentResponse, cause: Cause) -> Payment | None:
    try:
        recorded = record(env, payment, response.seen, cause, new_properties=response.method_properties)
    except StoreFailed:
        return None
    return recorded.unwrap() if isinstance(recorded, Success) else None


def report(payment: Payment, transactions: tuple[Transaction, ...]) -> Outcome[TransactionReport, TransactionProblem]:
    """Say what some transactions came to: the first problem among them, or all of them."""
    for transaction in transactions:
        problem = problem_of(transaction)
        if problem:
            return Failure(problem)
    return Success(TransactionReport(payment, transactions))


def problem_of(transaction: Transaction) -> Declined | NotExecuted | ResultUnknown | None:
    """Say what is wrong with a transaction, if anything is."""
    telling = transaction.judgement.telling
    match transaction.status:
        case TransactionStatus.SENDING_TO_PROCESSOR | TransactionStatus.UNKNOWN:
            return ResultUnknown(transaction.id)
        case TransactionStatus.NOT_EXECUTED:
            return NotExecuted(transaction.id, telling.message if telling else "")
        case TransactionStatus.DECLINED | TransactionStatus.REVOKED:
            return Declined(
                code=telling.code if telling else "",
                failure_type=(telling.failure_type if telling else None) or FailureType.DECLINED,
                hard=telling.hard if telling else False,
                transaction_id=transaction.id,
            )
        case TransactionStatus.SUCCEEDED | TransactionStatus.AWAITING_RESULT | TransactionStatus.REQUIRES_ACTION:
            return None


def _still_wanted(
    payment: Payment, command: Command, known: RequestRecord
) -> Command | Success[TransactionReport] | Failure[TransactionProblem]:
    """Decide what a repeated key still asks for: nothing (then the answer), or what was proven not to have been executed."""
    standing = _standing(payment, command)
    if any(one.status is TransactionStatus.SENDING_TO_PROCESSOR for one in standing):
        return Failure(Busy(f"payment {payment.id}"))
    left = int(known.plan) - sum(one.requested.minor for one in standing)
    answer = report(payment, standing)
    if left <= 0 or isinstance(answer, Failure):
        return answer
    return command.evolve(amount=Money(left, payment.currency))


def _standing(payment: Payment, command: Command) -> tuple[Transaction, ...]:
    """What a key has made so far, but for what was proven not to have been executed."""
    made = payment.under_key(command.key) if command.key else ()
    return tuple(one for one in made if not one.implied_by and one.status is not TransactionStatus.NOT_EXECUTED)


def _record_of(payment_id: str, command: Command, begun: Begun) -> RequestRecord:
    """The record of a key: its plan is how much all that is left was, in minor units, when it was first asked for."""
    asked = sum(one.requested.minor for one in begun.requests)
    return RequestRecord(
        key=command.key, fingerprint=fingerprint(payment_id, command), payment_id=payment_id, plan=str(asked)
    )


def fingerprint(*content: object) -> str:
    """Digest the content of a request, to tell a repetition from another request under the same key."""
    return sha256(repr(content).encode()).hexdigest()


def _never_sent(intent: Transaction) -> Observation:
    return Observation(
        status=TransactionStatus.NOT_EXECUTED,
        channel=Channel.ANSWER,
        transaction_id=intent.id,
        message="not sent, because what came before it did not succeed",
    )
