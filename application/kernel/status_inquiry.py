"""Find out what is in doubt: look it up, fence it, and never call it failed before that is proven."""

from __future__ import annotations

import attrs
from returns.result import Failure, Success

from payports.application.kernel import gateway_calls
from payports.application.kernel.environment import Environment
from payports.application.kernel.record import record
from payports.application.kernel.sanitizing import sanitized_text
from payports.domain.capabilities import Capabilities, LookUp
from payports.domain.history import Cause
from payports.domain.observation import Channel, Observation
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import NotFoundYet


def look_up_indeterminate(env: Environment, payment: Payment, cause: Cause) -> Payment:
    """Look up every transaction of a payment whose result is unknown and whose own call is over.

    An intent that is younger than the time of the first look-up may still be under way in another thread or process; it counts against
    the limits and is left alone. What contradicts itself waits for a person.
    """
    for transaction in payment.transactions:
        if _is_in_doubt(transaction, env):
            payment = look_up(env, payment, transaction, cause)
    return payment


def look_up(env: Environment, payment: Payment, transaction: Transaction, cause: Cause) -> Payment:
    """Ask the gateway about one transaction, and record what it says. Gives the payment as it is stored then."""
    return record_answer(env, payment, transaction, ask_gateway(env, payment, transaction), cause)


def ask_gateway(env: Environment, payment: Payment, transaction: Transaction) -> Observation | NotFoundYet:
    """Hear what the gateway says about one transaction, before that is judged."""
    found = env.gateways.find(payment.gateway, "look-up")
    if isinstance(found, Failure):
        return _unknown(transaction, "the gateway is not configured any more")
    request = gateway_calls.payment_request(payment, transaction)
    return gateway_calls.look_up(found.unwrap().gateway, request, fence=transaction.indeterminate)


def give_up(env: Environment, payment: Payment, transaction: Transaction) -> Observation | NotFoundYet:
    """Keep the shopper from finishing at the gateway what nobody waits for any more; ``NotFoundYet`` if it cannot be told to."""
    found = env.gateways.find(payment.gateway, "giving up")
    if isinstance(found, Failure):
        return _unknown(transaction, "the gateway is not configured any more")
    return gateway_calls.give_up(found.unwrap().gateway, gateway_calls.payment_request(payment, transaction))


def interpreted(
    env: Environment, payment: Payment, transaction: Transaction, answer: Observation | NotFoundYet
) -> Observation:
    """Judge what the gateway said: that it does not know a transaction may prove that it never happened."""
    if not isinstance(answer, NotFoundYet):
        return answer
    return _verdict(env, transaction, env.gateways[payment.gateway].gateway.transactions.capabilities, answer)


def is_no_answer(answer: Observation | NotFoundYet) -> bool:
    """Tell whether nobody answered, or nothing that is about the transaction."""
    if isinstance(answer, NotFoundYet) or answer.status is not TransactionStatus.UNKNOWN:
        return False
    return not answer.gateway_reference and answer.amount is None


def record_answer(
    env: Environment, payment: Payment, transaction: Transaction, answer: Observation | NotFoundYet, cause: Cause
) -> Payment:
    """Record what a look-up brought. Gives the payment as it is stored then.

    Silence says nothing about a transaction: it neither fills its history nor counts as a look, where somebody could have answered. Only
    an intent whose own call is over by now is called unknown after it.
    """
    silent = is_no_answer(answer) and not _is_blind(env, payment.gateway)
    if silent and transaction.status is not TransactionStatus.SENDING_TO_PROCESSOR:
        return payment
    recorded = record(env, payment, interpreted(env, payment, transaction, answer), cause, looked_up=not silent)
    return recorded.unwrap() if isinstance(recorded, Success) else payment


def _is_blind(env: Environment, gateway: str) -> bool:
    """Tell whether a gateway can never say what became of a transaction."""
    configured = env.gateways.get(gateway)
    return configured is not None and configured.gateway.transactions.capabilities.look_up is LookUp.NONE


def _is_in_doubt(transaction: Transaction, env: Environment) -> bool:
    if not transaction.indeterminate or transaction.implied_by or transaction.discrepancy:
        return False
    return not is_in_flight(transaction, env)


def is_in_flight(transaction: Transaction, env: Environment) -> bool:
    """Tell whether somebody may be waiting for the gateway's answer at this moment. Its next date would not tell: it moves."""
    sending = transaction.status is TransactionStatus.SENDING_TO_PROCESSOR
    return sending and transaction.created_at + env.policy.schedule.first_look_up > env.now()


def _verdict(
    env: Environment, transaction: Transaction, capabilities: Capabilities, missing: NotFoundYet
) -> Observation:
    """Judge that a gateway does not know a transaction: a proof only once nothing can be on its way to it any more."""
    bound = max(capabilities.in_flight_bound, capabilities.look_up_reliable_after)
    reason = sanitized_text(missing.reason)
    message = f"not found at the gateway: {reason}" if reason else "not found at the gateway"
    unknown = _unknown(transaction, message)
    if not transaction.indeterminate or env.now() < transaction.created_at + bound:
        return unknown
    return attrs.evolve(unknown, status=TransactionStatus.NOT_EXECUTED, failure_type=FailureType.NOT_POSSIBLE)


def _unknown(transaction: Transaction, message: str) -> Observation:
    return Observation(
        status=TransactionStatus.UNKNOWN, channel=Channel.LOOK_UP, transaction_id=transaction.id, message=message
    )
