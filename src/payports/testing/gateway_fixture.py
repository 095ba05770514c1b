"""The base of the gateway conformance suite: hooks for the author of an adapter, and checks that all tests share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import ClassVar, Final, NoReturn

import attrs
import pytest

from payports.adapters.configuration.system_clock import SystemClock, SystemIds
from payports.adapters.gateways.ledger.entries import Effect
from payports.domain.capabilities import Capabilities
from payports.domain.lifecycle import AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.payment import Owner
from payports.domain.payment_method import PaymentMethod, PaymentType
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.adapter import AdapterContext
from payports.ports.gateway import Gateway, NotFoundYet, PaymentRequest, WebhookReader

REFUSED: Final = frozenset({TransactionStatus.DECLINED, TransactionStatus.NOT_EXECUTED})

SCENARIOS: Final = (
    "approved",
    "declined",
    "declined_hard",
    "invalid",
    "partial",
    "action",
    "async",
    "unreachable",
    "lost_done",
    "lost_not_done",
    "error_done",
    "error_not_done",
    "garbage",
    "wrong_amount",
)
"""What a payment method can make happen. ``invalid``: an unknown token; ``lost``: no answer arrives; ``error``: status 500."""

UNKNOWN_SCENARIOS: Final = ("lost_done", "lost_not_done", "error_done", "error_not_done", "garbage")


def expect(condition: bool, message: str) -> None:
    """Fail the test unless the condition holds, also under ``python -O``."""
    if not condition:
        raise AssertionError(message)


def not_offered(what: str) -> NoReturn:
    """Skip the test because the gateway does not offer something."""
    pytest.skip(f"{what}: not offered")


class GatewayFixture:
    """The hooks. Only ``connect`` and ``method`` must be overridden. Each test gets its own instance and its own gateway."""

    amount: ClassVar[Money] = Money.of("10.00", "EUR")
    """The amount that the tests authorize: an even number of minor units, at least 10."""
    other_amount: ClassVar[Money] = Money.of("10.00", "USD")
    """An amount in another currency."""
    payment_type: ClassVar[PaymentType] = PaymentType.CREDIT_CARD
    webhook_tolerance: ClassVar[timedelta | None] = timedelta(minutes=5)
    """The accepted age of a notification's timestamp; ``None`` if the signature scheme has no timestamp."""

    gateway: Gateway

    def connect(self, folder: Path) -> Gateway:
        """Build the gateway with a fresh account or server. ``folder`` is an empty folder for it."""
        raise NotImplementedError

    def context(self, **options: object) -> AdapterContext:
        """What to call a factory with: the options of the gateway, secrets as ``Secret``; the system's clock and ids."""
        return AdapterContext(name="conformance", options=options, clock=SystemClock(), ids=SystemIds())

    def disconnect(self) -> None:
        """Stop what ``connect`` started."""

    def method(self, scenario: str) -> PaymentMethod | None:
        """Give a method that produces the scenario, one of ``SCENARIOS``, for an initiating transaction; ``None`` if no method does."""
        raise NotImplementedError

    def effects(self) -> Sequence[Effect] | None:
        """List what really happened at the gateway so far; ``None`` if that cannot be known without the adapter."""
        return None

    def notifications(self) -> Sequence[tuple[Mapping[str, str], bytes]] | None:
        """Take the notifications since the last call; ``None`` if the gateway sends none."""
        return None

    def reader_with_another_secret(self) -> WebhookReader | None:
        """Build a webhook reader for the same account with another secret; ``None`` if there is none."""
        return None

    def finish_action(self, seen: Observation, *, approve: bool) -> bool:  # noqa: ARG002 -- the port asks for it
        """Finish the action as the shopper; ``False`` if that is not possible."""
        return False

    def settle(self, capture: Observation) -> bool:  # noqa: ARG002 -- the port asks for it
        """Settle a capture; ``False`` if that is not possible."""
        return False

    def now(self) -> datetime:
        """The current time of the adapter's clock."""
        return datetime.now(UTC)

    @pytest.fixture(autouse=True)
    def _connected(self, tmp_path: Path) -> Iterator[None]:
        self._numbers = count(1)
        self._run = token_hex(4)
        self.gateway = self.connect(tmp_path)
        yield
        self.disconnect()

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities of the gateway."""
        return self.gateway.transactions.capabilities

    @property
    def initiating(self) -> TransactionType:
        """A type that starts a payment at this gateway: AUTHORIZE if it has it."""
        return AUTHORIZE if self.capabilities.supports(AUTHORIZE) else AUTHORIZE_AND_CAPTURE

    def request(
        self,
        kind: TransactionType,
        amount: Money | None = None,
        *,
        scenario: str = "approved",
        on: Observation | None = None,
        key: str = "",
    ) -> PaymentRequest:
        """Build a request, with ``on`` as its parent transaction if it has one."""
        method = self.method(scenario)
        if method is None:
            not_offered(f"a method that is {scenario}")
        return PaymentRequest(
            transaction_id=key or f"conformance-{self._run}-{next(self._numbers)}",
            type=kind,
            amount=amount or self.amount,
            payment_id=f"payment-{self._run}",
            owner=Owner("cart", f"cart-{self._run}"),
            method=method,
            payment_type=self.payment_type,
            sent_at=self.now(),
            parent_id=on.transaction_id if on else "",
            parent_reference=on.gateway_reference if on else "",
            parent_attributes=dict(on.attributes) if on else {},
            return_url="https://shop.example/return?token=t",
        )

    def execute(self, request: PaymentRequest) -> Observation:
        """Execute a request, and check what holds for every answer."""
        if not self.capabilities.supports(request.type):
            not_offered(request.type.value)
        response = self.gateway.transactions.execute(request)
        token = request.method.token
        expect(not token or token not in response.raw, "the raw response contains the token")
        self.check(response.seen, request, Channel.ANSWER)
        return response.seen

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        """Look a transaction up, and check what holds for every result."""
        found = self.gateway.transactions.look_up(request, fence=fence)
        if isinstance(found, Observation):
            self.check(found, request, Channel.LOOK_UP)
        return found

    def check(self, seen: Observation, request: PaymentRequest, channel: Channel) -> None:
        """Check that an observation is complete, and belongs to the request."""
        expect(seen.channel is channel, f"the channel should be {channel}, but is {seen.channel}")
        expect(seen.transaction_id in ("", request.transaction_id), "the observation carries another transaction id")
        expect(seen.account in ("", self.gateway.account), "the observation carries another account")
        expect(
            seen.status is not TransactionStatus.SENDING_TO_PROCESSOR, "a gateway must not report SENDING_TO_PROCESSOR"
        )
        match seen.status:
            case TransactionStatus.SUCCEEDED:
                self._check_success(seen, request)
            case TransactionStatus.DECLINED:
                expect(seen.failure_type is not None, "a decline must carry a failure type")
            case TransactionStatus.REQUIRES_ACTION:
                action = seen.next_action
                expect(
                    action is not None and bool(action.url or action.fields),
                    "an action must have a URL or fields to post",
                )
            case _:
                pass

    def done(self, kind: TransactionType, amount: Money | None = None, *, on: Observation | None = None) -> Observation:
        """Execute a request that must succeed; skip the test if this gateway decides it later."""
        seen = self.execute(self.request(kind, amount, on=on))
        if seen.status is TransactionStatus.AWAITING_RESULT:
            not_offered(f"{kind} at once")
        expect(seen.status is TransactionStatus.SUCCEEDED, f"{kind} should succeed, but is {seen.status} ({seen.code})")
        return attrs.evolve(seen, transaction_id="")

    def refused(self, kind: TransactionType, amount: Money | None = None, *, on: Observation | None = None) -> None:
        """Execute a request that must be refused without an effect."""
        request = self.request(kind, amount, on=on)
        seen = self.execute(request)
        expect(seen.status in REFUSED, f"{kind} of {request.amount} should be refused, but is {seen.status}")
        self.expect_effects(request, 0)

    def captured(self, amount: Money | None = None) -> Observation:
        """Capture in as few steps as the gateway offers."""
        if self.capabilities.supports(AUTHORIZE_AND_CAPTURE):
            return self.done(AUTHORIZE_AND_CAPTURE, amount)
        return self.done(CAPTURE, amount, on=self.done(AUTHORIZE, amount))

    def expect_effects(self, request: PaymentRequest, number: int) -> None:
        """Expect this number of effects of a transaction, if ``effects`` is overridden."""
        effects = self.effects()
        if effects is not None:
            matching = [effect for effect in effects if effect.transaction_id == request.transaction_id]
            expect(
                len(matching) == number,
                f"expected {number} effects of {request.type}, but there are {len(matching)}: {matching}",
            )

    def part(self, numerator: int, denominator: int) -> Money:
        """A fraction of ``amount``."""
        return Money(self.amount.minor * numerator // denominator, self.amount.currency)

    def _check_success(self, seen: Observation, request: PaymentRequest) -> None:
        expect(bool(seen.gateway_reference), "a success must have a gateway reference")
        expect(seen.amount is not None, "a success must have an amount")
        if seen.amount is not None and seen.amount != request.amount:
            fits = seen.partial and seen.amount.currency == request.amount.currency and seen.amount < request.amount
            expect(fits, f"the request was for {request.amount}, but the success is for {seen.amount}")
