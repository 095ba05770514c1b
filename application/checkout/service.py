"""``shop.checkout``: pay for a cart, once.

An attempt claims the owner for its request id; then it secures payment after payment, by what an earlier attempt already secured or by a
new transaction; then it is finalized from the ledger alone: placed, waiting for the shopper or the gateway, or failed and to be undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.application.checkout.attempt import claim_owner, secure_payments
from payports.application.checkout.compensation import undo
from payports.application.checkout.finalize import finalize
from payports.application.checkout.next_actions import complete_next_actions
from payports.application.kernel import gateway_calls
from payports.application.kernel.environment import Environment, store_errors_as_failures
from payports.application.kernel.execute import METHOD_GONE, fingerprint, is_method_gone
from payports.application.kernel.input_validation import check_key
from payports.application.kernel.policy import ConfiguredGateway
from payports.application.kernel.record import Received, record
from payports.application.kernel.unit_of_work import TRIES
from payports.domain.cart import Cart, check_cart
from payports.domain.checkout import (
    WAITING,
    ActionRequired,
    CheckoutRecord,
    CheckoutResult,
    CheckoutState,
)
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
)
from payports.domain.history import Cause
from payports.domain.input_checks import InvalidInput, check_fields, check_identifier, check_text
from payports.domain.money import Money
from payports.domain.options import is_offered, offer_options
from payports.domain.outcome import Outcome
from payports.domain.payment import Owner, Payment, check_owner
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import FailureType, TransactionStatus
from payports.ports.gateway import NotFoundYet

_RETURN: Final = Cause("checkout", "the shopper came back")


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
            CurrencyMismatch, GatewayUnsupported, InvalidInput, Conflict: nothing was sent.
            NotCovered, OperationNotAllowed, Busy: what may be held by now is kept for a new attempt or reversed.
            PaymentsFailed: with the problem of each payment; what was secured is kept for the next attempt or reversed.
        """
        problem = check_cart(cart) or check_key(request_id, "request_id") or check_text("return_url", return_url)
        if problem:
            return Failure(problem)
        payments = [payment for payment in self._env.store.payments_of(cart.owner) if not payment.archived]
        content = fingerprint(cart, [(payment.id, payment.amount) for payment in payments])
        earlier = self._env.store.checkout(cart.owner)
        if earlier:
            repeated = self._answer_again(earlier, cart, request_id, content)
            if repeated is not None:
                return repeated
        refused = self._refuse(cart, payments)
        if refused:
            return Failure(refused)
        claimed = claim_owner(self._env, cart, request_id, content, earlier)
        if isinstance(claimed, Failure):
            return claimed
        return self._finalize(*secure_payments(self._env, claimed.unwrap(), return_url))

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
        attempt = self._env.store.checkout_by_token(params["callback_token"])
        if attempt is None:
            return Failure(PaymentNotFound("of this callback token"))
        if attempt.is_running(self._env.now()):
            return Failure(Busy(f"checkout of {attempt.owner.kind} {attempt.owner.id}"))
        if attempt.state is CheckoutState.PLACED:
            return self._finalize(attempt)
        for payment in self._env.store.payments_of(attempt.owner):
            self._confirm(payment, configured.unwrap(), params)
        return self._finalize(attempt, changed=cart.total if cart is not None and not attempt.is_for(cart) else None)

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
        if options and not is_offered(offer_options(options, cart), payment):
            return OperationNotAllowed("checkout", f"payment {payment.id} uses no option that the cart is offered")
        return None

    def _confirm(self, payment: Payment, configured: ConfiguredGateway, params: Mapping[str, str]) -> None:
        """Ask the gateway what came of everything that the shopper may have completed on a payment, and record it."""
        if payment.gateway != configured.name:
            return
        for transaction in payment.transactions:
            if _may_have_ended(transaction):
                request = gateway_calls.payment_request(payment, transaction)
                answer = gateway_calls.confirm(configured.gateway, request, params)
                if not isinstance(answer, NotFoundYet):
                    recorded = record(self._env, payment, Received(observation=answer), _RETURN)
                    payment = recorded.unwrap() if isinstance(recorded, Success) else payment


def _may_have_ended(transaction: Transaction) -> bool:
    """Tell whether the shopper's action may have changed a transaction, also one that was waited for in vain."""
    waiting = (TransactionStatus.REQUIRES_ACTION, TransactionStatus.AWAITING_RESULT)
    telling = transaction.judgement.telling
    abandoned = telling is not None and telling.failure_type is FailureType.ABANDONED
    return transaction.status in waiting or transaction.indeterminate or abandoned
