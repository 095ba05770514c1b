"""``shop.orders``: capture and cancel per fulfilment, refund per return, over all payments of an owner.

A request's plan is decided once and stored with its key; it is then carried out payment by payment, each part with a key of its own. A
repetition, also after a crash, finishes the same plan and moves nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import attrs
from returns.result import Failure, Success

from payports.application.kernel.environment import Environment, store_errors_as_failures
from payports.application.kernel.execute import execute, fingerprint
from payports.application.kernel.input_validation import OWN_KEYS, check_key
from payports.application.kernel.unit_of_work import TRIES
from payports.domain.capabilities import Capabilities
from payports.domain.checkout_plan import by_priority
from payports.domain.command import Command, SourceGuard
from payports.domain.failures import (
    Busy,
    Conflict,
    CurrencyMismatch,
    FailedPayment,
    OrderProblem,
    PaymentNotFound,
    PaymentsFailed,
    TransactionProblem,
)
from payports.domain.fulfilment import FULFILLMENT, RETURN, available_to_capture, moved_for_source
from payports.domain.history import Cause
from payports.domain.input_checks import InvalidInput, check_identifier
from payports.domain.ledger import left_of_hold
from payports.domain.lifecycle import AUTHORIZE, REVERSE_AUTH
from payports.domain.money import Money, check_amount
from payports.domain.order_plan import (
    OrderPlan,
    PlannedTransaction,
    PlanOutcome,
    plan_cancel,
    plan_capture,
    plan_refund,
)
from payports.domain.outcome import Outcome
from payports.domain.payment import Owner, Payment, check_owner
from payports.domain.summary import UNLIMITED
from payports.domain.transaction import Source
from payports.domain.transaction_report import TransactionReport
from payports.domain.transaction_types import USABLE, TransactionType
from payports.ports.commit import Commit, RequestRecord

_ORDER = Cause("order")


@attrs.frozen(kw_only=True)
class OrderReport:
    """What a request of an order came to: a report per movement, none where all was captured at checkout already."""

    owner: Owner
    source: Source | None
    reports: tuple[TransactionReport, ...]


_Answer = Outcome[OrderReport, OrderProblem]
_Planner = Callable[[Sequence[Payment]], PlanOutcome]


@attrs.frozen(kw_only=True)
class _OrderRequest:
    """What the host asks for. ``priority``: the gateways by which the owner's payments are ordered for the plan."""

    operation: str
    owner: Owner
    source: Source
    amount: Money
    key: str
    priority: tuple[str, ...]

    @property
    def content(self) -> str:
        """What a repetition under the same key must have as well."""
        return fingerprint(self.operation, self.owner, self.source, self.amount)


