"""Reading what a host gives to a service: every field is checked before anything is loaded."""

from __future__ import annotations

from typing import Final

from payports.domain.money import Money
from payports.domain.screening import InvalidInput, check_identifier
from payports.domain.transaction import Observation, TransactionStatus

OWN_KEYS: Final = "payports:"
"""The beginning of the keys that checkout and orders use; a host's own keys may not begin so."""


def check_key(key: object, field: str = "key") -> InvalidInput | None:
    """Say why a value is no idempotency key of a host."""
    problem = check_identifier(field, key)
    if problem is None and str(key).startswith(OWN_KEYS):
        return InvalidInput(field, f"must not begin with {OWN_KEYS!r}")
    return problem


def check_observation(observation: object) -> InvalidInput | None:
    """Say why an observation from the host cannot be one."""
    if type(observation) is not Observation or type(observation.status) is not TransactionStatus:
        return InvalidInput("observation", "must be an Observation")
    if observation.amount is not None and type(observation.amount) is not Money:
        return InvalidInput("observation.amount", "must be a Money")
    for field in ("transaction_id", "gateway_reference", "parent_reference"):
        value = getattr(observation, field)
        if value and (problem := check_identifier(f"observation.{field}", value)):
            return problem
    return None
