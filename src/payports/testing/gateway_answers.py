"""What a gateway must answer: in every mood, to repetitions, and when it is asked afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payports.domain.capabilities import LookUp
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    CAPTURE,
    INITIATING,
    OBSERVED_ONLY,
    REFUND,
    SETTLED,
    VOID,
)
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.gateway import NotFoundYet, PaymentRequest
from payports.testing.gateway_rig import MOODS, REFUSED, UNKNOWN_MOODS, GatewayRig, expect, not_offered

_BOTH = pytest.mark.parametrize("kind", sorted(INITIATING))


class GatewayAnswers(GatewayRig):
    """Capabilities, answers, idempotency and look-up."""

    def test_the_capabilities_agree_with_each_other(self) -> None:
        can = self.capabilities
        expect(bool(can.types & INITIATING), "nothing can begin")
        expect(not can.types & OBSERVED_ONLY, "what is only observed cannot be commanded")
        expect(
            not can.void_restores_hold or {VOID, CAPTURE} <= can.types, "a void restores a hold, but needs a capture"
        )
        expect(not can.partial_refund or REFUND in can.types, "partial refunds, but no refunds")
        expect(not can.partial_void or VOID in can.types, "partial voids, but no voids")
        settles = can.reports_settlement or SETTLED in can.types
        expect(not can.refund_requires_settlement or settles, "refunds wait for a settlement that nobody tells of")
        expect(not can.fences or can.look_up is LookUp.BY_KEY, "a fence needs a look-up by key")
        durations = (
            can.in_flight_bound,
            can.look_up_reliable_after,
            can.idempotency_window,
            can.authorization_lifetime or timedelta(),
        )
        expect(min(durations) >= timedelta(), "a time below zero")

    @_BOTH
    @pytest.mark.parametrize("mood", MOODS)
    def test_every_mood_is_answered_soundly(self, mood: str, kind: TransactionType) -> None:
        self.execute(self.request(kind, mood=mood))

    @_BOTH
    def test_an_approval_has_one_effect(self, kind: TransactionType) -> None:
        request = self.request(kind)
        seen = self.execute(request)
        expect(seen.status in (TransactionStatus.SUCCEEDED, TransactionStatus.AWAITING_RESULT), f"it is {seen.status}")
        self.expect_effects(request, int(seen.status is TransactionStatus.SUCCEEDED))

    @_BOTH
    @pytest.mark.parametrize("mood", ["declined", "declined_hard", "invalid"])
    def test_a_decline_tells_hard_from_soft_and_has_no_effect(self, mood: str, kind: TransactionType) -> None:
        request = self.request(kind, mood=mood)
        seen = self.execute(request)
        if mood == "invalid":
            expect(seen.status in REFUSED, f"it is {seen.status}")
        else:
            expect(seen.status is TransactionStatus.DECLINED, f"it is {seen.status}")
            expect(seen.hard is (mood == "declined_hard"), f"hard is {seen.hard}")
            expect(bool(seen.code), "a decline carries a code")
        self.expect_effects(request, 0)

    @_BOTH
    def test_a_partial_approval_is_declared(self, kind: TransactionType) -> None:
        request = self.request(kind, mood="partial")
        seen = self.execute(request)
        expect(seen.status is TransactionStatus.SUCCEEDED and seen.partial, f"it is {seen.status}")
        expect(seen.amount is not None and seen.amount < request.amount, f"the amount is {seen.amount}")
        for effect in self.effects() or ():
            expect(effect.amount == seen.amount, f"{effect.amount} moved, {seen.amount} was answered")

    @_BOTH
    def test_what_needs_the_shopper_has_no_effect_before(self, kind: TransactionType) -> None:
        request = self.request(kind, mood="action")
        seen = self.execute(request)
        expect(seen.status is TransactionStatus.REQUIRES_ACTION, f"it is {seen.status}")
        self.expect_effects(request, 0)

    @_BOTH
    def test_an_unreachable_gateway_did_nothing(self, kind: TransactionType) -> None:
        request = self.request(kind, mood="unreachable")
        seen = self.execute(request)
        expect(seen.status is TransactionStatus.NOT_EXECUTED, f"it is {seen.status}")
        self.expect_effects(request, 0)

    @_BOTH
    @pytest.mark.parametrize("mood", UNKNOWN_MOODS)
    def test_no_usable_answer_is_an_unknown_result(self, mood: str, kind: TransactionType) -> None:
        request = self.request(kind, mood=mood)
        seen = self.execute(request)
        expect(seen.status is TransactionStatus.UNKNOWN, f"it is {seen.status}")
        if self.capabilities.look_up is LookUp.BY_KEY:
            self._expect_truth(request)

    @_BOTH
    def test_a_repeated_request_gives_the_same_answer_and_one_effect(self, kind: TransactionType) -> None:
        if not self.capabilities.idempotency_window:
            not_offered("idempotency keys")
        request = self.request(kind)
        first, second = self.execute(request), self.execute(request)
        expect(first.status is second.status, f"first {first.status}, then {second.status}")
        expect(first.gateway_reference == second.gateway_reference, "two references for one key")
        self.expect_effects(request, int(first.status is TransactionStatus.SUCCEEDED))

    @_BOTH
    def test_a_used_key_does_nothing_else(self, kind: TransactionType) -> None:
        if not self.capabilities.idempotency_window or self.effects() is None:
            not_offered("idempotency keys whose effects can be known")
        request = self.request(kind)
        first = self.execute(request)
        other = self.execute(self.request(kind, self.part(1, 2), key=request.transaction_id))
        expect(other.status is not TransactionStatus.SUCCEEDED, "a used key was accepted with another amount")
        self.expect_effects(request, int(first.status is TransactionStatus.SUCCEEDED))

    @_BOTH
    def test_a_look_up_finds_what_happened(self, kind: TransactionType) -> None:
        if self.capabilities.look_up is not LookUp.BY_KEY:
            not_offered("look-up by key")
        request = self.request(kind)
        seen = self.execute(request)
        for fence in (False, True):
            found = self.look_up(request, fence=fence)
            if isinstance(found, NotFoundYet):
                raise AssertionError("what happened is not found")
            expect(found.status is seen.status, f"answered {seen.status}, found {found.status}")
            expect(found.gateway_reference == seen.gateway_reference, "found under another reference")
        self.expect_effects(request, int(seen.status is TransactionStatus.SUCCEEDED))

    @_BOTH
    def test_a_look_up_makes_nothing_happen(self, kind: TransactionType) -> None:
        request = self.request(kind)
        found = self.look_up(request)
        expect(
            isinstance(found, NotFoundYet) or found.status is not TransactionStatus.SUCCEEDED,
            "what was never asked for is found done",
        )
        self.expect_effects(request, 0)

    @_BOTH
    def test_a_fenced_key_can_never_be_executed(self, kind: TransactionType) -> None:
        if not self.capabilities.fences:
            not_offered("fences")
        request = self.request(kind)
        for _ in range(2):
            found = self.look_up(request, fence=True)
            if isinstance(found, NotFoundYet):
                raise AssertionError("a gateway that fences proves that it never happened")
            expect(found.status is TransactionStatus.NOT_EXECUTED, f"it is {found.status}")
        expect(self.execute(request).status is TransactionStatus.NOT_EXECUTED, "a burnt key was accepted")
        self.expect_effects(request, 0)

    def test_without_fences_nothing_is_called_proven(self) -> None:
        if self.capabilities.fences:
            not_offered("a gateway without fences")
        found = self.look_up(self.request(_first(self)), fence=True)
        expect(
            isinstance(found, NotFoundYet) or found.status is not TransactionStatus.NOT_EXECUTED,
            "it cannot know that it will never happen",
        )

    def _expect_truth(self, request: PaymentRequest) -> None:
        effects = self.effects()
        if effects is None:
            not_offered("effects that can be known")
        happened = any(effect.transaction_id == request.transaction_id for effect in effects)
        found = self.look_up(request)
        if happened:
            expect(not isinstance(found, NotFoundYet), "it happened, and is not found")
            expect(getattr(found, "status", None) is TransactionStatus.SUCCEEDED, f"it happened, but found is {found}")
        else:
            expect(isinstance(found, NotFoundYet), f"it did not happen, but found is {found}")


def _first(rig: GatewayRig) -> TransactionType:
    return AUTHORIZE if rig.capabilities.supports(AUTHORIZE) else AUTHORIZE_AND_CAPTURE
