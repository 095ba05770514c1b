"""Conformance suite for stores, as a test class. Needs pytest and hypothesis.

Subclass it in your test module and define how to open your store. Each test gets a folder and a store of its own::

    from payports.testing.store_conformance import StoreConformance

    class TestMyStore(StoreConformance):
        def connect(self, folder: Path) -> Store:
            return my_store.connect(f"mine:///{folder}/payments", {}, FixedClock())
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Final

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from returns.result import Success

from payports.domain.history import Fact
from payports.domain.payment import Owner, Payment
from payports.domain.payment_method import PaymentMethod
from payports.domain.saved_method import SavedMethod, SavedMethodStatus
from payports.ports.commit import Change, Commit, InboxEntry, RecordKind, RequestRecord
from payports.ports.store import PaymentRepository, Store, StoreFailed
from payports.testing.aggregates import PAYMENTS, SAVED_METHODS, facts_of
from payports.testing.store_leasing import StoreLeasing
from payports.testing.store_reading import ADA, UNSTORABLE, StoreReading
from payports.testing.store_samples import (
    EUR,
    NOW,
    a_checkout,
    a_fact,
    a_payment,
    a_transaction,
    added,
    an_observation,
    changed,
    fresh,
    loaded,
    same,
    stale,
)

moderate: Final = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
)
"""All examples share a store, which is safe because each has a merchant of its own."""


class StoreConformance(StoreReading, StoreLeasing):
    """Tests of the contract of ``payports.ports.store``: writing here, reading in ``StoreReading``, leases in ``StoreLeasing``."""

    def connect(self, folder: Path) -> Store:
        """Open an empty store. No other store uses ``folder``."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """A store for one test, closed at its end."""
        store = self.connect(tmp_path)
        yield store
        store.close()

    @moderate
    @given(data=st.data(), payment=PAYMENTS)
    def test_a_payment_comes_back_as_it_was(self, store: Store, data: st.DataObject, payment: Payment) -> None:
        repository = fresh(store)
        facts = data.draw(facts_of(payment.id))
        same(added(repository, payment, *facts), attrs.evolve(payment, version=1))
        same(tuple(recorded.fact for recorded in repository.history(payment.id)), facts)

    @moderate
    @given(payment=PAYMENTS, other=PAYMENTS, whole=st.booleans())
    def test_a_changed_payment_comes_back_as_it_was(
        self, store: Store, payment: Payment, other: Payment, whole: bool
    ) -> None:
        repository = fresh(store)
        before = added(repository, attrs.evolve(payment, transactions=payment.transactions[:2]))
        touched = [transaction.with_observation(an_observation()) for transaction in before.transactions[:1]]
        after = before.replacing(*touched).adding(*payment.transactions[2:])
        if whole:
            after = attrs.evolve(other, id=payment.id, transactions=after.transactions)
        same(repository.commit(changed(before, after)), Success(None))
        same(repository.payment(payment.id), attrs.evolve(after, version=2))

    @moderate
    @given(saved=SAVED_METHODS)
    def test_a_saved_method_comes_back_and_is_replaced_version_by_version(
        self, store: Store, saved: SavedMethod
    ) -> None:
        repository = fresh(store)
        for version in range(3):
            now = attrs.evolve(saved, version=version, name=f"name {version}", status=SavedMethodStatus.ARCHIVED)
            same(repository.commit(Commit(saved_methods=(now,))), Success(None))
            same(repository.saved_method(saved.id), attrs.evolve(now, version=version + 1))
            stale(repository.commit(Commit(saved_methods=(now,))), RecordKind.SAVED_METHOD, saved.id)

    def test_of_two_writers_one_is_stale(self, store: Store) -> None:
        repository = fresh(store)
        before = added(repository, a_payment())
        same(repository.commit(changed(before, before.adding(a_transaction("t-1")))), Success(None))
        stale(repository.commit(changed(before, before.adding(a_transaction("t-2")))), RecordKind.PAYMENT, "p-1")
        same([transaction.id for transaction in loaded(repository).transactions], ["t-1"])

    def test_existing_records_are_not_added_and_missing_ones_not_changed(self, store: Store) -> None:
        repository = fresh(store)
        added(repository, a_payment())
        stale(repository.commit(changed(None, a_payment())), RecordKind.PAYMENT, "p-1")
        missing = a_payment("p-2")
        stale(repository.commit(changed(missing, missing)), RecordKind.PAYMENT, "p-2")
        stale(repository.commit(Commit(checkouts=(a_checkout(version=1),))), RecordKind.CHECKOUT, "cart c-1")

    def test_a_transaction_belongs_to_one_payment(self, store: Store) -> None:
        repository = fresh(store)
        added(repository, a_payment("p-1", a_transaction()))
        stale(repository.commit(changed(None, a_payment("p-2", a_transaction()))), RecordKind.TRANSACTION, "t-1")
        same(repository.payment("p-2"), None)

    @pytest.mark.parametrize("clash", ["payment", "request", "checkout", "saved method"])
    def test_a_commit_is_written_completely_or_not_at_all(self, store: Store, clash: str) -> None:
        repository = fresh(store)
        old = added(repository, a_payment("p-1", a_transaction(due_at=NOW)), a_fact())
        saved = SavedMethod(id="s-1", customer=ADA, gateway="card", method=old.method, created_at=NOW)
        same(
            repository.commit(
                Commit(
                    requests=(RequestRecord(key="k-1", fingerprint="f"),),
                    checkouts=(a_checkout(callback_token="secret-1"),),  # noqa: S106 -- made up
                    saved_methods=(saved,),
                )
            ),
            Success(None),
        )
        after = attrs.evolve(old.replacing(a_transaction("t-1", an_observation())), archived=True)
        change = Change(before=old, after=after, facts=(a_fact(), a_fact()))
        new = Change(before=None, after=a_payment("p-2"), facts=(a_fact("p-2"),))
        again = Change(before=old, after=after, facts=())
        commit = Commit(
            changes=(change, new, again) if clash == "payment" else (change, new),
            requests=(RequestRecord(key="k-1" if clash == "request" else "k-2", fingerprint="f"),),
            checkouts=(a_checkout("c-2", callback_token="secret-1" if clash == "checkout" else "secret-2"),),
            saved_methods=(attrs.evolve(saved, id="s-1" if clash == "saved method" else "s-2"),),
            inbox=(InboxEntry(gateway="card", event_id="e-1", received_at=NOW, seen=an_observation(), due_at=NOW),),
        )
        names = {"payment": "p-1", "request": "k-1", "checkout": "cart c-2", "saved method": "s-1"}
        stale(repository.commit(commit), RecordKind(clash), names[clash])
        same(loaded(repository), old)
        same(repository.payment("p-2"), None)
        same(repository.request("k-2"), None)
        same(repository.checkout(Owner("cart", "c-2")), None)
        same(repository.saved_method("s-2"), None)
        same(repository.inbox_entry("card", "e-1"), None)
        same(repository.payment_by_reference("card", "r-1"), None)
        same(repository.due(NOW), ("p-1",))
        same(len(repository.history("p-1")), 1)
        same(len(repository.undelivered()), 1)

    @pytest.mark.parametrize("text", UNSTORABLE)
    def test_unstorable_text_is_refused_and_nothing_is_written(self, store: Store, text: str) -> None:
        repository = fresh(store)
        old = added(repository, a_payment())
        naive = datetime(2026, 1, 1)  # noqa: DTZ001 -- that is the point
        unstorable = (
            attrs.evolve(old, name=text),
            attrs.evolve(old, method=PaymentMethod({"token": text})),
            attrs.evolve(old, created_at=naive),
            old.adding(a_transaction(text)),
            old.adding(a_transaction("t-1", an_observation(reference=text))),
        )
        for after in unstorable:
            with pytest.raises(StoreFailed) as failed:
                repository.commit(changed(old, after, a_fact()))
            same(text in str(failed.value), False)
        for record in (Fact(kind="x", payment_id="p-1", at=NOW, by=text), attrs.evolve(a_fact(), detail={"x": text})):
            with pytest.raises(StoreFailed):
                repository.commit(changed(old, old, record))
        with pytest.raises(StoreFailed):
            repository.commit(Commit(requests=(RequestRecord(key=text, fingerprint="f"),)))
        with pytest.raises(StoreFailed):
            store.of(text)
        same(loaded(repository), old)
        same(repository.history("p-1"), ())
        same(repository.commit(changed(old, old)), Success(None))

    def test_checkouts_are_replaced_version_by_version(self, store: Store) -> None:
        repository = fresh(store)
        for version in range(3):
            now = a_checkout(version=version, callback_token=f"secret-{version}", customer=ADA, started_at=NOW)
            same(repository.commit(Commit(checkouts=(now,))), Success(None))
            same(repository.checkout(now.owner), attrs.evolve(now, version=version + 1))
            stale(repository.commit(Commit(checkouts=(now,))), RecordKind.CHECKOUT, "cart c-1")
        same(repository.checkout_by_token("secret-0"), None)
        same(repository.checkout_by_token("secret-2"), repository.checkout(Owner("cart", "c-1")))

    def test_a_callback_token_belongs_to_one_checkout(self, store: Store) -> None:
        repository = fresh(store)
        first, second = a_checkout("c-1", callback_token="secret-1"), a_checkout("c-2")  # noqa: S106 -- made up
        same(repository.commit(Commit(checkouts=(first, second))), Success(None))
        taken = attrs.evolve(second, callback_token="secret-1", version=1)  # noqa: S106 -- made up
        stale(repository.commit(Commit(checkouts=(taken,))), RecordKind.CHECKOUT, "cart c-2")

    def test_of_threads_that_race_one_wins_each_version(self, store: Store) -> None:
        repository = fresh(store)
        added(repository, a_payment())

        def race(racer: int) -> int:
            won = 0
            for attempt in range(10):
                before = loaded(repository)
                after = before.adding(a_transaction(f"t-{racer}-{attempt}"))
                won += isinstance(repository.commit(changed(before, after, a_fact())), Success)
            return won

        with ThreadPoolExecutor(8) as racers:
            won = sum(racers.map(race, range(8)))
        end = loaded(repository)
        same((end.version, len(end.transactions)), (won + 1, won))
        same([recorded.sequence for recorded in repository.history("p-1")], list(range(1, won + 1)))

    def test_check_describes_the_store_and_a_closed_store_says_so(self, store: Store) -> None:
        repository = fresh(store)
        same(bool(store.check()), True)
        store.close()
        for use in (lambda: repository.payment("p-1"), store.check, lambda: repository.commit(Commit())):
            with pytest.raises(StoreFailed, match="closed"):
                use()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
    def test_a_forked_child_is_refused(self, store: Store) -> None:
        repository = fresh(store)
        added(repository, a_payment())
        child = os.fork()
        if not child:
            os._exit(_is_refused(repository))
        same(os.waitpid(child, 0)[1], 0)
        same(loaded(repository).amount, EUR)


def _is_refused(repository: PaymentRepository) -> int:
    """Give the exit code of the child: 0 if it was refused."""
    try:
        repository.payment("p-1")
    except StoreFailed:
        return 0
    return 1
