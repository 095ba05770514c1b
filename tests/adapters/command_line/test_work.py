"""``payports work`` does what is due, once, in as many processes as there are; it stops when told to, and goes on after what fails."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from queue import Queue
from threading import Event, Thread
from time import monotonic, sleep
from typing import Final

import pytest

from payports import Money, NewPayment, Owner, PaymentMethod, TransactionType, connect
from payports.testing import FixedClock, SandboxBank
from tests.adapters.command_line.command_process import LIMIT_S, payports, working

CONFIG: Final = """
[store]
url = "sqlite:///shop.db"
synchronous = "NORMAL"
busy_timeout = "30s"
[gateways.card]
adapter = "sandbox"
url = "sqlite:///bank.db"
[recovery]
first_look_up = "1s"
[merchants.outlet.checkout]
rollback = "immediate"
"""
READY: Final = "Working for default, outlet. Stop it with Ctrl-C or SIGTERM.\n"
STOPPED: Final = "Told to stop: all that was begun is finished.\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "payports.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def owe(number: int, merchant: str = "default", prefix: str = "c") -> None:
    """Authorize so many payments a day ago, and archive them: what they hold must be given back, and that is due."""
    with connect("payports.toml", clock=FixedClock(datetime.now(UTC) - timedelta(days=1))) as opened:
        shop = opened.merchant(merchant)
        for one in range(number):
            new = NewPayment(
                owner=Owner("cart", f"{prefix}-{one}"),
                amount=Money(100 + one, "EUR"),
                gateway="card",
                method=PaymentMethod({"token": "tok_approved"}),
            )
            payment = shop.payments.create(new).unwrap()
            shop.transactions.authorize(payment.id).unwrap()
            shop.payments.archive(payment.id).unwrap()


def given_back(folder: Path) -> list[int]:
    """What the bank let go of, sorted: by its own ledger, and one amount a payment."""
    with closing(SandboxBank(str(folder / "bank.db"))) as bank:
        return sorted(one.amount.minor for one in bank.effects() if one.type is TransactionType.REVERSE_AUTH)


def is_well(folder: Path) -> bool:
    ended = payports("verify", "--gateway-look-up", cwd=folder)
    return (ended.returncode, ended.stderr) == (0, "")


def counted(told: str, what: str = "reversed") -> int:
    """Add up what a worker says that it did."""
    words = told.replace(",", " ").split()
    return sum(int(number) for word, number in pairwise(words) if word == what)


@contextmanager
def worker(folder: Path, *options: str) -> Generator[subprocess.Popen[str]]:
    """A worker that has said that it is ready; killed at the end if it still runs."""
    with working(folder, *options) as process:
        assert line(process) == READY
        yield process


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=LIMIT_S)
    return process.returncode, stdout, stderr


def until(reached: Callable[[], bool]) -> None:
    """Look again and again until something is so."""
    deadline = monotonic() + LIMIT_S
    while not reached():
        assert monotonic() < deadline
        sleep(0.05)


@contextmanager
def writing(folder: Path) -> Generator[sqlite3.Connection]:
    """Keep everybody else from writing to the store, until told to let go."""
    with closing(sqlite3.connect(folder / "shop.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def let_leases_run_out(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "shop.db", isolation_level=None)) as connection:
        connection.execute("UPDATE leases SET ends_at = '2001-01-01T00:00:00.000000+00:00'")


def leases(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        found: int = connection.execute("SELECT count(*) FROM leases").fetchone()[0]
        return found


def test_what_is_due_is_done_for_every_merchant_and_then_it_ends(folder: Path) -> None:
    owe(3)
    owe(2, "outlet", "o")
    first = payports("work", "--once", cwd=folder)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == f"{READY}default: reversed 3\noutlet: reversed 2\nDone.\n"
    assert given_back(folder) == [100, 100, 101, 101, 102]
    again = payports("work", "--once", cwd=folder)
    assert (again.returncode, again.stdout) == (0, f"{READY}Done.\n")
    assert is_well(folder)


def test_one_merchant_and_one_pass_are_enough_if_asked_for(folder: Path) -> None:
    owe(25)
    owe(1, "outlet", "o")
    did = payports("work", "--max-passes", "1", "--merchant", "default", cwd=folder)
    assert (did.returncode, did.stderr) == (0, "")
    assert 0 < counted(did.stdout) < 25
    assert len(given_back(folder)) == counted(did.stdout)


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_waits_stops_at_once_when_told(folder: Path, told: signal.Signals) -> None:
    with worker(folder, "--every", "1h") as process:
        process.send_signal(told)
        assert ended(process) == (0, STOPPED, "")


def test_a_worker_that_is_told_to_stop_finishes_what_it_has_begun(folder: Path) -> None:
    owe(60)
    with worker(folder, "--every", "1h") as process:
        first = line(process)
        process.send_signal(signal.SIGTERM)
        code, told, complaints = ended(process)
    assert (code, complaints, told.endswith(STOPPED)) == (0, "", True)
    assert len(given_back(folder)) == counted(first + told)
    assert leases(folder) == 0
    assert is_well(folder)


class SlowBank:
    """Takes a request, tells the test of it, and gives no answer before the test says so: then it closes the line."""

    def __init__(self) -> None:
        self.asked: Queue[bytes] = Queue()
        self.answer = Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                line, _ = self._listener.accept()
                with line:
                    self.asked.put(line.recv(65_536))
                    self.answer.wait(LIMIT_S)

    def __enter__(self) -> SlowBank:
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.set()
        self._listener.close()


def test_a_worker_that_is_told_to_stop_while_a_gateway_is_slow_begins_no_other_payment(folder: Path) -> None:
    owe(9)
    with SlowBank() as bank:
        (folder / "payports.toml").write_text(CONFIG.replace("sqlite:///bank.db", bank.url))
        with worker(folder, "--every", "1h") as process:
            bank.asked.get(timeout=LIMIT_S)
            process.send_signal(signal.SIGTERM)
            bank.answer.set()
            code, told, complaints = ended(process)
    assert (code, complaints, told.endswith(STOPPED)) == (0, "", True)
    assert (leases(folder), touched(folder)) == (0, 1)


def touched(folder: Path) -> int:
    """Of how many payments something was asked to be given back."""
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        asked = "SELECT count(DISTINCT payment_id) FROM transactions WHERE type = 'REVERSE_AUTH'"
        found: int = connection.execute(asked).fetchone()[0]
        return found


def test_two_workers_on_one_file_do_everything_once(folder: Path) -> None:
    owe(200)
    with writing(folder) as shut, worker(folder, "--every", "20ms") as one, worker(folder, "--every", "20ms") as other:
        shut.execute("ROLLBACK")  # both have begun, and neither could write so far
        until(lambda: len(given_back(folder)) >= 200)
        for process in (one, other):
            process.send_signal(signal.SIGTERM)
        results = [ended(process) for process in (one, other)]
    assert [(code, complaints) for code, _, complaints in results] == [(0, ""), (0, "")]
    shares = [counted(told) for _, told, _ in results]
    assert sum(shares) == 200
    assert given_back(folder) == list(range(100, 300))
    assert is_well(folder)


def test_what_a_killed_worker_left_another_finishes(folder: Path) -> None:
    owe(200)
    with worker(folder, "--every", "1h") as victim:
        assert counted(line(victim)) > 0
        victim.kill()
        assert victim.wait(LIMIT_S) == -signal.SIGKILL
    done = len(given_back(folder))
    assert 0 < done < 200
    let_leases_run_out(folder)
    with worker(folder, "--every", "100ms") as process:
        until(lambda: len(given_back(folder)) >= 200)
        until(lambda: payports("verify", cwd=folder).returncode == 0 and not due(folder))
        process.send_signal(signal.SIGTERM)
        assert ended(process)[0] == 0
    assert given_back(folder) == list(range(100, 300))
    assert is_well(folder)


def due(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        found: int = connection.execute("SELECT count(*) FROM transactions WHERE due_at IS NOT NULL").fetchone()[0]
        return found


def test_a_store_that_cannot_be_written_is_tried_again(folder: Path) -> None:
    (folder / "payports.toml").write_text(CONFIG.replace('"30s"', '"50ms"'))
    owe(1)
    with writing(folder) as shut, worker(folder, "--every", "10ms") as process:
        assert process.stderr is not None
        complaint = process.stderr.readline()
        assert complaint.startswith("default: the store is unavailable: busy")
        shut.execute("ROLLBACK")
        assert line(process) == "default: reversed 1\n"
        process.send_signal(signal.SIGTERM)
        assert ended(process)[:2] == (0, STOPPED)


def test_who_works_once_and_cannot_says_so(folder: Path) -> None:
    (folder / "payports.toml").write_text(CONFIG.replace('"30s"', '"50ms"'))
    owe(1)
    with writing(folder):
        tried = payports("work", "--once", cwd=folder)
    assert (tried.returncode, "busy" in tried.stderr) == (1, True)
    assert given_back(folder) == []


def test_a_gateway_that_does_not_answer_holds_nothing_up(folder: Path) -> None:
    owe(2)
    (folder / "payports.toml").write_text(CONFIG.replace("sqlite:///bank.db", "http://127.0.0.1:9"))
    tried = payports("work", "--once", cwd=folder)
    assert (tried.returncode, tried.stderr) == (0, "")
    assert "reversed" not in tried.stdout.replace("reversals", "")
    assert given_back(folder) == []


HANDLER: Final = """
from pathlib import Path

