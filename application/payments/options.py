"""``shop.options``: what a cart may be paid with."""

from __future__ import annotations

import attrs
from returns.result import Failure, Success

from payports.application.kernel.environment import Environment
from payports.domain.cart import Cart, check_cart
from payports.domain.failures import PaymentProblem
from payports.domain.options import OfferedOption, PaymentOption, offer_options
from payports.domain.outcome import Outcome
from payports.domain.payment_method import PaymentType


@attrs.frozen
class Options:
    """Lists payment options."""

    _env: Environment

    def for_cart(self, cart: Cart) -> Outcome[tuple[OfferedOption, ...], PaymentProblem]:
        """List the options to render for a cart, in the configured order; where none are configured, every gateway for cards.

        Failures:
            InvalidInput: the cart cannot be paid for.
        """
        if problem := check_cart(cart):
            return Failure(problem)
        every = tuple(PaymentOption(gateway=name, types=(PaymentType.CREDIT_CARD,)) for name in self._env.gateways)
        return Success(offer_options(self._env.policy.options or every, cart))
