"""What a command came to: its transactions, or the first problem among them."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
from returns.result import Failure, Success

from payports.domain.failures import Declined, NotExecuted, ResultUnknown
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import FailureType, TransactionStatus


@attrs.frozen
class TransactionReport:
    """The payment as it is now, and the command's transactions (SUCCEEDED, AWAITING_RESULT or REQUIRES_ACTION)."""

    payment: Payment
    transactions: tuple[Transaction, ...]


def report(
    payment: Payment, transactions: Iterable[Transaction]
) -> Outcome[TransactionReport, Declined | NotExecuted | ResultUnknown]:
    """Report some transactions of a payment: the first problem among them, or all of them."""
    transactions = tuple(transactions)
    for transaction in transactions:
        problem = problem_of(transaction)
        if problem:
            return Failure(problem)
    return Success(TransactionReport(payment, transactions))


def problem_of(transaction: Transaction) -> Declined | NotExecuted | ResultUnknown | None:
    """Name the problem of a transaction, if it has one."""
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
        case _:
            return None
