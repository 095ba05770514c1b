"""One authorization and one whole sale on SQLite: what the library adds to its own statements, and to the floor."""

from __future__ import annotations

from pathlib import Path

from benchmarks import shops
from benchmarks.filling import bulk_id, fill_sqlite
from benchmarks.measuring import Series, Size, in_turn
from benchmarks.sqlite_loops import by_hand, floor, open_sqlite, record, same_statements
from payports import Payports


def authorize(shop: Payports, number: int) -> None:
    """Authorize the payment of that number."""
    shop.transactions.authorize(bulk_id(number)).unwrap()


def measure_authorize(folder: Path, synchronous: str, size: Size) -> tuple[dict[str, Series], int]:
    """Measure the library, its statements by hand and the floor in turn on one file; count the statements of one authorization."""
    path, count = folder / f"authorize-{synchronous}.db", size.pieces
    fill_sqlite(path, 2 * count)
    logs = record(path, authorize, range(count, 2 * count))
    connection = by_hand(path, synchronous)
    with open_sqlite(path, synchronous) as shop:
        series = in_turn(
            {
                "library": lambda number: authorize(shop, number),
                "same_statements": same_statements(connection, logs),
                "floor": floor(connection),
            },
            size,
        )
    connection.close()
    return series, len(logs[0])


def measure_flow(folder: Path, synchronous: str, size: Size) -> dict[str, Series]:
    """Measure create, authorize, capture and refund, and the same statements by hand, in turn on one file."""
    path, count = folder / f"flow-{synchronous}.db", size.pieces
    fill_sqlite(path, 1)
    logs = record(path, shops.sell, range(count, 2 * count))
    connection = by_hand(path, synchronous)
    with open_sqlite(path, synchronous) as shop:
        series = in_turn(
            {
                "library": lambda number: shops.sell(shop, number),
                "same_statements": same_statements(connection, logs),
            },
            size,
        )
    connection.close()
    return series
