"""What is public: everything that an adapter needs, at no price for those who need it not."""

from __future__ import annotations

import subprocess
import sys

import pytest

import payports
from payports import gateway_kit
from payports.ports import gateway, tokenization


def loaded_after(statement: str, modules: str) -> str:
    code = f"{statement}\nimport sys\nprint([name for name in {modules!r}.split() if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.strip()


def test_the_kit_needs_nothing_of_tests_and_opens_no_http_before_it_is_used() -> None:
    assert loaded_after("import payports.gateway_kit", "payports.testing hypothesis pytest requests") == "[]"


def test_the_front_door_does_not_load_the_kit() -> None:
    assert loaded_after("import payports", "payports.gateway_kit payports.adapters.gateways") == "[]"


def test_every_name_is_there_and_none_twice() -> None:
    assert all(hasattr(gateway_kit, name) for name in gateway_kit.__all__)
    assert len(set(gateway_kit.__all__)) == len(gateway_kit.__all__)


@pytest.mark.parametrize("module", [gateway, tokenization])
def test_every_port_of_a_gateway_is_in_the_kit(module: object) -> None:
    own = [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == getattr(module, "__name__", "")
    ]
    assert {name for name in own if not name.startswith("_")} <= {*gateway_kit.__all__}


def test_what_is_in_both_doors_is_the_same() -> None:
    both = {*gateway_kit.__all__} & {*payports.__all__}
    assert {"Gateway", "PaymentRequest", "Money", "Secret", "Outcome"} <= both
    assert all(getattr(gateway_kit, name) is getattr(payports, name) for name in both)
