"""The webhook inbox: apply a verified notification to its payment, or park it until its transaction is known."""

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
from payports.domain.observe import UnmatchedObservation
from payports.domain.payment import Payment
from payports.domain.schedule import back_off
from payports.ports.commit import Commit, InboxEntry

TRIES_BEFORE_ATTENTION: Final = 8
"""After so many tries a parked notification needs a person; it is still tried once a day."""

_FIRST_WAIT: Final = timedelta(minutes=1)
_LONGEST_WAIT: Final = timedelta(days=1)


class Applied(StrEnum):
    """What became of a notification."""

    APPLIED = "APPLIED"
    PARKED = "PARKED"
    BUSY = "BUSY"


def apply(env: Environment, entry: InboxEntry) -> Applied:
    """Merge a notification in one commit with its inbox entry, and finalize the checkout that waited for it."""
    payment = find_payment(env, entry.gateway, entry.seen)
    if payment is None:
        return _park(env, entry)
    done = attrs.evolve(entry, due_at=None, tries=entry.tries + 1)
    recorded = record(
        env,
        payment,
        Received(observation=entry.seen, inbox=(done,)),
        webhook_cause(entry.gateway, entry.event_id),
    )
    if isinstance(recorded, Failure):
        return _park(env, entry) if isinstance(recorded.failure(), UnmatchedObservation) else Applied.BUSY
    finalize_if_waiting(env, payment.owner)
    return Applied.APPLIED


def find_payment(env: Environment, gateway: str, observation: Observation) -> Payment | None:
    """Find the payment of the same gateway that an observation is about: by our transaction id, else by the gateway's references."""
    payment = env.store.payment_of_transaction(observation.transaction_id) if observation.transaction_id else None
    for reference in (observation.gateway_reference, observation.parent_reference):
        if payment is None and reference and not observation.transaction_id:
            payment = env.store.payment_by_reference(gateway, reference)
    return payment if payment and payment.gateway == gateway else None


def _park(env: Environment, entry: InboxEntry) -> Applied:
    wait = back_off(_FIRST_WAIT, entry.tries, _LONGEST_WAIT)
    env.store.commit(Commit(inbox=(attrs.evolve(entry, due_at=env.now() + wait, tries=entry.tries + 1),)))
    return Applied.PARKED
