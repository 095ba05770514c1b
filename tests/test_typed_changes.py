"""A change of a value names fields that may change, with values of their types: held by mypy and pyright, shown on wrong uses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, get_type_hints

import attrs
import pytest

from payports.domain.checkout import CheckoutChange, CheckoutRecord
from payports.domain.command import Command, CommandChange
from payports.domain.observation import Observation, ObservationChange
from payports.domain.payment import Payment, PaymentChange
from payports.domain.transaction import Transaction, TransactionChange
from payports.ports.commit import Commit, CommitChange

ROOT: Final = Path(__file__).resolve().parents[1]

CHANGES: Final[dict[type, type]] = {
    Payment: PaymentChange,
    Transaction: TransactionChange,
    Observation: ObservationChange,
    Command: CommandChange,
    Commit: CommitChange,
    CheckoutRecord: CheckoutChange,
}

HEADER: Final = """from __future__ import annotations
from payports.domain.command import Command
from payports.domain.checkout import CheckoutRecord, CheckoutState
from payports.domain.money import Money
from payports.domain.payment import Payment
from payports.domain.observation import Observation
from payports.domain.transaction import Transaction
from payports.domain.transaction_types import ReversalState
from payports.ports.commit import Commit
def uses(
    payment: Payment, transaction: Transaction, observation: Observation, command: Command, commit: Commit, record: CheckoutRecord
) -> None:
"""

RIGHT: Final = (
    "payment.evolve(amount=Money(1, 'EUR'), archived=True)",
    "transaction.evolve(reversal=ReversalState.REVERSED, due_at=None)",
    "observation.evolve(code='05')",
    "command.evolve(account='a')",
    "commit.evolve(checkouts=(record,))",
    "record.evolve(state=CheckoutState.FAILED)",
)

WRONG: Final = (
    "payment.evolve(amount='ten')",
    "payment.evolve(amuont=Money(1, 'EUR'))",
    "payment.evolve(id='p-2')",
    "payment.evolve(transactions=[transaction])",
    "transaction.evolve(reversal='REVERSED')",
    "transaction.evolve(look_ups=None)",
    "transaction.evolve(parent_id='t-2')",
    "observation.evolve(status='SUCCEEDED')",
    "command.evolve(amount=10)",
    "commit.evolve(change=())",
    "record.evolve(state='PLACED')",
    "record.evolve(total=Money(1, 'EUR'))",
)


@pytest.mark.parametrize("changed", CHANGES)
def test_what_may_change_is_a_field_and_has_its_type(changed: type[attrs.AttrsInstance]) -> None:
    types = {field.name: field.type for field in attrs.fields(attrs.resolve_types(changed))}
    may_change: dict[str, Any] = get_type_hints(CHANGES[changed])
    optional = {"amount", "guard"} if changed is Command else set[str]()  # a command that is changed has them
    assert may_change.keys() <= types.keys()
    for name, kind in may_change.items():
        assert types[name] == (kind | None if name in optional else kind)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module with right uses first, then a wrong one a line."""
    path = tmp_path_factory.mktemp("typed") / "uses.py"
    path.write_text(HEADER + "".join(f"    {line}\n" for line in (*RIGHT, *WRONG)), encoding="utf-8")
    return path


def _lines() -> set[int]:
    first = HEADER.count("\n") + len(RIGHT) + 1
    return set(range(first, first + len(WRONG)))


def test_mypy_refuses_every_wrong_use_and_no_right_one(written: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--output", "json", str(written)]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    errors = [json.loads(line) for line in completed.stdout.splitlines() if line.startswith("{")]
    assert {
        error["line"] for error in errors if error["file"].endswith("uses.py") and error["severity"] == "error"
    } == _lines()


def test_pyright_refuses_every_wrong_use_and_no_right_one(written: Path) -> None:
    settings = {
        "typeCheckingMode": "strict",
        "extraPaths": [str(ROOT / "src")],
        "include": ["uses.py"],
        "reportUnusedCallResult": False,
    }
    (written.parent / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pyright",
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "--project",
        str(written.parent),
    ]
    completed = subprocess.run(command, cwd=written.parent, capture_output=True, text=True, check=False)
    errors = [
        diagnostic
        for diagnostic in json.loads(completed.stdout)["generalDiagnostics"]
        if diagnostic["severity"] == "error"
    ]
    assert {diagnostic["range"]["start"]["line"] + 1 for diagnostic in errors} == _lines()
