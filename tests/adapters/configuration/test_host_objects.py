"""What a host hands to ``connect`` is refused by the name of the argument if it cannot do what will be asked of it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from payports import Clock, ConfigurationError, Gateway, Ids, Observer, connect
from payports.adapters.configuration.system_clock import SystemIds
from payports.testing import FixedClock, SandboxBank
from tests.adapters.telemetry.watching import Witness
from tests.application.fixtures import open_shop

MEMORY: Final = {"store": {"url": "memory:"}}


class HalfIds:
    """Has only one of two methods."""

    def new(self) -> str:
        return "id"


def working() -> Gateway:
    return open_shop().gateways["sandbox"].gateway


WRONG: Final[dict[str, tuple[dict[str, Any], str]]] = {
    **{f"{name} is a number": ({name: 3}, name) for name in ("bank", "clock", "ids", "gateways", "observer")},
    **{f"{name} is false": ({name: 0}, name) for name in ("bank", "clock", "ids", "gateways", "observer")},
    "a class for a clock": ({"clock": FixedClock}, "clock"),
    "a protocol for a clock": ({"clock": Clock}, "clock"),
    "a protocol for ids": ({"ids": Ids}, "ids"),
    "half of ids": ({"ids": HalfIds()}, "ids"),
    "a class for a bank": ({"bank": SandboxBank}, "bank"),
    "a path for a bank": ({"bank": "bank.db"}, "bank"),
    "a protocol for an observer": ({"observer": Observer}, "observer"),
    "a function for an observer": ({"observer": print}, "observer"),
    "observers": ({"observer": [Witness()]}, "observer"),
    "a list of gateways": ({"gateways": [working()]}, "gateways"),
    "a number for a gateway": ({"gateways": {"card": 3}}, "gateways.card"),
    "nothing for a gateway": ({"gateways": {"card": None}}, "gateways.card"),
    "a gateway's class": ({"gateways": {"card": type(working().transactions)}}, "gateways.card"),
    "a gateway of nothing": ({"gateways": {"card": Gateway(transactions=3)}}, "gateways.card"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] -- what is refused
    "a number for a name": ({"gateways": {3: working()}}, "gateways"),
}


@pytest.mark.parametrize(("given", "named"), WRONG.values(), ids=WRONG)
def test_what_cannot_do_its_work_is_refused_by_its_name(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect(MEMORY, **given)
    assert caught.value.key == named


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"clock": FixedClock(), "ids": SystemIds(), "bank": SandboxBank(), "observer": Witness()},
        {"gateways": {"card": working()}},
        {"gateways": {"card": working().transactions}},
        {"gateways": {}},
        dict.fromkeys(("bank", "clock", "ids", "gateways", "observer")),
    ],
    ids=["nothing", "all", "a gateway", "its transactions", "no gateways", "none of all"],
)
def test_what_can_do_its_work_is_taken(given: dict[str, Any]) -> None:
    connect(MEMORY, **given).close()
