"""Conformance of answers: every scenario, repeated requests, and look-ups."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payports.domain.capabilities import LookUp
from payports.domain.judgement import judge
from payports.domain.lifecycle import (
    CAPTURE,
    INITIATING,
    OBSERVED_ONLY,
    REFUND,
    SETTLED,
    VOID,
)
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.gateway import NotFoundYet, PaymentRequest
from payports.testing.gateway_fixture import REFUSED, SCENARIOS, UNKNOWN_SCENARIOS, GatewayFixture, expect, not_offered

_BOTH_INITIATING = pytest.mark.parametrize("kind", sorted(INITIATING))


class GatewayAnswers(GatewayFixture):
    """Tests of capabilities, answers, idempotency and look-ups."""

    def test_the_capabilities_agree_with_each_other(self) -> None:
        can = self.capabilities
        expect(bool(can.types & INITIATING), "the capabilities name no type that starts a payment")
        expect(not can.types & OBSERVED_ONLY, "the capabilities name a type that can only be observed, never requested")
        expect(
            not can.void_restores_hold or {VOID, CAPTURE} <= can.types,
            "void_restores_hold needs the types VOID and CAPTURE",
        )
        expect(not can.partial_refund or REFUND in can.types, "partial_refund needs the type REFUND")
        expect(not can.partial_void or VOID in can.types, "partial_void needs the type VOID")
        settles = can.reports_settlement or SETTLED in can.types
        expect(
            not can.refund_requires_settlement or settles,
            "refund_requires_settlement needs reports_settlement or the type SETTLED",
        )
        expect(not can.fences or can.look_up is LookUp.BY_KEY, "fences needs look_up = BY_KEY")
        durations = (
            can.in_flight_bound,
            can.look_up_reliable_after,
            can.idempotency_window,
            can.authorization_lifetime or timedelta(),
        )
        expect(min(durations) >= timedelta(), "a duration of the capabilities is negative")

    @_BOTH_INITIATING
    @pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "wrong_amount"])
    def test_every_scenario_is_answered_soundly(self, scenario: str, kind: TransactionType) -> None:
        self.execute(self.request(kind, scenario=scenario))

    @_BOTH_INITIATING
    def test_an_approval_has_one_effect(self, kind: TransactionType) -> None:
        request = self.request(kind)
        seen = self.execute(request)
        expect(
            seen.status in (TransactionStatus.SUCCEEDED, TransactionStatus.AWAITING_RESULT),
            f"an approved request is {seen.status}",
        )
        self.expect_effects(request, int(seen.status is TransactionStatus.SUCCEEDED))

    @_BOTH_INITIATING
    @pytest.mark.parametrize("scenario", ["declined", "declined_hard", "invalid"])
    def test_a_decline_tells_hard_from_soft_and_has_no_effect(self, scenario: str, kind: TransactionType) -> None:
        request = self.request(kind, scenario=scenario)
        seen = self.execute(request)
        if scenario == "invalid":
            expect(seen.status in REFUSED, f"an invalid token should be refused, but the status is {seen.status}")
        else:
            expect(seen.status is TransactionStatus.DECLINED, f"expected DECLINED, but the status is {seen.status}")
            expect(seen.hard is (scenario == "declined_hard"), f"the scenario is {scenario}, but hard is {seen.hard}")
            expect(bool(seen.code), "a decline must carry a code")
        self.expect_effects(request, 0)

    @_BOTH_INITIATING
    def test_a_partial_approval_is_declared(self, kind: TransactionType) -> None:
        request = self.request(kind, scenario="partial")
        seen = self.execute(request)
        expect(
            seen.status is TransactionStatus.SUCCEEDED and seen.partial,
            f"expected a partial success, but got {seen.status}, partial={seen.partial}",
        )
        expect(
            seen.amount is not None and seen.amount < request.amount,
            f"a partial approval of {request.amount} reports {seen.amount}",
        )
        for effect in self.effects() or ():
            expect(effect.amount == seen.amount, f"{effect.amount} moved, but the answer says {seen.amount}")

    @_BOTH_INITIATING
    def test_what_needs_the_shopper_has_no_effect_before(self, kind: TransactionType) -> None:
        request = self.request(kind, scenario="action")
        seen = self.execute(request)
        expect(
            seen.status is TransactionStatus.REQUIRES_ACTION,
            f"expected REQUIRES_ACTION, but the status is {seen.status}",
        )
        self.expect_effects(request, 0)

    @_BOTH_INITIATING
    def test_an_unreachable_gateway_did_nothing(self, kind: TransactionType) -> None:
        request = self.request(kind, scenario="unreachable")
        seen = self.execute(request)
        expect(
            seen.status is TransactionStatus.NOT_EXECUTED,
            f"an unreachable gateway means NOT_EXECUTED, but the status is {seen.status}",
        )
        self.expect_effects(request, 0)

    @_BOTH_INITIATING
    @pytest.mark.parametrize("scenario", UNKNOWN_SCENARIOS)
    def test_no_usable_answer_is_an_unknown_result(self, scenario: str, kind: TransactionType) -> None:
        request = self.request(kind, scenario=scenario)
        seen = self.execute(request)
        expect(
            seen.status is TransactionStatus.UNKNOWN,
            f"without a usable answer the result is UNKNOWN, but the status is {seen.status}",
        )
        if self.capabilities.look_up is LookUp.BY_KEY:
            self._expect_look_up_finds_the_truth(request)

    @_BOTH_INITIATING
    def test_another_amount_than_requested_is_an_unknown_result(self, kind: TransactionType) -> None:
        request = self.request(kind, scenario="wrong_amount")
        seen = self.gateway.transactions.execute(request).seen
        status = judge(request.amount, self.gateway.account, (seen,)).status
        expect(
            status is TransactionStatus.UNKNOWN,
            f"with another amount the result is UNKNOWN, but the core judges the answer to be {status}",
        )
        if self.capabilities.look_up is LookUp.BY_KEY:
            self._expect_look_up_finds_the_truth(request)

    @_BOTH_INITIATING
    def test_a_repeated_request_gives_the_same_answer_and_one_effect(self, kind: TransactionType) -> None:
        if not self.capabilities.idempotency_window:
            not_offered("idempotency keys")
        request = self.request(kind)
        first, second = self.execute(request), self.execute(request)
        expect(
            first.status is second.status,
            f"the first answer is {first.status}, the answer to the repetition {second.status}",
        )
        expect(
            first.gateway_reference == second.gateway_reference, "the repeated request has another gateway reference"
        )
        self.expect_effects(request, int(first.status is TransactionStatus.SUCCEEDED))

    @_BOTH_INITIATING
    def test_a_used_key_does_nothing_else(self, kind: TransactionType) -> None:
        if not self.capabilities.idempotency_window or self.effects() is None:
            not_offered("idempotency keys whose effects can be known")
        request = self.request(kind)
        first = self.execute(request)
        other = self.execute(self.request(kind, self.part(1, 2), key=request.transaction_id))
        expect(other.status is not TransactionStatus.SUCCEEDED, "a used key was accepted again with another amount")
        self.expect_effects(request, int(first.status is TransactionStatus.SUCCEEDED))

    @_BOTH_INITIATING
    def test_a_look_up_finds_what_happened(self, kind: TransactionType) -> None:
        if self.capabilities.look_up is not LookUp.BY_KEY:
            not_offered("look-up by key")
        request = self.request(kind)
        seen = self.execute(request)
        for fence in (False, True):
            found = self.look_up(request, fence=fence)
            if isinstance(found, NotFoundYet):
                raise AssertionError("the look-up does not find a transaction that was executed")
            expect(found.status is seen.status, f"the answer is {seen.status}, but the look-up finds {found.status}")
            expect(
                found.gateway_reference == seen.gateway_reference,
                "the look-up finds another gateway reference than the answer has",
            )
        self.expect_effects(request, int(seen.status is TransactionStatus.SUCCEEDED))

    @_BOTH_INITIATING
    def test_a_look_up_makes_nothing_happen(self, kind: TransactionType) -> None:
        request = self.request(kind)
        found = self.look_up(request)
        expect(
            isinstance(found, NotFoundYet) or found.status is not TransactionStatus.SUCCEEDED,
            "the look-up finds a success that was never requested",
        )
        self.expect_effects(request, 0)

    @_BOTH_INITIATING
    def test_a_fenced_key_can_never_be_executed(self, kind: TransactionType) -> None:
        if not self.capabilities.fences:
            not_offered("fences")
        request = self.request(kind)
        for _ in range(2):
            found = self.look_up(request, fence=True)
            if isinstance(found, NotFoundYet):
                raise AssertionError(
                    "a look-up with fence must prove that the transaction never happens, not say NotFoundYet"
                )
            expect(
                found.status is TransactionStatus.NOT_EXECUTED,
                f"a fenced key is NOT_EXECUTED, but the status is {found.status}",
            )
        expect(self.execute(request).status is TransactionStatus.NOT_EXECUTED, "a fenced key was executed")
        self.expect_effects(request, 0)

    def test_without_fences_nothing_is_called_proven(self) -> None:
        if self.capabilities.fences:
            not_offered("a gateway without fences")
        found = self.look_up(self.request(self.initiating), fence=True)
        expect(
            isinstance(found, NotFoundYet) or found.status is not TransactionStatus.NOT_EXECUTED,
            "a gateway without fences cannot prove NOT_EXECUTED",
        )

    def _expect_look_up_finds_the_truth(self, request: PaymentRequest) -> None:
        effects = self.effects()
        if effects is None:
            not_offered("effects that can be known")
        happened = any(effect.transaction_id == request.transaction_id for effect in effects)
        found = self.look_up(request)
        if happened:
            expect(not isinstance(found, NotFoundYet), "the transaction was executed, but the look-up does not find it")
            expect(
                getattr(found, "status", None) is TransactionStatus.SUCCEEDED,
                f"the transaction was executed, but the look-up finds {found}",
            )
        else:
            expect(isinstance(found, NotFoundYet), f"the transaction was not executed, but the look-up finds {found}")
