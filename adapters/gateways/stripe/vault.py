"""Methods that Stripe keeps: of a customer of Stripe's that carries our customer's id, set up for use off session.

A kept method holds the name of Stripe's customer beside its token; nothing is done with either before Stripe has said whose they are.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import attrs
from returns.result import Failure, Success

from payports.adapters.gateways.reading import Table, read_table, table, tables, text, whole
from payports.adapters.gateways.sender import Answer, NotSent, Sent
from payports.adapters.gateways.stripe.calls import Terms
from payports.adapters.gateways.stripe.channel import StripeChannel
from payports.adapters.gateways.stripe.form import Call, is_id, path
from payports.adapters.gateways.stripe.objects import id_of, read_problem
from payports.domain.failures import Declined, NotExecuted, ResultUnknown
from payports.domain.method import PaymentMethod
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer
from payports.domain.screening import InvalidInput
from payports.domain.transaction import FailureType
from payports.ports.gateway import MethodVault

CUSTOMER: Final = "payports_customer"
"""The metadata of a customer of Stripe's that names ours."""

_Trouble = Declined | NotExecuted | ResultUnknown


@attrs.frozen(kw_only=True)
class StripeVault(MethodVault):
    """Customers and their methods at Stripe."""

    channel: StripeChannel
    terms: Terms

    def keep(
        self, customer: Customer, method: PaymentMethod
    ) -> Outcome[PaymentMethod, InvalidInput | Declined | NotExecuted | ResultUnknown]:
        """Attach a method to the customer and set it up for use without them.

        Failures:
            Declined: the bank refuses, or wants the customer there first. NotExecuted, ResultUnknown: Stripe could not be asked.
        """
        token = method.token
        if not is_id(token):
            return Failure(InvalidInput("method.properties.token", "is missing or no id of Stripe's"))
        owner = self._customer(customer)
        if isinstance(owner, Failure):
            return owner
        name = owner.unwrap()
        attached = self._post(path("payment_methods", token, "attach"), {"customer": name})
        if isinstance(attached, Failure):
            return attached
        kept = id_of(attached.unwrap().get("id"))
        if not kept:
            return Failure(ResultUnknown(""))
        refused = self._set_up(name, kept)
        return Failure(refused) if refused else Success(_method(kept, name, attached.unwrap()))

    def methods_of(self, customer: Customer) -> Outcome[tuple[PaymentMethod, ...], NotExecuted]:
        """List a customer's cards, through all customers of Stripe's that carry their id; one just made may be missing for a minute."""
        names = self._search(customer)
        if names is None:
            return Failure(NotExecuted("", "Stripe could not be asked"))
        found: list[PaymentMethod] = []
        for name in names:
            told = self._get(Call("GET", path("payment_methods"), {"customer": name, "type": "card", "limit": 100}))
            if told is None:
                return Failure(NotExecuted("", "Stripe could not be asked"))
            found += [_method(id_of(one.get("id")), name, one) for one in tables(told, "data") if id_of(one.get("id"))]
        return Success(tuple(found))

    def forget(self, customer: Customer, method: PaymentMethod) -> Outcome[None, NotExecuted | ResultUnknown]:
        """Detach a method, if it is this customer's; one that is nobody's any more counts as removed.

        Failures:
            NotExecuted: it is somebody else's, or Stripe could not be asked.
        """
        if not is_id(method.token):
            return Success(None)
        sent = self.channel.send(Call("GET", path("payment_methods", method.token)))
        if isinstance(sent, Answer) and sent.status == 404:
            return Success(None)
        told = _table(sent)
        if told is None:
            return Failure(NotExecuted("", "Stripe could not be asked"))
        name = id_of(told.get("customer"))
        if not name:
            return Success(None)
        owner = self._get(Call("GET", path("customers", name)))
        if owner is None or text(table(owner, "metadata"), CUSTOMER, 255) != customer.id:
            return Failure(NotExecuted("", "it is kept for another customer" if owner else "Stripe could not be asked"))
        detached = self._post(path("payment_methods", method.token, "detach"), {})
        return Success(None) if isinstance(detached, Success) else Failure(ResultUnknown(""))

    def _customer(self, customer: Customer) -> Outcome[str, _Trouble]:
        """Find Stripe's customer with our customer's id, or make one."""
        known = self._search(customer)
        if known:
            return Success(known[0])
        made = self._post(path("customers"), {"metadata": {CUSTOMER: customer.id}})
        if isinstance(made, Failure):
            return made
        name = id_of(made.unwrap().get("id"))
        return Success(name) if name else Failure(ResultUnknown(""))

    def _search(self, customer: Customer) -> tuple[str, ...] | None:
        quoted = customer.id.replace("\\", "\\\\").replace('"', '\\"')
        told = self._get(Call("GET", path("customers", "search"), {"query": f'metadata["{CUSTOMER}"]:"{quoted}"'}))
        if told is None:
            return None
        theirs = [one for one in tables(told, "data") if text(table(one, "metadata"), CUSTOMER, 255) == customer.id]
        return tuple(id_of(one.get("id")) for one in theirs if id_of(one.get("id")))

    def _set_up(self, customer: str, method: str) -> _Trouble | None:
        made = self._post(path("setup_intents"), {"customer": customer, "usage": "off_session"}, method)
        if isinstance(made, Failure):
            return made.failure()
        name = id_of(made.unwrap().get("id"))
        if not name:
            return ResultUnknown("")
        confirmed = self._post(path("setup_intents", name, "confirm"), {"payment_method": method})
        if isinstance(confirmed, Failure):
            return confirmed.failure()
        match text(confirmed.unwrap(), "status"):
            case "succeeded":
                return None
            case "requires_action":
                return Declined("authentication_required", FailureType.AUTHENTICATION_REQUIRED)
            case _:
                return ResultUnknown("")

    def _post(self, where: str, form: dict[str, Any], about: str = "") -> Outcome[Table, _Trouble]:
        key = sha256(repr((where, sorted(form.items(), key=str), about)).encode()).hexdigest()
        sent = self.channel.send(Call("POST", where, form, key))
        told = _table(sent)
        return Success(told) if told is not None else Failure(_trouble(sent))

    def _get(self, call: Call) -> Table | None:
        return _table(self.channel.send(call))


def _table(sent: Sent) -> Table | None:
    return read_table(sent.body, drop_doubled=True) if isinstance(sent, Answer) and sent.status == 200 else None


def _trouble(sent: Sent) -> _Trouble:
    if isinstance(sent, NotSent):
        return NotExecuted("", sent.reason)
    error = table(read_table(sent.body) or {}, "error") if isinstance(sent, Answer) else {}
    problem = read_problem(error)
    if not isinstance(sent, Answer) or problem is None:
        return ResultUnknown("")
    if sent.status == 402 or text(error, "type") == "card_error":
        return Declined(problem.code, problem.failure, hard=problem.hard)
    if sent.status in (400, 401, 403, 404, 429):
        return NotExecuted("", f"Stripe refused with status {sent.status}")
    return ResultUnknown("")


def _method(token: str, customer: str, told: Table) -> PaymentMethod:
    card = table(told, "card")
    expiry = (whole(card, "exp_month"), whole(card, "exp_year"))
    shown = {"brand": text(card, "brand", 50), "last4": text(card, "last4", 4)}
    if None not in expiry:
        shown["expiry"] = f"{expiry[0]:02}/{expiry[1]}"
    display = {name: value for name, value in shown.items() if value}
    return PaymentMethod({"token": token, "customer": customer}, display, single_use=False)
