"""Sanitizing of what gateways say: each field checked, bound to the transaction asked about, safe to store and to log."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter, contains
from types import NoneType
from typing import Final, cast

from payports.domain.card_data import mask_card_numbers
from payports.domain.money import Money
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.payment_method import PaymentMethod, check_method
from payports.domain.secret import Secret
from payports.domain.transaction_types import FailureType, TransactionStatus, TransactionType

_MAX_MESSAGE: Final = 500
_MAX_REFERENCE: Final = 255
_MAX_VALUE: Final = 4_000


def bound_observation(answer: object, transaction_id: str, channel: Channel) -> Observation:
    """Bind an adapter's answer to the transaction that was asked about, and make its texts safe to store and to log."""
    if type(answer) is not Observation:
        return unknown_result(channel, f"the adapter {what_came(answer)}", transaction_id)
    if type(answer.transaction_id) is str and answer.transaction_id not in ("", transaction_id):
        return unknown_result(channel, "the gateway answered about another transaction", transaction_id)
    observation = sanitized(answer, about=transaction_id, channel=channel)
    return observation or unknown_result(channel, "the adapter's answer cannot be kept", transaction_id)


def sanitized(observation: object, *, about: str | None = None, channel: Channel | None = None) -> Observation | None:
    """Make an observation's texts safe to store: printable, bounded, card numbers masked; ``None`` if it is none or cannot be stored.

    ``about`` and ``channel`` replace its own transaction id and channel.
    """
    if type(observation) is not Observation or not is_well_formed(observation):
        return None
    references = (observation.gateway_reference, observation.parent_reference, observation.account)
    if not all(map(_is_reference, references)):
        return None
    return observation.evolve(
        transaction_id=observation.transaction_id if about is None else about,
        channel=channel or observation.channel,
        code=sanitized_text(observation.code),
        message=sanitized_text(observation.message),
        attributes=tuple(sorted(_safe_attributes(observation.attributes).items())),
        next_action=safe_action(observation.next_action),
        operator="",
    )


def what_came(answer: object) -> str:
    """Name what came of calling an adapter, for a message: the class of an exception that it raised, or of what it gave."""
    return f"{'raised' if isinstance(answer, Exception) else 'gave'} {type(answer).__name__}"


_FIELDS: Final[Mapping[str, tuple[type, ...]]] = {
    "status": (TransactionStatus,),
    "transaction_id": (str,),
    "type": (TransactionType, NoneType),
    "amount": (Money, NoneType),
    "partial": (bool,),
    "gateway_reference": (str,),
    "parent_reference": (str,),
    "account": (str,),
    "code": (str,),
    "failure_type": (FailureType, NoneType),
    "hard": (bool,),
    "message": (str,),
    "next_action": (NextAction, NoneType),
    "flagged_for_review": (bool,),
}
_values: Final = attrgetter(*_FIELDS)


def is_well_formed(observation: Observation) -> bool:
    """Tell whether every field of an observation has its type: adapters and hosts need not be type-checked."""
    action = observation.next_action
    typed = all(map(contains, _FIELDS.values(), map(type, _values(observation))))
    return typed and _are_pairs(observation.attributes) and (action is None or _is_action(action))


def _safe_attributes(attributes: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name: mask_card_numbers(value) for name, value in attributes if _is_value(name, value)}


def _is_action(action: NextAction) -> bool:
    texts = all(type(text) is str for text in (action.type, action.url, action.reference))
    return texts and _are_pairs(action.fields)


def _are_pairs(pairs: tuple[object, ...]) -> bool:
    return type(pairs) is tuple and all(
        type(pair) is tuple and [str, str] == [type(text) for text in pair] for pair in pairs
    )  # pyright: ignore[reportUnknownVariableType] -- of anything


def safe_action(action: NextAction | None) -> NextAction | None:
    """A next action without the fields that must not be stored and an address that must not be followed."""
    if action is None:
        return None
    fields = tuple((name, value) for name, value in action.fields if _is_value(name, value))
    followed = action.url.startswith(("https://", "http://")) and _is_value("", action.url)
    return NextAction(
        type=sanitized_text(action.type),
        url=action.url if followed else "",
        reference=action.reference if _is_reference(action.reference) else "",
        fields=fields,
    )


def safe_properties(properties: object) -> Mapping[str, Secret]:
    """The properties of a method; none at all if one of them must not be stored."""
    if not isinstance(properties, Mapping) or not all(isinstance(value, Secret) for value in properties.values()):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return {}
    secrets = cast("Mapping[str, Secret]", properties)
    return {} if not secrets or check_method(PaymentMethod(secrets)) else secrets


def _is_value(name: str, value: str) -> bool:
    return len(value) <= _MAX_VALUE and value.isprintable() and _is_reference(name)


def _is_reference(reference: str) -> bool:
    return len(reference) <= _MAX_REFERENCE and reference.isprintable()


def sanitized_text(text: object) -> str:
    """Make a text from outside safe to store and to log: printable, bounded, card numbers masked."""
    if type(text) is not str or not text:
        return ""
    text = text[:_MAX_MESSAGE]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return mask_card_numbers(text)


def unknown_result(channel: Channel, message: str, transaction_id: str) -> Observation:
    """An observation that says nothing; ``message`` says why."""
    return Observation(
        status=TransactionStatus.UNKNOWN, channel=channel, message=message, transaction_id=transaction_id
    )