@attrs.frozen
class Orders:
    """Moves an order's money. Every method takes a ``key`` and gives the first outcome again when it is repeated; the same fulfilment or
    return is never captured or refunded twice, whatever the key.

    Failures of every method:
        PaymentsFailed: with the problem of each payment; what did succeed stands, and a repetition with a new key asks for the rest only.
        OperationNotAllowed: it was done for this source already. AmountNotAvailable: the payments have less. The others: nothing was sent.
    """

    _env: Environment

    def capture(self, owner: Owner, fulfillment_id: str, amount: Money, *, key: str) -> _Answer:
        """Capture for a fulfilment: of each payment what was captured at checkout first, then what is held. The last fulfilment releases
        the rest."""
        policy, source = self._env.policy, Source(FULFILLMENT, fulfillment_id)
        request = _OrderRequest(
            operation="capture", owner=owner, source=source, amount=amount, key=key, priority=policy.capture_priority
        )
        return self._run(request, lambda payments: plan_capture(payments, source, amount, policy.split))

    def cancel(self, owner: Owner, fulfillment_id: str, amount: Money, *, key: str) -> _Answer:
        """Cancel a fulfilment: refund what was captured for it, release what is held for it. The last fulfilment releases the rest."""
        policy, source = self._env.policy, Source(FULFILLMENT, fulfillment_id)
        request = _OrderRequest(
            operation="cancel", owner=owner, source=source, amount=amount, key=key, priority=policy.cancel_priority
        )
        return self._run(
            request, lambda payments: plan_cancel(payments, source, amount, policy.split, self._capabilities)
        )

    def refund(self, owner: Owner, return_id: str, amount: Money, *, key: str) -> _Answer:
        """Refund a return."""
        policy, source = self._env.policy, Source(RETURN, return_id)
        request = _OrderRequest(
            operation="refund", owner=owner, source=source, amount=amount, key=key, priority=policy.refund_priority
        )
        return self._run(request, lambda payments: plan_refund(payments, source, amount, policy.split))

    @store_errors_as_failures
    def release(self, owner: Owner) -> _Answer:
        """Release everything that the owner's payments still hold."""
        if problem := check_owner(owner):
            return Failure(problem)
        payments = self._env.store.payments_of(owner)
        if not payments:
            return Failure(PaymentNotFound(f"of {owner.kind} {owner.id}"))
        return self._carry_out(owner, None, [self._rest(payment) for payment in payments if _holds(payment)])

    @store_errors_as_failures
    def _run(self, request: _OrderRequest, planner: _Planner) -> _Answer:
        problem = _check(request)
        if problem:
            return Failure(problem)
        planned = self._planned_once(request, planner)
        if isinstance(planned, Failure):
            return planned
        own_keys = f"{OWN_KEYS}{fingerprint(request.key)[:32]}:"
        answer = self._carry_out(request.owner, request.source, planned.unwrap(), own_keys)
        if isinstance(answer, Success) and request.operation != "refund":
            self._release_rest(request.owner)
        return answer

    def _planned_once(
        self, request: _OrderRequest, planner: _Planner
    ) -> Outcome[tuple[PlannedTransaction, ...], OrderProblem]:
        """The plan that is stored under the request's key, or a new one, stored now."""
        for _ in range(TRIES):
            known = self._env.store.request(request.key)
            if known:
                same = known.fingerprint == request.content
                return Success(read_plan(known.plan)) if same else Failure(Conflict(request.key))
            payments = by_priority(self._env.store.payments_of(request.owner), request.priority)
            planned = _plan(request, payments, planner)
            if isinstance(planned, Failure):
                return planned
            moved = sum(moved_for_source(payment, request.source) for payment in payments)
            parts = tuple(attrs.evolve(part, moved_minor=moved) for part in planned.unwrap().parts)
            before = {payment.id: payment for payment in payments}
            changes = (self._env.work.change(before[after.id], after, _ORDER) for after in planned.unwrap().allocated)
            record = RequestRecord(key=request.key, fingerprint=request.content, plan=_written_plan(parts))
            if isinstance(self._env.store.commit(Commit(changes=tuple(changes), requests=(record,))), Success):
                return Success(parts)
        return Failure(Busy(f"{request.owner.kind} {request.owner.id}"))

    def _carry_out(
        self, owner: Owner, source: Source | None, parts: Sequence[PlannedTransaction], own_keys: str = ""
    ) -> _Answer:
        """Execute the parts of a plan, each under its own key, unless another request has served the same source meanwhile."""
        reports: list[TransactionReport] = []
        problems: list[FailedPayment] = []
        for number, part in enumerate(parts):
            command = Command(
                type=part.type,
                amount=part.amount,
                source=source,
                key=f"{own_keys}{number}:{part.payment_id}" if own_keys else "",
                guard=SourceGuard(own_keys, part.moved_minor) if own_keys else None,
            )
            executed = execute(self._env, part.payment_id, command, _ORDER)
            if isinstance(executed, Success):
                reports.append(executed.unwrap())
            else:
                problems.append(_problem(part, executed))
        if problems:
            return Failure(PaymentsFailed(tuple(problems)))
        return Success(OrderReport(owner=owner, source=source, reports=tuple(reports)))

    def _release_rest(self, owner: Owner) -> None:
        """Release what is held once nothing is left to capture; a hold that cannot be released expires by itself."""
        payments = self._env.store.payments_of(owner)
        if all(available_to_capture(payment) == 0 for payment in payments):
            self._carry_out(owner, None, [self._rest(payment) for payment in payments if _holds(payment)])

    def _rest(self, payment: Payment) -> PlannedTransaction:
        held = sum(
            left_of_hold(payment, transaction) for transaction in payment.transactions if transaction.type is AUTHORIZE
        )
        return PlannedTransaction(payment.id, REVERSE_AUTH, Money(held, payment.currency))

    def _capabilities(self, payment: Payment) -> Capabilities:
        configured = self._env.gateways.get(payment.gateway)
        return configured.gateway.transactions.capabilities if configured else UNLIMITED


def _holds(payment: Payment) -> bool:
    return any(
        transaction.type is AUTHORIZE and transaction.reversal in USABLE and left_of_hold(payment, transaction)
        for transaction in payment.transactions
    )


def _problem(part: PlannedTransaction, failed: Failure[TransactionProblem]) -> FailedPayment:
    problem = failed.failure()
    return FailedPayment(payment_id=part.payment_id, problem=problem, type=part.type, amount=part.amount)


def _check(request: _OrderRequest) -> InvalidInput | None:
    return (
        check_owner(request.owner)
        or check_identifier(f"{request.source.kind}_id", request.source.id)
        or check_amount("amount", request.amount)
        or check_key(request.key)
    )


def _plan(request: _OrderRequest, payments: Sequence[Payment], planner: _Planner) -> Outcome[OrderPlan, OrderProblem]:
    if not payments:
        return Failure(PaymentNotFound(f"of {request.owner.kind} {request.owner.id}"))
    for payment in payments:
        if payment.currency != request.amount.currency:
            return Failure(CurrencyMismatch(payment.currency, request.amount.currency))
    return planner(payments)


def _written_plan(parts: Sequence[PlannedTransaction]) -> str:
    return json.dumps(
        [[part.payment_id, part.type, part.amount.minor, part.amount.currency.code, part.moved_minor] for part in parts]
    )


def read_plan(written: str) -> tuple[PlannedTransaction, ...]:
    """Read the parts that were stored with a key. Raises ``ValueError`` or ``TypeError`` for any other text."""
    if not written.startswith("["):
        raise ValueError("a plan is a list")
    return tuple(
        PlannedTransaction(payment_id, TransactionType(kind), Money(minor, code), moved)
        for payment_id, kind, minor, code, moved in json.loads(written)
    )
