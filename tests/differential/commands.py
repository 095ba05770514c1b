"""Commands as values, drawn from a seed: what shoppers, hosts, banks, networks and time do to a shop."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

Command = tuple[str | int | bool | None, ...]
"""The name of a command and its arguments. Payments and references are given by their index."""

CARTS: Final = ("c-1", "c-2")
_OFTEN: Final = ("c-1", "c-1", "c-1", "c-1", "c-2")
CUSTOMERS: Final = ("cu-1", "cu-2")
GATEWAYS: Final = ("card", "card", "card", "sale", "gift")
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
"""No sum of these is exactly the hour after which an action expires."""
RESOLUTIONS: Final = ("SUCCEEDED", "NOT_EXECUTED", "DECLINED", "REVOKED")

SHORTEST: Final = 5
LONGEST: Final = 9


def sequence(seed: int) -> list[Command]:
    """Draw a sequence of commands. It starts with a payment, mostly with money on it, so that later commands have something to work on."""
    random = Random(seed)  # noqa: S311 -- to be repeated, not to be secret
    length = random.randint(SHORTEST, LONGEST)
    begun = [_create(random) for _ in range(random.choice((1, 1, 2)))]
    match random.randrange(4):
        case 0:
            begun.append(("submit", begun[0][1], "r-1", False))
        case 1:
            begun.append(("move", "authorize", 0, None, None))
        case 2:
            begun += [("move", "authorize", 0, None, None), ("move", "capture", 0, random.choice((None, 100)), None)]
        case _:
            pass
    return [*begun, *(random.choice(_DRAWN)(random) for _ in range(length - len(begun)))]


def _create(random: Random) -> Command:
    cart, way, token = random.choice(_OFTEN), random.choice(GATEWAYS), random.choice(TOKENS)
    return "create", cart, way, token, random.choice(AMOUNTS), random.choice((None, *CUSTOMERS))


def _submit(random: Random) -> Command:
    return "submit", random.choice(_OFTEN), random.choice(("r-1", "r-2")), random.random() < 0.1


def _move(random: Random) -> Command:
    return "move", random.choice(MOVES), random.randrange(4), random.choice((None, *AMOUNTS)), random.choice(KEYS)


def _faulty_move(random: Random) -> Command:
    return "faulty", random.choice(FAULTS), *_move(random)[1:]


def _order(random: Random) -> Command:
    what, amount = random.choice(("capture", "capture", "cancel", "refund")), random.choice(AMOUNTS)
    return "order", what, random.choice(_OFTEN), random.choice(SOURCES), amount, random.choice(("o-1", "o-2", "o-3"))


def _update(random: Random) -> Command:
    return "update", random.randrange(4), random.choice(AMOUNTS), random.choice((None, *TOKENS))


def _dashboard(random: Random) -> Command:
    return "dashboard", random.choice(OUTSIDE), random.randrange(6), random.choice(AMOUNTS)


def _resolve(random: Random) -> Command:
    return "resolve", random.randrange(6), random.choice(RESOLUTIONS)


def _save(random: Random) -> Command:
    return "save", random.choice(CUSTOMERS), random.choice(TOKENS)


def _use(random: Random) -> Command:
    return "use", random.randrange(3), random.choice(CUSTOMERS), random.choice(_OFTEN), random.choice(AMOUNTS)


def _plain(name: str, *choices: tuple[str | int | bool, ...]) -> Callable[[Random], Command]:
    return lambda random: (name, *(random.choice(options) for options in choices))


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
