"""The command line prints no canary: neither from the configuration, nor from the environment, nor from the store."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from payports import connect
from payports.testing import FixedClock, SandboxBank
from tests.adapters.command_line.command_process import payports
from tests.adapters.telemetry.watching import Witness
from tests.secret_leaks import canaries as c
from tests.secret_leaks.canaries import PASSED_THROUGH, PERSONAL, SECRETS, found_in
from tests.secret_leaks.echo_server import ACTION, REFUSED, echoing
from tests.secret_leaks.journey import Journey, configuration

NOWHERE: Final = {**SECRETS, **PERSONAL, **PASSED_THROUGH}
ENVIRONMENT: Final = {"CANARY_KEY": c.API_KEY, "CANARY_SECRET": c.WEBHOOK_SECRET, "CANARY": c.ENVIRONMENT}
CONFIG: Final = f"""
[store]
url = "sqlite:///shop.db"
[gateways.sandbox]
adapter = "sandbox"
url = "memory:"
webhook_secret = {{ env = "CANARY_SECRET" }}
[gateways.card]
adapter = "stripe"
secret_key = {{ env = "CANARY_KEY" }}
base_url = "http://127.0.0.1:9/{c.IN_URL}"
webhook_secret = "{c.WEBHOOK_SECRET}"
[telemetry]
logs = true
"""


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a shop that has sold at the sandbox and at Stripe, with a payment that needs attention."""
    folder = tmp_path_factory.mktemp("commands")
    clock = FixedClock()
    bank = SandboxBank(clock=clock, webhook_secret=c.WEBHOOK_SECRET)
    with echoing() as stripe, connect(configuration(folder, stripe), bank=bank, clock=clock) as shop:
        on = Journey(shop=shop, bank=bank, clock=clock, witness=Witness(), given=[], callback_tokens=[])
        tokens = {"sandbox": (c.TOKEN, "tok_wrong_amount", "tok_3ds"), "card": (ACTION, REFUSED)}
        for gateway, of_it in tokens.items():
            for number, token in enumerate(of_it):
                on.pay(gateway, token, f"{gateway}-{number}")
                on.check_out(f"{gateway}-{number}")
    (folder / "payports.toml").write_text(CONFIG, encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return payports(*arguments, cwd=folder, env={**ENVIRONMENT, **(more or {})})


def payments(folder: Path) -> list[Any]:
    with connect({"store": {"url": f"sqlite:///{folder / 'shop.db'}"}}) as shop:
        return list(shop.environment.store.payments())


@pytest.mark.parametrize(
    "command",
    [["list"], ["list", "--owner", "cart:card-0"], ["doctor"], ["attention"], ["verify"], ["work", "--once"]],
    ids=" ".join,
)
def test_a_command_prints_no_canary(command: list[str], folder: Path) -> None:
    ended = run(folder, *command)
    assert ended.returncode in (0, 1), ended.stdout + ended.stderr
    assert ended.stdout + ended.stderr
    assert found_in(ended.stdout + ended.stderr, NOWHERE) == []


def test_a_payment_is_shown_without_its_secrets(folder: Path) -> None:
    found = payments(folder)
    assert len(found) == 5
    for payment in found:
        ended = run(folder, "show", payment.id)
        assert payment.id in ended.stdout
        assert found_in(ended.stdout + ended.stderr, NOWHERE) == []


def test_a_wrong_configuration_is_refused_without_its_values(folder: Path, tmp_path: Path) -> None:
    for number, line in enumerate(
        (
            f'[gateways.card]\nadapter = "stripe"\nsecret_key = "{c.PASSWORD}"',
            '[gateways.card]\nadapter = "stripe"\nsecret_key = { env = "CANARY" }',
            f'[gateways.card]\nadapter = "{c.ENVIRONMENT}"',
            f'[store]\nurl = "postgresql://user:{c.PASSWORD}@127.0.0.1:9/x"',
            f'[store]\nurl = "{c.PASSWORD}:"',
            f'secret = "{c.PASSWORD}',
        )
    ):
        config = tmp_path / f"wrong-{number}.toml"
        config.write_text(line, encoding="utf-8")
        for command in (["list"], ["doctor"], ["show", "x"]):
            ended = run(folder, *command, "--config", str(config))
            assert ended.returncode in (1, 2)
            assert ended.stdout + ended.stderr
            assert found_in(ended.stdout + ended.stderr, NOWHERE) == []


def test_the_demo_prints_no_secret(tmp_path: Path) -> None:
    ended = payports("demo", cwd=tmp_path, env=ENVIRONMENT)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert found_in(ended.stdout + ended.stderr, NOWHERE) == []
    assert "whsec_" not in ended.stdout + ended.stderr
