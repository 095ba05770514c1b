"""Any sequence of commits, leases and deliveries gives the same answers and the same reads on memory, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payports.adapters.repositories import memory, postgres, sqlite
from payports.domain.checkout import CheckoutRecord, CheckoutState
from payports.domain.payment import Customer, Owner, Payment
from payports.domain.payment_method import PaymentMethod
from payports.domain.saved_method import SavedMethod
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import ReversalState, TransactionStatus
from payports.ports.commit import Change, Commit, InboxEntry, RequestRecord
from payports.ports.leases import DELIVERY
from payports.ports.store import PaymentRepository, RecordedFact, Store
from payports.testing import FixedClock
from payports.testing.store_samples import (
    CARD,
    NOW,
    a_checkout,
    a_fact,
    a_payment,
    a_transaction,
    an_observation,
    fresh,
)

KEYS: Final = ("1", "2", "3")
OWNERS: Final = (Owner("cart", "c-1"), Owner("cart", "c-2"))
keys: Final = st.sampled_from(KEYS)
dates: Final = st.none() | st.integers(-2, 2).map(lambda seconds: NOW + timedelta(seconds=seconds))
versions: Final = st.integers(0, 2)


Stores = tuple[Store, Store, Store]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, shared_database_url: str) -> Iterator[Stores]:
    path = tmp_path_factory.mktemp("stores") / "payments.db"
    opened = (
        memory.connect("memory:", {}, FixedClock()),
        sqlite.connect(f"sqlite:///{path}", {}, FixedClock()),
        postgres.connect(shared_database_url, {}, FixedClock()),
    )
    yield opened
    for store in opened:
        store.close()


@st.composite
def transactions(draw: st.DrawFn) -> Transaction:
    seen = draw(st.sampled_from(["", *KEYS]))
    status = draw(st.sampled_from(TransactionStatus))
    return attrs.evolve(
        a_transaction(f"t-{draw(keys)}{draw(keys)}", due_at=draw(dates)),
        seen=(an_observation(status, f"r-{seen}"),) if seen else (),
        reversal=draw(st.sampled_from(ReversalState)),
    )


@st.composite
def changes(draw: st.DrawFn, known: list[Payment]) -> Change:
    before = draw(st.none() | st.sampled_from(known)) if known else None
    plain = before or a_payment(f"p-{draw(keys)}", owner=draw(st.sampled_from(OWNERS)))
    made = draw(st.lists(transactions(), max_size=2, unique_by=lambda one: one.id))
    after = plain.replacing(*made).adding(*(transaction for transaction in made if transaction.id not in plain.by_id))
    if draw(st.booleans()):
        gateway, owner = draw(st.sampled_from(["card", "gift"])), draw(st.sampled_from(OWNERS))
        method = PaymentMethod({"token": draw(keys)})
        after = attrs.evolve(after, gateway=gateway, owner=owner, method=method, archived=draw(st.booleans()))
    return Change(before=before, after=after, facts=(a_fact(after.id),) * draw(versions))


@st.composite
def checkouts(draw: st.DrawFn) -> CheckoutRecord:
    return a_checkout(
        f"c-{draw(keys)}",
        version=draw(versions),
        state=draw(st.sampled_from(CheckoutState)),
        lease_until=draw(dates.filter(bool)),
        callback_token=draw(st.sampled_from(["", "a", "b"])),
    )


saved_methods: Final = st.builds(
    SavedMethod,
    id=keys,
    customer=keys.map(Customer),
    gateway=keys,
    method=st.just(CARD),
    created_at=st.just(NOW),
    version=versions,
)
entries: Final = st.builds(
    InboxEntry, gateway=keys, event_id=keys, received_at=st.just(NOW), seen=st.just(an_observation()), due_at=dates
)
requests: Final = st.builds(RequestRecord, key=keys, fingerprint=st.just("f"))


def up_to_two(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=2).map(tuple)


def commits(known: list[Payment]) -> st.SearchStrategy[Commit]:
    return st.builds(
        Commit,
        changes=up_to_two(changes(known)),
        requests=st.just(()) | up_to_two(requests),
        checkouts=st.just(()) | up_to_two(checkouts()),
        saved_methods=st.just(()) | up_to_two(saved_methods),
        inbox=st.just(()) | up_to_two(entries),
    )


def facts(history: tuple[RecordedFact, ...]) -> list[object]:
    """Give the facts in order, without positions, which may differ between stores."""
    assert [recorded.position for recorded in history] == sorted({recorded.position for recorded in history})
    return [(recorded.sequence, recorded.fact) for recorded in history]


def everything(repository: PaymentRepository) -> list[object]:
    return [
        repository.payments(),
        repository.payments(after="p-1", limit=1),
        repository.payment_ids(),
        repository.needing_attention(),
        repository.needing_attention(after="p-1", limit=1),
        facts(repository.undelivered()),
        facts(repository.undelivered(limit=2)),
        *(repository.due(NOW, limit) for limit in (0, 1, 100)),
        *(repository.parked(NOW, limit) for limit in (0, 1, 100)),
        *(repository.open_checkouts(NOW, limit) for limit in (0, 1, 100)),
        *(repository.payments_of(owner) for owner in OWNERS),
        *(repository.checkout_by_token(token) for token in ("", "a", "b")),
        *(repository.payment_of_transaction(f"t-{first}{second}") for first in KEYS for second in KEYS),
        *(repository.payment_by_reference(gateway, f"r-{key}") for gateway in ("card", "gift") for key in KEYS),
        *(repository.inbox_entry(first, second) for first in KEYS for second in KEYS),
        *(facts(repository.history(f"p-{key}")) for key in KEYS),
        *(repository.request(key) for key in KEYS),
        *(repository.saved_method(key) for key in KEYS),
        *(repository.saved_methods_of(Customer(key)) for key in KEYS),
        *(repository.checkout(Owner("cart", f"c-{key}")) for key in KEYS),
    ]


holders: Final = st.sampled_from(["one", "two"])
names: Final = st.lists(
    st.sampled_from(["payment p-1", "payment p-2", "gateway card", "notification 1 1", "checkout cart c-1", DELIVERY]),
    max_size=3,
).map(tuple)


@st.composite
def actions(draw: st.DrawFn) -> Callable[[PaymentRepository], object]:
    """An action besides commits, with the same result in every store."""
    count, holder, wanted = draw(st.integers(0, 4)), draw(holders), draw(names)
    duration = draw(st.sampled_from([timedelta(0), timedelta(hours=1)]))

    def deliver(repository: PaymentRepository) -> None:
        if page := repository.undelivered()[:count]:
            repository.delivered(page[-1].position)

    action: Callable[[PaymentRepository], object] = draw(
        st.sampled_from(
            [
                deliver,
                lambda repository: repository.lease(wanted, holder, duration),
                lambda repository: repository.release(wanted, holder),
            ]
        )
    )
    return action


@settings(
    max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(data=st.data())
def test_all_stores_agree(stores: Stores, data: st.DataObject) -> None:
    simple, *real = map(fresh, stores)
    known: list[Payment] = []
    for _ in range(data.draw(st.integers(1, 8))):
        commit = data.draw(commits(known))
        answer = simple.commit(commit)
        assert [repository.commit(commit) for repository in real] == [answer] * len(real)
        action = data.draw(actions())
        result = action(simple)
        assert [action(repository) for repository in real] == [result] * len(real)
        known += simple.payments()
    expected = everything(simple)
    for repository in real:
        assert everything(repository) == expected
