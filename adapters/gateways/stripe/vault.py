"""The vault at Stripe: methods of a Stripe customer that carries our customer's id, set up for use off session.

A kept method holds the id of Stripe's customer beside its token; neither is used before Stripe has confirmed whose they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import attrs
from returns.result import Failure, Success

from payports.adapters.gateways.kit.http_results import Answer, NotSent, SendResult
from payports.adapters.gateways.kit.json_reading import JsonObject, integer, nested, nested_list, text
from payports.adapters.gateways.kit.paging import Page, collect_pages
from payports.adapters.gateways.stripe.client import StripeClient
from payports.adapters.gateways.stripe.form import Call, is_id, path
from payports.adapters.gateways.stripe.json_objects import (
    id_of,
    is_list,
    metadata_of,
    own_id,
    payload_of,
    read_page,
    read_payload,
    reference_of,
)
from payports.adapters.gateways.stripe.objects import read_problem
from payports.adapters.gateways.stripe.requests import StripeSettings, selected
from payports.domain.failures import Declined, NotExecuted, ResultUnknown
from payports.domain.input_checks import InvalidInput
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer
from payports.domain.payment_method import PaymentMethod
from payports.domain.transaction_types import FailureType
from payports.ports.gateway import MethodVault

CUSTOMER: Final = "payports_customer"
"""The metadata of a Stripe customer with our customer's id."""

MAX_PAGES: Final = 10
"""Pages of a hundred methods, before Stripe counts as not asked."""

_Trouble = Declined | NotExecuted | ResultUnknown


