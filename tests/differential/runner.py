"""A process that runs sequences on every store; several processes share the seeds, to use all cores."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final

from payports.adapters.gateways.ledger import storage
from payports.adapters.repositories.postgres import connection as postgres_connection
from tests.concurrency.processes import inherited_pipe
from tests.differential.comparison import compare
from tests.differential.lanes import open_lane
from tests.differential.planted_bugs import through


class NoChance:
    """Replaces ``secrets`` in the ledgers of banks, so that their references are the same in every lane."""

    @staticmethod
    def token_hex(size: int) -> str:
        return "00" * size


def main() -> None:
    """Compare until something differs; send the number of equal sequences and the difference."""
    pipe = inherited_pipe()
    told: dict[str, Any] = pipe.recv()
    setattr(storage, "secrets", NoChance)  # noqa: B010 -- a fake, which type checkers would refuse
    setattr(postgres_connection, "_REFUSED", ())  # noqa: B010 -- a test may lose commits when the power fails
    pipe.send("ready")
    seeds, same, found = list(told["seeds"]), 0, ""
    while seeds and not found:
        few, seeds = seeds[:_FRESH], seeds[_FRESH:]
        done, found = _compared(told["stores"], told["plants"], few)
        same += done
    pipe.send((same, found))


_FRESH: Final = 500
"""Start new banks after this many sequences: a bank has one ledger for all merchants, and it grows."""


def _compared(stores: dict[str, Any], plants: dict[str, str], seeds: list[int]) -> tuple[int, str]:
    """Return how many sequences were equal on all stores, and the first difference."""
    with ExitStack() as stack:
        lanes = [open_lane(name, store, through(plants.get(name, ""))) for name, store in stores.items()]
        for lane in lanes:
            stack.callback(lane.close)
        for done, seed in enumerate(seeds):
            if found := compare(lanes, seed):
                return done, found.message
    return len(seeds), ""


if __name__ == "__main__":
    main()
