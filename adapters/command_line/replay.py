"""``payports replay``: real orders through the whole shop, then a comparison of the ledgers."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import attrs
from returns.result import Failure
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import payports
from payports.adapters.command_line.notifying import deliver
from payports.adapters.command_line.orders_file import Unreadable, check_orders, read_orders
from payports.adapters.command_line.printing import console
from payports.adapters.command_line.reconciliation import BankBook, Reconciliation, all_payments, reconcile
from payports.adapters.command_line.refusing import Refused, refuse
from payports.adapters.command_line.rehearsing import (
    ANONYMOUS,
    SANDBOX,
    STRIPE,
    StripeBank,
    stripe_bank,
    stripe_options,
)
from payports.adapters.command_line.replay_report import Counted, print_report, written
from payports.adapters.command_line.sandbox import SECRET, webhook_secret
from payports.adapters.command_line.selling import ROUTES, VOUCHER, Seller
from payports.adapters.configuration.clock import SystemClock, SystemIds
from payports.adapters.gateways.sandbox.bank import SandboxBank
from payports.adapters.gateways.sandbox.remote import RemoteSandboxBank
from payports.adapters.gateways.stored_value import StoredValueLedger
from payports.application.shop import Payports
from payports.domain.money import CURRENCIES, Currency
from payports.domain.transaction import TransactionType

DATA: Final = "PAYPORTS_DATA"
USUAL_FILE: Final = "olist_order_payments.csv.gz"
EVERY: Final = 10
"""Each order of this number gets half of its money back."""
_HEARD_EVERY: Final = 100
"""After so many orders the bank's notifications are delivered, those of asynchronous results at once."""
_AT_THE_BANK: Final = frozenset(route.gateway for route in ROUTES.values() if route.gateway != VOUCHER)


@attrs.frozen(kw_only=True)
class Wanted:
    """What is to be replayed, and against what."""

    file: Path
    orders: int | None
    currency: str
    database: Path | None
    bank: str | None
    gateway: str = SANDBOX


@attrs.frozen
class Setting:
    """A connected shop and the ledgers on the other side."""

    shop: Payports
    bank: SandboxBank | RemoteSandboxBank | StripeBank
    vouchers: StoredValueLedger


def usual_file() -> Path:
    """The orders that are replayed if no file is named."""
    folder = os.environ.get(DATA)
    if not folder:
        raise Refused(f"name a file of orders, or the folder of {USUAL_FILE} in {DATA}")
    return Path(folder) / USUAL_FILE


def run_replay(wanted: Wanted, *, as_json: bool) -> int:
    """Replay; 0 if every order was placed or refused and the ledgers agree, else 1. Nothing is done if the file cannot be read."""
    currency = CURRENCIES.get(wanted.currency)
    if currency is None:
        raise Refused("--currency must be an ISO 4217 code in capital letters")
    try:
        expected = check_orders(wanted.file, wanted.currency, wanted.orders)
        with _setting(wanted) as setting:
            counted = _sell_all(setting, wanted, expected, currency)
            found = _reconcile(setting)
    except Unreadable as error:
        reason = f"{wanted.file.name}: {error}"
    except ConnectionError as error:
        reason = f"the bank cannot be reached: {error}"
    except sqlite3.Error as error:
        reason = f"a ledger cannot be used: {error}"
    else:
        out = console()
        if as_json:
            out.print(written(counted, found), soft_wrap=True)
        else:
            print_report(out, counted, found)
        return int(found.differences > 0 or bool(counted.failures))
    raise Refused(reason)


def _sell_all(setting: Setting, wanted: Wanted, expected: int, currency: Currency) -> Counted:
    counted = Counted(currency)
    tokens = setting.bank.token if isinstance(setting.bank, StripeBank) else str
    seller = Seller(setting.shop, setting.bank, setting.vouchers, tokens)
    with _progress() as progress:
        task = progress.add_task("orders", total=expected)
        for number, order in enumerate(read_orders(wanted.file, wanted.currency, wanted.orders), start=1):
            counted.add(order, seller.sell(order, refund=number % EVERY == 0))
            if number % _HEARD_EVERY == 0:
                _hear(setting)
            progress.advance(task)
        _hear(setting)
    return counted


