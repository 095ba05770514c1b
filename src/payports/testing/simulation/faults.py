"""What may go wrong, and how often: the weather of one run, drawn from its seed."""

from __future__ import annotations

from enum import StrEnum
from random import Random
from typing import Final

import attrs

MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0


class Fault(StrEnum):
    """One kind of trouble. The numbers below say how often it comes in bad weather, per occasion."""

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


WORST: Final = {
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
class Weather:
    """How likely each fault is in this run; ``honest``: from now on none happens."""

    random: Random
    chances: dict[Fault, float]
    honest: bool = False

    @classmethod
    def of(cls, random: Random) -> Weather:
        """Draw the weather of a run: some faults not at all, some often, so that runs differ in kind."""
        return cls(random, {fault: worst * random.choice((0.0, 0.1, 0.5, 1.0)) for fault, worst in WORST.items()})

    def strikes(self, fault: Fault) -> bool:
        """Tell whether a fault happens now."""
        return not self.honest and self.random.random() < self.chances[fault]

    def between(self, least: float, most: float) -> float:
        """A wait in seconds: short ones as likely as long ones, whatever the unit."""
        return float(least * (most / least) ** self.random.random())
