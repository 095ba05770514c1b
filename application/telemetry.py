"""Telemetry: what the wiring may put around the ports of a merchant's services."""

from __future__ import annotations

from typing import Protocol

from payports.application.kernel.environment import Environment


class Telemetry(Protocol):
    """Puts observers around the ports. Without telemetry a shop's ports are the undecorated ones."""

    @property
    def failures(self) -> int:
        """How often an observer raised, in this process; each time only its own record was lost."""
        ...

    def around(self, environment: Environment) -> Environment:
        """Wrap an environment so that every call of a gateway and every commit is observed."""
        ...
