"""The sandbox bank: an offline gateway that behaves like a bank on its worst day, in process or over HTTP."""

from __future__ import annotations

from payports.adapters.gateways.sandbox.config import connect

__all__ = ["connect"]
