"""The options of those commands that have many, with their types."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict


class ReplayOptions(TypedDict):
    """The options of ``replay``."""

    file: Path | None
    orders: int | None
    currency: str
    as_json: bool
    database: str | None
    bank: str | None
    workers: int
    config: Path | None
    gateway: str


class ResolveOptions(TypedDict):
    """The options of ``resolve``."""

    transaction: str
    status: str
    operator: str
    reason: str
    gateway_reference: str
    merchant: str
    config: Path | None


class SimulateOptions(TypedDict):
    """The options of ``simulate``."""

    steps: int
    seed: int | None
    seeds: str | None
    storm: int
    store: str
    plant: str
    first: bool
    trace: bool