def _hear(setting: Setting) -> None:
    heard = deliver(setting.shop, setting.bank)
    if isinstance(heard, Failure):
        refuse(heard.failure())


def _progress() -> Progress:
    err = console(stderr=True)
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*shown, console=err, transient=True, disable=not err.is_terminal or err.is_dumb_terminal)


def _reconcile(setting: Setting) -> Reconciliation:
    anonymous = ANONYMOUS if isinstance(setting.bank, StripeBank) else frozenset[TransactionType]()
    books = (
        BankBook(name="bank", gateways=_AT_THE_BANK, effects=setting.bank.iter_effects, anonymous=anonymous),
        BankBook(name="vouchers", gateways=frozenset({VOUCHER}), effects=setting.vouchers.iter_effects),
    )
    return reconcile(all_payments(setting.shop.environment.store), books)


@contextmanager
def _setting(wanted: Wanted) -> Generator[Setting, None, None]:
    """Open the shop and the ledgers, in a folder that is removed at the end unless a database was named."""
    with ExitStack() as stack:
        database, synchronous = wanted.database, "FULL"
        if database is None:
            database = Path(stack.enter_context(TemporaryDirectory(prefix="payports-replay-"))) / "payments.db"
            synchronous = "NORMAL"  # a power failure takes nothing from a file that is removed anyway
        vouchers = StoredValueLedger(str(database.with_suffix(".vouchers.db")))
        stack.callback(vouchers.close)
        configuration = _configuration(database.absolute(), synchronous)
        if wanted.gateway == STRIPE:
            yield _at_stripe(stack, wanted, configuration, vouchers)
            return
        bank = _bank(wanted.bank, database)
        stack.callback(bank.close)
        shop = stack.enter_context(payports.connect(configuration, bank=bank))
        yield Setting(shop, bank, vouchers)


def _at_stripe(stack: ExitStack, wanted: Wanted, configuration: dict[str, Any], vouchers: StoredValueLedger) -> Setting:
    if wanted.bank or wanted.database:
        raise Refused("localstripe starts empty and keeps nothing: --bank and --database are for the sandbox")
    bank = stack.enter_context(stripe_bank())
    clock, ids = SystemClock(), SystemIds()
    given = {name: bank.gateway(name, clock, ids) for name in sorted(_AT_THE_BANK)}
    for name in given:
        at_once = configuration["gateways"][name].get("perform_authorize_and_capture", False)
        configuration["gateways"][name] = {**stripe_options(bank.url), "perform_authorize_and_capture": at_once}
    return Setting(stack.enter_context(payports.connect(configuration, gateways=given)), bank, vouchers)


def _bank(named: str | None, database: Path) -> SandboxBank | RemoteSandboxBank:
    if named is None or not named.startswith(("http:", "https:")):
        ledger = named or str(database.with_suffix(".bank.db"))
        return SandboxBank(ledger, webhook_secret=secrets.token_urlsafe(32))
    secret = webhook_secret()
    if secret is None:
        raise Refused(f"set {SECRET} to what the bank signs its notifications with, here and where it is served")
    bank = RemoteSandboxBank(named, secret)
    bank.totals()  # whether it is there, before anything is sold
    return bank


def _configuration(database: Path, synchronous: str) -> dict[str, Any]:
    gateways: dict[str, Any] = {name: {"adapter": "sandbox", "account": name} for name in sorted(_AT_THE_BANK)}
    gateways["debit"]["perform_authorize_and_capture"] = True
    vouchers = {"adapter": "stored_value", "url": f"sqlite:///{database.with_suffix('.vouchers.db')}"}
    return {
        "store": {"url": f"sqlite:///{database}", "synchronous": synchronous},
        "gateways": {**gateways, VOUCHER: vouchers},
        "options": [{"gateway": route.gateway, "types": [route.type.value]} for route in ROUTES.values()],
        "checkout": {"priority": ["debit", "boleto", "card", VOUCHER]},
    }
