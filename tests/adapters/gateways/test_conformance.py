"""Our own gateways under the suite that third parties run on theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from payports.adapters.gateways import offline, sandbox, stored_value
from payports.adapters.gateways.kit.webhook_secrets import WebhookSecrets
from payports.adapters.gateways.sandbox.webhooks import sandbox_webhooks
from payports.domain.observation import Observation
from payports.domain.payment_method import PaymentMethod
from payports.domain.secret import Secret
from payports.ports.gateway import Gateway, WebhookReader
from payports.testing import Effect, FixedClock, RemoteSandboxBank, SandboxBank, serving
from payports.testing.gateway_conformance import GatewayConformance
from tests.adapters.gateways.fixtures import a_context

SCENARIOS = {
    "approved": "tok_approved",
    "declined": "tok_declined",
    "declined_hard": "tok_declined_hard",
    "invalid": "tok_that_nobody_knows",
    "partial": "tok_partial",
    "action": "tok_3ds",
    "async": "tok_async",
    "unreachable": "tok_unreachable",
    "lost_done": "tok_timeout_charged",
    "lost_not_done": "tok_timeout_not_charged",
    "error_done": "tok_server_error",
    "error_not_done": "tok_server_error_not_charged",
    "garbage": "tok_garbage",
    "wrong_amount": "tok_wrong_amount",
}


class SandboxConformance(GatewayConformance):
    bank: SandboxBank | RemoteSandboxBank
    options: ClassVar[Mapping[str, object]] = {}

    def open_bank(self) -> SandboxBank | RemoteSandboxBank:
        return SandboxBank()

    def connect(self, folder: Path) -> Gateway:  # noqa: ARG002 -- all is kept in memory
        self.clock = FixedClock()
        self.bank = self.open_bank()
        return sandbox.connect(a_context(clock=self.clock, attachments={"bank": self.bank}, options=self.options))

    def disconnect(self) -> None:
        self.bank.close()

    def method(self, scenario: str) -> PaymentMethod | None:
        return PaymentMethod({"token": SCENARIOS[scenario]})

    def effects(self) -> Sequence[Effect] | None:
        return self.bank.effects()

    def notifications(self) -> Sequence[tuple[Mapping[str, str], bytes]] | None:
        return self.bank.webhooks()

    def reader_with_another_secret(self) -> WebhookReader | None:
        return sandbox_webhooks(WebhookSecrets(Secret("another secret of 16 bytes")), self.gateway.account)

    def finish_action(self, seen: Observation, *, approve: bool) -> bool:
        try:
            self.bank.complete_action(seen.gateway_reference, approve)
        except ValueError:
            return False  # nothing waits for the shopper any more
        return True

    def settle(self, capture: Observation) -> bool:  # noqa: ARG002 -- the bank settles them all
        return self.bank.settle() > 0

    def now(self) -> datetime:
        return self.clock.now()


class TestSandboxInProcess(SandboxConformance): ...


class TestSandboxOverHttp(SandboxConformance):
    def open_bank(self) -> RemoteSandboxBank:
        self.stack = ExitStack()
        return self.stack.enter_context(serving())

    def disconnect(self) -> None:
        self.stack.close()


class TestSandboxThatReleasesTheRest(SandboxConformance):
    options: ClassVar[Mapping[str, object]] = {"partial_capture": "RELEASES_REST", "refund_requires_settlement": True}


class TestSandboxThatCapturesWhole(SandboxConformance):
    options: ClassVar[Mapping[str, object]] = {"partial_capture": "NONE", "detached_credit": True}


class TestStoredValue(GatewayConformance):
    def connect(self, folder: Path) -> Gateway:  # noqa: ARG002 -- all is kept in memory
        gateway = stored_value.connect(a_context("gift"))
        if not isinstance(gateway.transactions, stored_value.StoredValueGateway):
            raise TypeError
        self.ledger = gateway.transactions.ledger
        self.ledger.issue("gift-full", self.amount + self.amount, "issue-1")
        for number in range(100):
            self.ledger.issue("gift-full", self.amount, f"again-{number}")
        self.ledger.issue("gift-short", self.part(1, 2), "issue-2")
        return gateway

    def disconnect(self) -> None:
        self.ledger.close()

    def method(self, scenario: str) -> PaymentMethod | None:
        numbers = {
            "approved": "gift-full",
            "declined": "gift-short",
            "declined_hard": "gift-nobody",
            "invalid": "",
        }
        return PaymentMethod({"token": numbers[scenario]}) if scenario in numbers else None

    def effects(self) -> Sequence[Effect] | None:
        return self.ledger.effects()


class TestOffline(GatewayConformance):
    def connect(self, folder: Path) -> Gateway:  # noqa: ARG002 -- all is kept in memory
        return offline.connect(a_context("cheque"))

    def method(self, scenario: str) -> PaymentMethod | None:
        return PaymentMethod({}) if scenario in ("approved", "async") else None
