"""The sandbox bank: an offline gateway that behaves like a bank in every scenario, good or bad, in process or over HTTP."""

from __future__ import annotations

from payports.adapters.gateways.sandbox.config import connect

__all__ = ["connect"]
