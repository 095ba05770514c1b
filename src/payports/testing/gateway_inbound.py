"""Conformance of inbound calls: notifications, returning shoppers, and saved methods."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import permutations
from typing import Final

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from payports.domain.judgement import judge
from payports.domain.observation import Observation
from payports.domain.payment import Customer
from payports.domain.transaction_types import TransactionStatus
from payports.ports.gateway import MethodVault, NotFoundYet, Notification, PaymentRequest, WebhookReader
from payports.testing.gateway_fixture import GatewayFixture, expect, not_offered

_HUNDRED_EXAMPLES: Final = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
)
_ADA: Final = Customer("conformance-ada")
_BOB: Final = Customer("conformance-bob")


class GatewayInbound(GatewayFixture):
    """Tests of webhooks, actions and the vault; each is skipped for a gateway without it."""

    def test_a_notification_merges_with_the_answer_in_any_order(self) -> None:
        request, answer, notifications = self._notified()
        observations = [
            notification.seen
            for notification in notifications
            if notification.seen.transaction_id == request.transaction_id
        ]
        expect(bool(observations), "no notification carries our transaction id")
        for order in permutations([answer, *observations]):
            judged = judge(request.amount, self.gateway.account, order)
            expect(
                judged.status is TransactionStatus.SUCCEEDED,
                f"the answer and its notifications merge to {judged.status}",
            )
            expect(
                judged.contradiction is None,
                f"the answer and its notifications contradict each other: {judged.contradiction}",
            )

    def test_a_repeated_notification_has_the_same_event_ids(self) -> None:
        headers, body = self._genuine_notification()
        first, second = self._read(headers, body), self._read(headers, body)
        expect(isinstance(first, Success) and first == second, "the same body is read differently the second time")
        ids = [notification.event_id for notification in first.unwrap()] if isinstance(first, Success) else []
        expect(all(ids) and len(ids) == len(set(ids)), "event ids are empty or repeated")

    def test_one_changed_bit_is_refused(self) -> None:
        headers, body = self._genuine_notification()
        for position in range(0, len(body), max(1, len(body) // 50)):
            changed = bytearray(body)
            changed[position] ^= 1 << position % 8
            expect(
                isinstance(self._read(headers, bytes(changed)), Failure), f"a change of byte {position} was not noticed"
            )

    def test_a_body_that_is_longer_or_shorter_is_refused(self) -> None:
        headers, body = self._genuine_notification()
        for changed in (body + b" ", b" " + body, body[:-1], b""):
            expect(isinstance(self._read(headers, changed), Failure), "a changed body was believed")

    def test_missing_and_malformed_headers_are_refused(self) -> None:
        headers, body = self._genuine_notification()
        expect(isinstance(self._read({}, body), Failure), "a body without headers was believed")
        for malformed in ("", "é", "t=1", "v1=", "0" * 5_000):
            expect(
                isinstance(self._read(dict.fromkeys(headers, malformed), body), Failure),
                "malformed headers were believed",
            )

    def test_the_case_of_headers_does_not_matter(self) -> None:
        headers, body = self._genuine_notification()
        for change in (str.lower, str.upper):
            changed = {change(name): value for name, value in headers.items()}
            expect(
                isinstance(self._read(changed, body), Success),
                "a header is not found when the case of its name differs",
            )

    def test_old_and_future_timestamps_are_refused(self) -> None:
        headers, body = self._genuine_notification()
        if self.webhook_tolerance is None:
            not_offered("timestamps")
        for offset in (2 * self.webhook_tolerance, -2 * self.webhook_tolerance):
            expect(
                isinstance(self._read(headers, body, self.now() + offset), Failure),
                f"a timestamp that is off by {offset} was believed",
            )

    def test_another_secret_is_refused(self) -> None:
        headers, body = self._genuine_notification()
        reader = self.reader_with_another_secret()
        if reader is None:
            not_offered("a reader with another secret")
        expect(
            isinstance(reader.read(headers, body, {}, self.now()), Failure),
            "a signature by another secret was believed",
        )

    @_HUNDRED_EXAMPLES
    @given(
        headers=st.dictionaries(st.text(max_size=30), st.text(max_size=100), max_size=4),
        body=st.binary(max_size=300),
        params=st.dictionaries(st.text(max_size=10), st.text(max_size=30), max_size=3),
    )
    def test_arbitrary_input_is_refused_and_never_raises(
        self, headers: dict[str, str], body: bytes, params: dict[str, str]
    ) -> None:
        reader = self._reader()
        expect(isinstance(reader.read(headers, body, params, self.now()), Failure), "an unsigned body was believed")

    def test_an_action_ends_as_the_shopper_chose(self) -> None:
        for approve, expected in ((True, TransactionStatus.SUCCEEDED), (False, TransactionStatus.DECLINED)):
            request, seen = self._requiring_action()
            if not self.finish_action(seen, approve=approve):
                not_offered("finishing an action")
            status = self._confirmed(request, {})
            expect(status is expected, f"the shopper chose {expected}, but confirm says {status}")
            self.expect_effects(request, int(approve))

    def test_an_action_that_was_given_up_can_never_be_finished(self) -> None:
        request, seen = self._requiring_action()
        if self.gateway.actions is None:
            not_offered("actions")
        found = self.gateway.actions.give_up(request)
        if isinstance(found, NotFoundYet):
            not_offered("giving up an action")
        expect(found.status is TransactionStatus.DECLINED, f"an action that was given up is {found.status}")
        self.finish_action(seen, approve=True)
        expect(
            self._confirmed(request, {}) is TransactionStatus.DECLINED,
            "the shopper could still finish an action that was given up",
        )
        self.expect_effects(request, 0)

    def test_what_is_done_is_not_given_up(self) -> None:
        if self.gateway.actions is None:
            not_offered("actions")
        request = self.request(self.initiating)
        done = self.execute(request)
        found = self.gateway.actions.give_up(request)
        same = isinstance(found, NotFoundYet) or found.status in (done.status, TransactionStatus.UNKNOWN)
        expect(same, "give_up reports a transaction that was executed as given up")
        self.expect_effects(request, int(done.status is TransactionStatus.SUCCEEDED))

    def test_what_the_browser_says_is_not_believed(self) -> None:
        request, _ = self._requiring_action()
        claims = {"status": "succeeded", "redirect_status": "succeeded", "approve": "1", "resultCode": "Authorised"}
        expect(
            self._confirmed(request, claims) is not TransactionStatus.SUCCEEDED,
            "the parameters of the browser were believed",
        )
        self.expect_effects(request, 0)

    def test_a_kept_method_pays_again_and_is_forgotten(self) -> None:
        vault, method = self._vault(), self.method("approved")
        if method is None:
            not_offered("a method that is approved")
        kept = vault.keep(_ADA, method)
        if isinstance(kept, Failure):
            raise AssertionError(f"the vault does not keep an approved method: {kept}")
        expect(not kept.unwrap().single_use, "a kept method must be for multiple uses")
        for _ in range(2):
            request = attrs.evolve(self.request(self.initiating), method=kept.unwrap())
            expect(
                self.execute(request).status is TransactionStatus.SUCCEEDED,
                "a payment with a kept method does not succeed",
            )
        tokens = [method.token for method in vault.methods_of(_ADA).unwrap()]
        expect(kept.unwrap().token in tokens, "methods_of does not list a kept method")
        expect(vault.methods_of(_BOB).unwrap() == (), "methods_of lists another customer's method")
        for _ in range(2):
            expect(isinstance(vault.forget(_ADA, kept.unwrap()), Success), "forget does not succeed")
        expect(vault.methods_of(_ADA).unwrap() == (), "methods_of lists a forgotten method")

    def _vault(self) -> MethodVault:
        if self.gateway.vault is None:
            not_offered("a vault")
        return self.gateway.vault

    def _reader(self) -> WebhookReader:
        if self.gateway.webhooks is None:
            not_offered("webhooks")
        return self.gateway.webhooks

    def _read(
        self, headers: Mapping[str, str], body: bytes, now: datetime | None = None
    ) -> Success[tuple[Notification, ...]] | Failure[object]:
        read = self._reader().read(headers, body, {}, now or self.now())
        return read if isinstance(read, Success) else Failure(read.failure())

    def _notified(self) -> tuple[PaymentRequest, Observation, list[Notification]]:
        self._reader()
        self.notifications()
        request = self.request(self.initiating)
        answer = self.execute(request)
        notifications = self.notifications()
        if not notifications:
            not_offered("notifications")
        read = [self._read(headers, body) for headers, body in notifications]
        return (
            request,
            answer,
            [notification for items in read if isinstance(items, Success) for notification in items.unwrap()],
        )

    def _genuine_notification(self) -> tuple[Mapping[str, str], bytes]:
        self._reader()
        self.notifications()
        self.execute(self.request(self.initiating))
        notifications = self.notifications()
        if not notifications:
            not_offered("notifications")
        headers, body = notifications[0]
        expect(isinstance(self._read(headers, body), Success), "a genuine notification is refused")
        return headers, body

    def _requiring_action(self) -> tuple[PaymentRequest, Observation]:
        request = self.request(self.initiating, scenario="action")
        return request, self.execute(request)

    def _confirmed(self, request: PaymentRequest, params: Mapping[str, str]) -> TransactionStatus | None:
        if self.gateway.actions is None:
            not_offered("actions")
        found = self.gateway.actions.confirm(request, params)
        return found.status if isinstance(found, Observation) else None
