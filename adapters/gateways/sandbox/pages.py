"""The bank's page on which a shopper approves or declines: plain HTML, no script."""

from __future__ import annotations

from html import escape
from typing import Final

from payports.adapters.gateways.ledger.entries import Entry
from payports.adapters.gateways.sandbox.scenarios import CHALLENGE
from payports.domain.money import Money

_FRAME: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox bank</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 4rem auto; padding: 0 1rem; }}
button {{ font: inherit; padding: .6rem 1.4rem; margin-right: .6rem; cursor: pointer; }}
</style>
</head>
<body>
<main>
<h1>Sandbox bank</h1>
{content}
</main>
</body>
</html>
"""


def action_page(entry: Entry) -> str:
    """Ask the shopper about what waits."""
    question = "Is it you who pays" if entry.waits_for == CHALLENGE else "Do you want to pay"
    amount = Money(entry.minor, entry.currency)
    return _FRAME.format(
        content=f"""<p>{question} <strong>{escape(str(amount))}</strong>?</p>
<form method="post">
<button name="approve" value="1">Approve</button>
<button name="approve" value="0">Decline</button>
</form>
<p><small>{escape(entry.reference)} · play money</small></p>"""
    )


def notice_page(message: str) -> str:
    """Tell the shopper one thing."""
    return _FRAME.format(content=f"<p>{escape(message)}</p>")
