"""Shared fixtures and options: hypothesis profiles, sizes, and a PostgreSQL server."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings

from tests.postgres import database_url as database_url
from tests.postgres import postgres_url as postgres_url
from tests.postgres import shared_database_url as shared_database_url

# The default finds the same examples every time. `pytest --hypothesis-profile=random` goes further.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("random", max_examples=1_000, deadline=None, print_blob=True)
# `make mutation` runs the tests once for every mutant. What fails need not be made small.
settings.register_profile("mutation", max_examples=25, derandomize=True, deadline=None, phases=[Phase.generate])
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options for the sizes of the large tests."""
    sizes = parser.getgroup("sizes")
    sizes.addoption("--webhooks", type=int, default=100_000, help="how many mutated notifications to make")
    sizes.addoption("--races", type=int, default=50, help="how often to run each race on each store")
    sizes.addoption(
        "--sequences", type=int, default=10_000, help="how many sequences of commands to run on every store"
    )
    sizes.addoption("--first-sequence", type=int, default=0, help="the seed of the first of these sequences")
    sizes.addoption("--writes", type=int, default=25, help="how many payments each of eight writers makes in one file")
    sizes.addoption("--server-kills", type=int, default=2, help="how often to kill the PostgreSQL server of a replay")
    sizes.addoption("--kills", type=int, default=6, help="how many workers of a replay to kill on each store")
