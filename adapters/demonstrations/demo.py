"""``payports demo``: sell a handful of carts on SQLite, against a bank behind HTTP, and compare the ledgers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import attrs
from returns.result import Failure
from rich.console import Console
from rich.table import Table

import payports
from payports.adapters.command_line.presentation.errors import Refused, refuse
from payports.adapters.command_line.presentation.output import BAD, FAINT, HEADING, columns, console, indented
from payports.adapters.command_line.presentation.timeline import print_payment
from payports.adapters.configuration.system_clock import SystemClock, SystemIds
from payports.adapters.demonstrations.cart_walkthrough import CartWalkthrough, SandboxShopper, Shopper
from payports.adapters.demonstrations.example_carts import ExampleCart, read_carts
from payports.adapters.demonstrations.localstripe_bank import (
    ANONYMOUS,
    SANDBOX,
    STRIPE,
    StripeBank,
    stripe_bank,
    stripe_options,
)
from payports.adapters.demonstrations.notification_delivery import Notifier, deliver
from payports.adapters.demonstrations.reconciliation import BankBook, Reconciliation, all_payments, reconcile
from payports.adapters.demonstrations.reconciliation_output import print_reconciliation
from payports.adapters.gateways.sandbox.remote import RemoteSandboxBank, serving
from payports.adapters.gateways.stored_value import StoredValueLedger
from payports.application.shop import Payports
from payports.domain.transaction_types import TransactionType


@attrs.frozen
class DemoSetup:
    """A connected shop, the bank on the other side, and who stands before that."""

    shop: Payports
    bank: RemoteSandboxBank | StripeBank
    shopper: Shopper


def run_demo(directory: Path | None, *, keep: bool = False, carts: Path | None = None, gateway: str = SANDBOX) -> int:
    """Run all walkthroughs; 0 if the ledgers agree and nothing needs a person, else 1."""
    out, examples = console(), read_carts(carts)
    with _folder(directory, keep=keep) as folder:
        gifts = StoredValueLedger(str(folder / "gift-cards.db"))
        with _demo_setup(folder, gateway) as setup:
            _issue_gift_cards(gifts, examples)
            out.print(f"A shop on SQLite, a bank at {setup.bank.url}, {len(examples)} carts.", style=FAINT)
            walkthroughs = [_tell(out, setup, number, cart) for number, cart in enumerate(examples, start=1)]
            if isinstance(setup.bank, RemoteSandboxBank):
                _settle(out, setup.shop, setup.bank)
            out.print()
            _print_timelines(out, setup.shop, walkthroughs)
            found = _reconcile(setup, gifts)
            attention = setup.shop.maintenance.needs_attention()
        gifts.close()
        if keep or directory:
            _write_configuration(folder, gateway)
            out.print(f"To look around: payports list --config {folder / 'payports.toml'}", style=FAINT, soft_wrap=True)
    for item in () if isinstance(attention, Failure) else attention.unwrap():
        out.print(f"needs attention: {item.message}; {item.what_to_do}", style=BAD)
    print_reconciliation(out, found)
    return int(found.differences > 0 or attention.map(bool).value_or(True))


@contextmanager
def _demo_setup(folder: Path, gateway: str) -> Generator[DemoSetup, None, None]:
    if gateway == STRIPE:
        with stripe_bank() as bank:
            given = {"card": bank.gateway("card", SystemClock(), SystemIds())}
            with payports.connect(_configuration(folder, stripe_options(bank.url)), gateways=given) as shop:
                yield DemoSetup(shop, bank, bank)
        return
    with serving(str(folder / "bank.db")) as bank:
        card = {"adapter": "sandbox", "account": "card", "url": bank.url}
        with payports.connect(_configuration(folder, card), bank=bank) as shop:
            yield DemoSetup(shop, bank, SandboxShopper())


@contextmanager
def _folder(directory: Path | None, *, keep: bool) -> Generator[Path, None, None]:
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise Refused(f"{directory} is not empty; name a new folder")
        yield directory.absolute()
        return
    made = Path(mkdtemp(prefix="payports-demo-"))
    try:
        yield made
    finally:
        if not keep:
            shutil.rmtree(made, ignore_errors=True)


def _configuration(folder: Path, card: Mapping[str, object]) -> dict[str, Any]:
    return {
        "store": {"url": f"sqlite:///{folder / 'payments.db'}"},
        "gateways": {
            "card": card,
            "gift": {"adapter": "stored_value", "url": f"sqlite:///{folder / 'gift-cards.db'}"},
        },
        "checkout": {"priority": ["card", "gift"]},
    }


def _write_configuration(folder: Path, gateway: str) -> None:
    """Leave what opens the shop again. The bank's server is gone by then: the sandbox's ledger is a file, localstripe had none."""
    url = f"sqlite:///{folder / 'bank.db'}"
    sandbox = {"adapter": "sandbox", "account": "card", "url": url}
    tables = _configuration(folder, stripe_options() if gateway == STRIPE else sandbox)
    lines = ["[store]", f"url = {json.dumps(tables['store']['url'])}"]
    for name, options in tables["gateways"].items():
        lines += [f"[gateways.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in options.items())]
    lines += ["[checkout]", 'priority = ["card", "gift"]']
    (folder / "payports.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _issue_gift_cards(gifts: StoredValueLedger, examples: tuple[ExampleCart, ...]) -> None:
    for cart in examples:
        for number, (tender, amount) in enumerate(cart.tenders):
            if tender.gateway == "gift":
                gifts.issue(tender.token, amount, key=f"{cart.id}-{number}")


def _tell(out: Console, setup: DemoSetup, number: int, cart: ExampleCart) -> CartWalkthrough:
    out.print()
    out.print(f"{number}. {cart.title}", style=HEADING)
    out.print(indented(cart.about), style=FAINT)
    story, table = CartWalkthrough(setup.shop, cart, setup.shopper), _steps()
    for step in cart.steps:
        done, amount, outcome = story.tell(step)
        table.add_row(done, str(amount), outcome)
    out.print(indented(table))
    _hear(setup.shop, setup.bank)  # late, as notifications are: what was lost has been looked up by now
    return story


def _steps() -> Table:
    table = columns("step", "amount", "what came of it", right=("amount",), fixed=("step",))
    table.show_header = False
    table.columns[0].min_width, table.columns[1].min_width = 21, 10
    return table


def _hear(shop: Payports, bank: Notifier) -> int:
    heard = deliver(shop, bank)
    if isinstance(heard, Failure):
        refuse(heard.failure())
    return heard.unwrap()


def _settle(out: Console, shop: Payports, bank: RemoteSandboxBank) -> None:
    settled = bank.settle()
    heard = _hear(shop, bank)
    out.print()
    out.print("Overnight", style=HEADING)
    out.print(indented(f"The bank settles {settled} captures, and {heard} facts of it are recorded."))


def _print_timelines(out: Console, shop: Payports, walkthroughs: list[CartWalkthrough]) -> None:
    out.print("The ledger of each payment", style=HEADING)
    for story in walkthroughs:
        for payment_id in story.payment_ids:
            out.print()
            print_payment(out, shop, payment_id)
    out.print()


def _reconcile(setup: DemoSetup, gifts: StoredValueLedger) -> Reconciliation:
    anonymous = ANONYMOUS if isinstance(setup.bank, StripeBank) else frozenset[TransactionType]()
    books = (
        BankBook(name="bank", gateways=frozenset({"card"}), effects=setup.bank.iter_effects, anonymous=anonymous),
        BankBook(name="gift cards", gateways=frozenset({"gift"}), effects=gifts.iter_effects),
    )
    return reconcile(all_payments(setup.shop.environment.store), books)
