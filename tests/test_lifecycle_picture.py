"""The README's diagram of the lifecycle matches the table, and its table of statuses matches the code.

After a change of the table, put into the README what ``.venv/bin/python -m tests.test_lifecycle_picture`` prints.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from payports.domain.lifecycle import CAPTURING, INITIATING, OBSERVED_ONLY, PARENTS
from payports.domain.transaction_types import FAILED, MAY_HAVE_HAPPENED, RANK, TransactionStatus, TransactionType
from tests.page import ROOT


def picture() -> str:
    """Draw the lifecycle as a Mermaid flowchart."""
    return "\n".join(["```mermaid", "flowchart LR", *_drawn(), "```\n"])


def _drawn() -> Iterator[str]:
    for kind in PARENTS:
        yield f"    {_node(kind)}"
    for kind, parents in PARENTS.items():
        for parent in TransactionType:
            if parent in parents:
                yield f"    {parent} {'-.->' if kind in OBSERVED_ONLY else '-->'} {kind}"
    yield "    classDef takes fill:#e7f5e7,stroke:#2e7d32,color:#000"
    yield f"    class {','.join(kind for kind in PARENTS if kind in CAPTURING)} takes"


def _node(kind: TransactionType) -> str:
    """Draw a type: rounded if it starts a payment, otherwise square."""
    return f'{kind}(["{kind}"])' if kind in INITIATING else f'{kind}["{kind}"]'


def status_rows() -> list[str]:
    """The first columns of the table of statuses: status, may have happened, counts as done."""
    return [
        f"| `{status}` | {_yes(status in MAY_HAVE_HAPPENED)} | {_yes(status is TransactionStatus.SUCCEEDED)} |"
        for status in sorted(TransactionStatus, key=RANK.__getitem__)
    ]


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def test_the_readme_shows_the_lifecycle_as_the_table_has_it() -> None:
    assert picture() in (ROOT / "README.md").read_text("utf-8")


def test_the_picture_has_every_type_and_every_step() -> None:
    drawn = picture()
    assert all(_node(kind) in drawn for kind in TransactionType)
    assert drawn.count("-->") + drawn.count("-.->") == sum(len(parents) for parents in PARENTS.values())


def test_the_readme_lists_the_statuses_by_rank_and_says_what_counts() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert [row for line in lines for row in status_rows() if line.startswith(row)] == status_rows()
    assert not FAILED & MAY_HAVE_HAPPENED


if __name__ == "__main__":
    sys.stdout.write(picture())
