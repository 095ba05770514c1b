"""Telemetry: what stands around gateways and stores while somebody watches, and the observers that come with the library."""

from __future__ import annotations
