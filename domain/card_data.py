"""Find card numbers in texts: input with one is refused, and texts of gateways are masked.

No field of payports is made for a card number or a security code, so one that appears anywhere is refused before it is stored.
Source: PCI DSS 4.0.1, 3.3.1; ISO/IEC 7812.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

MIN_CARD_DIGITS: Final = 13
MAX_CARD_DIGITS: Final = 19
"""ISO/IEC 7812, and the schemes below."""

_RUN: Final = re.compile(r"\d+(?:(?:[^\w:(){}\[\]<>\"'&=?]{1,3}|_{1,3}|(?<=\d{3}):(?=\d{3}))\d+)*")
"""Groups of digits with any separators; a colon only between longer groups, because times follow dates."""
_DIGIT: Final = re.compile(r"\d")
_GROUP: Final = re.compile(r"\d+")
_HEXADECIMAL: Final = re.compile(r"[a-fA-F]")
_AS_PRINTED: Final = re.compile(r"1[3-9]|4 4 4 4(?: [1-3])?|4 4 4 [1-4]|4 6 [45]")
"""The sizes of the groups in which people write card numbers."""

# A UUID or a digest in hexadecimal holds long runs of digits by chance; one in a thousand passes for a card number.
_RANDOM: Final = re.compile(
    r"(?<![^\W_])(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?=[a-f]*[0-9]+[a-f]+[0-9])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}))(?![^\W_])",
    re.IGNORECASE,
)

# Issuer ranges and lengths of the card schemes, ISO/IEC 7812: what passes Luhn but fits no scheme is no card number.
_SCHEMES: Final = re.compile(
    r"4\d{12}(?:\d{3}){0,2}"  # Visa: 13, 16, 19
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard: 16
    r"|3[47]\d{13}"  # American Express: 15
    r"|3(?:0[0-5]|[689]\d)\d{11,16}"  # Diners: 14 to 19
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}"  # Discover: 16 to 19
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB: 16 to 19
    r"|62\d{14,17}"  # UnionPay: 16 to 19
    r"|220[0-4]\d{12,15}"  # Mir: 16 to 19
    r"|(?:50|5[6-9]|6\d)\d{11,17}"  # Maestro: 13 to 19
)


def contains_card_number(text: str, *, glued: bool = True) -> bool:
    """Tell whether a text contains a card number, in groups or not, with or without an expiry or a security code after it.

    ``glued`` also finds a number that touches letters or is grouped unusually. Identifiers are checked with ``glued=False``, because they
    hold long runs of digits by chance.
    """
    enough = len(_DIGIT.findall(text)) >= MIN_CARD_DIGITS
    return enough and any(_card_numbers(_RANDOM.sub("#", text), glued=glued))


def mask_card_numbers(text: str) -> str:
    """Mask card numbers in a text of a gateway, all but the last four digits."""
    while span := next(_card_numbers(text, glued=True), None):
        start, end = span
        text = f"{text[:start]}****{text[end - 4 : end]}{text[end:]}"
    return text


def _card_numbers(text: str, *, glued: bool) -> Iterator[tuple[int, int]]:
    for run in _RUN.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(text, *run.span())]
        for first, (start, _) in enumerate(groups):
            for last in range(first, len(groups)):
                end = groups[last][1]
                number = "".join(str(int(digit)) for digit in text[start:end] if digit.isdecimal())
                if len(number) > MAX_CARD_DIGITS:
                    break
                if _is_card_number(number) and (glued or _is_separate(text, groups[first : last + 1])):
                    yield start, end


def _is_separate(text: str, groups: list[tuple[int, int]]) -> bool:
    start, end = groups[0][0], groups[-1][1]
    sizes = " ".join(str(group[1] - group[0]) for group in groups)
    return _AS_PRINTED.fullmatch(sizes) is not None and not _touches_hexadecimal(text, start, end)


def _touches_hexadecimal(text: str, start: int, end: int) -> bool:
    """Whether the digits touch a hexadecimal letter and so may be part of random bytes."""
    return bool(_HEXADECIMAL.search(text[max(0, start - 1) : start] + text[end : end + 1]))


def _is_card_number(number: str) -> bool:
    return _SCHEMES.fullmatch(number) is not None and _passes_luhn(number) and not _is_article_number(number)


def _is_article_number(number: str) -> bool:
    """Whether it is a 13-digit barcode (ISO/IEC 15420); a tenth of the codes of some countries would pass for cards no longer issued."""
    weighted = (int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(number))
    return len(number) == 13 and sum(weighted) % 10 == 0


def _passes_luhn(number: str) -> bool:
    doubled = (int(digit) * 2 for digit in number[-2::-2])
    return (sum(int(digit) for digit in number[-1::-2]) + sum(two - 9 if two > 9 else two for two in doubled)) % 10 == 0
