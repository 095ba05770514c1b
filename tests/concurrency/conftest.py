"""The stores on which the races run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def sqlite_config(tmp_path: Path) -> dict[str, Any]:
    """The configuration of a shop on an SQLite file."""
    return _configuration(f"sqlite:///{tmp_path}/races.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The configuration of a shop on each store that processes can share."""
    if request.param == "sqlite":
        config: dict[str, Any] = request.getfixturevalue("sqlite_config")
        return config
    return _configuration(request.getfixturevalue("database_url"))


def _configuration(url: str) -> dict[str, Any]:
    return {
        "store": {"url": url},
        "gateways": {
            "card": {"adapter": "sandbox", "account": "card"},
            "debit": {"adapter": "sandbox", "account": "debit", "perform_authorize_and_capture": True},
        },
        "checkout": {"priority": ["card", "debit"]},
    }
