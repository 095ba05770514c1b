"""What the suite for gateways stands on: the hooks that an adapter's author fills in, and the checks that all its parts share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import ClassVar, Final, NoReturn

import attrs
import pytest

from payports.adapters.gateways.book.entries import Effect
from payports.domain.capabilities import Capabilities
from payports.domain.lifecycle import AUTHORIZE, AUTHORIZE_AND_CAPTURE, CAPTURE
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.payment import Owner
from payports.domain.payment_method import PaymentMethod, PaymentType
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.gateway import Gateway, NotFoundYet, PaymentRequest, WebhookReader

REFUSED: Final = frozenset({TransactionStatus.DECLINED, TransactionStatus.NOT_EXECUTED})

MOODS: Final = (
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
"""What the suite asks methods for. ``invalid``: a token that the gateway does not know; ``lost``: no answer came; ``error``: status 500."""

UNKNOWN_MOODS: Final = ("lost_done", "lost_not_done", "error_done", "error_not_done", "garbage", "wrong_amount")


def expect(condition: bool, message: str) -> None:
    """Fail the test, also under ``python -O``."""
    if not condition:
        raise AssertionError(message)


def not_offered(what: str) -> NoReturn:
    """Skip the test, and say what this gateway does not offer."""
    pytest.skip(f"{what}: not offered")


class GatewayRig:
    """The hooks. Only ``connect`` and ``method`` must be overridden; each test has an instance, and a gateway, of its own."""

    amount: ClassVar[Money] = Money.of("10.00", "EUR")
    """What the tests authorise: an even number of minor units, at least 10."""
    other_amount: ClassVar[Money] = Money.of("10.00", "USD")
    """Another currency."""
    payment_type: ClassVar[PaymentType] = PaymentType.CREDIT_CARD
    webhook_tolerance: ClassVar[timedelta | None] = timedelta(minutes=5)
    """How far off a notification's timestamp may be; ``None`` if the scheme has none."""

    gateway: Gateway

    def connect(self, folder: Path) -> Gateway:
        """Build the gateway against a fresh account or server; ``folder`` is there for it alone."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Stop what ``connect`` started."""

    def method(self, mood: str) -> PaymentMethod | None:
        """Give a method that makes an initiating transaction go so; ``None`` if that cannot be arranged. ``mood`` is one of ``MOODS``."""
        raise NotImplementedError

    def effects(self) -> Sequence[Effect] | None:
        """Tell what really happened at the gateway so far, if that can be known apart from the adapter."""
        return None

    def notifications(self) -> Sequence[tuple[Mapping[str, str], bytes]] | None:
        """Take the notifications that came since the last call, if the gateway sends any."""
        return None

    def reader_with_another_secret(self) -> WebhookReader | None:
        """A reader of the same account that knows another secret."""
        return None

    def finish_action(self, seen: Observation, *, approve: bool) -> bool:  # noqa: ARG002 -- the port asks for it
        """Do what the shopper must do; ``False`` if that cannot be arranged."""
        return False

    def settle(self, capture: Observation) -> bool:  # noqa: ARG002 -- the port asks for it
        """Let a capture be settled; ``False`` if that cannot be arranged."""
        return False

    def now(self) -> datetime:
        """The time that the adapter goes by."""
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
        """What the gateway says that it can do."""
        return self.gateway.transactions.capabilities

    def request(
        self,
        kind: TransactionType,
        amount: Money | None = None,
        *,
        mood: str = "approved",
        on: Observation | None = None,
        key: str = "",
    ) -> PaymentRequest:
        """Ask for a transaction, on top of one that was seen or on its own."""
        method = self.method(mood)
        if method is None:
            not_offered(f"a method that is {mood}")
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
        """Execute, and check what every answer must keep to."""
        if not self.capabilities.supports(request.type):
            not_offered(request.type.value)
        response = self.gateway.transactions.execute(request)
        token = request.method.token
        expect(not token or token not in response.raw, "the raw answer that is kept holds the token")
        self.check(response.seen, request, Channel.ANSWER)
        return response.seen

    def look_up(self, request: PaymentRequest, *, fence: bool = False) -> Observation | NotFoundYet:
        """Look up, and check what every finding must keep to."""
        found = self.gateway.transactions.look_up(request, fence=fence)
        if isinstance(found, Observation):
            self.check(found, request, Channel.LOOK_UP)
        return found

    def check(self, seen: Observation, request: PaymentRequest, channel: Channel) -> None:
        """Check that an observation is whole, and about what was asked."""
        expect(seen.channel is channel, f"the channel is {seen.channel}, not {channel}")
        expect(seen.transaction_id in ("", request.transaction_id), "it is about another transaction")
        expect(seen.account in ("", self.gateway.account), "it is about another account")
        expect(seen.status is not TransactionStatus.SENDING_TO_PROCESSOR, "a gateway never says that we are sending")
        match seen.status:
            case TransactionStatus.SUCCEEDED:
                self._check_success(seen, request)
            case TransactionStatus.DECLINED:
                expect(seen.failure_type is not None, "a decline carries a failure type")
            case TransactionStatus.REQUIRES_ACTION:
                action = seen.next_action
                expect(
                    action is not None and bool(action.url or action.fields), "an action says where, or what to post"
                )
            case TransactionStatus.AWAITING_RESULT:
                expect(self.capabilities.asynchronous, "only an asynchronous gateway lets wait")
            case _:
                pass

    def done(self, kind: TransactionType, amount: Money | None = None, *, on: Observation | None = None) -> Observation:
        """Execute what must succeed; skips what this gateway decides later."""
        seen = self.execute(self.request(kind, amount, on=on))
        if seen.status is TransactionStatus.AWAITING_RESULT:
            not_offered(f"{kind} at once")
        expect(seen.status is TransactionStatus.SUCCEEDED, f"{kind} should succeed, but is {seen.status} ({seen.code})")
        return attrs.evolve(seen, transaction_id="")

    def refused(self, kind: TransactionType, amount: Money | None = None, *, on: Observation | None = None) -> None:
        """Execute what must be refused, and leave no effect."""
        request = self.request(kind, amount, on=on)
        seen = self.execute(request)
        expect(seen.status in REFUSED, f"{kind} of {request.amount} should be refused, but is {seen.status}")
        self.expect_effects(request, 0)

    def captured(self, amount: Money | None = None) -> Observation:
        """Capture by the shortest way that the gateway offers."""
        if self.capabilities.supports(AUTHORIZE_AND_CAPTURE):
            return self.done(AUTHORIZE_AND_CAPTURE, amount)
        return self.done(CAPTURE, amount, on=self.done(AUTHORIZE, amount))

    def expect_effects(self, request: PaymentRequest, number: int) -> None:
        """Expect so many effects of a transaction, if the truth can be known."""
        effects = self.effects()
        if effects is not None:
            found = [effect for effect in effects if effect.transaction_id == request.transaction_id]
            expect(len(found) == number, f"{len(found)} effects of {request.type}, expected {number}: {found}")

    def part(self, numerator: int, denominator: int) -> Money:
        """A part of the amount."""
        return Money(self.amount.minor * numerator // denominator, self.amount.currency)

    def _check_success(self, seen: Observation, request: PaymentRequest) -> None:
        expect(bool(seen.gateway_reference), "a success names its reference")
        expect(seen.amount is not None, "a success names its amount")
        if seen.amount is not None and seen.amount != request.amount:
            fits = seen.partial and seen.amount.currency == request.amount.currency and seen.amount < request.amount
            expect(fits, f"a success for {seen.amount}, asked for {request.amount}")
