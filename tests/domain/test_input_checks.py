"""Input is bounded printable text without card data, and a refusal names the field and never the value."""

from __future__ import annotations

from typing import Final

import pytest

from payports.domain.input_checks import (
    MAX_FIELDS,
    MAX_IDENTIFIER,
    MAX_TEXT,
    InvalidInput,
    check_fields,
    check_identifier,
    check_text,
)

CARD: Final = "4111111111111111"
NOT_PRINTABLE: Final = ("a\nb", "a\x00b", "a\tb", "\ud800", "\u202eabc", "a\u200bb", "\x1b[31m", "a\r\nb", "\ufeffa")


@pytest.mark.parametrize("text", NOT_PRINTABLE)
def test_what_does_not_print_is_refused(text: str) -> None:
    assert check_identifier("id", text) == InvalidInput("id", "holds blanks at an end or characters that do not print")
    assert check_text("note", text) == InvalidInput("note", "holds characters that do not print")


@pytest.mark.parametrize("text", [" a", "a ", " "])
def test_an_identifier_has_no_blanks_at_its_ends(text: str) -> None:
    reason = "holds blanks at an end or characters that do not print"
    assert check_identifier("id", text) == InvalidInput("id", reason)
    assert check_text("note", text) is None


@pytest.mark.parametrize("value", [None, 1, b"a", ["a"], True, object()])
def test_what_is_no_text_is_refused(value: object) -> None:
    assert check_identifier("id", value) == InvalidInput("id", "must be text")
    assert check_text("note", value) == InvalidInput("note", "must be text")


def test_texts_are_bounded() -> None:
    assert (MAX_IDENTIFIER, MAX_TEXT, MAX_FIELDS) == (255, 2_000, 50)
    assert check_identifier("id", "") == InvalidInput("id", "must not be empty")
    assert check_identifier("id", "a" * 255) is None
    assert check_identifier("id", "a" * 256) == InvalidInput("id", "is longer than 255 characters")
    assert check_text("note", "") is None
    assert check_text("note", "a" * 2_000) is None
    assert check_text("note", "a" * 2_001) == InvalidInput("note", "is longer than 2000 characters")
    assert check_text("note", "a" * 5, 5) is None
    assert check_text("note", "a" * 6, 5) == InvalidInput("note", "is longer than 5 characters")
    assert check_text("note", "x" * 10_000_000) == InvalidInput("note", "is longer than 2000 characters")


@pytest.mark.parametrize("text", ["c-1", "cart 1", "Ærø-ñ", "订单", "שלום", "a/b?c=d&e#f", "o'neil; drop table"])
def test_ordinary_texts_pass(text: str) -> None:
    assert check_identifier("id", text) is None
    assert check_text("note", text) is None
    assert check_fields("note", {text: text}) is None


SECURITY_CODES: Final = (
    "cvc", "CVC", "cvv", "cvc2", "CVV2", "csc", "cid", "security_code", "securityCode", "card-security-code", "cardCvc",
    "card[cvc]", "card_cvv2", "verification value", "card verification_value",
)  # fmt: skip


@pytest.mark.parametrize("name", SECURITY_CODES)
@pytest.mark.parametrize("value", ["123", "1234", " 123 ", "１２３", "٠١٢٣"])
def test_a_security_code_is_refused_where_its_name_is_told(name: str, value: str) -> None:
    refused = InvalidInput(f"properties.{name}", "looks like a card's security code")
    assert check_fields("properties", {"token": "tok_1", name: value}) == refused


@pytest.mark.parametrize("value", ["", "12", "12345", "***", "M", "12a", "passed"])
@pytest.mark.parametrize("name", SECURITY_CODES)
def test_the_result_of_checking_a_security_code_may_be_kept(name: str, value: str) -> None:
    assert check_fields("properties", {name: value}) is None


@pytest.mark.parametrize("name", ["floor", "postal_code", "cvcs", "number", "code"])
def test_three_digits_elsewhere_are_fine(name: str) -> None:
    assert check_fields("properties", {name: "123"}) is None


def test_fields_are_texts_by_name_and_not_many() -> None:
    assert check_fields("f", {}) is None
    assert (
        check_fields("f", None) == check_fields("f", "ab") == InvalidInput("f", "must be a mapping of names to texts")
    )
    assert check_fields("f", {f"n{number}": "" for number in range(50)}) is None
    many = {f"n{number}": "" for number in range(51)}
    assert check_fields("f", many) == InvalidInput("f", "has more than 50 entries")
    assert check_fields("f", {"": "a"}) == InvalidInput("f (a name)", "must not be empty")
    assert check_fields("f", {1: "a"}) == InvalidInput("f (a name)", "must be text")
    assert check_fields("f", {"a": 1}) == InvalidInput("f.a", "must be text")
    assert check_fields("f", {"a": "abc"}, 2) == InvalidInput("f.a", "is longer than 2 characters")
    assert check_fields("f", {CARD: "a"}) == InvalidInput("f (a name)", "looks like a card number")
    assert check_fields("f", {"a": "ok", "b": f"x{CARD}"}) == InvalidInput("f.b", "looks like a card number")


def test_a_refusal_tells_the_field_and_never_the_value() -> None:
    refused = check_fields("f", {"note": CARD})
    assert refused is not None
    assert refused.message == "f.note: looks like a card number"
    assert refused.shopper_message == "Some of the payment details cannot be used. Please check them."
    assert CARD not in repr(refused)


@pytest.mark.parametrize(
    "name",
    ["cvc_code", "cvcCode", "cvv2Code", "card_code", "cvn", "cvd", "cav2", "number_cvc", "security-code", "card_cvc"],
)
def test_a_security_code_is_refused_under_every_usual_name(name: str) -> None:
    assert check_fields("display", {name: "123"}) is not None
    assert check_fields("display", {name: "12345"}) is None
    assert check_fields("display", {f"{name} label": "123"}) is None