def handle(recorded):
    if Path("refuse").exists():
        raise LookupError("a text that is nobody's business")
    with Path("told").open("a") as file:
        print(recorded.fact.kind, file=file)

no_function = None
"""


def test_facts_are_handed_out_and_what_the_handler_refuses_is_kept_for_it(folder: Path) -> None:
    (folder / "shopcode.py").write_text(HANDLER)
    (folder / "refuse").touch()
    owe(1)
    refused = payports("work", "--once", "--deliver", "shopcode:handle", cwd=folder)
    assert refused.returncode == 1
    assert refused.stderr.startswith("default: the handler raised LookupError at payment.created of payment ")
    assert "nobody's business" not in refused.stderr
    (folder / "refuse").unlink()
    taken = payports("work", "--once", "--deliver", "shopcode:handle", cwd=folder)
    assert (taken.returncode, taken.stderr) == (0, "")
    told = (folder / "told").read_text().split()
    assert told[:3] == ["payment.created", "transaction.recorded", "transaction.observed"]
    assert taken.stdout == f"{READY}default: delivered {len(told)}\nDone.\n"


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--every", "soon"), "--every"),
        (("--every", "0s"), "--every"),
        (("--deliver", "shopcode"), "--deliver"),
        (("--deliver", "nowhere:handle"), "--deliver"),
        (("--deliver", "shopcode:no_function"), "--deliver"),
        (("--deliver", "shopcode:missing"), "--deliver"),
        (("--merchant", " x"), "--merchant"),
        (("--merchant", "default", "--merchant", "outlett"), "--merchant"),
    ],
)
def test_what_cannot_begin_names_the_option(folder: Path, options: tuple[str, ...], names: str) -> None:
    (folder / "shopcode.py").write_text(HANDLER)
    tried = payports("work", "--once", *options, cwd=folder)
    assert tried.returncode == 2
    assert tried.stderr.startswith(f"Error: {names}: ")
    assert len(tried.stderr.splitlines()) == 1
