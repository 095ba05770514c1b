"""The bank's pages for shoppers, 3-D Secure and hosted payment: plain HTML, no script."""

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
    """Ask the shopper to approve or decline a payment."""
    is_challenge = entry.waits_for == CHALLENGE
    title = "Confirm your payment" if is_challenge else "Pay"
    text = "Please confirm that you are making this payment of" if is_challenge else "You are about to pay"
    amount = Money(entry.minor, entry.currency)
    return _FRAME.format(
        content=f"""<h2>{title}</h2>
<p>{text} <strong>{escape(str(amount))}</strong>.</p>
<form method="post">
<button name="approve" value="1">Approve</button>
<button name="approve" value="0">Decline</button>
</form>
<p><small>{escape(entry.reference)} · test payment, no money moves</small></p>"""
    )


def message_page(message: str) -> str:
    """Show the shopper a message."""
    return _FRAME.format(content=f"<p>{escape(message)}</p>")
