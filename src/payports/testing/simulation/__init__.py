"""Deterministic simulation of a whole shop: its services under a scheduler, clocks, network, bank and store that a seed controls.

One seed is one run, the same in every process: which task runs next, what is lost, delayed or duplicated, and which process crashes when.
At the end all faults stop, maintenance runs until nothing is due, and the bank's ledger is compared with ours.
"""

from __future__ import annotations

from payports.testing.simulation.planted_bugs import PLANTED_BUGS
from payports.testing.simulation.runner import Run, Settings, simulate
from payports.testing.simulation.violation import Violation

__all__ = ["PLANTED_BUGS", "Run", "Settings", "Violation", "simulate"]
