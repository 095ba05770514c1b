"""Conformance of limits: a gateway never exceeds its capabilities, nor what was authorized or captured."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payports.domain.capabilities import PartialCapture, ReverseAuthorization
from payports.domain.lifecycle import (
    AUTHORIZE,
    CAPTURE,
    DETACHED_CREDIT,
    PARENTS,
    REFUND,
    REVERSE_AUTH,
    VOID,
)
from payports.domain.money import Money
from payports.domain.observation import Observation
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.testing.gateway_fixture import REFUSED, GatewayFixture, expect, not_offered

_TWENTY_EXAMPLES: Final = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
)
_STEPS: Final = st.lists(
    st.tuples(st.sampled_from([CAPTURE, REVERSE_AUTH, VOID, REFUND]), st.integers(0, 5), st.integers(1, 10)),
    max_size=8,
)
"""Steps of (operation, index of the capture, tenths of the amount)."""


class GatewayLimits(GatewayFixture):
    """Tests of limits, and of partial operations as the capabilities declare them."""

    def test_a_capture_beyond_the_hold_is_refused(self) -> None:
        hold = self.done(AUTHORIZE)
        self.refused(CAPTURE, self.part(11, 10), on=hold)
        self.done(CAPTURE, on=hold)
        self.refused(CAPTURE, self.part(1, 10), on=hold)

    def test_partial_captures_are_as_declared(self) -> None:
        hold = self.done(AUTHORIZE)
        if self.capabilities.partial_capture is PartialCapture.NONE:
            return self.refused(CAPTURE, self.part(1, 2), on=hold)
        self.done(CAPTURE, self.part(4, 10), on=hold)
        if self.capabilities.partial_capture is PartialCapture.RELEASES_REST:
            return self.refused(CAPTURE, self.part(1, 10), on=hold)
        self.done(CAPTURE, self.part(5, 10), on=hold)
        return self.refused(CAPTURE, self.part(2, 10), on=hold)

    def test_reversals_of_a_hold_are_as_declared(self) -> None:
        hold = self.done(AUTHORIZE)
        self.refused(REVERSE_AUTH, self.part(11, 10), on=hold)
        if self.capabilities.reverse_authorization is ReverseAuthorization.PARTIAL:
            self.done(REVERSE_AUTH, self.part(4, 10), on=hold)
            self.done(REVERSE_AUTH, self.part(6, 10), on=hold)
        else:
            self.done(REVERSE_AUTH, on=hold)
        self.refused(CAPTURE, self.part(1, 10), on=hold)
        self.refused(REVERSE_AUTH, self.part(1, 10), on=hold)

    def test_two_refunds_never_exceed_the_capture(self) -> None:
        capture = self._refundable()
        self.refused(REFUND, self.part(11, 10), on=capture)
        if not self.capabilities.partial_refund:
            self.refused(REFUND, self.part(6, 10), on=capture)
            self.done(REFUND, on=capture)
            return self.refused(REFUND, on=capture)
        self.done(REFUND, self.part(6, 10), on=capture)
        self.refused(REFUND, self.part(6, 10), on=capture)
        self.done(REFUND, self.part(4, 10), on=capture)
        return self.refused(REFUND, self.part(1, 10), on=capture)

    def test_a_refund_waits_for_settlement_if_that_is_declared(self) -> None:
        if not self.capabilities.refund_requires_settlement:
            not_offered("refunds that wait for settlement")
        self.refused(REFUND, on=self.captured())

    def test_a_void_happens_once_and_to_the_whole(self) -> None:
        capture = self.captured()
        if not self.capabilities.partial_void:
            self.refused(VOID, self.part(1, 2), on=capture)
        self.done(VOID, on=capture)
        self.refused(VOID, on=capture)
        self.refused(REFUND, on=capture)

    def test_a_void_after_a_refund_is_refused(self) -> None:
        capture = self._refundable()
        amount = self.part(1, 2) if self.capabilities.partial_refund else None
        self.done(REFUND, amount, on=capture)
        self.refused(VOID, on=capture)

    def test_a_void_restores_the_hold_if_that_is_declared(self) -> None:
        hold = self.done(AUTHORIZE)
        self.done(VOID, on=self.done(CAPTURE, on=hold))
        if self.capabilities.void_restores_hold:
            self.done(CAPTURE, on=hold)
        self.refused(CAPTURE, on=hold)

    @pytest.mark.parametrize("kind", [CAPTURE, REVERSE_AUTH, VOID, REFUND])
    def test_what_has_no_parent_is_refused(self, kind: TransactionType) -> None:
        real = self.done(self.initiating)
        wrong = CAPTURE if AUTHORIZE in PARENTS[kind] else AUTHORIZE
        self.refused(kind, on=Observation(status=real.status, channel=real.channel, gateway_reference="no-such-thing"))
        if wrong is AUTHORIZE and self.capabilities.supports(AUTHORIZE):
            self.refused(kind, on=real)

    @pytest.mark.parametrize("kind", [CAPTURE, REVERSE_AUTH])
    def test_another_currency_than_the_parent_is_refused(self, kind: TransactionType) -> None:
        self.refused(kind, self.other_amount, on=self.done(AUTHORIZE))

    def test_a_detached_credit_that_is_not_enabled_is_refused(self) -> None:
        if self.capabilities.detached_credit:
            not_offered("a gateway without detached credit")
        seen = self.gateway.transactions.execute(self.request(DETACHED_CREDIT)).seen
        expect(seen.status in REFUSED, f"detached credit is not enabled, but the status is {seen.status}")

    @_TWENTY_EXAMPLES
    @given(steps=_STEPS)
    def test_no_sequence_moves_more_than_there_is(self, steps: list[tuple[TransactionType, int, int]]) -> None:
        hold = self.done(AUTHORIZE)
        captures: list[Observation] = []
        moved = {CAPTURE: 0, REVERSE_AUTH: 0}
        given_back: dict[str, int] = {}
        for kind, index, tenths in steps:
            parent = hold if AUTHORIZE in PARENTS[kind] else captures[index % len(captures)] if captures else None
            seen = self._try(kind, self.part(tenths, 10), parent) if parent else None
            if seen is None or seen.amount is None or parent is None:
                continue
            if kind is CAPTURE:
                captures.append(seen)
            if kind in moved:
                moved[kind] += seen.amount.minor
            else:
                given_back[parent.gateway_reference] = given_back.get(parent.gateway_reference, 0) + seen.amount.minor
            if kind is VOID and self.capabilities.void_restores_hold:
                moved[CAPTURE] -= seen.amount.minor
        expect(sum(moved.values()) <= self.amount.minor, f"more than the authorized {self.amount} moved: {moved}")
        for capture in captures:
            captured = capture.amount.minor if capture.amount else 0
            expect(given_back.get(capture.gateway_reference, 0) <= captured, "more was given back than was captured")

    def _try(self, kind: TransactionType, amount: Money, parent: Observation) -> Observation | None:
        if not self.capabilities.supports(kind):
            return None
        seen = self.execute(self.request(kind, amount, on=parent))
        return seen if seen.status is TransactionStatus.SUCCEEDED else None

    def _refundable(self) -> Observation:
        capture = self.captured()
        if self.capabilities.refund_requires_settlement and not self.settle(capture):
            not_offered("settling a capture")
        return capture
