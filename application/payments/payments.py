"""``shop.payments``: create, change and read payments, their summaries and their coverage of a cart."""

from __future__ import annotations

import attrs
from returns.result import Failure, Success

from payports.application.kernel import gateway_calls
from payports.application.kernel.environment import Environment, store_errors_as_failures
from payports.application.kernel.execute import fingerprint
from payports.application.kernel.input_validation import check_key
from payports.application.kernel.unit_of_work import HOST
from payports.domain.cart import Cart, check_cart
from payports.domain.coverage import Coverage, coverage
from payports.domain.failures import (
    Busy,
    Conflict,
    CurrencyMismatch,
    GatewayUnsupported,
    OperationNotAllowed,
    PaymentNotFound,
    PaymentProblem,
    SavedMethodNotFound,
)
from payports.domain.input_checks import InvalidInput, check_identifier
from payports.domain.ledger import still_open
from payports.domain.money import Money, check_amount
from payports.domain.outcome import Outcome
from payports.domain.payment import NewPayment, Owner, Payment, check_new_payment, check_owner
from payports.domain.payment_method import PaymentMethod, check_method
from payports.domain.reversal import require_reversal
from payports.domain.saved_method import may_use
from payports.domain.summary import PaymentSummary, summarize
from payports.ports.commit import Commit, RequestRecord
from payports.ports.gateway import Gateway


