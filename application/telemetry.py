"""What the wiring may put around the ports of a merchant's services, so that somebody can watch."""

from __future__ import annotations

from typing import Protocol

from payports.application.kernel.environment import Environment


class Telemetry(Protocol):
    """Observers, and how they get to see something. Without one a shop's ports are as they are."""

    @property
    def failures(self) -> int:
        """How often an observer raised, in this process; each time nothing but its note was lost."""
        ...

    def around(self, environment: Environment) -> Environment:
        """The same environment, every call of a gateway and every commit in it observed."""
        ...
