"""What a host tests with: a bank, a clock that stands still, and suites for own adapters.

The suites are modules of their own, because they need pytest: ``payports.testing.gateway_conformance`` and ``store_conformance``.
"""

from __future__ import annotations

from payports.adapters.gateways.book.entries import Effect
from payports.adapters.gateways.sandbox.bank import SandboxBank
from payports.adapters.gateways.sandbox.remote import RemoteSandboxBank, serving
from payports.testing.clock import FixedClock

__all__ = ["Effect", "FixedClock", "RemoteSandboxBank", "SandboxBank", "serving"]