@attrs.frozen
class Payments:
    """Creates, changes and reads payments.

    Failures of every method:
        InvalidInput: names the field, never the value. PaymentNotFound, StoreUnavailable, and those that the method names.
    """

    _env: Environment

    @store_errors_as_failures
    def create(self, new: NewPayment, *, key: str | None = None) -> Outcome[Payment, PaymentProblem]:
        """Store a payment; no money moves. With a ``key``, a repetition gives the payment that the first call created.

        Failures:
            Conflict: the key was used for something else. GatewayUnsupported: no such gateway, or not in this currency.
            SavedMethodNotFound: the named saved method belongs to another customer, or can no longer be used.
        """
        problem = check_new_payment(new) or (None if key is None else check_key(key))
        if problem:
            return Failure(problem)
        repeated = self._created_before(new, key) if key else None
        if repeated is not None:
            return repeated
        refused = self._check_with_gateway(new.gateway, new)
        if refused:
            return Failure(refused)
        if new.saved_method_id is not None:
            saved = self._env.store.saved_method(new.saved_method_id)
            if saved is None or not may_use(saved, new.customer):
                return Failure(SavedMethodNotFound(new.saved_method_id))
            if (saved.gateway, saved.method.properties) != (new.gateway, new.method.properties):
                return Failure(InvalidInput("saved_method_id", "is of another gateway or method than the payment"))
        fields = {field.name: getattr(new, field.name) for field in attrs.fields(NewPayment)}
        payment = Payment(id=self._env.ids.new(), created_at=self._env.now(), **fields)
        requests = (RequestRecord(key=key, fingerprint=_content(new), payment_id=payment.id),) if key else ()
        saved_payment = self._env.work.save(None, payment, HOST, Commit(requests=requests))
        if isinstance(saved_payment, Success):
            return Success(saved_payment.unwrap().payment)
        return (self._created_before(new, key) if key else None) or Failure(Busy(saved_payment.failure().name))

    def _created_before(self, new: NewPayment, key: str) -> Outcome[Payment, PaymentProblem] | None:
        known = self._env.store.request(key)
        if known is None:
            return None
        return self._load(known.payment_id) if known.fingerprint == _content(new) else Failure(Conflict(key))

    @store_errors_as_failures
    def update(
        self, payment_id: str, amount: Money | None = None, method: PaymentMethod | None = None
    ) -> Outcome[Payment, PaymentProblem]:
        """Change the amount or the method of a payment that no order was placed on yet.

        With a smaller amount than what is held or captured, that is reversed first; with a larger one the rest may be authorized.

        Failures:
            OperationNotAllowed: the order is placed, the shopper is away at the gateway, the payment is archived, or money is open on the
            former method. CurrencyMismatch: the amount is in another currency.
        """
        problem = (
            check_identifier("payment_id", payment_id)
            or (None if amount is None else check_amount("amount", amount))
            or (None if method is None else check_method(method))
        )
        if problem:
            return Failure(problem)

        def decide(before: Payment) -> Outcome[Payment, PaymentProblem]:
            refused = _refuse_change("update", before) or self._refuse_update(before, amount, method)
            if refused:
                return Failure(refused)
            after = before.evolve(amount=amount or before.amount)
            if method is not None and method != before.method:
                after = after.evolve(method=method, saved_method_id=None)
            too_much = sum(still_open(before, transaction) for transaction in before.transactions) > after.amount.minor
            return Success(require_reversal(after) if too_much else after)

        return self._env.work.update(payment_id, HOST, decide)

    @store_errors_as_failures
    def archive(self, payment_id: str) -> Outcome[Payment, PaymentProblem]:
        """Take a payment out of its cart; maintenance reverses what it holds.

        Failures:
            OperationNotAllowed: the order is placed, or the shopper is away at the gateway.
        """
        if problem := check_identifier("payment_id", payment_id):
            return Failure(problem)

        def decide(before: Payment) -> Outcome[Payment, PaymentProblem]:
            if before.archived:
                return Success(before)
            refused = _refuse_change("archive", before)
            return Failure(refused) if refused else Success(require_reversal(before).evolve(archived=True))

        return self._env.work.update(payment_id, HOST, decide)

    @store_errors_as_failures
    def get(self, payment_id: str) -> Outcome[Payment, PaymentProblem]:
        """Read a payment with its transactions."""
        return self._load(payment_id)

    @store_errors_as_failures
    def of_owner(self, owner: Owner) -> Outcome[tuple[Payment, ...], PaymentProblem]:
        """Read an owner's payments, archived ones included, oldest first."""
        if problem := check_owner(owner):
            return Failure(problem)
        return Success(self._env.store.payments_of(owner))

    @store_errors_as_failures
    def summary(self, payment_id: str) -> Outcome[PaymentSummary, PaymentProblem]:
        """Fold a payment's ledger into amounts and flags; available is what its gateway can do."""
        loaded = self._load(payment_id)
        if isinstance(loaded, Failure):
            return loaded
        payment = loaded.unwrap()
        configured = self._env.gateways.get(payment.gateway)
        if configured is None:
            return Success(summarize(payment))
        return Success(summarize(payment, configured.gateway.transactions.capabilities))

    @store_errors_as_failures
    def coverage(self, cart: Cart) -> Outcome[Coverage, PaymentProblem]:
        """Compare a cart's payments with its total.

        Failures:
            CurrencyMismatch: a payment is in another currency than the total.
        """
        if problem := check_cart(cart):
            return Failure(problem)
        payments = [payment for payment in self._env.store.payments_of(cart.owner) if not payment.archived]
        for payment in payments:
            if payment.currency != cart.total.currency:
                return Failure(CurrencyMismatch(cart.total.currency, payment.currency))
        return Success(coverage(cart.total, payments, self._env.gateways.awaiting_covers()))

    def _load(self, payment_id: str) -> Outcome[Payment, InvalidInput | PaymentNotFound]:
        if problem := check_identifier("payment_id", payment_id):
            return Failure(problem)
        payment = self._env.store.payment(payment_id)
        return Success(payment) if payment else Failure(PaymentNotFound(payment_id))

    def _check_with_gateway(self, name: str, new: NewPayment) -> InvalidInput | GatewayUnsupported | None:
        found = self._env.gateways.find(name, "payments")
        if isinstance(found, Failure):
            return found.failure()
        gateway = found.unwrap().gateway
        capabilities = gateway.transactions.capabilities
        if capabilities.currencies and new.amount.currency.code not in capabilities.currencies:
            return GatewayUnsupported(name, new.amount.currency.code)
        return _check_pass_through(new, gateway) or gateway_calls.check(gateway, new.method, new.type)

    def _refuse_update(
        self, before: Payment, amount: Money | None, method: PaymentMethod | None
    ) -> InvalidInput | CurrencyMismatch | OperationNotAllowed | None:
        if amount is not None and amount.currency != before.currency:
            return CurrencyMismatch(before.currency, amount.currency)
        if method is None:
            return None
        if any(still_open(before, transaction) for transaction in before.transactions):
            return OperationNotAllowed("update", "money is open on the present method")
        configured = self._env.gateways.get(before.gateway)
        return gateway_calls.check(configured.gateway, method, before.type) if configured else None


def _content(new: NewPayment) -> str:
    secrets = sorted((name, value.reveal()) for name, value in new.method.properties.items())
    addresses = [attrs.astuple(address) for address in (new.billing, new.shipping) if address]
    return fingerprint("create", new, secrets, addresses)


def _refuse_change(operation: str, payment: Payment) -> OperationNotAllowed | None:
    if payment.restrictions:
        return OperationNotAllowed(operation, "the order is placed, or the shopper is away at the gateway")
    if payment.archived:
        return OperationNotAllowed(operation, "the payment is archived")
    return None


def _check_pass_through(new: NewPayment, gateway: Gateway) -> InvalidInput | None:
    capabilities = gateway.transactions.capabilities
    if len(new.pass_through) > capabilities.pass_through_limit:
        return InvalidInput("pass_through", f"the gateway keeps {capabilities.pass_through_limit} fields")
    if any(len(value) > capabilities.pass_through_length for value in new.pass_through.values()):
        return InvalidInput("pass_through", f"the gateway keeps {capabilities.pass_through_length} characters a field")
    if any(len(name) > capabilities.pass_through_name_length for name in new.pass_through):
        limit = capabilities.pass_through_name_length
        return InvalidInput("pass_through", f"the gateway keeps names of {limit} characters")
    return None
