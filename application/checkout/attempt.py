"""One attempt of a checkout: claim the owner, then secure payment after payment.

Everything that an attempt begins proves its lease in the same commit: one that was overtaken begins nothing more.
"""

from __future__ import annotations

from returns.result import Failure, Success

from payports.application.checkout.compensation import reverse_owed
from payports.application.checkout.finalize import CHECKOUT
from payports.application.kernel.environment import Environment
from payports.application.kernel.execute import fingerprint, record_intents, send
from payports.application.kernel.input_validation import OWN_KEYS
from payports.application.kernel.status_inquiry import look_up, look_up_indeterminate
from payports.application.kernel.unit_of_work import TRIES, CheckoutLease
from payports.domain.cart import Cart
from payports.domain.checkout import (
    UNFINISHED,
    WAITING,
    CheckoutRecord,
    CheckoutState,
)
from payports.domain.checkout_plan import CheckoutStep, by_priority, plan_step
from payports.domain.command import Command
from payports.domain.failures import (
    Busy,
    FailedPayment,
    TransactionProblem,
)
from payports.domain.outcome import Outcome
from payports.domain.payment import Owner, Payment
from payports.domain.reversal import claim
from payports.domain.transaction_report import TransactionReport, problem_of
from payports.domain.transaction_types import TransactionStatus
from payports.ports.commit import Change, Commit, RecordKind


def claim_owner(
    env: Environment, cart: Cart, request_id: str, content: str, earlier: CheckoutRecord | None
) -> Outcome[CheckoutRecord, Busy]:
    """Claim the owner for a request id, and take over what an unfinished attempt did. ``content``: the request's fingerprint."""
    now = env.now()
    claimed = CheckoutRecord(
        owner=cart.owner,
        request_id=request_id,
        fingerprint=content,
        total=cart.total,
        state=CheckoutState.RUNNING,
        lease_until=now + env.policy.lease,
        cart_version=cart.version,
        customer=cart.customer,
        callback_token=earlier.callback_token if earlier and earlier.state in WAITING else env.ids.token(),
        started_at=now,
        version=earlier.version if earlier else 0,
    )
    taken_over = earlier is not None and earlier.state in UNFINISHED
    for _ in range(TRIES):
        changes = _take_over(env, cart.owner, request_id) if taken_over else ()
        committed = env.store.commit(Commit(changes=changes, checkouts=(claimed,)))
        if isinstance(committed, Success):
            return Success(claimed.evolve(version=claimed.version + 1))
        if committed.failure().kind is not RecordKind.PAYMENT:
            break
    return Failure(Busy(f"checkout of {cart.owner.kind} {cart.owner.id}"))


def _take_over(env: Environment, owner: Owner, request_id: str) -> tuple[Change, ...]:
    """Claim what an unfinished attempt did: the new one answers for it from now on, even if it fails at once."""
    payments = [payment for payment in env.store.payments_of(owner) if not payment.archived]
    claimed = [(payment, claim(payment, request_id)) for payment in payments]
    return tuple(env.work.change(before, after, CHECKOUT) for before, after in claimed if after != before)


def secure_payments(
    env: Environment, claimed: CheckoutRecord, return_url: str
) -> tuple[CheckoutRecord, tuple[FailedPayment, ...]]:
    """Secure payment after payment until one fails; gives the record as it stands then, and the failure."""
    back = with_token(return_url, claimed.callback_token)
    lease = CheckoutLease(claimed)
    payments = env.store.payments_of(claimed.owner)
    for payment in by_priority(payments, env.policy.checkout_priority):
        if not payment.archived:
            lease, problem = _secure(env, payment, lease, back)
            if problem:
                return lease.record, (problem,)
    return lease.record, ()


def _secure(
    env: Environment, payment: Payment, lease: CheckoutLease, return_url: str
) -> tuple[CheckoutLease, FailedPayment | None]:
    """Bring one payment to where the order can rest on it: claim what is there, then authorize what is left."""
    payment = look_up_indeterminate(env, reverse_owed(env, payment, CHECKOUT), CHECKOUT)
    for transaction in payment.transactions:
        if transaction.indeterminate and (unknown := problem_of(transaction)):
            return lease, FailedPayment(
                payment_id=payment.id, problem=unknown, transaction_id=transaction.id, status=transaction.status
            )
        if transaction.status is TransactionStatus.REQUIRES_ACTION:
            payment = look_up(env, payment, transaction, CHECKOUT)
    attempt = lease.record.request_id
    saved = env.work.update_leased(payment.id, CHECKOUT, lambda before: Success(claim(before, attempt)), lease)
    if isinstance(saved, Failure):
        return lease, FailedPayment(payment_id=payment.id, problem=saved.failure())
    return _authorize_rest(env, saved.unwrap().payment, saved.unwrap().lease or lease, return_url)


def _authorize_rest(
    env: Environment, payment: Payment, lease: CheckoutLease, return_url: str
) -> tuple[CheckoutLease, FailedPayment | None]:
    step = plan_step(payment, env.gateways.captures_at_once())
    waits = any(transaction.status is TransactionStatus.REQUIRES_ACTION for transaction in payment.transactions)
    if waits or not step.amount:
        return lease, None
    attempt = lease.record.request_id
    key = f"{OWN_KEYS}{fingerprint(attempt)[:32]}:{payment.id}"
    command = Command(type=step.type, key=key, attempt=attempt)
    recorded = record_intents(env, payment.id, command, CHECKOUT, lease)
    if isinstance(recorded, Failure):
        return lease, _failed_payment(payment, step, recorded.failure())
    intents = recorded.unwrap()
    if isinstance(intents, TransactionReport):
        return lease, None
    sent = send(env, intents, CHECKOUT, return_url)
    problem = _failed_payment(payment, step, sent.failure()) if isinstance(sent, Failure) else None
    return intents.lease or lease, problem


def _failed_payment(payment: Payment, step: CheckoutStep, problem: TransactionProblem) -> FailedPayment:
    return FailedPayment(
        payment_id=payment.id,
        problem=problem,
        type=step.type,
        transaction_id=getattr(problem, "transaction_id", ""),
        amount=step.amount,
    )


def with_token(return_url: str, token: str) -> str:
    """Add the callback token to the address that the gateway sends the browser back to."""
    if not return_url:
        return ""
    return f"{return_url}{'&' if '?' in return_url else '?'}callback_token={token}"
