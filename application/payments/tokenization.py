"""``shop.tokenization``: the browser turns card data into a token; we never see the data."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from returns.result import Failure, Success

from payports.application.kernel.environment import Environment
from payports.domain.cart import Cart, check_cart
from payports.domain.failures import Busy, GatewayUnsupported, PaymentProblem
from payports.domain.input_checks import InvalidInput, check_identifier
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer, check_customer
from payports.domain.payment_method import PaymentMethod, check_method
from payports.ports.tokenization import ClientSession, TokenizationBridge


@attrs.frozen
class Tokenization:
    """Opens sessions for the browser and accepts the tokens that it brings back."""

    _env: Environment

    def open(
        self, gateway: str, cart: Cart, customer: Customer | None = None
    ) -> Outcome[ClientSession, PaymentProblem]:
        """Open a session for the page; its ``for_browser()`` holds publishable data only.

        Failures:
            GatewayUnsupported: no such gateway, or it has no bridge. InvalidInput: the cart or customer. Busy: the gateway gave no session.
        """
        problem = check_cart(cart) or (None if customer is None else check_customer(customer))
        if problem:
            return Failure(problem)
        found = self._bridge(gateway)
        if isinstance(found, Failure):
            return found
        try:
            session: object = found.unwrap().open(gateway, cart, customer)
        except Exception:  # noqa: BLE001 -- an adapter's mistake, or its gateway's; its text may hold secrets
            session = None
        return Success(session) if isinstance(session, ClientSession) else Failure(Busy(f"gateway {gateway}"))

    def accept(self, gateway: str, payload: Mapping[str, object]) -> Outcome[PaymentMethod, PaymentProblem]:
        """Read the token that the browser brought back.

        Failures:
            InvalidInput: no token, unknown fields, or anything that looks like card data; it is stored nowhere. GatewayUnsupported.
        """
        found = self._bridge(gateway)
        if isinstance(found, Failure):
            return found
        if not isinstance(payload, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] -- it comes from a browser
            return Failure(InvalidInput("payload", "must be a mapping"))
        try:
            accepted: Outcome[PaymentMethod, InvalidInput] | None = found.unwrap().accept(payload)
        except Exception:  # noqa: BLE001 -- what an adapter cannot read is refused; its text may hold card data
            accepted = None
        if isinstance(accepted, Success) and (unfit := check_method(accepted.unwrap())):
            return Failure(unfit)
        return accepted or Failure(InvalidInput("payload", "cannot be read"))

    def _bridge(self, gateway: str) -> Outcome[TokenizationBridge, InvalidInput | GatewayUnsupported]:
        if problem := check_identifier("gateway", gateway):
            return Failure(problem)
        found = self._env.gateways.find(gateway, "tokenization")
        if isinstance(found, Failure):
            return found
        bridge = found.unwrap().gateway.bridge
        return Success(bridge) if bridge else Failure(GatewayUnsupported(gateway, "tokenization"))
