"""A process that runs sequences on every store; several share the seeds, so that all cores are busy."""

from __future__ import annotations

from typing import Any

from payports.adapters.gateways.book import keeping
from payports.adapters.repositories import postgres_connection
from tests.differential.comparing import compare
from tests.differential.lanes import open_lane
from tests.differential.planted import through
from tests.races.processes import inherited


class NoChance:
    """In the place of ``secrets``, for the ledgers of banks: their references are the same in every lane."""

    @staticmethod
    def token_hex(size: int) -> str:
        return "00" * size


def main() -> None:
    """Compare until something differs; the answer is what, and how many sequences were the same before."""
    pipe = inherited()
    told: dict[str, Any] = pipe.recv()
    setattr(keeping, "secrets", NoChance)  # noqa: B010 -- a fake, which type checkers would refuse
    setattr(postgres_connection, "_REFUSED", ())  # noqa: B010 -- a test may lose commits when the power fails
    lanes = [open_lane(name, store, through(told["plants"].get(name, ""))) for name, store in told["stores"].items()]
    pipe.send("ready")
    for done, seed in enumerate(told["seeds"]):
        if found := compare(lanes, seed):
            pipe.send((done, found.message))
            break
    else:
        pipe.send((len(told["seeds"]), ""))
    for lane in lanes:
        lane.close()


if __name__ == "__main__":
    main()
