"""The skeleton in docs/gateways/writing-one.md stays one that fits on a screen; that it runs, test_readme.py shows."""

from __future__ import annotations

from tests.page import ROOT, blocks_to_run

MOST_LINES = 80


def test_the_skeleton_is_short() -> None:
    page = (ROOT / "docs" / "gateways" / "writing-one.md").read_text(encoding="utf-8")
    (skeleton,) = [block for block in blocks_to_run(page) if block.file_name == "skeleton.py"]
    assert len(skeleton.text.splitlines()) <= MOST_LINES
