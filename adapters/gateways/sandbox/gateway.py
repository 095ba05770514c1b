"""The sandbox gateway and its vault, over any transport."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Final

import attrs
from returns.result import Failure, Success

from payports.adapters.gateways.kit.http_results import Answer, NotSent
from payports.adapters.gateways.kit.json_reading import read_object, text
from payports.adapters.gateways.ledger.rules import AUTHORIZATION_LIFETIME, AccountTerms
from payports.adapters.gateways.sandbox.messages import EXECUTE, FORGET, KEEP, LOOK_UP, METHODS
from payports.adapters.gateways.sandbox.translation import (
    execution_message,
    inquiry_message,
    read_answer,
    read_inquiry,
)
from payports.adapters.gateways.sandbox.transports import BankTransport
from payports.domain.capabilities import FOREVER, USUAL_TYPES, Capabilities, LookUp, ReverseAuthorization
from payports.domain.failures import Declined, NotExecuted, ResultUnknown
from payports.domain.input_checks import InvalidInput
from payports.domain.lifecycle import DETACHED_CREDIT, INITIATING, SETTLED
from payports.domain.observation import Channel, Observation
from payports.domain.outcome import Outcome
from payports.domain.payment import Customer
from payports.domain.payment_method import PaymentMethod, PaymentType
from payports.domain.transaction_types import FailureType
from payports.ports.gateway import (
    ExternalActions,
    MethodVault,
    NotFoundYet,
    PaymentRequest,
    PaymentResponse,
    PaymentValidator,
    TransactionGateway,
)

HOSTED_TOKEN: Final = "tok_hosted"  # noqa: S105 -- the name of a scenario


@cache
def capabilities_of(terms: AccountTerms) -> Capabilities:
    """Describe what the bank can do under an account's terms."""
    return Capabilities(
        types=USUAL_TYPES | {SETTLED, DETACHED_CREDIT},
        partial_capture=terms.partial_capture,
        partial_refund=True,
        reverse_authorization=ReverseAuthorization.PARTIAL,
        void_restores_hold=True,
        refund_requires_settlement=terms.refund_requires_settlement,
        reports_settlement=True,
        detached_credit=terms.detached_credit,
        idempotency_window=FOREVER,
        look_up=LookUp.BY_KEY,
        in_flight_bound=timedelta(minutes=1),
        fences=True,
        authorization_lifetime=AUTHORIZATION_LIFETIME,
    )


@attrs.frozen(kw_only=True)
class SandboxGateway(TransactionGateway, ExternalActions, PaymentValidator):
    """Transactions at the bank. ``hosted_page``: methods need no token, the shopper chooses on the bank's page."""

    transport: BankTransport
    account: str
    terms: AccountTerms
    hosted_page: bool = False

    @property
    def capabilities(self) -> Capabilities:
        """Describe what the bank can do under these terms."""
        return capabilities_of(self.terms)

    def execute(self, request: PaymentRequest) -> PaymentResponse:
        """Send one transaction."""
        message = execution_message(request, self.account, self.terms, self._token(request))
        return read_answer(self.transport.post(EXECUTE, message), request, self.account)

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        """Look up by our key; with ``fence`` the bank makes an unknown key unusable."""
        return self._inquire(request, Channel.LOOK_UP, fence=fence)

    def confirm(self, request: PaymentRequest, params: Mapping[str, str]) -> Observation | NotFoundYet:  # noqa: ARG002 -- the port asks for it
        """Look up how the action ended; the browser's parameters are not needed."""
        return self._inquire(request, Channel.RETURN)

    def give_up(self, request: PaymentRequest) -> Observation | NotFoundYet:
        """Cancel an action that the shopper has not completed."""
        return self._inquire(request, Channel.LOOK_UP, give_up=True)

    def check(self, method: PaymentMethod, payment_type: PaymentType) -> InvalidInput | None:  # noqa: ARG002 -- the port asks for it
        """Require a token."""
        if method.token or self.hosted_page:
            return None
        return InvalidInput("method.properties.token", "is missing")

    def _inquire(self, request: PaymentRequest, channel: Channel, **flags: bool) -> Observation | NotFoundYet:
        message = {**inquiry_message(request, self.account), **flags}
        return read_inquiry(self.transport.post(LOOK_UP, message), request, self.account, channel)

    def _token(self, request: PaymentRequest) -> str:
        if request.type not in INITIATING and request.type is not DETACHED_CREDIT:
            return ""
        return request.method.token or (HOSTED_TOKEN if self.hosted_page else "")


@attrs.frozen
class SandboxVault(MethodVault):
    """Multi-use tokens at the bank; each keeps the scenario of the token that it was made from."""

    transport: BankTransport
    account: str

    def keep(
        self, customer: Customer, method: PaymentMethod
    ) -> Outcome[PaymentMethod, InvalidInput | Declined | NotExecuted | ResultUnknown]:
        """Exchange a token for a multi-use one.

        Failures:
            Declined: the bank does not know the token.
            NotExecuted, ResultUnknown: the bank could not be asked, or did not answer.
        """
        if not method.token:
            return Failure(InvalidInput("method.properties.token", "is missing"))
        message = {"account": self.account, "customer": customer.id, "token": method.token}
        sent = self.transport.post(KEEP, message)
        if isinstance(sent, NotSent):
            return Failure(NotExecuted("", sent.reason))
        if isinstance(sent, Answer) and sent.status == 402:
            return Failure(Declined("invalid_token", FailureType.INVALID_PAYMENT_METHOD, hard=True))
        token = text(read_object(sent.body) or {}, "token") if isinstance(sent, Answer) and sent.status == 200 else ""
        if not token:
            return Failure(ResultUnknown(""))
        return Success(PaymentMethod({"token": token}, method.display, single_use=False))

    def methods_of(self, customer: Customer) -> Outcome[tuple[PaymentMethod, ...], NotExecuted]:
        """List a customer's tokens."""
        sent = self.transport.post(METHODS, {"account": self.account, "customer": customer.id})
        document = read_object(sent.body) if isinstance(sent, Answer) and sent.status == 200 else None
        tokens = document.get("tokens") if document else None
        if not isinstance(tokens, list):
            return Failure(NotExecuted("", "the bank could not be asked"))
        kept: list[object] = tokens  # pyright: ignore[reportUnknownVariableType] -- checked next, one by one
        return Success(
            tuple(
                PaymentMethod({"token": token}, single_use=False) for token in kept if isinstance(token, str) and token
            )
        )

    def forget(self, customer: Customer, method: PaymentMethod) -> Outcome[None, NotExecuted | ResultUnknown]:
        """Remove a token."""
        message = {"account": self.account, "customer": customer.id, "token": method.token}
        sent = self.transport.post(FORGET, message)
        if isinstance(sent, NotSent):
            return Failure(NotExecuted("", sent.reason))
        if not isinstance(sent, Answer) or sent.status != 200:
            return Failure(ResultUnknown(""))
        return Success(None)
