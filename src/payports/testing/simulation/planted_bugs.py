"""Planted bugs that the simulation must find. None of them is a switch of the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final, TypeAlias

import attrs
from returns.result import Failure, Success

from payports.application.checkout import finalize
from payports.application.checkout import service as checkout_service
from payports.application.checkout.compensation import reverse_owed
from payports.application.kernel import execute, gateway_calls, sanitizing
from payports.application.kernel.environment import Environment
from payports.application.kernel.unit_of_work import NOTHING, UnitOfWork
from payports.application.webhooks import service as webhooks_service
from payports.application.webhooks.inbox import Applied, find_payment
from payports.domain import checkout
from payports.domain.observation import Channel, Observation
from payports.domain.outcome import Outcome
from payports.domain.payment import Payment
from payports.domain.reversal import require_reversal
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import TransactionStatus
from payports.ports.commit import Commit, InboxEntry, Stale
from payports.ports.gateway import Gateway, NotFoundYet, PaymentRequest, PaymentResponse
from payports.testing.simulation.faults import Fault
from payports.testing.simulation.gateway import SimulatedGateway
from payports.testing.simulation.processes import SimulatedWorld
from payports.testing.simulation.store import FaultyRepository

PlantedBug: TypeAlias = Callable[[SimulatedWorld, ExitStack], object]


_WRITTEN: Final[Outcome[None, Stale]] = Success(None)


def _replace(stack: ExitStack, owner: object, name: str, new: object) -> Any:
    """Replace an attribute until the run is over; return the former value."""
    former = getattr(owner, name)
    setattr(owner, name, new)
    stack.callback(setattr, owner, name, former)
    return former


def _call_before_intent(_: SimulatedWorld, stack: ExitStack) -> None:
    """The gateway is called before the intent is committed."""
    answers: dict[str, PaymentResponse] = {}

    def save(work: UnitOfWork, before: Payment | None, after: Payment, *rest: Any, **more: Any) -> object:
        known = before.by_id if before else dict[str, Transaction]()
        for transaction in after.transactions:
            if transaction.id not in known and not transaction.seen and not transaction.implied_by:
                gateway = work.gateways[after.gateway].gateway
                answers[transaction.id] = execute(gateway, gateway_calls.payment_request(after, transaction))
        return former(work, before, after, *rest, **more)

    def answered(gateway: Gateway, request: PaymentRequest, **more: Any) -> PaymentResponse:
        return answers.get(request.transaction_id) or execute(gateway, request, **more)

    former = _replace(stack, UnitOfWork, "save", save)
    execute = _replace(stack, gateway_calls, "execute", answered)


def _not_found_is_failure(_: SimulatedWorld, stack: ExitStack) -> None:
    """A transaction that a look-up does not find counts as failed at once, and no key is fenced."""

    def look_up(gateway: SimulatedGateway, request: PaymentRequest, **_: Any) -> Observation | NotFoundYet:
        observed: Observation | NotFoundYet = former(gateway, request, fence=False)
        if not isinstance(observed, NotFoundYet):
            return observed
        failed = TransactionStatus.NOT_EXECUTED
        return attrs.evolve(sanitizing.bound_observation(None, request.transaction_id, Channel.LOOK_UP), status=failed)

    former = _replace(stack, SimulatedGateway, "look_up", look_up)


def _unknown_frees_money(_: SimulatedWorld, stack: ExitStack) -> None:
    """Unknown results do not count against limits."""
    certain = property(
        lambda transaction: transaction.succeeded or transaction.status in ("REQUIRES_ACTION", "AWAITING_RESULT")
    )
    _replace(stack, Transaction, "may_have_happened", certain)


def _conflict_ignored(_: SimulatedWorld, stack: ExitStack) -> None:
    """A result whose commit is stale counts as written."""

    def commit(repository: FaultyRepository, commit: Commit) -> object:
        committed: Outcome[None, Stale] = former(repository, commit)
        return committed if commit.requests or commit.checkouts else _WRITTEN

    former = _replace(stack, FaultyRepository, "commit", commit)


def _new_key_on_retry(_: SimulatedWorld, stack: ExitStack) -> None:
    """A request without an answer is sent again under another key."""

    def execute(gateway: SimulatedGateway, request: PaymentRequest) -> PaymentResponse:
        answer: PaymentResponse = former(gateway, request)
        if answer.seen.status is not TransactionStatus.UNKNOWN:
            return answer
        order = gateway.order(attrs.evolve(request, transaction_id=f"{request.transaction_id}-again"))
        gateway.bank.execute(gateway.account, order)
        return answer

    former = _replace(stack, SimulatedGateway, "execute", execute)


def _webhook_amount_ignored(world: SimulatedWorld, stack: ExitStack) -> None:
    """A webhook reports a success, and its amount is ignored."""

    def read(gateway: SimulatedGateway, *rest: Any) -> Any:
        (notification,) = former(gateway, *rest).unwrap()
        return Success((attrs.evolve(notification, seen=attrs.evolve(notification.seen, amount=None, partial=False)),))

    former = _replace(stack, SimulatedGateway, "read", read)
    world.faults.rates |= {Fault.PARTIAL: 0.2, Fault.ANSWER_LOST: 0.2}


def _version_ignored(_: SimulatedWorld, stack: ExitStack) -> None:
    """The store ignores versions."""

    def commit(repository: FaultyRepository, commit: Commit) -> object:
        committed: Outcome[None, Stale] = former(repository, commit)
        if not isinstance(committed, Failure) or not commit.changes:
            return committed
        current = [repository.payment(change.after.id) for change in commit.changes]
        rebased = [
            attrs.evolve(
                change,
                before=attrs.evolve(change.before, version=payment.version) if change.before and payment else None,
            )
            for change, payment in zip(commit.changes, current, strict=True)
        ]
        return former(repository, attrs.evolve(commit, changes=tuple(rebased)))

    former = _replace(stack, FaultyRepository, "commit", commit)


def _lease_as_only_fence(world: SimulatedWorld, stack: ExitStack) -> None:
    """An attempt continues after its lease has expired."""

    def save(
        work: UnitOfWork, before: object, after: object, cause: object, beside: Any = NOTHING, _: object = None
    ) -> object:
        return former(work, before, after, cause, beside)

    former = _replace(stack, UnitOfWork, "save", save)
    world.faults.rates |= {Fault.ANSWER_SLOW: 0.5}


def _cursor_before_handler(_: SimulatedWorld, stack: ExitStack) -> None:
    """Facts count as delivered as soon as they are read."""

    def undelivered(repository: FaultyRepository, *args: Any) -> Any:
        page = FaultyRepository.__getattr__(repository, "undelivered")(*args)
        if page:
            repository.delivered(page[-1].position)
        return page

    FaultyRepository.undelivered = undelivered  # type: ignore[attr-defined]
    stack.callback(delattr, FaultyRepository, "undelivered")


def _reversal_forgotten(world: SimulatedWorld, stack: ExitStack) -> None:
    """The reversals that a failed checkout owes are not recorded."""
    world.faults.rates |= {Fault.DECLINED: 0.4}

    def skip_marking(payment: Payment, *_: object) -> Payment:
        return payment

    for module in (checkout, finalize):
        _replace(stack, module, "mark_for_reversal", skip_marking)


def _cancel_takes_its_time(world: SimulatedWorld, stack: ExitStack) -> None:
    """A cancellation commits the checkout and its reversals separately, with gateway calls between."""

    def undo(env: Environment, payments: Any, given_up: Any, cause: Any) -> Outcome[tuple[Payment, ...], Any]:
        cancelled = env.store.commit(Commit(checkouts=given_up))
        if isinstance(cancelled, Failure):
            return cancelled
        return Success(
            tuple(
                reverse_owed(
                    env,
                    env.work.update(payment.id, cause, lambda before: Success(require_reversal(before))).value_or(
                        payment
                    ),
                    cause,
                )
                for payment in payments
            )
        )

    _replace(stack, checkout_service, "undo", undo)
    world.faults.rates |= {
        Fault.ANSWER_SLOW: 0.5,
        Fault.DECLINED: 0.3,
        Fault.ANSWER_LOST: 0.3,
        Fault.LOOK_UP_FAILS: 0.9,
    }


def _sources_kept_apart(world: SimulatedWorld, stack: ExitStack) -> None:
    """Refunds of the same return on other payments do not count."""

    def none(*_: object) -> tuple[Payment, ...]:
        return ()

    _replace(stack, execute, "_others", none)
    world.faults.rates |= {Fault.UNREACHABLE: 0.3}


def _webhook_forgotten(world: SimulatedWorld, stack: ExitStack) -> None:
    """A webhook about an unknown transaction is answered with 200 and dropped."""

    def drop_unknown(env: Environment, entry: InboxEntry) -> Applied:
        return apply(env, entry) if find_payment(env, entry.gateway, entry.seen) else Applied.PARKED

    apply = _replace(stack, webhooks_service, "apply", drop_unknown)
    world.faults.rates |= {Fault.ANSWER_LOST: 0.5, Fault.LOOK_UP_FAILS: 0.9, Fault.WEBHOOK_LOST: 0.9}


PLANTED_BUGS: Final[Mapping[str, PlantedBug]] = {
    plant.__name__.strip("_").replace("_", "-"): plant
    for plant in (
        _call_before_intent,
        _not_found_is_failure,
        _unknown_frees_money,
        _conflict_ignored,
        _new_key_on_retry,
        _webhook_amount_ignored,
        _version_ignored,
        _lease_as_only_fence,
        _cursor_before_handler,
        _reversal_forgotten,
        _cancel_takes_its_time,
        _sources_kept_apart,
        _webhook_forgotten,
    )
}
