"""The table of figures in the README."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from benchmarks.gates import rows

BEGIN: Final = "<!-- figures: written by make bench -->"
END: Final = "<!-- end of the figures -->"
_REACHED: Final = {True: "", False: " — **not reached**"}


def table(figures: dict[str, Any]) -> str:
    """Render the table of promises, figures and gates as Markdown."""
    lines = ["| promise | figure | gate |", "|---|---|---|"]
    for part, title in TITLES.items():
        part_rows = rows({part: figures.get(part)})
        lines += [f"| {title}{row.promise} | {row.figure} | {row.gate}{_REACHED[row.reached]} |" for row in part_rows]
    machine = figures["machine"]
    lines += [
        "",
        f"Measured {figures['measured']} with `{figures['command']}` on {machine['processors']} processors,"
        f" Python {machine['python']}, SQLite {machine['sqlite']}; load {machine['load']:.1f}.",
    ]
    return "\n".join(lines)


TITLES: Final = {
    "sqlite_full": "SQLite: ",
    "sqlite_normal": "SQLite: ",
    "postgres": "PostgreSQL: ",
    "peers": "",
    "stored": "SQLite: ",
    "transactions": "SQLite: ",
    "recovery": "SQLite: ",
    "replay": "SQLite: ",
    "import": "",
}


def put_into(page: Path, figures: dict[str, Any]) -> None:
    """Write the table between its markers."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    page.write_text(f"{before}{BEGIN}\n\n{table(figures)}\n\n{END}{after}", encoding="utf-8")
