"""Card numbers are found in every disguise and masked; what only looks like one is let through."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports.domain.card_data import contains_card_number, mask_card_numbers
from payports.domain.input_checks import (
    InvalidInput,
    check_identifier,
    check_phone,
    check_text,
)

# Numbers that gateways publish for tests, of every scheme and length.
CARDS: Final = (
    "4111111111111111", "4242424242424242", "4222222222222", "4000000000000000006", "5555555555554444", "5105105105105100",
    "2223003122003222", "2720992593319364", "378282246310005", "341111111111111", "30569309025904", "38520000023237",
    "36227206271667", "6011111111111117", "6011000990139424", "6445644564456445", "6500000000000002", "3530111333300000",
    "3566002020360505", "6200000000000005", "6759649826438453", "5018000000000009", "6304000000000000", "630490017740292441",
)  # fmt: skip


def luhn_valid(number: str) -> bool:
    """Luhn's check in the words of ISO/IEC 7812, written anew."""
    digits = [int(digit) for digit in reversed(number)]
    return sum(sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(digits)) % 10 == 0


def in_groups(number: str, between: str, of: int = 4) -> str:
    return between.join(number[start : start + of] for start in range(0, len(number), of))


def in_script(number: str, zero: str) -> str:
    return "".join(chr(ord(zero) + int(digit)) for digit in number)


DISGUISES: Final[dict[str, Callable[[str], str]]] = {
    "plain": lambda number: number,
    "in a sentence": lambda number: f"my card is {number}, thanks",
    "spaced": lambda number: in_groups(number, " "),
    "spaced twice": lambda number: in_groups(number, "  "),
    "hyphens": lambda number: in_groups(number, "-"),
    "dots": lambda number: in_groups(number, "."),
    "commas": lambda number: in_groups(number, ", "),
    "slashes": lambda number: in_groups(number, "/"),
    "underscores": lambda number: in_groups(number, "_"),
    "dashes": lambda number: in_groups(number, "\u2013"),
    "digit by digit": lambda number: in_groups(number, " ", 1),
    "with its expiry": lambda number: f"{in_groups(number, ' ')} 12/27",
    "with its security code": lambda number: f"{number} 123",
    "with both": lambda number: f"{number}, 12/27, 123",
    "after a number": lambda number: f"order 12 {in_groups(number, ' ')}",
    "glued before": lambda number: f"card{number}",
    "glued after": lambda number: f"{number}exp",
    "glued around": lambda number: f"no{number}x",
    "among signs": lambda number: f"#{number}!",
    "full width": lambda number: in_script(number, "０"),
    "Arabic-Indic": lambda number: in_script(number, "٠"),
    "Devanagari, spaced": lambda number: in_groups(in_script(number, "०"), " "),
    "mixed scripts": lambda number: number[:8] + in_script(number[8:], "０"),
}


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=list(DISGUISES))
@pytest.mark.parametrize("number", CARDS)
def test_a_card_number_is_found_in_every_disguise(number: str, disguise: Callable[[str], str]) -> None:
    assert luhn_valid(number)
    assert contains_card_number(disguise(number))
    assert check_text("note", disguise(number)) == InvalidInput("note", "looks like a card number")


@pytest.mark.parametrize("number", CARDS)
@pytest.mark.parametrize("disguise", ["{}", "cart-{}", "{}-1", "a {} b", "cart_{}", "{}:x"])
def test_a_card_number_that_stands_alone_is_no_identifier(number: str, disguise: str) -> None:
    assert check_identifier("id", disguise.format(number)) == InvalidInput("id", "looks like a card number")


@pytest.mark.parametrize("separator", [" ", "-", "."])
def test_a_card_number_in_groups_is_no_identifier(separator: str) -> None:
    assert check_identifier("id", in_groups(CARDS[0], separator)) == InvalidInput("id", "looks like a card number")


@pytest.mark.parametrize(
    "text", ["order-5012-20260101-0001", "41-11111111111111", "4111-11111111-1111", "a4111-1111-1111-1111"]
)
def test_an_identifier_may_be_numbers_in_groups_of_its_own(text: str) -> None:
    assert check_identifier("id", text) is None


@pytest.mark.parametrize(
    "number", ["3782 822463 10005", "3056 930902 5904", "4000 0000 0000 0000 006", "6304 0000 0000 0000"]
)
def test_a_card_number_in_the_groups_of_its_scheme_is_no_identifier(number: str) -> None:
    for separator in " -.":
        text = f"c {number.replace(' ', separator)} 7"
        assert check_identifier("id", text) == InvalidInput("id", "looks like a card number")


def test_an_identifier_may_hold_digits_glued_to_letters() -> None:
    assert check_identifier("id", f"a{CARDS[0]}f") is None
    assert check_identifier("id", f"{CARDS[0]}f") is None
    assert check_identifier("id", f"a{CARDS[0]}") is None
    assert check_identifier("id", f"x a{CARDS[0]}") is None
    assert check_identifier("id", f"{CARDS[0]}a x") is None


@pytest.mark.parametrize("number", [number for number in CARDS if len(number) != 13])
@pytest.mark.parametrize("change", [1, 5, 9])
def test_a_wrong_check_digit_is_no_card_number(number: str, change: int) -> None:
    wrong = number[:-1] + str((int(number[-1]) + change) % 10)
    assert not contains_card_number(wrong)


@given(st.integers(12, 20), st.integers(0))
def test_only_what_luhn_passes_is_found(length: int, seed: int) -> None:
    number = str(seed % 10**length).zfill(length)
    assert not contains_card_number(number) or luhn_valid(number)


