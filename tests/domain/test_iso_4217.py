"""The table of currencies against the list that the maintenance agency publishes."""

from __future__ import annotations

from iso4217 import Currency

from payports.domain.iso_4217 import EXPONENTS


def test_the_table_is_the_published_one() -> None:
    published = {one.code: one.exponent for one in Currency if one.exponent is not None}
    assert dict(EXPONENTS) == published


def test_decimals_are_only_those_that_the_library_is_made_for() -> None:
    assert set(EXPONENTS.values()) == {0, 2, 3, 4}
    assert {"XAU", "XXX", "XTS"}.isdisjoint(EXPONENTS)
