"""``shop.checkout``: pay for a cart, once.

An attempt claims the owner for its request id; then it secures payment after payment, by what an earlier attempt already secured or by a
new transaction; then it is finalized from the ledger alone: placed, waiting for the shopper or the gateway, or failed and to be undone.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from returns.result import Failure, Success

from payports.application.checkout.compensation import reverse_owed, undo
from payports.application.checkout.finalize import CHECKOUT, finalize
from payports.application.checkout.next_actions import complete_next_actions
from payports.application.kernel import gateway_calls
from payports.application.kernel.environment import Environment, store_errors_as_failures
from payports.application.kernel.execute import METHOD_GONE, fingerprint, is_method_gone, record_intents, send
from payports.application.kernel.input_validation import OWN_KEYS, check_key
from payports.application.kernel.policy import ConfiguredGateway
from payports.application.kernel.record import Received, record
from payports.application.kernel.status_inquiry import look_up, look_up_indeterminate
from payports.application.kernel.unit_of_work import TRIES, CheckoutLease
from payports.domain.begin import Command
from payports.domain.cart import Cart, check_cart
from payports.domain.checkout import (
    UNFINISHED,
    WAITING,
    ActionRequired,
    CheckoutRecord,
    CheckoutResult,
    CheckoutState,
)
from payports.domain.checkout_plan import CheckoutStep, by_priority, plan_step
from payports.domain.coverage import coverage
from payports.domain.failures import (
    Busy,
    CheckoutProblem,
    Conflict,
    CurrencyMismatch,
    FailedPayment,
    GatewayUnsupported,
    NotCovered,
    OperationNotAllowed,
    PaymentNotFound,
    TransactionProblem,
)
from payports.domain.history import Cause
from payports.domain.input_checks import InvalidInput, check_fields, check_identifier, check_text
from payports.domain.money import Money
from payports.domain.options import is_offered, offer
from payports.domain.outcome import Outcome
from payports.domain.payment import Owner, Payment, check_owner
from payports.domain.reversal import claim
from payports.domain.transaction import Transaction
from payports.domain.transaction_report import TransactionReport, problem_of
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import NotFoundYet
from payports.ports.store import Change, Commit, RecordKind


@attrs.frozen
class Checkout:
    """Takes money for carts."""

    _env: Environment

    @store_errors_as_failures
    def submit(self, cart: Cart, *, request_id: str, return_url: str = "") -> Outcome[CheckoutResult, CheckoutProblem]:
        """Secure the cart's whole total on its payments and place the order, all or nothing.

        The same ``request_id`` with the same cart and payments gives the first outcome again; a new attempt needs a new one, and takes over
        what the former secured. ``return_url``: where the browser comes back to after an action; the callback token is added to it as
        ``callback_token``.

        Failures:
            NotCovered, CurrencyMismatch, GatewayUnsupported, InvalidInput, OperationNotAllowed, Conflict, Busy: no money moved.
            PaymentsFailed: with the problem of each payment; what was secured is kept for the next attempt or reversed.
        """
        problem = check_cart(cart) or check_key(request_id, "request_id") or check_text("return_url", return_url)
        if problem:
            return Failure(problem)
        payments = [one for one in self._env.store.payments_of(cart.owner) if not one.archived]
        content = fingerprint(cart, [(one.id, one.amount) for one in payments])
        earlier = self._env.store.checkout(cart.owner)
        if earlier:
            answered = self._answer_again(earlier, cart, request_id, content)
            if answered is not None:
                return answered
        refused = self._refuse(cart, payments)
        if refused:
            return Failure(refused)
        claimed = self._claim(cart, request_id, content, earlier)
        if isinstance(claimed, Failure):
            return claimed
        return self._run(claimed.unwrap(), return_url)

    @store_errors_as_failures
    def resume(
        self, gateway: str, params: Mapping[str, str], *, cart: Cart | None = None
    ) -> Outcome[CheckoutResult, CheckoutProblem]:
        """Go on after the browser came back; the gateway is asked, what the browser brought is never believed.

        ``params`` must hold ``callback_token``. With ``cart``, the cart as it is now, a total or version that has changed since
        ``submit`` is refused and what was secured is kept for a new attempt.

        Failures:
            PaymentNotFound: no checkout has that token. Busy: an attempt is under way. The others as for ``submit``.
        """
        problem = (
            check_identifier("gateway", gateway)
            or check_fields("params", params, 16_000)
            or check_identifier("params.callback_token", params.get("callback_token", ""))
            or (None if cart is None else check_cart(cart))
        )
        if problem:
            return Failure(problem)
        configured = self._env.gateways.find(gateway, "resume")
        if isinstance(configured, Failure):
            return configured
        found = self._env.store.checkout_by_token(params["callback_token"])
        if found is None:
            return Failure(PaymentNotFound("of this callback token"))
        if found.is_running(self._env.now()):
            return Failure(Busy(f"checkout of {found.owner.kind} {found.owner.id}"))
        if found.state is not CheckoutState.PLACED:
            for payment in self._env.store.payments_of(found.owner):
                self._ask_about(payment, configured.unwrap(), params)
        if cart is not None and found.state is not CheckoutState.PLACED and not found.is_for(cart):
            return self._finalize(found, changed=cart.total)
        return self._finalize(found)

    @store_errors_as_failures
    def cancel(self, owner: Owner) -> Outcome[tuple[Payment, ...], CheckoutProblem]:
        """Give up an owner's checkout: nothing more is placed, and whatever it secured is reversed now.

        Failures:
            OperationNotAllowed: the order is placed; cancel its fulfilments instead.
            PaymentNotFound: the owner has no payments. What could not be reversed now is retried by maintenance.
        """
        if problem := check_owner(owner):
            return Failure(problem)
        for _ in range(TRIES):
            earlier = self._env.store.checkout(owner)
            if earlier and earlier.state is CheckoutState.PLACED:
                return Failure(OperationNotAllowed("cancel", "the order is placed"))
            if earlier and earlier.is_running(self._env.now()):
                break
            payments = self._env.store.payments_of(owner)
            if not payments:
                return Failure(PaymentNotFound(f"of {owner.kind} {owner.id}"))
            cancelled = (earlier.evolve(state=CheckoutState.CANCELLED),) if earlier else ()
            undone = undo(self._env, payments, cancelled, Cause("checkout", "cancelled"))
            if isinstance(undone, Success):
                return undone
        return Failure(Busy(f"checkout of {owner.kind} {owner.id}"))

    def _finalize(
        self, record: CheckoutRecord, problems: tuple[FailedPayment, ...] = (), *, changed: Money | None = None
    ) -> Outcome[CheckoutResult, CheckoutProblem]:
        finalized = finalize(self._env, record, problems, changed)
        result = finalized.value_or(None)
        return Success(complete_next_actions(self._env, result)) if isinstance(result, ActionRequired) else finalized

    def _answer_again(
        self, earlier: CheckoutRecord, cart: Cart, request_id: str, content: str
    ) -> Outcome[CheckoutResult, CheckoutProblem] | None:
        same = earlier.request_id == request_id
        placed = earlier.state is CheckoutState.PLACED
        if same and not (earlier.is_for(cart) if placed else earlier.fingerprint == content):
            return Failure(Conflict(request_id))
        if placed:
            return self._finalize(earlier) if same else Failure(OperationNotAllowed("checkout", "it is placed already"))
        if earlier.is_running(self._env.now()):
            return Failure(Busy(f"checkout of {earlier.owner.kind} {earlier.owner.id}"))
        return self._finalize(earlier) if same and earlier.state in WAITING else None

    def _refuse(self, cart: Cart, payments: list[Payment]) -> CheckoutProblem | None:
        for payment in payments:
            if payment.currency != cart.total.currency:
                return CurrencyMismatch(cart.total.currency, payment.currency)
            if payment.customer and cart.customer and payment.customer != cart.customer:
                return OperationNotAllowed("checkout", f"payment {payment.id} belongs to another customer")
            problem = self._check_gateway(cart, payment)
            if problem:
                return problem
        cover = coverage(cart.total, payments, self._env.gateways.awaiting_covers())
        return None if cover.planned == cart.total else NotCovered(cart.total, cover)

    def _check_gateway(
        self, cart: Cart, payment: Payment
    ) -> GatewayUnsupported | InvalidInput | OperationNotAllowed | None:
        found = self._env.gateways.find(payment.gateway, "checkout")
        if isinstance(found, Failure):
            return found.failure()
        invalid = gateway_calls.check(found.unwrap().gateway, payment.method, payment.type)
        if invalid:
            return invalid
        if not payment.transactions and is_method_gone(self._env, payment):
            return OperationNotAllowed("checkout", f"payment {payment.id}: {METHOD_GONE}")
        options = self._env.policy.options
        if options and not is_offered(offer(options, cart), payment):
            return OperationNotAllowed("checkout", f"payment {payment.id} uses no option that the cart is offered")
        return None

    def _claim(
        self, cart: Cart, request_id: str, content: str, earlier: CheckoutRecord | None
    ) -> Outcome[CheckoutRecord, Busy]:
        now = self._env.now()
        claimed = CheckoutRecord(
            owner=cart.owner,
            request_id=request_id,
            fingerprint=content,
            total=cart.total,
            state=CheckoutState.RUNNING,
            lease_until=now + self._env.policy.lease,
            cart_version=cart.version,
            customer=cart.customer,
            callback_token=earlier.callback_token if earlier and earlier.state in WAITING else self._env.ids.token(),
            started_at=now,
            version=earlier.version if earlier else 0,
        )
        taken_over = earlier is not None and earlier.state in UNFINISHED
        for _ in range(TRIES):
            changes = self._take_over(cart.owner, request_id) if taken_over else ()
            committed = self._env.store.commit(Commit(changes=changes, checkouts=(claimed,)))
            if isinstance(committed, Success):
                return Success(claimed.evolve(version=claimed.version + 1))
            if committed.failure().kind is not RecordKind.PAYMENT:
                break
        return Failure(Busy(f"checkout of {cart.owner.kind} {cart.owner.id}"))

    def _take_over(self, owner: Owner, request_id: str) -> tuple[Change, ...]:
        """Claim all that an attempt did that was never concluded: this one answers for it now, also if it fails at once."""
        payments = [one for one in self._env.store.payments_of(owner) if not one.archived]
        claimed = [(one, claim(one, request_id)) for one in payments]
        return tuple(self._env.work.change(before, after, CHECKOUT) for before, after in claimed if after != before)

    def _run(self, claimed: CheckoutRecord, return_url: str) -> Outcome[CheckoutResult, CheckoutProblem]:
        back = with_token(return_url, claimed.callback_token)
        lease = CheckoutLease(claimed)
        payments = self._env.store.payments_of(claimed.owner)
        for payment in by_priority(payments, self._env.policy.checkout_priority):
            if not payment.archived:
                lease, problem = self._secure(payment, lease, back)
                if problem:
                    return self._finalize(lease.record, (problem,))
        return self._finalize(lease.record)

    def _secure(
        self, payment: Payment, lease: CheckoutLease, return_url: str
    ) -> tuple[CheckoutLease, FailedPayment | None]:
        """Bring one payment to where the order can rest on it: claim what is there, then authorize what is left."""
        payment = look_up_indeterminate(self._env, reverse_owed(self._env, payment, CHECKOUT), CHECKOUT)
        for transaction in payment.transactions:
            if transaction.indeterminate and (unknown := problem_of(transaction)):
                return lease, FailedPayment(
                    payment_id=payment.id, problem=unknown, transaction_id=transaction.id, status=transaction.status
                )
            if transaction.status is TransactionStatus.REQUIRES_ACTION:
                payment = look_up(self._env, payment, transaction, CHECKOUT)
        attempt = lease.record.request_id
        saved = self._env.work.update_leased(
            payment.id, CHECKOUT, lambda before: Success(claim(before, attempt)), lease
        )
        if isinstance(saved, Failure):
            return lease, FailedPayment(payment_id=payment.id, problem=saved.failure())
        return self._authorize_rest(saved.unwrap().payment, saved.unwrap().lease or lease, return_url)

    def _authorize_rest(
        self, payment: Payment, lease: CheckoutLease, return_url: str
    ) -> tuple[CheckoutLease, FailedPayment | None]:
        step = plan_step(payment, self._env.gateways.captures_at_once())
        waits = any(transaction.status is TransactionStatus.REQUIRES_ACTION for transaction in payment.transactions)
        if waits or not step.amount:
            return lease, None
        attempt = lease.record.request_id
        key = f"{OWN_KEYS}{fingerprint(attempt)[:32]}:{payment.id}"
        command = Command(type=step.type, key=key, attempt=attempt)
        recorded = record_intents(self._env, payment.id, command, CHECKOUT, lease)
        if isinstance(recorded, Failure):
            return lease, _failed_payment(payment, step, recorded.failure())
        intents = recorded.unwrap()
        if isinstance(intents, TransactionReport):
            return lease, None
        sent = send(self._env, intents, CHECKOUT, return_url)
        problem = _failed_payment(payment, step, sent.failure()) if isinstance(sent, Failure) else None
        return intents.lease or lease, problem

    def _ask_about(self, payment: Payment, configured: ConfiguredGateway, params: Mapping[str, str]) -> None:
        if payment.gateway != configured.name:
            return
        for one in payment.transactions:
            if _may_have_ended(one):
                seen = gateway_calls.confirm(configured.gateway, gateway_calls.payment_request(payment, one), params)
                if not isinstance(seen, NotFoundYet):
                    recorded = record(
                        self._env, payment, Received(observation=seen), Cause("checkout", "the shopper came back")
                    )
                    payment = recorded.unwrap() if isinstance(recorded, Success) else payment


def _failed_payment(payment: Payment, step: CheckoutStep, problem: TransactionProblem) -> FailedPayment:
    return FailedPayment(
        payment_id=payment.id,
        problem=problem,
        type=step.type,
        transaction_id=getattr(problem, "transaction_id", ""),
        amount=step.amount,
    )


def _may_have_ended(one: Transaction) -> bool:
    """Tell whether what the shopper did elsewhere may have changed a transaction, also one that was waited for in vain."""
    open_ = (TransactionStatus.REQUIRES_ACTION, TransactionStatus.AWAITING_RESULT)
    telling = one.judgement.telling
    given_up = telling is not None and telling.failure_type is FailureType.ABANDONED
    return one.status in open_ or one.indeterminate or given_up


def with_token(return_url: str, token: str) -> str:
    """Add the callback token to the address that the gateway sends the browser back to."""
    if not return_url:
        return ""
    return f"{return_url}{'&' if '?' in return_url else '?'}callback_token={token}"
