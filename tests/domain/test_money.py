"""Money: exact, bounded, of one currency, and read from outside without surprises."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Success

from payports.domain.input_checks import InvalidInput
from payports.domain.money import (
    CURRENCIES,
    MAX_MINOR,
    MAX_SUM,
    Currency,
    Money,
    allocate,
    check_amount,
    total,
)
from tests.domain.strategies import EUR, USD, currencies, eur, moneys

ODD_AMOUNTS: Final[list[object]] = [
    "", " ", "-", ".", "1.", ".5", "+1", "-1", "-0", "-0.00", "1,00", "1 000", " 1", "1 ", "1\n", "\n1", "1\x00", "1_000", "0x10", "1e3",
    "1E+1000000", "NaN", "nan", "inf", "-Infinity", "1.2.3", "1.00000", "12345678901234567", "9" * 5_000,
    "١٢٣", "１２.５", "१२", "²", "٫", "1٫5", "½", "\ud800", "\u200b1", "\u202e1",
    None, True, 1, 1.5, Decimal(1), b"1", ["1"], float("nan"), 2**63, object(),
]  # fmt: skip

ODD_CODES: Final[list[object]] = [
    "", "usd", "Usd", "uſd", "ıdr", "US", "USDX", "USD\x00", "USD ", " USD", "USD\n", "ＵＳＤ", "XXX", "XAU", "XTS", "€", "840", None, 840,
    b"USD", True, EUR, [], {},
]  # fmt: skip


@given(moneys())
def test_what_is_written_can_be_read_back(amount: Money) -> None:
    assert Money.parse(amount.text, amount.currency.code) == Success(amount)
    assert Money.of(amount.text, amount.currency.code) == amount
    assert Money.of(Decimal(amount.text), amount.currency.code) == amount
    assert str(amount) == f"{amount.text} {amount.currency.code}"
    assert repr(amount) == f"Money.of('{amount.text}', '{amount.currency.code}')"
    assert Decimal(amount.text).scaleb(amount.currency.exponent) == amount.minor


@pytest.mark.parametrize(
    ("minor", "code", "text"),
    [(0, "EUR", "0.00"), (5, "EUR", "0.05"), (123456, "EUR", "1234.56"), (7, "JPY", "7"), (7, "BHD", "0.007"), (12345, "CLF", "1.2345")],
)  # fmt: skip
def test_amounts_are_written_with_all_their_decimals(minor: int, code: str, text: str) -> None:
    assert Money(minor, code).text == text


@pytest.mark.parametrize(
    ("text", "code", "minor"),
    [("1", "EUR", 100), ("1.5", "EUR", 150), ("007.50", "EUR", 750), ("0", "JPY", 0),
     ("1.5", "BHD", 1500), ("9" * 13, "EUR", 10**15 - 100)],
)  # fmt: skip
def test_decimals_may_be_left_out(text: str, code: str, minor: int) -> None:
    assert Money.parse(text, code) == Success(Money(minor, code))


@pytest.mark.parametrize("text", ODD_AMOUNTS)
def test_an_odd_amount_is_refused(text: object) -> None:
    assert Money.parse(text, "EUR").failure() == InvalidInput("amount", "must be a plain decimal such as 12.34")


@pytest.mark.parametrize("code", ODD_CODES)
def test_an_odd_currency_is_refused(code: Any) -> None:
    refused = InvalidInput("currency", "must be an ISO 4217 code in capital letters")
    assert Money.parse("1", code).failure() == refused
    with pytest.raises(ValueError, match=r"^currency must be an ISO 4217 code in capital letters$"):
        Currency.of(code)


@pytest.mark.parametrize(("text", "code", "decimals"), [("100.5", "JPY", 0), ("1.005", "EUR", 2), ("1.0001", "BHD", 3)])
def test_finer_than_the_currency_is_refused_and_not_rounded(text: str, code: str, decimals: int) -> None:
    refused = InvalidInput("amount", f"has more decimals than {code} ({decimals})")
    assert Money.parse(text, code).failure() == refused


def test_the_largest_amount_is_read_and_one_more_is_not() -> None:
    assert Money.parse("10000000000000.00", "EUR") == Success(eur(MAX_MINOR))
    assert Money.parse("10000000000000.01", "EUR").failure() == InvalidInput("amount", "is too large")
    assert Money.parse("1" * 16, "EUR").failure() == InvalidInput("amount", "is too large")


@given(st.text(), st.text())
def test_reading_is_total(text: str, code: str) -> None:
    outcome = Money.parse(text, code)
    assert not isinstance(outcome, Success) or 0 <= outcome.unwrap().minor <= MAX_MINOR


class Counting(str):
    """A text that counts how often somebody looks at its characters."""

    __slots__ = ()


BAD_LITERALS: Final = [
    *(Decimal(text) for text in ("1E+1000000", "1E-1000000", "-1", "-0", "NaN", "sNaN", "Infinity")),
    *("1E+1000000", -1, 10**15, 10**20),
]


@pytest.mark.parametrize("amount", BAD_LITERALS)
def test_a_bad_literal_in_the_program_raises(amount: Any) -> None:
    with pytest.raises(ValueError, match=r"^amount: (must be a plain decimal such as 12\.34|is too large)$"):
        Money.of(amount, "EUR")


def test_a_huge_exponent_is_never_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    parse = Money.parse

    def counted(text: object, code: object) -> Any:
        seen.append(len(str(text)))
        return parse(text, code)

    monkeypatch.setattr(Money, "parse", counted)
    for exponent in (15, 16, 17, 1_000_000):
        for amount in (Decimal(f"1E+{exponent}"), Decimal(f"1E-{exponent}")):
            with pytest.raises(ValueError, match="amount"):
                Money.of(amount, "EUR")
    assert max(seen) <= 20


@pytest.mark.parametrize("amount", [1.5, True, None, b"1", Counting("1"), eur(1)])
def test_a_literal_of_a_wrong_type_raises(amount: Any) -> None:
    with pytest.raises(TypeError, match=r"^an amount is given as str, int or Decimal, never as float$"):
        Money.of(amount, "EUR")


def test_literals_may_be_texts_whole_numbers_and_decimals() -> None:
    assert Money.of("5", "EUR") == Money.of(5, "EUR") == Money.of(Decimal("5.00"), "EUR") == eur(500)
    assert Money.of(Decimal("1E+2"), "EUR") == eur(10_000)
    with pytest.raises(ValueError, match="currency: must be an ISO 4217 code in capital letters"):
        Money.of("5", "eur")


class MyInt(int):
    """A number that claims to be any other."""

    def __eq__(self, other: object) -> bool:
        return True

    def __lt__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


@pytest.mark.parametrize("minor", [True, 1.0, "1", None, Decimal(1), MyInt(1), float("nan")])
def test_minor_units_are_whole_numbers_and_nothing_like_them(minor: Any) -> None:
    with pytest.raises(TypeError, match=r"^an amount is a whole number of minor units \(int\)$"):
        Money(minor, EUR)


@pytest.mark.parametrize("minor", [-1, MAX_SUM + 1, 2**63, 10**30])
def test_minor_units_are_bounded(minor: int) -> None:
    with pytest.raises(ValueError, match=f"^an amount lies between 0 and {2**63 - 1} minor units$"):
        Money(minor, EUR)


def test_the_bounds_themselves_are_amounts() -> None:
    assert Money(0, "EUR").minor == 0
    assert Money(MAX_SUM, EUR).minor == 2**63 - 1
    assert MAX_MINOR == 10**15


@pytest.mark.parametrize(("code", "exponent"), [("EUR", 0), ("EUR", 3), ("XXX", 2), ("eur", 2), ("JPY", None)])
def test_no_currency_has_other_decimals_than_its_own(code: str, exponent: Any) -> None:
    with pytest.raises(ValueError, match=r"^currency must be an ISO 4217 code with its own number of decimals$"):
        Currency(code, exponent)


def test_a_currency_is_found_by_its_code() -> None:
    assert Currency.of("EUR") == Currency("EUR", 2) == CURRENCIES["EUR"]
    assert str(EUR) == "EUR"
    assert repr(EUR) == "Currency.of('EUR')"
    assert eur(1) == Money(1, "EUR")


@given(st.data(), currencies)
def test_adding_is_undone_by_subtracting_and_has_no_order(data: st.DataObject, currency: Currency) -> None:
    one, other = data.draw(moneys(currency)), data.draw(moneys(currency))
    assert one + other == other + one == Money(one.minor + other.minor, currency)
    assert (one + other) - other == one
    assert (one < other) == (one.minor < other.minor)
    assert (one <= other) == (one.minor <= other.minor)
    assert (one > other) == (one.minor > other.minor)
    assert (one >= other) == (one.minor >= other.minor)
    assert total([one, other], currency) == one + other


@given(moneys(EUR))
def test_an_amount_is_only_itself(amount: Money) -> None:
    assert bool(amount) is (amount.minor > 0)
    assert amount != Money(amount.minor, USD)
    assert amount <= copy.deepcopy(amount) <= amount
    assert not amount < copy.copy(amount)
    assert not amount > copy.copy(amount)
    assert hash(amount) == hash(Money(amount.minor, "EUR"))


def test_a_total_of_nothing_is_zero() -> None:
    assert total([], USD) == Money.zero("USD") == Money(0, USD)


def test_less_than_nothing_is_no_amount() -> None:
    with pytest.raises(ValueError, match="an amount lies between"):
        assert eur(1) - eur(2)


@pytest.mark.parametrize("other", [Money(1, USD), 1, 1.0, None, "1.00 EUR"])
def test_only_amounts_of_one_currency_mix(other: Any) -> None:
    for operation in ("__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"):
        with pytest.raises(TypeError, match=r"^amounts of two currencies do not mix$"):
            getattr(eur(2), operation)(other)


def test_a_look_alike_of_money_is_refused_at_the_boundary() -> None:
    class Liar(Money):  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]  -- what a hostile or careless host may do
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = Money.__hash__

    liar = Liar(1, EUR)
    assert check_amount("amount", liar) == InvalidInput("amount", "must be a Money")
    with pytest.raises(TypeError, match="do not mix"):
        assert eur(1) + liar


@pytest.mark.parametrize(
    ("amount", "reason"),
    [(eur(0), "must be above zero"), (eur(MAX_MINOR + 1), "is too large"), (1, "must be a Money"), (None, "must be a Money")],
)  # fmt: skip
def test_what_may_not_be_asked_for_is_named(amount: object, reason: str) -> None:
    assert check_amount("total", amount) == InvalidInput("total", reason)


@pytest.mark.parametrize("minor", [1, MAX_MINOR])
def test_what_may_be_asked_for_passes(minor: int) -> None:
    assert check_amount("total", eur(minor)) is None


weights = st.lists(st.integers(0, 10**15), min_size=1, max_size=12).filter(any)


@given(moneys(EUR), weights)
def test_allocation_loses_no_unit_and_stays_within_one_of_the_exact_part(amount: Money, parts: list[int]) -> None:
    shares = allocate(amount, parts)
    assert total(shares, EUR) == amount
    assert len(shares) == len(parts)
    for share, weight in zip(shares, parts, strict=True):
        assert abs(share.minor * sum(parts) - amount.minor * weight) < sum(parts)
        assert weight > 0 or share.minor == 0


@given(moneys(EUR), weights)
def test_allocation_favours_the_largest_remainders_and_then_the_earlier(amount: Money, parts: list[int]) -> None:
    rounded_up = [
        (amount.minor * weight % sum(parts), -index)
        for index, (share, weight) in enumerate(zip(allocate(amount, parts), parts, strict=True))
        if share.minor * sum(parts) > amount.minor * weight
    ]
    not_rounded_up = [
        (amount.minor * weight % sum(parts), -index)
        for index, (share, weight) in enumerate(zip(allocate(amount, parts), parts, strict=True))
        if share.minor * sum(parts) <= amount.minor * weight
    ]
    assert not rounded_up or not not_rounded_up or min(rounded_up) > max(not_rounded_up)


@pytest.mark.parametrize(
    ("minor", "parts", "shares"),
    [(100, [1, 1, 1], [34, 33, 33]), (5, [0, 1, 0, 1], [0, 3, 0, 2]), (10, [1], [10]), (0, [1, 2], [0, 0]), (1, [1, 2], [0, 1])],
)  # fmt: skip
def test_the_odd_units_go_where_a_reader_expects(minor: int, parts: list[int], shares: list[int]) -> None:
    assert [share.minor for share in allocate(eur(minor), parts)] == shares


@pytest.mark.parametrize("parts", [[], [0], [0, 0], [-1, 2], [-1], [5, -1]])
def test_weights_that_share_nothing_out_raise(parts: list[int]) -> None:
    with pytest.raises(ValueError, match=r"^weights must be whole numbers from zero up, and not all zero$"):
        allocate(eur(10), parts)
