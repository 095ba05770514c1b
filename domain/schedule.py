"""The schedule of recovery: when a transaction is due again, a pure function of its state with back-off and jitter.

The wait grows while a gateway answers that it does not know yet; a gateway that does not answer is asked again soon.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2s

import attrs

from payports.domain.ledger import left_of_hold
from payports.domain.lifecycle import AUTHORIZE
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import ReversalState, TransactionStatus


@attrs.frozen(kw_only=True)
class Schedule:
    """The waits of recovery; ``reversal_after`` must exceed the longest 3-D Secure detour.

    ``expiry_warning``: how long before a hold expires at the gateway the host is warned.
    """

    first_look_up: timedelta = timedelta(seconds=60)
    longest_wait: timedelta = timedelta(hours=6)
    first_poll: timedelta = timedelta(minutes=15)
    action_expires: timedelta = timedelta(hours=1)
    reversal_after: timedelta = timedelta(hours=2)
    expiry_warning: timedelta = timedelta(days=1)


def next_due(transaction: Transaction, now: datetime, schedule: Schedule) -> datetime | None:
    """Return when a transaction is due next; ``None`` if time alone does not change it.

    A discrepancy waits for a person, and an implied release follows its capture.
    """
    if transaction.implied_by or (transaction.discrepancy and not transaction.succeeded):
        return None
    match transaction.reversal:
        case ReversalState.REVERSAL_CANDIDATE if transaction.may_have_happened and not transaction.indeterminate:
            return now + schedule.reversal_after
        case ReversalState.REQUIRES_REVERSAL | ReversalState.FAILED_REVERSAL if transaction.succeeded:
            return now + _back_off(transaction, schedule.first_look_up, schedule)
        case _:
            pass
    match transaction.status:
        case TransactionStatus.SENDING_TO_PROCESSOR | TransactionStatus.UNKNOWN:
            return now + _back_off(transaction, schedule.first_look_up, schedule)
        case TransactionStatus.AWAITING_RESULT:
            return now + _back_off(transaction, schedule.first_poll, schedule)
        case TransactionStatus.REQUIRES_ACTION:
            return now + schedule.action_expires
        case _:
            return None


def retry_soon(transaction: Transaction, now: datetime, schedule: Schedule) -> datetime:
    """Return when to ask again after a gateway did not answer: after the first wait, however often that happened."""
    return now + _spread(min(schedule.first_look_up, schedule.longest_wait), transaction)


def reschedule(
    before: Payment | None, after: Payment, now: datetime, schedule: Schedule, lifetime: timedelta | None = None
) -> list[Transaction]:
    """Return the transactions with a new due date: those that changed, and holds with their expiry warning (``lifetime``: of a hold).

    Transactions that keep their date are left out.
    """
    old = before.by_id if before else dict[str, Transaction]()
    warned_after = lifetime - schedule.expiry_warning if lifetime else None
    changed: list[Transaction] = []
    for transaction in after.transactions:
        due_at = transaction.due_at if transaction is old.get(transaction.id) else next_due(transaction, now, schedule)
        dated = _dated(after, transaction, due_at, warned_after)
        if dated is not transaction:
            changed.append(dated)
    return changed


def _dated(
    payment: Payment, transaction: Transaction, due_at: datetime | None, warned_after: timedelta | None
) -> Transaction:
    """Set the due date. A hold is due at its expiry warning, as long as it holds something and the host was not warned."""
    expiring = transaction.expiring
    if warned_after is not None and _is_hold(transaction):
        holds = left_of_hold(payment, transaction) > 0
        expiring = expiring and holds
        due_at = transaction.created_at + warned_after if holds and not expiring else None
    if transaction.due_at == due_at and transaction.expiring is expiring:
        return transaction
    return transaction.evolve(due_at=due_at, expiring=expiring)


def _is_hold(transaction: Transaction) -> bool:
    return transaction.type is AUTHORIZE and transaction.succeeded and transaction.reversal is ReversalState.NONE


def back_off(first: timedelta, tries: int, longest: timedelta) -> timedelta:
    """Double the wait with each try, up to the longest."""
    return min(first * (1 << min(tries, 16)), longest)


def _back_off(transaction: Transaction, first: timedelta, schedule: Schedule) -> timedelta:
    return _spread(back_off(first, transaction.look_ups, schedule.longest_wait), transaction)


def _spread(wait: timedelta, transaction: Transaction) -> timedelta:
    """Subtract up to a quarter, so that transactions are not due all at once."""
    own = blake2s(f"{transaction.id}/{transaction.look_ups}".encode(), digest_size=1).digest()[0]
    return wait - wait * own / 1_024