@pytest.mark.parametrize(
    "number",
    [
        "0000000000000000",  # passes Luhn, and is nobody's
        "1234567812345670",  # no scheme begins with 1
        "9999999999999995",
        "41111111111111112222",  # twenty digits
        "411111111111",  # twelve
        "2026-03-01 12:00:00 2026-03-02",
        "41111111 and 11111111",
        "12345678901234567890123456789012345678901234567890",
    ],
)
def test_other_long_numbers_are_let_through(number: str) -> None:
    assert not contains_card_number(number)
    assert check_text("note", number) is None


# EAN-13 of Germany, Japan, the United Kingdom, China: all pass Luhn and begin like a card.
ARTICLES: Final = tuple(
    number
    for start in ("400638133393", "490202000000", "501000000000", "690102800000", "400330101839")
    for more in range(200)
    for body in [str(int(start) + more)]
    for number in [body + str(-sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body)) % 10)]
    if luhn_valid(number)
)


@pytest.mark.parametrize("number", ARTICLES)
def test_a_barcode_is_no_card_number(number: str) -> None:
    assert len(number) == 13
    assert check_text("line_items.reference", number) is None


def lower_case(bits: int) -> str:
    return f"{bits:032x}"


def upper_case(bits: int) -> str:
    return f"{bits:032X}"


def as_uuid(bits: int) -> str:
    return str(uuid.UUID(int=bits))


@pytest.mark.parametrize("make", [lower_case, upper_case, as_uuid])
def test_fifty_thousand_random_hexadecimal_ids_are_let_through(make: Callable[[int], str]) -> None:
    chance = random.Random(20260301)  # noqa: S311 -- the same ids every time
    ids = [make(chance.getrandbits(128)) for _ in range(50_000)]
    assert [one for one in ids if check_identifier("id", one) or check_text("token", one)] == []


def test_digests_are_let_through() -> None:
    chance = random.Random(20260302)  # noqa: S311
    digests = [f"{chance.getrandbits(4 * length):0{length}x}" for length in (40, 64) for _ in range(20_000)]
    assert [one for one in digests if check_text("token", one)] == []


@pytest.mark.parametrize(
    "text",
    [
        "a" * 16 + "4111111111111111",  # as long as a digest, and nothing random about it
        "4111111111111111" + "f" * 16,
        "4111111111111111" + "f" * 24,
        "0123456789abcdef0123456789abcdef 4111111111111111",
        "12345678-1234-1234-1234-123456789abc/4111111111111111",
        "x0123456789abcdef4111111111111111",
        "4111111111111111-1234-1234-1234-123456789abc",
    ],
)
def test_random_looks_hide_no_card_number(text: str) -> None:
    assert check_text("note", text) == InvalidInput("note", "looks like a card number")


PHONES: Final = tuple(
    f"+49 176 {number}" for number in range(12345600, 12345700) if luhn_valid(f"49176{number}")
)  # fmt: skip


@pytest.mark.parametrize("number", [*PHONES, "+49(176)1234-5678", "+62.812.3456.78901", "", "030 1234567", "ext. 7"])
def test_a_telephone_number_is_no_card_number(number: str) -> None:
    assert check_phone("phone", number) is None


@pytest.mark.parametrize("number", ["4111111111111111", "+4111 1111 1111 1111", PHONES[0][1:], f"{PHONES[0]} or so"])
def test_a_card_number_is_no_telephone_number(number: str) -> None:
    assert check_phone("phone", number) == InvalidInput("phone", "looks like a card number")


def test_a_telephone_number_is_a_text() -> None:
    assert check_phone("phone", 49) == InvalidInput("phone", "must be text")
    assert check_phone("phone", "+" * 2_001) == InvalidInput("phone", "is longer than 2000 characters")


@given(st.text(), st.booleans())
def test_reading_texts_is_total(text: str, glued: bool) -> None:
    contains_card_number(text, glued=glued)
    mask_card_numbers(text)
    for checked in (check_identifier("id", text), check_text("id", text), check_phone("id", text)):
        assert checked is None or (
            checked.field == "id" and (not text or text not in checked.message or len(text) < 20)
        )


@given(st.text(alphabet="0123456789abcdef-_ .", max_size=300))
def test_what_is_masked_holds_no_card_number(text: str) -> None:
    assert not contains_card_number(mask_card_numbers(text))


def test_masking_keeps_the_last_four_digits_and_all_the_rest() -> None:
    assert mask_card_numbers("paid by 4111 1111 1111 1111 on 3/12") == "paid by ****1111 on 3/12"
    assert mask_card_numbers("no4242424242424242x and 1234567812345670") == "no****4242x and 1234567812345670"
    assert mask_card_numbers("nothing") == "nothing"


@pytest.mark.parametrize("separator", [":", "*", "+", "|", "\u2014", "   ", " - ", "__", "/", "\u00a0"])
def test_a_card_number_is_found_whatever_stands_between_its_groups(separator: str) -> None:
    assert contains_card_number(separator.join(("4111", "1111", "1111", "1111")))


@pytest.mark.parametrize("glued", ["x4111111111111111y", "order4111111111111111", "n4111111111111111"])
def test_an_identifier_hides_no_card_number_behind_letters_that_are_not_hexadecimal(glued: str) -> None:
    assert check_identifier("owner.id", glued) is not None
    assert check_identifier("owner.id", "a4111111111111111b") is None


def test_a_mir_card_is_a_card() -> None:
    assert contains_card_number("2200000000000004")


def test_a_date_with_its_time_is_no_card_number() -> None:
    for second in range(60):
        assert not contains_card_number(f"30.11.2026 10:15:{second:02}")
