"""``payports verify``: re-fold every ledger, check every rule and the history, and on request compare with the gateways."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import attrs
import click
from returns.result import Failure
from rich.progress import Progress, TextColumn

from payports.adapters.command_line.presentation.errors import refuse
from payports.adapters.command_line.presentation.output import BAD, FAINT, GOOD, console, words
from payports.adapters.command_line.shops import open_shop, shops_of
from payports.application.audit.service import AuditPage
from payports.application.shop import Payports
from payports.domain.audit.findings import Finding
from payports.domain.failures import StoreUnavailable
from payports.domain.input_checks import InvalidInput
from payports.domain.outcome import Outcome

_PAGE = 200
_Tick = Callable[[AuditPage], None]


@attrs.define(kw_only=True)
class Tally:
    """What has been looked at so far; it grows by numbers only, however many payments there are."""

    payments: int = 0
    transactions: int = 0
    facts: int = 0
    compared: int = 0
    records: int = 0
    known: int = 0
    findings: Counter[str] = attrs.field(factory=Counter[str])

    def add(self, page: AuditPage) -> None:
        """Add the counts of a page."""
        self.payments += page.payments
        self.transactions += page.transactions
        self.facts += page.facts
        self.compared += page.compared
        self.records += page.records
        self.known += sum(finding.known for finding in page.findings)
        self.findings.update(finding.kind.value for finding in page.findings if not finding.known)


def run_verify(config: Path | None, merchants: tuple[str, ...], *, look_up: bool, as_json: bool) -> int:
    """Print every finding as it is found, then what was looked at; 1 if anything was found that nobody knows of yet."""
    tally = Tally()
    with open_shop(config) as shop, _progress() as tick:
        named = shops_of(shop, merchants)
        for merchant, one_shop in named.items():
            for page in _pages(one_shop, look_up=look_up):
                tally.add(page)
                for finding in page.findings:
                    if as_json:
                        click.echo(json.dumps({"merchant": merchant, **attrs.asdict(finding)}))
                    else:
                        _print(finding, merchant if len(named) > 1 else "")
                tick(page)
    found = tally.findings.total()
    if as_json:
        click.echo(json.dumps({"merchants": list(named), **attrs.asdict(tally), "found": found}))
    else:
        _print_tally(tally, look_up=look_up)
    return int(found > 0)


def _pages(shop: Payports, *, look_up: bool) -> Iterator[AuditPage]:
    """All payments, then all that is kept beside them."""
    yield from _paged(partial(shop.audit.verify, gateway_look_up=look_up))
    yield from _paged(shop.audit.verify_records)


def _paged(verify: Callable[[str, int], Outcome[AuditPage, InvalidInput | StoreUnavailable]]) -> Iterator[AuditPage]:
    after: str | None = ""
    while after is not None:
        verified = verify(after, _PAGE)
        if isinstance(verified, Failure):
            refuse(verified.failure())
        page = verified.unwrap()
        yield page
        after = page.after or None


def _print(finding: Finding, merchant: str) -> None:
    where = " ".join(part for part in (merchant, finding.record, finding.payment_id, finding.transaction_id) if part)
    label = "known" if finding.known else "FOUND"
    console().print(
        f"{label}  {words(finding.kind)}: {where}: {finding.message}",
        style=FAINT if finding.known else BAD,
        soft_wrap=True,
    )


def _print_tally(tally: Tally, *, look_up: bool) -> None:
    found = tally.findings.total()
    asked = f", {tally.compared:,} compared with the gateways" if look_up else ""
    known = f", {tally.known:,} known" if tally.known else ""
    console().print(
        f"verified: {tally.payments:,} payments, {tally.transactions:,} transactions, {tally.facts:,} facts,"
        f" {tally.records:,} records{asked}; {found:,} findings{known}",
        style=BAD if found else GOOD,
        soft_wrap=True,
    )


@contextmanager
def _progress() -> Generator[_Tick]:
    """Show on a terminal how far it has come; say nothing where nobody looks."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    shown = TextColumn("{task.completed:,.0f} payments verified")
    with Progress(shown, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda page: progress.advance(task, page.payments)
