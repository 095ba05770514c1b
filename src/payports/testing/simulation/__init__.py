"""A whole shop in a box: its services, under a scheduler, a clock, a network, a bank and a store that a seed decides about.

One seed is one run, the same in every process: who moves next, what is lost, delayed or doubled, and who dies when. In the end
everything becomes honest, maintenance runs until nothing is due, and the bank's ledger judges ours.
"""

from __future__ import annotations

from payports.testing.simulation.planted_bugs import PLANTED_BUGS
from payports.testing.simulation.running import Run, Settings, simulate
from payports.testing.simulation.violation import Violation

__all__ = ["PLANTED_BUGS", "Run", "Settings", "Violation", "simulate"]
