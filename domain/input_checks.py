"""Checks of input from outside: bounded printable text, no card number, no security code (PCI DSS 4.0.1, 3.3.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final

import attrs

from payports.domain.card_data import contains_card_number

MAX_IDENTIFIER: Final = 255
"""The length of the longest idempotency key that gateways take."""
MAX_TEXT: Final = 2_000
MAX_FIELDS: Final = 50
"""The most pass-through fields that any gateway keeps."""


@attrs.frozen
class InvalidInput:
    """A field that is refused. Names the field and the reason, never the value."""

    field: str
    reason: str
    shopper_message: ClassVar[str] = "Some of the payment details cannot be used. Please check them."

    @property
    def message(self) -> str:
        return f"{self.field}: {self.reason}"


def check_identifier(field: str, value: object) -> InvalidInput | None:
    """Check an identifier: 1 to 255 printable characters, no blanks at its ends, no card data."""
    if type(value) is not str:
        return InvalidInput(field, "must be text")
    if not value:
        return InvalidInput(field, "must not be empty")
    if len(value) > MAX_IDENTIFIER:
        return InvalidInput(field, f"is longer than {MAX_IDENTIFIER} characters")
    if value != value.strip() or not value.isprintable():
        return InvalidInput(field, "holds blanks at an end or characters that do not print")
    if contains_card_number(value, glued=False):
        return InvalidInput(field, "looks like a card number")
    return None


def check_text(field: str, value: object, limit: int = MAX_TEXT) -> InvalidInput | None:
    """Check a free text: up to ``limit`` printable characters, may be empty, no card data."""
    if type(value) is not str:
        return InvalidInput(field, "must be text")
    if len(value) > limit:
        return InvalidInput(field, f"is longer than {limit} characters")
    if not value.isprintable():
        return InvalidInput(field, "holds characters that do not print")
    if contains_card_number(value):
        return InvalidInput(field, "looks like a card number")
    return None


def check_phone(field: str, value: object) -> InvalidInput | None:
    """Check a text that may be a phone number. International numbers may look like a card number: +49 and eleven digits do."""
    problem = check_text(field, value)
    return None if problem and type(value) is str and _PHONE.fullmatch(value) else problem


_PHONE: Final = re.compile(r"\+\d(?:[ ./()\-]?\d){6,14}")
"""ITU-T E.164: a plus and at most 15 digits."""


def check_fields(field: str, values: object, limit: int = MAX_TEXT) -> InvalidInput | None:
    """Check a mapping of names to texts: at most 50 entries, no card data."""
    if not isinstance(values, Mapping):
        return InvalidInput(field, "must be a mapping of names to texts")
    if len(values) > MAX_FIELDS:  # pyright: ignore[reportUnknownArgumentType] -- any mapping has a length
        return InvalidInput(field, f"has more than {MAX_FIELDS} entries")
    for name, value in values.items():  # pyright: ignore[reportUnknownVariableType] -- checked next, one by one
        problem = (
            check_identifier(f"{field} (a name)", name)  # pyright: ignore[reportUnknownArgumentType]
            or check_text(f"{field}.{name}", value, limit)  # pyright: ignore[reportUnknownArgumentType]
            or _check_card_field(field, str(name), str(value))  # pyright: ignore[reportUnknownArgumentType]
        )
        if problem:
            return problem
    return None


_SECURITY_CODE: Final = re.compile(
    r"(?:card|number)?(?:(?:cv[cvnd]|csc|cid|cav)2?(?:code|number|value)?|(?:security|verification)(?:code|number|value)|cardcode)"
)


def _check_card_field(field: str, name: str, value: str) -> InvalidInput | None:
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if _SECURITY_CODE.fullmatch(plain) and re.fullmatch(r"\s*\d{3,4}\s*", value):
        return InvalidInput(f"{field}.{name}", "looks like a card's security code")
    return None
