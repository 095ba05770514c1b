"""``shop.saved_methods``: multi-use tokens of customers. Only the customer who owns one sees or uses it."""

from __future__ import annotations

import attrs
from returns.result import Failure, Success

from payports.application.kernel import gateway_calls
from payports.application.kernel.environment import Environment, store_errors_as_failures
from payports.application.kernel.unit_of_work import HOST
from payports.domain.failures import Busy, GatewayUnsupported, SavedMethodNotFound, SavedMethodProblem
from payports.domain.input_checks import InvalidInput, check_identifier, check_text
from payports.domain.money import Money, check_amount
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer, Owner, Payment, check_customer, check_owner
from payports.domain.payment_method import PaymentMethod, PaymentType, check_method
from payports.domain.saved_method import SavedMethod, SavedMethodStatus, archive, may_use
from payports.ports.commit import Commit


@attrs.frozen
class SavedMethods:
    """Saves payment methods of customers: in the store, and at the gateway where it has a vault."""

    _env: Environment

    @store_errors_as_failures
    def save(
        self,
        customer: Customer,
        gateway: str,
        method: PaymentMethod,
        *,
        type: PaymentType = PaymentType.CREDIT_CARD,  # noqa: A002 -- the same word as everywhere else
        name: str = "",
    ) -> Outcome[SavedMethod, SavedMethodProblem]:
        """Swap a single-use token for a multi-use token, and save it for its customer.

        Failures:
            Declined, NotExecuted, ResultUnknown: the gateway did not keep it, or the result is unknown. GatewayUnsupported: no such
            gateway.
        """
        problem = (
            check_customer(customer)
            or check_identifier("gateway", gateway)
            or check_method(method)
            or (None if isinstance(type, PaymentType) else InvalidInput("type", "must be a PaymentType"))  # pyright: ignore[reportUnnecessaryIsInstance] -- hosts need not be type-checked
            or check_text("name", name)
        )
        if problem:
            return Failure(problem)
        found = self._env.gateways.find(gateway, "saved methods")
        if isinstance(found, Failure):
            return found
        kept = gateway_calls.keep(found.unwrap().gateway, customer, method)
        if isinstance(kept, Failure):
            return kept
        saved = SavedMethod(
            id=self._env.ids.new(),
            customer=customer,
            gateway=gateway,
            method=kept.unwrap(),
            created_at=self._env.now(),
            type=type,
            name=name,
        )
        return self._store(saved)

    @store_errors_as_failures
    def of_customer(self, customer: Customer) -> Outcome[tuple[SavedMethod, ...], SavedMethodProblem]:
        """List the saved methods that a customer may use, oldest first."""
        if problem := check_customer(customer):
            return Failure(problem)
        saved_methods = self._env.store.saved_methods_of(customer)
        return Success(tuple(saved for saved in saved_methods if saved.status is SavedMethodStatus.AVAILABLE_TO_USE))

    @store_errors_as_failures
    def remove(self, saved_method_id: str, *, customer: Customer) -> Outcome[SavedMethod, SavedMethodProblem]:
        """Archive a saved method here and remove it at the gateway; payments made with it stay readable and refundable.

        Failures:
            SavedMethodNotFound: the customer has no such saved method. NotExecuted, ResultUnknown: it is archived here, but the gateway may
            still have it; call again.
        """
        problem = check_identifier("saved_method_id", saved_method_id) or check_customer(customer)
        if problem:
            return Failure(problem)
        saved = self._env.store.saved_method(saved_method_id)
        if saved is None or saved.customer != customer:
            return Failure(SavedMethodNotFound(saved_method_id))
        kept = Success(saved) if saved.status is SavedMethodStatus.ARCHIVED else self._store(archive(saved))
        configured = self._env.gateways.get(saved.gateway)
        forgotten = gateway_calls.forget(configured.gateway, customer, saved.method) if configured else Success(None)
        return forgotten if isinstance(forgotten, Failure) else kept

    @store_errors_as_failures
    def use(
        self, saved_method_id: str, *, customer: Customer, owner: Owner, amount: Money
    ) -> Outcome[Payment, SavedMethodProblem]:
        """Create a payment of an owner with a customer's saved method.

        Failures:
            SavedMethodNotFound: it belongs to another customer, or can no longer be used. GatewayUnsupported: its gateway is not configured
            any more, or does not take this currency.
        """
        problem = (
            check_identifier("saved_method_id", saved_method_id)
            or check_customer(customer)
            or check_owner(owner)
            or check_amount("amount", amount)
        )
        if problem:
            return Failure(problem)
        saved = self._env.store.saved_method(saved_method_id)
        if saved is None or not may_use(saved, customer):
            return Failure(SavedMethodNotFound(saved_method_id))
        found = self._env.gateways.find(saved.gateway, "saved methods")
        if isinstance(found, Failure):
            return found
        currencies = found.unwrap().gateway.transactions.capabilities.currencies
        if currencies and amount.currency.code not in currencies:
            return Failure(GatewayUnsupported(saved.gateway, amount.currency.code))
        payment = Payment(
            id=self._env.ids.new(),
            owner=owner,
            amount=amount,
            gateway=saved.gateway,
            method=saved.method,
            created_at=self._env.now(),
            type=saved.type,
            customer=customer,
            name=saved.name,
            saved_method_id=saved.id,
        )
        stored = self._env.work.save(None, payment, HOST)
        return Success(stored.unwrap().payment) if isinstance(stored, Success) else Failure(Busy(stored.failure().name))

    def _store(self, saved: SavedMethod) -> Outcome[SavedMethod, Busy]:
        if isinstance(self._env.store.commit(Commit(saved_methods=(saved,))), Failure):
            return Failure(Busy(f"saved method {saved.id}"))
        return Success(attrs.evolve(saved, version=saved.version + 1))
