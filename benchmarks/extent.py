"""Sizes: the full benchmark, a quick look, and a tiny run for the tests."""

from __future__ import annotations

from typing import Final

import attrs

from benchmarks.measuring import Size


@attrs.frozen(kw_only=True)
class Extent:
    """The size of every part. ``stored`` and ``transactions`` are the points of the two curves."""

    name: str
    sale: Size
    stored: tuple[int, ...]
    transactions: tuple[int, ...]
    unknown_rows: int
    orders: int
    imports: int
    processes: int
    crowd: Size


FULL: Final = Extent(
    name="full",
    sale=Size(31, 20),
    stored=(1_000, 10_000, 100_000, 1_000_000),
    transactions=(1, 3, 10, 30, 100, 300, 1_000),
    unknown_rows=10_000,
    orders=1_000,
    imports=21,
    processes=8,
    crowd=Size(11, 20),
)
QUICK: Final = Extent(
    name="quick",
    sale=Size(11, 10),
    stored=(1_000, 10_000, 100_000),
    transactions=(1, 10, 100),
    unknown_rows=1_000,
    orders=100,
    imports=7,
    processes=8,
    crowd=Size(3, 10),
)
TINY: Final = Extent(
    name="tiny",
    sale=Size(1, 2),
    stored=(10, 100),
    transactions=(1, 3, 9),
    unknown_rows=20,
    orders=5,
    imports=1,
    processes=2,
    crowd=Size(1, 2),
)
EXTENTS: Final = {extent.name: extent for extent in (FULL, QUICK, TINY)}
