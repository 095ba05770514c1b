"""Input validation: every argument of a host is checked before anything is loaded."""

from __future__ import annotations

from typing import Final

from payports.application.kernel.sanitizing import is_well_formed
from payports.domain.input_checks import InvalidInput, check_fields, check_identifier, check_text
from payports.domain.observation import Channel, NextAction, Observation
from payports.ports.store import is_text

OWN_KEYS: Final = "payports:"
"""The prefix of the keys that checkout and orders derive; a host's own keys must not begin with it."""


def check_key(key: object, field: str = "key") -> InvalidInput | None:
    """Refuse what is no idempotency key of a host."""
    problem = check_identifier(field, key)
    if problem is None and str(key).startswith(OWN_KEYS):
        return InvalidInput(field, f"must not begin with {OWN_KEYS!r}")
    return problem


MAX_LIMIT: Final = 10_000
"""The most items that one call works on, so that it stays bounded."""


def never_stop() -> bool:
    """Never ask a pass to stop early."""
    return False


def check_stopping(stopping: object) -> InvalidInput | None:
    """Refuse what is no function that tells whether to stop."""
    question = callable(stopping) and not isinstance(stopping, type)
    return None if question else InvalidInput("stopping", "must be a function")


def check_limit(limit: object) -> InvalidInput | None:
    """Refuse what is no number of items for one call."""
    if type(limit) is not int or not 1 <= limit <= MAX_LIMIT:
        return InvalidInput("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
    return None


_LONGEST_PLACE: Final = 65_536
"""Longer than any key that a store can find again."""


def check_place(field: str, value: object) -> InvalidInput | None:
    """Refuse what is no place in the order of stored keys. A damaged store may hold odd keys, but none with NUL or a lone surrogate,
    which some databases cannot be asked for."""
    if type(value) is not str:
        return InvalidInput(field, "must be text")
    if len(value) > _LONGEST_PLACE:
        return InvalidInput(field, f"is longer than {_LONGEST_PLACE} characters")
    if not is_text(value):
        return InvalidInput(field, "holds NUL or a lone surrogate")
    return None


def check_observation(observation: object) -> InvalidInput | None:
    """Refuse an observation of the host that has a wrong field."""
    if type(observation) is not Observation or type(observation.channel) is not Channel:
        return InvalidInput("observation", "must be an Observation")
    if not is_well_formed(observation):
        return InvalidInput("observation", "has a field of another type than it must be")
    if observation.channel is Channel.OPERATOR:
        return InvalidInput(
            "observation.channel", "must not be OPERATOR; record an operator's ruling with maintenance.resolve()"
        )
    for field in ("transaction_id", "gateway_reference", "parent_reference", "account"):
        value = getattr(observation, field)
        if value and (problem := check_identifier(f"observation.{field}", value)):
            return problem
    action = observation.next_action or NextAction(type="")
    return (
        check_text("observation.code", observation.code)
        or check_text("observation.message", observation.message)
        or check_text("observation.operator", observation.operator)
        or check_fields("observation.attributes", dict(observation.attributes))
        or check_fields("observation.next_action.fields", dict(action.fields))
        or check_text("observation.next_action.type", action.type)
        or check_text("observation.next_action.url", action.url)
        or check_text("observation.next_action.reference", action.reference)
    )
