"""``payports replay``: real orders through the whole shop, then a comparison of the ledgers."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from returns.result import Failure
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from payports.adapters.command_line.presentation.errors import Refused, refuse
from payports.adapters.command_line.presentation.output import console
from payports.adapters.demonstrations.localstripe_bank import ANONYMOUS, StripeBank
from payports.adapters.demonstrations.notification_delivery import NotTaken, deliver
from payports.adapters.demonstrations.order_sale import VOUCHER, SaleResult
from payports.adapters.demonstrations.orders_file import RealOrder, Unreadable, check_orders, read_orders
from payports.adapters.demonstrations.reconciliation import BankBook, Reconciliation, all_payments, reconcile
from payports.adapters.demonstrations.replay_report import ReplayCounts, print_report, written
from payports.adapters.demonstrations.replay_setup import (
    AT_THE_BANK,
    LEASE_S,
    ReplayLocation,
    ReplayOptions,
    ReplaySetup,
    replay_setup_of,
)
from payports.adapters.demonstrations.replay_workers import EVERY, Job, Workers
from payports.domain.money import CURRENCIES
from payports.domain.transaction_types import TransactionType

DATA: Final = "PAYPORTS_DATA"
USUAL_FILE: Final = "olist_order_payments.csv.gz"
_HEARD_EVERY: Final = 100
"""After so many orders the bank's notifications are delivered, those of asynchronous results at once."""
_ROUNDS: Final = 20
"""So often is sold again what was unfinished, such as what a process was at that was killed."""

_SellAll = Callable[[Iterable[Job]], Iterator[tuple[Job, SaleResult]]]


def usual_file() -> Path:
    """The orders that are replayed if no file is named."""
    folder = os.environ.get(DATA)
    if not folder:
        raise Refused(f"name a file of orders, or the folder of {USUAL_FILE} in {DATA}")
    return Path(folder) / USUAL_FILE


def run_replay(options: ReplayOptions, *, as_json: bool) -> int:
    """Replay; 0 if every order was placed or refused and the ledgers agree, else 1. Nothing is done if the file cannot be read."""
    currency = CURRENCIES.get(options.currency)
    if currency is None:
        raise Refused("--currency must be an ISO 4217 code in capital letters")
    if not options.file.is_file():
        raise Refused(f"{options.file.name} is no regular file; orders are read several times")
    counts = ReplayCounts(currency)
    try:
        expected = check_orders(options.file, options.currency, options.orders)
        with replay_setup_of(options) as (setting, place):
            with _selling(options, setting, place, counts) as sell_all:
                _sell_all(sell_all, read_orders(options.file, options.currency, options.orders), expected, counts)
            _hear(setting)
            found = _reconcile(setting)
    except Unreadable as error:
        reason = f"{options.file.name}: {error}"
    except ConnectionError as error:
        reason = f"the bank cannot be reached: {error}"
    except sqlite3.Error as error:
        reason = f"a ledger cannot be used: {error}"
    else:
        out = console()
        if as_json:
            out.print(written(counts, found), soft_wrap=True)
        else:
            print_report(out, counts, found)
        return int(found.differences > 0 or bool(counts.failures))
    raise Refused(reason)


@contextmanager
def _selling(
    options: ReplayOptions, setting: ReplaySetup, place: ReplayLocation | None, counts: ReplayCounts
) -> Generator[_SellAll]:
    """How orders are sold: here, or by workers."""
    if options.workers == 1 or place is None:
        yield lambda jobs: _sell_here(setting, jobs)
        return
    workers = Workers(place, options.workers)
    try:
        yield workers.sell_all
    finally:
        counts.replaced_workers = workers.replaced
        workers.close()


def _sell_all(sell_all: _SellAll, orders: Iterable[RealOrder], expected: int, counts: ReplayCounts) -> None:
    """Sell all orders, and again, after a while, those that something had to pass for; what is left in the end has failed."""
    unfinished: list[tuple[Job, SaleResult]] = []
    with _progress() as progress:
        task = progress.add_task("orders", total=expected)
        coming: Iterable[Job] = enumerate(orders, start=1)
        for _ in range(_ROUNDS):
            unfinished = []
            for job, sold in sell_all(coming):
                if sold.unfinished:
                    unfinished.append((job, sold))
                else:
                    counts.add(job[1], sold)
                    progress.advance(task)
            if not unfinished:
                return
            coming = [job for job, _ in unfinished]
            time.sleep(LEASE_S / 2)  # whoever died holds these orders until its lease runs out
    for (_, order), sold in unfinished:
        counts.add(order, SaleResult(refusal=sold.unfinished, failure=sold.unfinished))


def _sell_here(setting: ReplaySetup, jobs: Iterable[Job]) -> Iterator[tuple[Job, SaleResult]]:
    seller = setting.seller
    for done, (number, order) in enumerate(jobs, start=1):
        yield (number, order), seller.sell(order, refund=number % EVERY == 0)
        if done % _HEARD_EVERY == 0:
            _hear(setting)


def _hear(setting: ReplaySetup) -> None:
    """Deliver what the bank has to tell. What is not taken is asked for by maintenance, if it is still news."""
    heard = deliver(setting.shop, setting.bank)
    if isinstance(heard, Failure) and not isinstance(heard.failure(), NotTaken):
        refuse(heard.failure())


def _progress() -> Progress:
    err = console(stderr=True)
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*shown, console=err, transient=True, disable=not err.is_terminal or err.is_dumb_terminal)


def _reconcile(setting: ReplaySetup) -> Reconciliation:
    anonymous = ANONYMOUS if isinstance(setting.bank, StripeBank) else frozenset[TransactionType]()
    books = (
        BankBook(name="bank", gateways=AT_THE_BANK, effects=setting.bank.iter_effects, anonymous=anonymous),
        BankBook(name="vouchers", gateways=frozenset({VOUCHER}), effects=setting.vouchers.iter_effects),
    )
    return reconcile(all_payments(setting.shop.environment.store), books)