@attrs.frozen(kw_only=True)
class StripeVault(MethodVault):
    """Customers and their methods at Stripe."""

    client: StripeClient
    settings: StripeSettings

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
        attached = self._attached(name, token)
        if isinstance(attached, Failure):
            return attached
        refused = self._set_up(name, token)
        return Failure(refused) if refused else Success(_method(token, name, attached.unwrap()))

    def methods_of(self, customer: Customer) -> Outcome[tuple[PaymentMethod, ...], NotExecuted]:
        """List a customer's cards, over all Stripe customers that carry their id; a new one may be missing for a minute."""
        names = self._search(customer)
        if names is None:
            return Failure(NotExecuted("", "Stripe could not be asked"))
        found: list[PaymentMethod] = []
        for name in names:
            listed = self._listed(name)
            if listed is None:
                return Failure(NotExecuted("", "Stripe could not be asked"))
            found += [_method(own_id(item), name, item) for item in listed]
        return Success(tuple(found))

    def _listed(self, customer: str) -> tuple[JsonObject, ...] | None:
        """All cards of one Stripe customer; nothing if one of them is not theirs, or the list does not end."""

        def fetch(after: str) -> Page | None:
            more = {"starting_after": after} if after else {}
            call = Call("GET", path("payment_methods"), {"customer": customer, "type": "card", "limit": 100, **more})
            page = read_page(self.client.send(call), call)
            return page if page and all(self._is_theirs(method, customer) for method in page.items) else None

        return collect_pages(fetch, MAX_PAGES)

    def _is_theirs(self, method: JsonObject, customer: str) -> bool:
        return bool(own_id(method)) and reference_of(method, "customer") == customer and self._is_of_our_mode(method)

    def _is_of_our_mode(self, payload: JsonObject) -> bool:
        return payload.get("livemode", self.settings.livemode) is self.settings.livemode

    def _is_ours(self, payload: JsonObject, customer: Customer) -> bool:
        """Tell whether a Stripe customer carries our customer's id."""
        return (metadata_of(payload) or {}).get(CUSTOMER) == customer.id and self._is_of_our_mode(payload)

    def forget(self, customer: Customer, method: PaymentMethod) -> Outcome[None, NotExecuted | ResultUnknown]:
        """Detach a method of this customer; one that belongs to nobody any more counts as removed.

        Failures:
            NotExecuted: it is somebody else's, or Stripe could not be asked.
        """
        if not is_id(method.token):
            return Success(None)
        sent = self.client.send(Call("GET", path("payment_methods", method.token)))
        if isinstance(sent, Answer) and sent.status == 404:
            return Success(None)
        payload = _table(sent)
        if payload is None or own_id(payload) != method.token or not self._is_of_our_mode(payload):
            return Failure(NotExecuted("", "Stripe could not be asked"))
        name = reference_of(payload, "customer")
        if name == "":
            return Success(None)
        owner = self._get(Call("GET", path("customers", name))) if name else None
        if owner is None or own_id(owner) != name:
            return Failure(NotExecuted("", "Stripe could not be asked"))
        if not self._is_ours(owner, customer):
            return Failure(NotExecuted("", "it is kept for another customer"))
        detached = self._post(path("payment_methods", method.token, "detach"))
        gone = isinstance(detached, Success) and _is_detached(detached.unwrap(), method.token)
        return Success(None) if gone else Failure(ResultUnknown(""))

    def _customer(self, customer: Customer) -> Outcome[str, _Trouble]:
        """Find Stripe's customer with our customer's id, or make one."""
        known = self._search(customer)
        if known:
            return Success(known[0])
        made = self._post(path("customers"), {"metadata": {CUSTOMER: customer.id}}, _key("customers", customer.id))
        if isinstance(made, Failure):
            return made
        name = own_id(made.unwrap())
        return Success(name) if name and self._is_ours(made.unwrap(), customer) else Failure(ResultUnknown(""))

    def _search(self, customer: Customer) -> tuple[str, ...] | None:
        quoted = customer.id.replace("\\", "\\\\").replace('"', '\\"')
        query = {"query": f'metadata["{CUSTOMER}"]:"{quoted}"', "limit": 100}
        call = Call("GET", path("customers", "search"), query)
        payload = self._get(call)
        if payload is None or not is_list(payload, call):
            return None
        matching = [item for item in nested_list(payload, "data") if self._is_ours(item, customer)]
        return tuple(own_id(item) for item in matching if own_id(item))

    def _attached(self, customer: str, method: str) -> Outcome[JsonObject, _Trouble]:
        """Attach a method unless it is attached. Attaching is idempotent, so it needs no key, which would repeat an old refusal."""
        known = self._get(Call("GET", path("payment_methods", method)))
        if known is not None and reference_of(known, "customer") == customer and own_id(known) == method:
            return Success(known)
        payload = self._post(path("payment_methods", method, "attach"), {"customer": customer})
        if isinstance(payload, Failure) or own_id(payload.unwrap()) == method:
            return payload
        return Failure(ResultUnknown(""))

    def _set_up(self, customer: str, method: str) -> _Trouble | None:
        """Have the bank agree to use off session, unless it has.

        A customer and method share one setup intent a day, and the key of its confirmation contains its state: so the next call does not
        repeat an old refusal, and a confirmation that was lost or is pending is not done twice.
        """
        form = {"customer": customer, "usage": "off_session", **selected(self.settings, redirects=False)}
        made = self._post(path("setup_intents"), form, _key(customer, method))
        if isinstance(made, Failure):
            return made.failure()
        name = own_id(made.unwrap())
        payload = self._get(Call("GET", path("setup_intents", name))) if name else None
        if payload is None or own_id(payload) != name:
            return ResultUnknown("")
        if payload.get("status") in ("requires_payment_method", "requires_confirmation"):
            key = _key(name, text(payload, "status"), id_of(payload.get("latest_attempt")))
            confirmed = self._post(path("setup_intents", name, "confirm"), {"payment_method": method}, key)
            if isinstance(confirmed, Failure):
                return confirmed.failure()
            payload = confirmed.unwrap()
        match text(payload, "status"):
            case "succeeded" if (reference_of(payload, "customer"), reference_of(payload, "payment_method")) == (
                customer,
                method,
            ):
                return None
            case "requires_action":
                return Declined("authentication_required", FailureType.AUTHENTICATION_REQUIRED)
            case _:
                return ResultUnknown("")

    def _post(self, where: str, form: Mapping[str, Any] | None = None, key: str = "") -> Outcome[JsonObject, _Trouble]:
        sent = self.client.send(Call("POST", where, form or {}, key))
        payload = _table(sent)
        return Success(payload) if payload is not None else Failure(_trouble(sent))

    def _get(self, call: Call) -> JsonObject | None:
        return _table(self.client.send(call))


def _is_detached(payload: JsonObject, method: str) -> bool:
    return own_id(payload) == method and reference_of(payload, "customer") == ""


def _key(*about: str) -> str:
    return sha256(repr(about).encode()).hexdigest()


def _table(sent: SendResult) -> JsonObject | None:
    """A good answer; nothing if there is none or it is no object."""
    return payload_of(sent) or None


def _trouble(sent: SendResult) -> _Trouble:
    if isinstance(sent, NotSent):
        return NotExecuted("", sent.reason)
    error = nested(read_payload(sent), "error") if isinstance(sent, Answer) else {}
    problem = read_problem(error)
    if not isinstance(sent, Answer) or problem is None:
        return ResultUnknown("")
    if sent.status == 402 or text(error, "type") == "card_error":
        return Declined(problem.code, problem.failure, hard=problem.hard)
    if sent.status in (400, 401, 403, 404, 429):
        return NotExecuted("", f"Stripe refused with status {sent.status}")
    return ResultUnknown("")


def _method(token: str, customer: str, payload: JsonObject) -> PaymentMethod:
    card = nested(payload, "card")
    expiry = (integer(card, "exp_month"), integer(card, "exp_year"))
    shown = {"brand": text(card, "brand", 50), "last4": text(card, "last4", 4)}
    if None not in expiry:
        shown["expiry"] = f"{expiry[0]:02}/{expiry[1]}"
    display = {name: value for name, value in shown.items() if value}
    return PaymentMethod({"token": token, "customer": customer}, display, single_use=False)
