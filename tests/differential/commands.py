"""Commands as values, drawn from a seed: what shoppers, hosts, banks, networks and time do to a shop, in a few words each."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

Command = tuple[str | int | bool | None, ...]
"""The name of what is done, and what it is done with. Payments and references are named by how manieth they are."""

CARTS: Final = ("c-1", "c-2")
_OFTEN: Final = ("c-1", "c-1", "c-1", "c-1", "c-2")
CUSTOMERS: Final = ("cu-1", "cu-2")
WAYS: Final = ("card", "card", "card", "sale", "gift")
TOKENS: Final = (
    *("tok_approved",) * 6, "tok_declined", "tok_declined_hard", "tok_timeout_charged", "tok_timeout_not_charged", "tok_3ds",
    "tok_async", "tok_partial", "tok_wrong_amount", "tok_garbage",
)  # fmt: skip
MOVES: Final = (
    "authorize", "authorize_and_capture", "capture", "capture", "reverse_authorization", "void", "refund", "refund", "settle", "credit",
)  # fmt: skip
KEYS: Final = (None, None, None, "k-1", "k-2")
SOURCES: Final = ("s-1", "s-2")
AMOUNTS: Final = (100, 100, 250, 500, 1_000)
OUTSIDE: Final = ("CAPTURE", "REVERSE_AUTH", "VOID", "REFUND", "CHARGEBACK", "SETTLED")
FAULTS: Final = ("lost_before", "lost_after", "not_sent")
WAITS_S: Final = (7, 61, 599, 4_001, 90_001, 700_000)
"""No sum of these is exactly the hour after which an action lapses."""
RULINGS: Final = ("SUCCEEDED", "NOT_EXECUTED", "DECLINED", "REVOKED")

SHORTEST: Final = 5
LONGEST: Final = 9


def sequence(seed: int) -> list[Command]:
    """A few commands. They begin with a payment, and mostly with money on it, so that there is something to do."""
    chance = Random(seed)  # noqa: S311 -- to be repeated, not to be secret
    length = chance.randint(SHORTEST, LONGEST)
    begun = [_create(chance) for _ in range(chance.choice((1, 1, 2)))]
    match chance.randrange(4):
        case 0:
            begun.append(("submit", begun[0][1], "r-1", False))
        case 1:
            begun.append(("move", "authorize", 0, None, None))
        case 2:
            begun += [("move", "authorize", 0, None, None), ("move", "capture", 0, chance.choice((None, 100)), None)]
        case _:
            pass
    return [*begun, *(chance.choice(_DRAWN)(chance) for _ in range(length - len(begun)))]


def _create(chance: Random) -> Command:
    cart, way, token = chance.choice(_OFTEN), chance.choice(WAYS), chance.choice(TOKENS)
    return "create", cart, way, token, chance.choice(AMOUNTS), chance.choice((None, *CUSTOMERS))


def _submit(chance: Random) -> Command:
    return "submit", chance.choice(_OFTEN), chance.choice(("r-1", "r-2")), chance.random() < 0.1


def _move(chance: Random) -> Command:
    return "move", chance.choice(MOVES), chance.randrange(4), chance.choice((None, *AMOUNTS)), chance.choice(KEYS)


def _faulty_move(chance: Random) -> Command:
    return "faulty", chance.choice(FAULTS), *_move(chance)[1:]


def _order(chance: Random) -> Command:
    what, amount = chance.choice(("capture", "capture", "cancel", "refund")), chance.choice(AMOUNTS)
    return "order", what, chance.choice(_OFTEN), chance.choice(SOURCES), amount, chance.choice(("o-1", "o-2", "o-3"))


def _update(chance: Random) -> Command:
    return "update", chance.randrange(4), chance.choice(AMOUNTS), chance.choice((None, *TOKENS))


def _dashboard(chance: Random) -> Command:
    return "dashboard", chance.choice(OUTSIDE), chance.randrange(6), chance.choice(AMOUNTS)


def _resolve(chance: Random) -> Command:
    return "resolve", chance.randrange(6), chance.choice(RULINGS)


def _save(chance: Random) -> Command:
    return "save", chance.choice(CUSTOMERS), chance.choice(TOKENS)


def _use(chance: Random) -> Command:
    return "use", chance.randrange(3), chance.choice(CUSTOMERS), chance.choice(_OFTEN), chance.choice(AMOUNTS)


def _plain(name: str, *choices: tuple[str | int | bool, ...]) -> Callable[[Random], Command]:
    return lambda chance: (name, *(chance.choice(options) for options in choices))


_SOME: Final = tuple(range(6))
_DRAWN: Final[tuple[Callable[[Random], Command], ...]] = (
    *(_create,) * 3,
    *(_submit,) * 5,
    *(_move,) * 6,
    *(_faulty_move,) * 2,
    *(_order,) * 4,
    _update,
    _dashboard,
    _resolve,
    _save,
    _use,
    _plain("archive", _SOME),
    _plain("resume", _OFTEN),
    _plain("cancel", _OFTEN),
    _plain("release", _OFTEN),
    _plain("refresh", _SOME),
    _plain("finish", _SOME, (True, True, False)),
    _plain("act", _SOME, (True, True, False)),
    _plain("revoke", _SOME),
    _plain("remove", (0, 1, 2), CUSTOMERS),
    *(_plain("hear", (True, False)),) * 2,
    *(_plain("wait", WAITS_S),) * 2,
    *(_plain("maintain", (1, 100)),) * 3,
    _plain("deliver", (1, 3, 100)),
)
