"""``shop.transactions``: the single operations that move money on one payment."""

from __future__ import annotations

from functools import partial

import attrs
from returns.result import Failure, Success

from payports.application.checkout.finalize import finalize_if_waiting
from payports.application.kernel.environment import Environment, store_errors_as_failures
from payports.application.kernel.execute import execute
from payports.application.kernel.input_validation import check_key, check_observation
from payports.application.kernel.record import Received, record, with_discrepancies
from payports.application.kernel.status_inquiry import is_in_flight, look_up
from payports.application.kernel.unit_of_work import HOST
from payports.domain.command import Command
from payports.domain.failures import Busy, OperationNotAllowed, PaymentNotFound, TransactionProblem
from payports.domain.input_checks import check_identifier
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    CAPTURE,
    DETACHED_CREDIT,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.money import Money, check_amount
from payports.domain.observation import Observation
from payports.domain.observe import UnmatchedObservation, adopt, find_transaction
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment, check_source
from payports.domain.transaction import Source
from payports.domain.transaction_report import TransactionReport, report
from payports.domain.transaction_types import FAILED, TransactionStatus, TransactionType

_Answer = Outcome[TransactionReport, TransactionProblem]


@attrs.frozen
class Transactions:
    """Moves money on one payment.

    Every method takes a ``key``: repeated with the same content it gives the first outcome again without a call, with other content
    ``Conflict``; what was proven not executed is tried again, what is unknown is looked up first. Without ``amount`` all that is left is
    meant, without ``parent`` all parents, oldest first.

    Failures of every method:
        OperationNotAllowed, AmountNotAvailable, CurrencyMismatch, PaymentNotFound, GatewayUnsupported, InvalidInput, Conflict, Busy,
        StoreUnavailable: nothing was sent. Declined, NotExecuted: no money moved. ResultUnknown: reserved until it is known.
    """

    _env: Environment

    def authorize(self, payment_id: str, amount: Money | None = None, *, key: str | None = None) -> _Answer:
        """Reserve money on the payment's method."""
        return self._run(payment_id, AUTHORIZE, amount, key=key)

    def authorize_and_capture(self, payment_id: str, amount: Money | None = None, *, key: str | None = None) -> _Answer:
        """Reserve and take money in one transaction."""
        return self._run(payment_id, AUTHORIZE_AND_CAPTURE, amount, key=key)

    def capture(
        self,
        payment_id: str,
        amount: Money | None = None,
        *,
        parent: str | None = None,
        source: Source | None = None,
        key: str | None = None,
    ) -> _Answer:
        """Take money that was authorized; ``source`` says what for."""
        return self._run(payment_id, CAPTURE, amount, parent, source, key)

    def reverse_authorization(
        self,
        payment_id: str,
        amount: Money | None = None,
        *,
        parent: str | None = None,
        source: Source | None = None,
        key: str | None = None,
    ) -> _Answer:
        """Release authorized money."""
        return self._run(payment_id, REVERSE_AUTH, amount, parent, source, key)

    def void(
        self,
        payment_id: str,
        amount: Money | None = None,
        *,
        parent: str | None = None,
        source: Source | None = None,
        key: str | None = None,
    ) -> _Answer:
        """Void captures before they are settled; whole, unless the gateway can void in part."""
        return self._run(payment_id, VOID, amount, parent, source, key)

    def refund(
        self,
        payment_id: str,
        amount: Money | None = None,
        *,
        parent: str | None = None,
        source: Source | None = None,
        key: str | None = None,
    ) -> _Answer:
        """Refund captured money; one refund over several captures becomes several transactions."""
        return self._run(payment_id, REFUND, amount, parent, source, key)

    def credit(
        self, payment_id: str, amount: Money, *, source: Source | None = None, key: str | None = None
    ) -> _Answer:
        """Pay money out without a capture; only where it is enabled for the gateway."""
        return self._run(payment_id, DETACHED_CREDIT, amount, None, source, key)

    def settle(
        self, payment_id: str, amount: Money | None = None, *, parent: str | None = None, key: str | None = None
    ) -> _Answer:
        """Settle captures, or ask the gateway whether they are settled, whichever it offers."""
        return self._run(payment_id, SETTLED, amount, parent, key=key)

    @store_errors_as_failures
    def record(self, payment_id: str, observation: Observation) -> _Answer:
        """Merge an observation of the host's own, such as the result of an offline tender.

        An AUTHORIZE or AUTHORIZE_AND_CAPTURE that a page executed at the gateway by itself is recorded by its ``type`` and
        ``gateway_reference``; record UNKNOWN and ``refresh``, so that the gateway is asked and the page is not believed. A discrepancy is
        recorded and answered with ``ResultUnknown``; an observation about no known transaction with ``OperationNotAllowed``.
        """
        problem = check_identifier("payment_id", payment_id) or check_observation(observation)
        if problem:
            return Failure(problem)

        payment = self._env.store.payment(payment_id)
        if payment is None:
            return Failure(PaymentNotFound(payment_id))
        recorded = self._merged(payment, observation)
        if isinstance(recorded, Failure):
            refused = recorded.failure()
            return Failure(
                OperationNotAllowed("record", refused.message) if isinstance(refused, UnmatchedObservation) else refused
            )
        payment = recorded.unwrap()
        finalize_if_waiting(self._env, payment.owner)
        transaction = find_transaction(payment, observation)
        return report(payment, (transaction,) if transaction else ())

    def _merged(
        self, payment: Payment, observation: Observation
    ) -> Outcome[Payment, UnmatchedObservation | PaymentNotFound | Busy]:
        recorded = record(self._env, payment, Received(observation=observation), HOST)
        if isinstance(recorded, Success) or not isinstance(recorded.failure(), UnmatchedObservation):
            return recorded
        return self._env.work.update(payment.id, HOST, partial(self._adopted, observation, self._env.ids.new()))

    def _adopted(
        self, observation: Observation, new_id: str, payment: Payment
    ) -> Outcome[Payment, UnmatchedObservation]:
        return with_discrepancies(adopt(payment, observation, new_id, self._env.now()))

    @store_errors_as_failures
    def refresh(self, payment_id: str) -> _Answer:
        """Look up every transaction of the payment that is not final and not in flight."""
        if problem := check_identifier("payment_id", payment_id):
            return Failure(problem)
        payment = self._env.store.payment(payment_id)
        if payment is None:
            return Failure(PaymentNotFound(payment_id))
        open_transactions = [
            transaction
            for transaction in payment.transactions
            if is_open(transaction.status) and not transaction.implied_by and not is_in_flight(transaction, self._env)
        ]
        for transaction in open_transactions:
            payment = look_up(self._env, payment, transaction, HOST)
        finalize_if_waiting(self._env, payment.owner)
        return report(payment, (payment.by_id[transaction.id] for transaction in open_transactions))

    @store_errors_as_failures
    def _run(
        self,
        payment_id: str,
        kind: TransactionType,
        amount: Money | None,
        parent: str | None = None,
        source: Source | None = None,
        key: str | None = None,
    ) -> _Answer:
        problem = (
            check_identifier("payment_id", payment_id)
            or (None if amount is None else check_amount("amount", amount))
            or (None if parent is None else check_identifier("parent", parent))
            or (None if source is None else check_source(source))
            or (None if key is None else check_key(key))
        )
        if problem:
            return Failure(problem)
        command = Command(type=kind, amount=amount, parent_id=parent, source=source, key=key or "")
        return execute(self._env, payment_id, command)


def is_open(status: TransactionStatus) -> bool:
    """Tell whether a status is not final: a look-up may still change it."""
    return status not in FAILED and status not in (TransactionStatus.SUCCEEDED, TransactionStatus.REVOKED)
