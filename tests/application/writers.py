"""Somebody else who writes at the same moment."""

from __future__ import annotations

from collections.abc import Callable

from payports import Payment
from payports.ports.commit import Change, Commit
from tests.application.shops import Bench, told


def faster(on: Bench, payment: Payment) -> None:
    """Commit a change of a payment behind everybody's back; it says nothing new, but the version moves on."""
    store = on.store.inner.of("default")
    now = store.payment(payment.id)
    assert now
    told(store.commit(Commit(changes=(Change(before=now, after=now, facts=()),))))


def once(act: Callable[[Commit], object], times: int = 1) -> Callable[[Commit], None]:
    """Act before the next ``times`` commits only."""
    left = [times]

    def acting(commit: Commit) -> None:
        left[0] -= 1
        if left[0] >= 0:
            act(commit)

    return acting
