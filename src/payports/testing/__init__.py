"""The test kit for hosts: a sandbox bank, a fixed clock, and conformance suites for adapters.

The suites are separate modules, because they need pytest: ``payports.testing.gateway_conformance`` and ``store_conformance``.
"""

from __future__ import annotations

from payports.adapters.gateways.ledger.entries import Effect
from payports.adapters.gateways.sandbox.bank import SandboxBank
from payports.adapters.gateways.sandbox.remote import RemoteSandboxBank, serving
from payports.testing.clock import FixedClock

__all__ = ["Effect", "FixedClock", "RemoteSandboxBank", "SandboxBank", "serving"]
