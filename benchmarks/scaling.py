"""The cost of an authorization against the number of stored payments, and of a refund against the transactions of its payment."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import attrs

from benchmarks.filling import bulk_id, fill_sqlite
from benchmarks.measuring import Series, Size, in_turn
from benchmarks.shops import authorized, new_payment
from benchmarks.sqlite_loops import open_sqlite
from payports import Money, Payports

_CENT: Final = Money(1, "EUR")


def against_stored(folder: Path, counts: Sequence[int], size: Size) -> dict[int, Series]:
    """Authorize on files with more and more payments, in turn; the authorized ones are spread over all ids."""
    shops = {count: open_sqlite(_filled(folder / f"stored-{count}.db", count, size), "FULL") for count in counts}
    series = in_turn({str(count): partial(_authorize, shop, count, size) for count, shop in shops.items()}, size)
    for shop in shops.values():
        shop.close()
    return {count: series[str(count)] for count in counts}


def _filled(path: Path, count: int, size: Size) -> Path:
    fill_sqlite(path, count, authorized)
    fill_sqlite(path, size.pieces, name=partial(_between, count, size))
    return path


def _between(count: int, size: Size, number: int) -> str:
    """An id between two others, spread evenly."""
    return f"{bulk_id(number * count // size.pieces)}Z{number}"


def _authorize(shop: Payports, count: int, size: Size, number: int) -> None:
    shop.transactions.authorize(_between(count, size, number)).unwrap()


@attrs.frozen
class Point:
    """The CPU time of a refund on a payment with this many transactions, in microseconds."""

    transactions: int
    cpu_us: float


def against_transactions(folder: Path, counts: Sequence[int], rounds: int) -> tuple[Point, ...]:
    """Refund a cent of payments with more and more transactions."""
    with open_sqlite(folder / "long.db", "NORMAL") as shop:
        loops = {str(count): partial(_refund, shop, _with_transactions(shop, count)) for count in counts}
        series = in_turn(loops, Size(rounds, 1))
    return tuple(Point(count, statistics.median(cost.cpu_us for cost in series[str(count)])) for count in counts)


def _with_transactions(shop: Payports, count: int) -> str:
    payment_id = shop.payments.create(new_payment(0)).unwrap().id
    shop.transactions.authorize_and_capture(payment_id).unwrap()
    for number in range(1, count):
        _refund(shop, payment_id, number)
    return payment_id


def _refund(shop: Payports, payment_id: str, _: int) -> None:
    shop.transactions.refund(payment_id, _CENT).unwrap()


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The growth of the cost: the slope of the last two points on logarithmic axes, 1 for linear."""
    (before, small), (after, large) = points[-2:]
    return math.log(large / small) / math.log(after / before)
