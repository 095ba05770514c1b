"""The faults of one run and their rates, drawn from its seed."""

from __future__ import annotations

from enum import StrEnum
from random import Random
from typing import Final

import attrs

MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0


class Fault(StrEnum):
    """A kind of fault. ``MAX_RATES`` has the highest probability of each, per occasion."""

    CRASH = "CRASH"
    CLOCK_JUMP = "CLOCK_JUMP"
    READ_FAILS = "READ_FAILS"
    COMMIT_FAILS_BEFORE = "COMMIT_FAILS_BEFORE"
    COMMIT_FAILS_AFTER = "COMMIT_FAILS_AFTER"
    STALE = "STALE"
    UNREACHABLE = "UNREACHABLE"
    REQUEST_LOST = "REQUEST_LOST"
    REQUEST_LATE = "REQUEST_LATE"
    REQUEST_DOUBLED = "REQUEST_DOUBLED"
    ANSWER_LOST = "ANSWER_LOST"
    ANSWER_GARBLED = "ANSWER_GARBLED"
    ANSWER_SLOW = "ANSWER_SLOW"
    WRONG_AMOUNT = "WRONG_AMOUNT"
    LOOK_UP_FAILS = "LOOK_UP_FAILS"
    LOOK_UP_SLOW = "LOOK_UP_SLOW"
    NOT_FOUND_YET = "NOT_FOUND_YET"
    WEBHOOK_LOST = "WEBHOOK_LOST"
    WEBHOOK_DOUBLED = "WEBHOOK_DOUBLED"
    WEBHOOK_LATE = "WEBHOOK_LATE"
    DECLINED = "DECLINED"
    PARTIAL = "PARTIAL"
    ACTION = "ACTION"
    ASYNCHRONOUS = "ASYNCHRONOUS"
    HANDLER_RAISES = "HANDLER_RAISES"


MAX_RATES: Final = {
    Fault.CRASH: 0.006,
    Fault.CLOCK_JUMP: 0.0005,
    Fault.READ_FAILS: 0.01,
    Fault.COMMIT_FAILS_BEFORE: 0.04,
    Fault.COMMIT_FAILS_AFTER: 0.04,
    Fault.STALE: 0.05,
    Fault.UNREACHABLE: 0.08,
    Fault.REQUEST_LOST: 0.1,
    Fault.REQUEST_LATE: 0.1,
    Fault.REQUEST_DOUBLED: 0.1,
    Fault.ANSWER_LOST: 0.12,
    Fault.ANSWER_GARBLED: 0.08,
    Fault.ANSWER_SLOW: 0.2,
    Fault.WRONG_AMOUNT: 0.01,
    Fault.LOOK_UP_FAILS: 0.2,
    Fault.LOOK_UP_SLOW: 0.1,
    Fault.NOT_FOUND_YET: 0.5,
    Fault.WEBHOOK_LOST: 0.3,
    Fault.WEBHOOK_DOUBLED: 0.3,
    Fault.WEBHOOK_LATE: 0.3,
    Fault.DECLINED: 0.15,
    Fault.PARTIAL: 0.1,
    Fault.ACTION: 0.15,
    Fault.ASYNCHRONOUS: 0.15,
    Fault.HANDLER_RAISES: 0.1,
}


@attrs.define
class FaultInjector:
    """Decides whether a fault occurs, by the rates of this run. ``is_off``: no fault occurs any more."""

    random: Random
    rates: dict[Fault, float]
    is_off: bool = False

    @classmethod
    def drawn_from(cls, random: Random) -> FaultInjector:
        """Draw the rates of a run: some faults never occur, some often, so that runs differ in kind."""
        return cls(random, {fault: worst * random.choice((0.0, 0.1, 0.5, 1.0)) for fault, worst in MAX_RATES.items()})

    def occurs(self, fault: Fault) -> bool:
        """Decide whether a fault occurs now."""
        return not self.is_off and self.random.random() < self.rates[fault]

    def delay_s(self, least: float, most: float) -> float:
        """Draw a delay in seconds on a logarithmic scale."""
        return float(least * (most / least) ** self.random.random())
