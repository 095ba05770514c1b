"""Status inquiry: look up transactions whose result is unknown, fence them, and never call one failed before that is proven."""

from __future__ import annotations

import attrs
from returns.result import Failure, Success

from payports.application.kernel import gateway_calls
from payports.application.kernel.environment import Environment
from payports.application.kernel.record import Received, record
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

    An intent that is younger than the time of the first look-up may still be in flight in another thread or process; it counts against
    the limits and is left alone. A discrepancy waits for a person.
    """
    for transaction in payment.transactions:
        if _needs_look_up(transaction, env):
            payment = look_up(env, payment, transaction, cause)
    return payment


def look_up(env: Environment, payment: Payment, transaction: Transaction, cause: Cause) -> Payment:
    """Ask the gateway about one transaction and record its answer; gives the payment as it is stored then."""
    return record_answer(env, payment, transaction, ask_gateway(env, payment, transaction), cause)


def ask_gateway(env: Environment, payment: Payment, transaction: Transaction) -> Observation | NotFoundYet:
    """Ask the gateway about one transaction; its answer is neither interpreted nor recorded yet."""
    found = env.gateways.find(payment.gateway, "look-up")
    if isinstance(found, Failure):
        return _unknown(transaction, "the gateway is not configured any more")
    request = gateway_calls.payment_request(payment, transaction)
    return gateway_calls.look_up(found.unwrap().gateway, request, fence=transaction.indeterminate)


def give_up(env: Environment, payment: Payment, transaction: Transaction) -> Observation | NotFoundYet:
    """Have the gateway close what waits for the shopper and nobody wants any more; ``NotFoundYet`` if it cannot."""
    found = env.gateways.find(payment.gateway, "giving up")
    if isinstance(found, Failure):
        return _unknown(transaction, "the gateway is not configured any more")
    return gateway_calls.give_up(found.unwrap().gateway, gateway_calls.payment_request(payment, transaction))


def interpreted(
    env: Environment, payment: Payment, transaction: Transaction, answer: Observation | NotFoundYet
) -> Observation:
    """Interpret an answer: that the gateway does not know a transaction may prove that it never happened."""
    if not isinstance(answer, NotFoundYet):
        return answer
    capabilities = env.gateways[payment.gateway].gateway.transactions.capabilities
    return _interpreted_as_missing(env, transaction, capabilities, answer)


def is_no_answer(answer: Observation | NotFoundYet) -> bool:
    """Tell whether the gateway gave no answer, or none about the transaction."""
    if isinstance(answer, NotFoundYet) or answer.status is not TransactionStatus.UNKNOWN:
        return False
    return not answer.gateway_reference and answer.amount is None


def record_answer(
    env: Environment, payment: Payment, transaction: Transaction, answer: Observation | NotFoundYet, cause: Cause
) -> Payment:
    """Record the answer to a look-up; gives the payment as it is stored then.

    A missing answer proves nothing: it is not recorded and does not count as a look-up, unless the gateway can never answer.
    Only an intent whose own call is over by now becomes UNKNOWN by it.
    """
    silent = is_no_answer(answer) and not _has_no_look_up(env, payment.gateway)
    if silent and transaction.status is not TransactionStatus.SENDING_TO_PROCESSOR:
        return payment
    received = Received(observation=interpreted(env, payment, transaction, answer), is_look_up=not silent)
    recorded = record(env, payment, received, cause)
    return recorded.unwrap() if isinstance(recorded, Success) else payment


def is_in_flight(transaction: Transaction, env: Environment) -> bool:
    """Tell whether somebody may be waiting for the gateway's answer now. Counted from the intent: the next date moves."""
    sending = transaction.status is TransactionStatus.SENDING_TO_PROCESSOR
    return sending and transaction.created_at + env.policy.schedule.first_look_up > env.now()


def _needs_look_up(transaction: Transaction, env: Environment) -> bool:
    if not transaction.indeterminate or transaction.implied_by or transaction.discrepancy:
        return False
    return not is_in_flight(transaction, env)


def _has_no_look_up(env: Environment, gateway: str) -> bool:
    configured = env.gateways.get(gateway)
    return configured is not None and configured.gateway.transactions.capabilities.look_up is LookUp.NONE


def _interpreted_as_missing(
    env: Environment, transaction: Transaction, capabilities: Capabilities, missing: NotFoundYet
) -> Observation:
    """Interpret that a gateway does not know a transaction: a proof only once nothing can be on its way to it any more."""
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
