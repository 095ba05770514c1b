"""A worker of a replay waits for a store that is away for a while, and gives up one that stays away."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import cast

import pytest

from payports.adapters.demonstrations.replay_setup import ReplayLocation, ReplaySetup
from payports.adapters.demonstrations.replay_workers import opened
from payports.ports.adapter import Unreachable


class PlaceWhoseStoreIsAway:
    def __init__(self, times: int) -> None:
        self.left = times
        self.closed = 0
        self.setting = cast("ReplaySetup", object())

    @contextmanager
    def opened(self) -> Generator[ReplaySetup]:
        self.left -= 1
        if self.left >= 0:
            raise Unreachable("store.url", "the server is starting")
        yield self.setting
        self.closed += 1


def test_a_store_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    place = PlaceWhoseStoreIsAway(times=3)
    with ExitStack() as stack:
        assert opened(cast("ReplayLocation", place), stack) is place.setting
        assert place.closed == 0
    assert (place.closed, len(pauses)) == (1, 3)


def test_a_store_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    with ExitStack() as stack, pytest.raises(Unreachable, match="the server is starting"):
        opened(cast("ReplayLocation", PlaceWhoseStoreIsAway(times=1_000)), stack)
    assert sum(pauses) == pytest.approx(15)
