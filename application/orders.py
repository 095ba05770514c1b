"""``shop.orders``: capture per fulfilment, give back per return, over all payments of an owner.

The plan of a request is decided once and kept with its key; it is then carried out payment by payment, each part with a key of its own.
So a repetition, also after a crash, finishes the same plan and moves nothing twice.
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
from payports.domain.begin import Command, SourceGuard
from payports.domain.capabilities import Capabilities
from payports.domain.checkout_plan import by_priority
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
from payports.domain.fulfilment import FULFILLMENT, RETURN, moved_for, room_to_capture
from payports.domain.history import Cause
from payports.domain.input_checks import InvalidInput, check_identifier
from payports.domain.ledger import left_of_hold
from payports.domain.lifecycle import AUTHORIZE, REVERSE_AUTH
from payports.domain.money import Money, check_amount
from payports.domain.order_plan import Part, PlanOutcome, plan_cancel, plan_capture, plan_refund
from payports.domain.outcome import Outcome
from payports.domain.payment import Owner, Payment, check_owner
from payports.domain.summary import UNLIMITED
from payports.domain.transaction import Source
from payports.domain.transaction_report import TransactionReport
from payports.domain.transaction_types import USABLE, TransactionType
from payports.ports.store import Commit, RequestRecord

_ORDER = Cause("order")


@attrs.frozen(kw_only=True)
class OrderReport:
    """What a request of an order came to: a report per movement, none where all was captured at checkout already."""

    owner: Owner
    source: Source | None
    reports: tuple[TransactionReport, ...]


_Answer = Outcome[OrderReport, OrderProblem]
_Planner = Callable[[Sequence[Payment]], PlanOutcome]


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
        """Take money for a fulfilment: of each payment what was captured at checkout first, then what is held. With the last fulfilment the
        rest is released."""
        how = self._env.policy.split
        priority = self._env.policy.capture_priority
        source = Source(FULFILLMENT, fulfillment_id)
        return self._run(
            "capture", owner, source, amount, key, priority, lambda ps: plan_capture(ps, source, amount, how)
        )

    def cancel(self, owner: Owner, fulfillment_id: str, amount: Money, *, key: str) -> _Answer:
        """Give up a fulfilment: refund what was captured for it, free what is held for it. With the last one the rest is released."""
        how = self._env.policy.split
        priority = self._env.policy.cancel_priority
        source = Source(FULFILLMENT, fulfillment_id)

        def plan(payments: Sequence[Payment]) -> PlanOutcome:
            return plan_cancel(payments, source, amount, how, self._capabilities)

        return self._run("cancel", owner, source, amount, key, priority, plan)

    def refund(self, owner: Owner, return_id: str, amount: Money, *, key: str) -> _Answer:
        """Give money back for a return."""
        how = self._env.policy.split
        priority = self._env.policy.refund_priority
        source = Source(RETURN, return_id)
        return self._run(
            "refund", owner, source, amount, key, priority, lambda ps: plan_refund(ps, source, amount, how)
        )

    @store_errors_as_failures
    def release(self, owner: Owner) -> _Answer:
        """Free all that the owner's payments still hold."""
        if problem := check_owner(owner):
            return Failure(problem)
        payments = self._env.store.payments_of(owner)
        if not payments:
            return Failure(PaymentNotFound(f"of {owner.kind} {owner.id}"))
        return self._carry_out(owner, None, [self._rest(one) for one in payments if _holds(one)])

    @store_errors_as_failures
    def _run(
        self,
        operation: str,
        owner: Owner,
        source: Source,
        amount: Money,
        key: str,
        priority: Sequence[str],
        planner: _Planner,
    ) -> _Answer:
        problem = _check(owner, source, amount, key)
        if problem:
            return Failure(problem)
        content = fingerprint(operation, owner, source, amount)
        decided = self._decide(owner, source, amount, key, content, priority, planner)
        if isinstance(decided, Failure):
            return decided
        answer = self._carry_out(owner, source, decided.unwrap(), f"{OWN_KEYS}{fingerprint(key)[:32]}:")
        if isinstance(answer, Success) and operation != "refund":
            self._release_rest(owner)
        return answer

    def _decide(
        self,
        owner: Owner,
        source: Source,
        amount: Money,
        key: str,
        content: str,
        priority: Sequence[str],
        planner: _Planner,
    ) -> Outcome[tuple[Part, ...], OrderProblem]:
        for _ in range(TRIES):
            known = self._env.store.request(key)
            if known:
                return Success(read_plan(known.plan)) if known.fingerprint == content else Failure(Conflict(key))
            payments = by_priority(self._env.store.payments_of(owner), priority)
            if not payments:
                return Failure(PaymentNotFound(f"of {owner.kind} {owner.id}"))
            for payment in payments:
                if payment.currency != amount.currency:
                    return Failure(CurrencyMismatch(payment.currency, amount.currency))
            planned = planner(payments)
            if isinstance(planned, Failure):
                return planned
            plan = planned.unwrap()
            before = {payment.id: payment for payment in payments}
            moved = sum(moved_for(payment, source) for payment in payments)
            parts = tuple(attrs.evolve(part, moved_minor=moved) for part in plan.parts)
            commit = Commit(
                changes=tuple(self._env.work.change(before[after.id], after, _ORDER) for after in plan.allocated),
                requests=(RequestRecord(key=key, fingerprint=content, plan=_written_plan(parts)),),
            )
            if isinstance(self._env.store.commit(commit), Success):
                return Success(parts)
        return Failure(Busy(f"{owner.kind} {owner.id}"))

    def _carry_out(self, owner: Owner, source: Source | None, parts: Sequence[Part], own_keys: str = "") -> _Answer:
        """Execute the parts of a plan, each under a key of its own, unless another request has served the same source meanwhile."""
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
        """Once nothing is left to capture, free what is held for nobody; what cannot be freed lapses by itself."""
        payments = self._env.store.payments_of(owner)
        if all(room_to_capture(payment) == 0 for payment in payments):
            self._carry_out(owner, None, [self._rest(one) for one in payments if _holds(one)])

    def _rest(self, payment: Payment) -> Part:
        held = sum(left_of_hold(payment, one) for one in payment.transactions if one.type is AUTHORIZE)
        return Part(payment.id, REVERSE_AUTH, Money(held, payment.currency))

    def _capabilities(self, payment: Payment) -> Capabilities:
        configured = self._env.gateways.get(payment.gateway)
        return configured.gateway.transactions.capabilities if configured else UNLIMITED


def _holds(payment: Payment) -> bool:
    return any(
        one.type is AUTHORIZE and one.reversal in USABLE and left_of_hold(payment, one) for one in payment.transactions
    )


def _problem(part: Part, failed: Failure[TransactionProblem]) -> FailedPayment:
    problem = failed.failure()
    return FailedPayment(payment_id=part.payment_id, problem=problem, type=part.type, amount=part.amount)


def _check(owner: Owner, source: Source, amount: Money, key: str) -> InvalidInput | None:
    return (
        check_owner(owner)
        or check_identifier(f"{source.kind}_id", source.id)
        or check_amount("amount", amount)
        or check_key(key)
    )


def _written_plan(parts: Sequence[Part]) -> str:
    return json.dumps(
        [[one.payment_id, one.type, one.amount.minor, one.amount.currency.code, one.moved_minor] for one in parts]
    )


def read_plan(written: str) -> tuple[Part, ...]:
    """The parts of a request, as its key was recorded with them. ``ValueError`` or ``TypeError`` if it is no such text."""
    if not written.startswith("["):
        raise ValueError("a plan is a list")
    return tuple(
        Part(payment_id, TransactionType(kind), Money(minor, code), moved)
        for payment_id, kind, minor, code, moved in json.loads(written)
    )
