"""The program itself: what it needs, how it is told what to do, and how the sandbox bank is served."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from payports import Money
from payports.domain.lifecycle import AUTHORIZE
from payports.testing import RemoteSandboxBank
from tests.adapters.command_line.command_process import COMMAND, environment, payports

SECRET: Final = {"PAYPORTS_SANDBOX_WEBHOOK_SECRET": "a secret of more than 16 bytes"}


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, missing: str) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not entry.name.startswith((missing, "__editable__", "_payports")) and entry.suffix != ".pth":
            (site / entry.name).symlink_to(entry)
    src = environment()["PYTHONPATH"]
    ended = subprocess.run(
        [sys.executable, "-S", *COMMAND[1:], "demo"],
        env={"PYTHONPATH": f"{src}:{site}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "The command line needs two more packages: pip install 'payports[cli]'\n"


def test_help_needs_nothing_but_click(tmp_path: Path) -> None:
    code = "import sys; from payports.adapters.command_line.program import program; print(sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment(), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert not {"'rich'", "'requests'", "'sqlite3'"} & set(loaded.stdout.strip("[]\n").split(", "))


@pytest.mark.parametrize(
    "arguments", [("demo", "--no-such-option"), ("replay", "no-such-file.csv"), ("list", "--limit", "0"), ("sell",)]
)
def test_wrong_usage_ends_with_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = payports(*arguments, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"PYTHONIOENCODING": "ascii"}, {"COLUMNS": "40"}])
def test_it_prints_on_any_terminal(tmp_path: Path, env: dict[str, str]) -> None:
    ended = payports("demo", cwd=tmp_path, env=env)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.isascii()


@contextmanager
def served(folder: Path, env: dict[str, str]) -> Generator[tuple[subprocess.Popen[str], str], None, None]:
    arguments = ("sandbox", "serve", "--port", "0", "--ledger", "ledger.db")
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment({**env, "PYTHONUNBUFFERED": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the process has no output")
        yield process, process.stdout.readline().split()[-1]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_bank_is_served_until_it_is_told_to_end(tmp_path: Path, end: signal.Signals) -> None:
    with served(tmp_path, {}) as (process, url):
        bank = RemoteSandboxBank(url)
        assert bank.effects() == ()
        process.send_signal(end)
        out, err = process.communicate(timeout=10)
        bank.close()
    assert (process.returncode, err) == (0, "")
    assert out.endswith("The sandbox bank is closed.\n")


def test_a_replay_uses_a_bank_that_is_served(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        "order_id,payment_sequential,payment_type,payment_installments,payment_value\n"
        "o-1,1,credit_card,1,12.34\no-2,1,boleto,1,10.00\n"
    )
    with served(tmp_path, SECRET) as (_, url):
        ended = payports("replay", file, "--json", "--bank", url, cwd=tmp_path, env=SECRET)
        assert (ended.returncode, ended.stderr) == (0, "")
        told = json.loads(ended.stdout)
        assert (told["placed"], told["bank_captured_minor"], told["differences"]) == (2, 2_234, 0)
        bank = RemoteSandboxBank(url)
        assert next(one.amount for one in bank.effects() if one.type is AUTHORIZE) == Money(1_234, "BRL")
        bank.close()
        refused = payports("replay", file, "--bank", url, cwd=tmp_path)
        assert (refused.returncode, "PAYPORTS_SANDBOX_WEBHOOK_SECRET" in refused.stderr) == (2, True)
    gone = payports("replay", file, "--bank", url, cwd=tmp_path, env=SECRET)
    assert (gone.returncode, gone.stderr.startswith("Error: the bank cannot be reached")) == (2, True)


def test_a_bank_that_cannot_be_served_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("this is a letter, not a database, and it is long enough to be sure of that")
    with served(tmp_path, {}) as (_, url):
        port = url.rpartition(":")[2]
        taken = payports("sandbox", "serve", "--port", port, "--ledger", "other.db", cwd=tmp_path)
    no_ledger = payports("sandbox", "serve", "--port", "0", "--ledger", "letter.txt", cwd=tmp_path)
    short = payports("sandbox", "serve", cwd=tmp_path, env={"PAYPORTS_SANDBOX_WEBHOOK_SECRET": "short"})
    for ended in (taken, no_ledger, short):
        assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1)
