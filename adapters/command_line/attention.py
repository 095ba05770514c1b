"""``payports attention``: what only a person can decide, and what to do about it."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import click
from returns.result import Failure
from rich.text import Text

from payports.adapters.command_line.presentation.errors import refuse
from payports.adapters.command_line.presentation.output import BAD, GOOD, columns, console, words
from payports.adapters.command_line.shops import open_shop, shops_of
from payports.application.shop import Payports
from payports.domain.attention import AttentionItem


def run_attention(config: Path | None, merchants: tuple[str, ...], *, as_json: bool) -> int:
    """Print what needs a person; 1 if anything does."""
    with open_shop(config) as shop:
        named = shops_of(shop, merchants)
        found = [(merchant, item) for merchant, one_shop in named.items() for item in _items(one_shop)]
    if as_json:
        items = [{"merchant": merchant, **attrs.asdict(item)} for merchant, item in found]
        click.echo(json.dumps({"count": len(items), "items": items}))
    else:
        _print(found, several=len(named) > 1)
    return int(bool(found))


def _items(shop: Payports) -> tuple[AttentionItem, ...]:
    listed = shop.maintenance.needs_attention()
    if isinstance(listed, Failure):
        refuse(listed.failure())
    return listed.unwrap()


def _print(found: list[tuple[str, AttentionItem]], *, several: bool) -> None:
    out = console()
    if not found:
        out.print("Nothing needs attention.", style=GOOD)
        return
    table = columns("why", "what", fixed=("why",))
    for merchant, item in found:
        table.add_row(Text(words(item.kind), style=BAD), item.message)
        for name, value in _about(item, merchant if several else "").items():
            table.add_row("", f"{name} {value}")
        table.add_row("", f"-> {item.what_to_do}")
    out.print(table)
    out.print(f"\n{len(found)} {'need' if len(found) > 1 else 'needs'} attention", style=BAD)


def _about(item: AttentionItem, merchant: str) -> dict[str, str]:
    named = {"merchant": merchant, "payment": item.payment_id, "transaction": item.transaction_id}
    return {name: value for name, value in named.items() if value}
