"""The part of the store conformance suite that tests reading: order, paging, due records, history, separate merchants."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import attrs
import pytest
from returns.result import Success

from payports.domain.checkout import CheckoutState
from payports.domain.observation import Observation
from payports.domain.payment import Customer, Owner, Restriction
from payports.domain.saved_method import SavedMethod
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import ReversalState, TransactionStatus
from payports.ports.commit import Commit, InboxEntry, RequestRecord
from payports.ports.store import HistoryExtent, RecordedFact, RecordSet, Store
from payports.testing.store_samples import (
    CARD,
    CART,
    NOW,
    a_checkout,
    a_fact,
    a_payment,
    a_transaction,
    added,
    an_observation,
    changed,
    fresh,
    same,
)

TICK: Final = timedelta(microseconds=1)
ADA: Final = Customer("ada")
UNSTORABLE: Final = ("a\0", "\ud800")
"""Texts that no store can keep."""


class StoreReading:
    """Tests of reading. Subclass ``payports.testing.store_conformance.StoreConformance``, which includes them."""

    @pytest.mark.parametrize("missing", ["", "x", *UNSTORABLE])
    def test_missing_records_are_not_found(self, store: Store, missing: str) -> None:
        repository = fresh(store)
        added(repository, a_payment("p-1", a_transaction()))
        same(repository.commit(Commit(checkouts=(a_checkout(),))), Success(None))
        found = (
            repository.payment(missing),
            repository.payment_of_transaction(missing),
            repository.payment_by_reference("card", missing),
            repository.request(missing),
            repository.checkout(Owner("cart", missing)),
            repository.checkout_by_token(missing),
            repository.saved_method(missing),
            repository.inbox_entry("card", missing),
        )
        same(found, (None,) * len(found))
        many = (
            repository.payments_of(Owner("cart", missing)),
            repository.saved_methods_of(Customer(missing)),
            repository.history(missing),
        )
        same(many, ((), (), ()))

    def test_text_that_resembles_an_escaped_nul_is_stored(self, store: Store) -> None:
        repository = fresh(store)
        for key, name in (("p-1", "\\u0000"), ("p-2", "\\\\u0000"), ("p-3", '"\\')):
            same(added(repository, attrs.evolve(a_payment(key), name=name)).name, name)

    def test_a_payment_is_found_by_transaction_and_by_reference(self, store: Store) -> None:
        repository = fresh(store)
        payment = added(repository, a_payment("p-1", a_transaction("t-1", an_observation(reference="r-1"))))
        added(repository, a_payment("p-2", a_transaction("t-2")))
        same(repository.payment_of_transaction("t-1"), payment)
        same(repository.payment_by_reference("card", "r-1"), payment)
        same(repository.payment_by_reference("other", "r-1"), None)
        moved = attrs.evolve(payment, gateway="other")
        same(repository.commit(changed(payment, moved)), Success(None))
        same(repository.payment_by_reference("card", "r-1"), None)
        same(repository.payment_by_reference("other", "r-1"), repository.payment("p-1"))

    def test_a_reference_shared_by_two_payments_finds_neither(self, store: Store) -> None:
        repository = fresh(store)
        seen = an_observation(reference="r-1")
        one = added(repository, a_payment("p-1", a_transaction("t-1", seen), a_transaction("t-2", seen)))
        same(repository.payment_by_reference("card", "r-1"), one)
        added(repository, a_payment("p-2", a_transaction("t-3", seen)))
        same(repository.payment_by_reference("card", "r-1"), None)

    def test_an_owner_s_payments_come_oldest_first(self, store: Store) -> None:
        repository = fresh(store)
        for key, age in (("p-1", 0), ("p-2", 1), ("p-3", 1), ("p-0", 0)):
            added(repository, a_payment(key, at=NOW - age * TICK))
        added(repository, a_payment("p-9", owner=Owner("order", "c-1")))
        same([payment.id for payment in repository.payments_of(CART)], ["p-2", "p-3", "p-0", "p-1"])

    def test_payments_are_paged_by_id(self, store: Store) -> None:
        repository = fresh(store)
        keys = ["p-1", "p-2", "p-3", "é", "z", "\U0001f600", "\uffff"]
        for key in keys:
            added(repository, a_payment(key, a_transaction(f"1{key}"), a_transaction(f"2{key}")))
        paged: list[str] = []
        while page := repository.payments(after=paged[-1] if paged else "", limit=2):
            paged += [payment.id for payment in page]
        same(paged, sorted(keys))
        same(repository.payments(limit=0), ())
        same(repository.payments(limit=-1), ())
        same(repository.payment_ids(limit=100), tuple(paged))
        same(repository.payment_ids(after=paged[1], limit=2), tuple(paged[2:4]))
        same([repository.index_mismatches(payment_id) for payment_id in paged], [()] * len(paged))

    def test_due_payments_come_once_and_the_longest_overdue_first(self, store: Store) -> None:
        repository = fresh(store)
        dates = {"p-1": (2, 0), "p-2": (-1, 3), "p-3": (1, None), "p-4": (None, None), "p-5": (0, 0)}
        for key, (first, second) in dates.items():
            made = [
                a_transaction(f"{key}-{nth}", due_at=None if late is None else NOW - late * TICK)
                for nth, late in enumerate((first, second))
            ]
            added(repository, a_payment(key, *made))
        same(repository.due(NOW), ("p-2", "p-1", "p-3", "p-5"))
        same(repository.due(NOW, limit=2), ("p-2", "p-1"))
        same(repository.due(NOW - TICK), ("p-2", "p-1", "p-3"))
        same(repository.due(NOW, limit=0), ())
        done = added(repository, a_payment("p-6", a_transaction("t-6", due_at=NOW - 9 * TICK)))
        same(repository.commit(changed(done, done.replacing(a_transaction("t-6")))), Success(None))
        same(repository.due(NOW, limit=1), ("p-2",))

    def test_payments_needing_attention_are_listed(self, store: Store) -> None:
        repository = fresh(store)
        fine = ("SENDING_TO_PROCESSOR", "NOT_EXECUTED", "DECLINED", "SUCCEEDED")
        for status in map(TransactionStatus, fine):
            added(repository, a_payment(f"fine-{status}", a_transaction(f"t-{status}", an_observation(status))))
        for state in (ReversalState.NONE, ReversalState.REVERSAL_CANDIDATE, ReversalState.REVERSED):
            added(repository, a_payment(f"fine-{state}", attrs.evolve(a_transaction(f"t-{state}"), reversal=state)))
        wanted: dict[str, Transaction] = {
            "a": attrs.evolve(a_transaction("t-a", an_observation()), excess=True),
            "b": a_transaction("t-b", an_observation(TransactionStatus.UNKNOWN)),
            "c": a_transaction("t-c", an_observation(), an_observation(reference="r-2")),
            "d": attrs.evolve(a_transaction("t-d"), reversal=ReversalState.REQUIRES_REVERSAL),
            "e": attrs.evolve(a_transaction("t-e"), reversal=ReversalState.REVERSAL_IN_PROGRESS),
            "f": attrs.evolve(a_transaction("t-f"), reversal=ReversalState.FAILED_REVERSAL),
            "g": a_transaction("t-g", an_observation(TransactionStatus.REVOKED)),
            "h": a_transaction("t-h", attrs.evolve(an_observation(), flagged_for_review=True)),
        }
        for key, one in reversed(wanted.items()):
            added(repository, a_payment(key, a_transaction(f"plain-{key}"), one))
        same([payment.id for payment in repository.needing_attention()], [*"abcdefgh"])
        same([payment.id for payment in repository.needing_attention(limit=2)], [*"ab"])
        same([payment.id for payment in repository.needing_attention(after="b", limit=3)], [*"cde"])
        same(repository.needing_attention(after="h"), ())
        before = repository.needing_attention(limit=1)[0]
        same(repository.commit(changed(before, before.replacing(a_transaction("t-a")))), Success(None))
        same([payment.id for payment in repository.needing_attention(limit=1)], ["b"])

    def test_a_restriction_of_the_payment_makes_a_transaction_need_attention(self, store: Store) -> None:
        repository = fresh(store)
        before = added(repository, a_payment("p-1", a_transaction("t-1", an_observation(TransactionStatus.DECLINED))))
        same(repository.needing_attention(), ())
        after = attrs.evolve(before, restrictions=frozenset({Restriction.CUSTOMER_MUTABILITY_BLOCKED}))
        same(repository.commit(changed(before, after)), Success(None))
        same([payment.id for payment in repository.needing_attention()], ["p-1"])

    def test_history_is_gap_free_per_payment_and_rises_over_all(self, store: Store) -> None:
        repository = fresh(store)
        versions = {key: added(repository, a_payment(key), a_fact(key, "first")) for key in ("p-1", "p-2")}
        for key, kinds in (("p-1", "ab"), ("p-2", "c"), ("p-1", ""), ("p-1", "d")):
            before = versions[key]
            facts = [a_fact(key, kind) for kind in kinds]
            same(repository.commit(changed(before, before, *facts)), Success(None))
            versions[key] = attrs.evolve(before, version=before.version + 1)
        found = repository.history("p-1")
        same(
            [(recorded.sequence, recorded.fact.kind) for recorded in found],
            [(1, "first"), (2, "a"), (3, "b"), (4, "d")],
        )
        recorded_facts = repository.undelivered()
        same([recorded.fact.kind for recorded in recorded_facts], ["first", "first", "a", "b", "c", "d"])
        positions = [recorded.position for recorded in recorded_facts]
        same(positions, sorted(set(positions)))
        same(tuple(recorded for recorded in recorded_facts if recorded.fact.payment_id == "p-1"), found)

    def test_the_delivery_cursor_goes_on_and_never_back(self, store: Store) -> None:
        repository = fresh(store)
        payment = added(repository, a_payment(), *(a_fact(kind=kind) for kind in "abcd"))
        recorded_facts = repository.undelivered()
        same(repository.undelivered(limit=2), recorded_facts[:2])
        for recorded, rest in (
            (recorded_facts[1], recorded_facts[2:]),
            (recorded_facts[0], recorded_facts[2:]),
            (recorded_facts[3], ()),
        ):
            repository.delivered(recorded.position)
            same(repository.undelivered(), rest)
        repository.delivered(recorded_facts[3].position + 100)
        same(repository.commit(changed(payment, payment, a_fact(kind="e"))), Success(None))
        same([recorded.fact.kind for recorded in repository.undelivered()], ["e"])

    def test_open_checkouts_are_listed_once_their_lease_has_expired(self, store: Store) -> None:
        repository = fresh(store)
        for late, state in enumerate(CheckoutState):
            record = a_checkout(f"c-{late}", state=state, lease_until=NOW - late * TICK)
            same(repository.commit(Commit(checkouts=(record,))), Success(None))
        waiting = ["c-2", "c-1", "c-0"]
        same([checkout.owner.id for checkout in repository.open_checkouts(NOW + TICK)], waiting)
        same([checkout.owner.id for checkout in repository.open_checkouts(NOW)], waiting[:2])
        same([checkout.owner.id for checkout in repository.open_checkouts(NOW, limit=1)], waiting[:1])

    def test_keys_of_requests_checkouts_and_inbox_are_paged(self, store: Store) -> None:
        repository = fresh(store)
        requests = [RequestRecord(key=key, fingerprint="f") for key in ("k-2", "k-1", "k-3")]
        checkouts = [a_checkout(owner) for owner in ("c-2", "c-3", "c-1")]
        inbox = [
            InboxEntry(gateway=gateway, event_id=event, received_at=NOW, seen=an_observation())
            for gateway, event in (("b", "e-1"), ("a", "e-2"), ("b", "e-0"))
        ]
        commit = Commit(requests=tuple(requests), checkouts=tuple(checkouts), inbox=tuple(inbox))
        same(repository.commit(commit), Success(None))
        expected = {
            RecordSet.REQUESTS: (("k-1",), ("k-2",), ("k-3",)),
            RecordSet.CHECKOUTS: (("cart", "c-1"), ("cart", "c-2"), ("cart", "c-3")),
            RecordSet.INBOX: (("a", "e-2"), ("b", "e-0"), ("b", "e-1")),
        }
        for kept, keys in expected.items():
            same(repository.keys(kept), keys)
            same(repository.keys(kept, limit=2), keys[:2])
            same(repository.keys(kept, keys[0], 1), keys[1:2])
            same(repository.keys(kept, keys[2]), ())
            same(fresh(store).keys(kept), ())

    def test_the_history_extent_follows_the_history_and_the_delivery_cursor(self, store: Store) -> None:
        repository = fresh(store)
        same(repository.history_extent(), HistoryExtent(last=0, delivered=0))
        added(repository, a_payment(), *(a_fact(kind=kind) for kind in "abc"))
        recorded_facts = repository.undelivered()
        same(repository.history_extent(), HistoryExtent(last=recorded_facts[2].position, delivered=0))
        repository.delivered(recorded_facts[1].position)
        same(
            repository.history_extent(),
            HistoryExtent(last=recorded_facts[2].position, delivered=recorded_facts[1].position),
        )
        same(fresh(store).history_extent(), HistoryExtent(last=0, delivered=0))

    def test_inbox_entries_are_replaced(self, store: Store) -> None:
        repository = fresh(store)
        parked = InboxEntry(gateway="card", event_id="e-1", received_at=NOW, seen=an_observation(), due_at=NOW)
        for entry in (parked, attrs.evolve(parked, tries=1), attrs.evolve(parked, due_at=None)):
            same(repository.commit(Commit(inbox=(entry,))), Success(None))
            same(repository.inbox_entry("card", "e-1"), entry)
        same(repository.parked(NOW), ())

    def test_parked_notifications_are_listed_when_due(self, store: Store) -> None:
        repository = fresh(store)
        for event, late in (("e-1", 0), ("e-2", 2), ("e-3", -1), ("e-4", None), ("e-0", 0)):
            due_at = None if late is None else NOW - late * TICK
            entry = InboxEntry(gateway="g", event_id=event, received_at=NOW, seen=an_observation(), due_at=due_at)
            same(repository.commit(Commit(inbox=(entry,))), Success(None))
        same([entry.event_id for entry in repository.parked(NOW)], ["e-2", "e-0", "e-1"])
        same([entry.event_id for entry in repository.parked(NOW, limit=1)], ["e-2"])

    def test_saved_methods_of_a_customer_come_oldest_first(self, store: Store) -> None:
        repository = fresh(store)
        for key, age, customer in (("s-1", 0, ADA), ("s-2", 1, ADA), ("s-0", 0, ADA), ("s-3", 0, Customer("bob"))):
            saved = SavedMethod(id=key, customer=customer, gateway="g", method=CARD, created_at=NOW - age * TICK)
            same(repository.commit(Commit(saved_methods=(saved,))), Success(None))
        same([method.id for method in repository.saved_methods_of(ADA)], ["s-2", "s-0", "s-1"])

    def test_merchants_are_separate(self, store: Store) -> None:
        record = RequestRecord(key="k-1", fingerprint="f", payment_id="p-1", plan="[]")
        saved = SavedMethod(id="s-1", customer=ADA, gateway="g", method=CARD, created_at=NOW)
        entry = InboxEntry(gateway="card", event_id="e-1", received_at=NOW, seen=_seen(), due_at=NOW)
        first, other, third = fresh(store), fresh(store), fresh(store)
        for repository in (first, other):
            added(repository, a_payment("p-1", a_transaction("t-1", _seen(), due_at=NOW)), a_fact())
            checkout = a_checkout(callback_token="secret")  # noqa: S106 -- made up
            commit = Commit(requests=(record,), saved_methods=(saved,), inbox=(entry,), checkouts=(checkout,))
            same(repository.commit(commit), Success(None))
            same(repository.request("k-1"), record)
            same([fact.sequence for fact in repository.history("p-1")], [1])
        before = first.payments()[0]
        same(first.commit(changed(before, attrs.evolve(before, archived=True), a_fact())), Success(None))
        first.delivered(first.undelivered()[-1].position)
        same((len(first.undelivered()), len(other.undelivered())), (0, 1))
        same(other.payment("p-1"), before)
        nothing: tuple[RecordedFact, ...] = third.undelivered()
        same((nothing, third.payments(), third.due(NOW), third.needing_attention(), third.parked(NOW)), ((),) * 5)
        same((third.payment("p-1"), third.payment_by_reference("card", "r-1"), third.request("k-1")), (None,) * 3)
        same((third.checkout_by_token("secret"), third.open_checkouts(NOW + TICK)), (None, ()))


def _seen() -> Observation:
    return an_observation(TransactionStatus.UNKNOWN)
