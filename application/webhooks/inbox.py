"""Apply a verified notification: find its payment, merge the fact, conclude what waited for it; park what nobody knows yet."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

import attrs
from returns.result import Failure

from payports.application.checkout.finalize import finalize_if_waiting
from payports.application.kernel.environment import Environment
from payports.application.kernel.record import Received, record
from payports.domain.history import webhook_cause
from payports.domain.observation import Observation
from payports.domain.observe import Unplaced
from payports.domain.payment import Payment
from payports.ports.commit import Commit, InboxEntry

PATIENCE: Final = 8
"""After so many tries a parked notification needs a person; it is still tried, once a day."""

_FIRST_WAIT: Final = timedelta(minutes=1)
_LONGEST_WAIT: Final = timedelta(days=1)


class Applied(StrEnum):
    """What became of a notification."""

    APPLIED = "APPLIED"
    PARKED = "PARKED"
    BUSY = "BUSY"


def apply(env: Environment, entry: InboxEntry) -> Applied:
    """Merge one notification in one commit with the note that it was received."""
    payment = find_payment(env, entry.gateway, entry.seen)
    if payment is None:
        return _park(env, entry)
    received = attrs.evolve(entry, due_at=None, tries=entry.tries + 1)
    recorded = record(
        env,
        payment,
        Received(observation=entry.seen, inbox=(received,)),
        webhook_cause(entry.gateway, entry.event_id),
    )
    if isinstance(recorded, Failure):
        return _park(env, entry) if isinstance(recorded.failure(), Unplaced) else Applied.BUSY
    finalize_if_waiting(env, payment.owner)
    return Applied.APPLIED


def find_payment(env: Environment, gateway: str, seen: Observation) -> Payment | None:
    """Find the payment that a fact is about, among those of the gateway that told it."""
    found = env.store.payment_of_transaction(seen.transaction_id) if seen.transaction_id else None
    for reference in (seen.gateway_reference, seen.parent_reference):
        if found is None and reference and not seen.transaction_id:
            found = env.store.payment_by_reference(gateway, reference)
    return found if found and found.gateway == gateway else None


def _park(env: Environment, entry: InboxEntry) -> Applied:
    wait = min(_FIRST_WAIT * (1 << min(entry.tries, 12)), _LONGEST_WAIT)
    env.store.commit(Commit(inbox=(attrs.evolve(entry, due_at=env.now() + wait, tries=entry.tries + 1),)))
    return Applied.PARKED
