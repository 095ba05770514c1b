"""The part of the store conformance suite that tests leases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import attrs
import pytest
from returns.result import Success

from payports.ports.commit import Commit, InboxEntry
from payports.ports.leases import checkout_lease, gateway_lease, notification_lease, payment_lease
from payports.ports.store import PaymentRepository, Store, StoreFailed
from payports.testing.store_samples import (
    CART,
    NOW,
    a_checkout,
    a_payment,
    a_transaction,
    added,
    an_observation,
    fresh,
    same,
)

HOUR: Final = timedelta(hours=1)
NOTHING: Final[frozenset[str]] = frozenset()
EXPIRED: Final = timedelta(0)
"""The duration of a lease that has expired as soon as it is taken, so that no test waits for a clock."""


class StoreLeasing:
    """Tests of leases. Subclass ``payports.testing.store_conformance.StoreConformance``, which includes them."""

    def test_a_lease_has_one_holder_until_it_expires_or_is_released(self, store: Store) -> None:
        repository = fresh(store)
        same(repository.lease(("a", "b"), "one", HOUR), frozenset({"a", "b"}))
        same(repository.lease(("c", "b", "a"), "two", HOUR), frozenset("c"))
        same(repository.lease(("a", "c", "a"), "one", HOUR), frozenset("a"))
        repository.release(("a", "b", "nobody's"), "two")
        same(repository.lease(("a", "b"), "two", HOUR), NOTHING)
        repository.release(("a",), "one")
        same(repository.lease(("a", "b"), "two", HOUR), frozenset("a"))
        same(repository.lease(("b",), "one", EXPIRED), frozenset("b"))
        same(repository.lease(("b",), "two", HOUR), frozenset("b"))
        same(repository.lease(("b",), "one", HOUR), NOTHING)
        same(repository.lease((), "one", HOUR), NOTHING)
        same(fresh(store).lease(("a", "b", "c"), "one", HOUR), frozenset("abc"))

    @pytest.mark.parametrize("text", ["a\0", "\ud800"])
    def test_unstorable_lease_names_are_refused(self, store: Store, text: str) -> None:
        repository = fresh(store)
        for names, holder in (((text,), "one"), (("a",), text)):
            with pytest.raises(StoreFailed):
                repository.lease(names, holder, HOUR)
        same(repository.lease(("a",), "two", HOUR), frozenset("a"))

    def test_of_threads_that_race_for_leases_each_goes_to_one(self, store: Store) -> None:
        repository = fresh(store)
        names = tuple("abcdef")

        def race(racer: int) -> frozenset[str]:
            return repository.lease(names[racer:] + names[:racer], f"worker {racer}", HOUR)

        with ThreadPoolExecutor(6) as racers:
            taken = [name for won in racers.map(race, range(6)) for name in won]
        same(sorted(taken), list(names))

    def test_leased_work_is_left_out(self, store: Store) -> None:
        repository = fresh(store)
        for key in ("p-1", "p-2"):
            added(repository, a_payment(key, a_transaction(f"t-{key}", due_at=NOW)))
        entries = [
            InboxEntry(gateway="card", event_id=event, received_at=NOW, seen=an_observation(), due_at=NOW)
            for event in ("e-1", "e-2")
        ]
        checkouts = (a_checkout("c-1"), a_checkout("c-2"))
        same(repository.commit(Commit(inbox=tuple(entries), checkouts=checkouts)), Success(None))
        same(_work(repository), [["p-1", "p-2"], ["e-1", "e-2"], ["c-1", "c-2"]])
        names = (payment_lease("p-1"), notification_lease("card", "e-1"), checkout_lease(CART))
        same(repository.lease(names, "one", HOUR), frozenset(names))
        same(_work(repository), [["p-2"], ["e-2"], ["c-2"]])
        same(repository.due(NOW, limit=1), ("p-2",))
        same(repository.lease(names, "one", EXPIRED), frozenset(names))
        same(_work(repository), [["p-1", "p-2"], ["e-1", "e-2"], ["c-1", "c-2"]])
        same(repository.lease(names[:2], "two", HOUR), frozenset(names[:2]))
        repository.release(names, "two")
        same(_work(repository), [["p-1", "p-2"], ["e-1", "e-2"], ["c-1", "c-2"]])

    def test_leases_that_last_too_long_are_listed(self, store: Store) -> None:
        repository = fresh(store)
        repository.lease(("short", "gone"), "one", EXPIRED)
        repository.lease(("c", "a", "b"), "one", 2 * HOUR)
        same(repository.leased_beyond(HOUR), ("a", "b", "c"))
        same(repository.leased_beyond(HOUR, limit=2), ("a", "b"))
        same(repository.leased_beyond(3 * HOUR), ())
        same(fresh(store).leased_beyond(HOUR), ())

    def test_work_of_a_leased_gateway_is_left_out(self, store: Store) -> None:
        repository = fresh(store)
        for key, gateway in (("p-1", "card"), ("p-2", "wallet"), ("p-3", "card")):
            payment = attrs.evolve(a_payment(key, a_transaction(f"t-{key}", due_at=NOW)), gateway=gateway)
            added(repository, payment)
        lease = gateway_lease("card")
        same(repository.lease((lease,), "one", HOUR), frozenset({lease}))
        same(repository.due(NOW, limit=2), ("p-2",))
        same(repository.due(NOW, limit=1), ("p-2",))
        same(fresh(store).lease((lease,), "one", HOUR), frozenset({lease}))  # another merchant's
        repository.release((lease,), "one")
        same(repository.due(NOW, limit=2), ("p-1", "p-2"))
        same(repository.lease((gateway_lease("wallet"),), "one", EXPIRED), frozenset({gateway_lease("wallet")}))
        same(repository.due(NOW), ("p-1", "p-2", "p-3"))


def _work(repository: PaymentRepository) -> list[list[str]]:
    return [
        list(repository.due(NOW)),
        [entry.event_id for entry in repository.parked(NOW)],
        [checkout.owner.id for checkout in repository.open_checkouts(NOW + HOUR)],
    ]
