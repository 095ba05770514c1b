"""What a replay works with: a shop, the bank and the vouchers, opened by the replay itself and by each of its workers alike."""

from __future__ import annotations

import json
import secrets
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import attrs

import payports
from payports.adapters.command_line.presentation.errors import Refused
from payports.adapters.configuration.system_clock import SystemClock, SystemIds
from payports.adapters.demonstrations.localstripe_bank import SANDBOX, STRIPE, StripeBank, stripe_bank, stripe_options
from payports.adapters.demonstrations.order_sale import ROUTES, VOUCHER, Seller
from payports.adapters.demonstrations.sandbox_server import SECRET, webhook_secret
from payports.adapters.gateways.sandbox.bank import SandboxBank
from payports.adapters.gateways.sandbox.remote import RemoteSandboxBank, serving
from payports.adapters.gateways.stored_value import StoredValueLedger
from payports.application.shop import Payports

AT_THE_BANK: Final = frozenset(route.gateway for route in ROUTES.values() if route.gateway != VOUCHER)
LEASE_S: Final = 5
"""All is on one machine: who has not answered for so long was killed, and what it left may be finished."""
_BESIDE: Final = "payports-replay.db"
"""Names the ledgers of bank and vouchers where the payments are on a server: they lie in this folder then."""


@attrs.frozen(kw_only=True)
class ReplayOptions:
    """What is to be replayed, and against what. ``database``: a file, or the URL of a PostgreSQL."""

    file: Path
    orders: int | None
    currency: str
    database: str | None
    bank: str | None
    gateway: str = SANDBOX
    workers: int = 1
    config: Path | None = None


@attrs.frozen
class ReplaySetup:
    """A connected shop and the ledgers on the other side."""

    shop: Payports
    bank: SandboxBank | RemoteSandboxBank | StripeBank
    vouchers: StoredValueLedger

    @property
    def seller(self) -> Seller:
        """Who sells here."""
        tokens = self.bank.token if isinstance(self.bank, StripeBank) else str
        return Seller(self.shop, self.bank, self.vouchers, tokens)


@attrs.frozen(kw_only=True)
class ReplayLocation:
    """Where the payments, the vouchers and a bank behind HTTP are: what another process needs to open the same setting."""

    configuration: Mapping[str, Any] = attrs.field(repr=False)
    vouchers: Path
    bank: str
    bank_secret: str = attrs.field(repr=False)

    @contextmanager
    def opened(self) -> Generator[ReplaySetup]:
        """Open it."""
        with ExitStack() as stack:
            vouchers = StoredValueLedger(str(self.vouchers))
            stack.callback(vouchers.close)
            bank = RemoteSandboxBank(self.bank, self.bank_secret)
            stack.callback(bank.close)
            yield ReplaySetup(stack.enter_context(payports.connect(self.configuration, bank=bank)), bank, vouchers)


@contextmanager
def replay_setup_of(options: ReplayOptions) -> Generator[tuple[ReplaySetup, ReplayLocation | None]]:
    """Open shop and ledgers, in a folder that is removed at the end unless a database was named. The place is for workers, if any."""
    with ExitStack() as stack:
        store, beside = _store(options, stack)
        vouchers = beside.with_suffix(".vouchers.db")
        configuration = _configuration(store, vouchers)
        if options.gateway == STRIPE:
            yield _at_stripe(stack, options, configuration, vouchers), None
            return
        bank = _bank(stack, options, beside)
        place = None
        if isinstance(bank, RemoteSandboxBank) and bank.webhook_secret:
            secret = bank.webhook_secret.reveal()
            place = ReplayLocation(configuration=configuration, vouchers=vouchers, bank=bank.url, bank_secret=secret)
        if options.config:
            # a bank that is served here ends with the replay, its ledger stays
            url = options.bank if options.bank and _is_served(options.bank) else f"sqlite:///{_ledger(options, beside)}"
            _write(options.config, configuration, url)
        ledger = StoredValueLedger(str(vouchers))
        stack.callback(ledger.close)
        yield ReplaySetup(stack.enter_context(payports.connect(configuration, bank=bank)), bank, ledger), place


def _store(options: ReplayOptions, stack: ExitStack) -> tuple[dict[str, str], Path]:
    """Say where the payments are, and beside which file the other ledgers lie."""
    named = options.database
    if named is None:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="payports-replay-"))) / "payments.db"
        # a power failure takes nothing from a file that is removed anyway
        return {"url": f"sqlite:///{folder}", "synchronous": "NORMAL"}, folder
    if "://" in named:
        return {"url": named}, Path(_BESIDE).absolute()
    return {"url": f"sqlite:///{Path(named).absolute()}"}, Path(named).absolute()


def _bank(stack: ExitStack, options: ReplayOptions, beside: Path) -> SandboxBank | RemoteSandboxBank:
    """The bank at a URL; or its ledger, which one process serves if several sell."""
    if options.bank and _is_served(options.bank):
        return _served_elsewhere(stack, options.bank)
    ledger, secret = str(_ledger(options, beside)), secrets.token_urlsafe(32)
    if options.workers > 1:
        return stack.enter_context(serving(ledger, webhook_secret=secret))
    bank = SandboxBank(ledger, webhook_secret=secret)
    stack.callback(bank.close)
    return bank


def _ledger(options: ReplayOptions, beside: Path) -> Path:
    return Path(options.bank).absolute() if options.bank else beside.with_suffix(".bank.db")


def _is_served(bank: str) -> bool:
    return bank.startswith(("http:", "https:"))


def _served_elsewhere(stack: ExitStack, url: str) -> RemoteSandboxBank:
    secret = webhook_secret()
    if secret is None:
        raise Refused(f"set {SECRET} to what the bank signs its notifications with, here and where it is served")
    bank = RemoteSandboxBank(url, secret)
    stack.callback(bank.close)
    bank.totals()  # whether it is there, before anything is sold
    return bank


def _at_stripe(stack: ExitStack, options: ReplayOptions, configuration: dict[str, Any], vouchers: Path) -> ReplaySetup:
    if options.bank or options.database or options.workers > 1 or options.config:
        raise Refused(
            "localstripe starts empty and keeps nothing: --bank, --database, --workers and --write-config are for the sandbox"
        )
    bank = stack.enter_context(stripe_bank())
    clock, ids = SystemClock(), SystemIds()
    given = {name: bank.gateway(name, clock, ids) for name in sorted(AT_THE_BANK)}
    for name in given:
        at_once = configuration["gateways"][name].get("perform_authorize_and_capture", False)
        configuration["gateways"][name] = {**stripe_options(bank.url), "perform_authorize_and_capture": at_once}
    ledger = StoredValueLedger(str(vouchers))
    stack.callback(ledger.close)
    return ReplaySetup(stack.enter_context(payports.connect(configuration, gateways=given)), bank, ledger)


def _configuration(store: Mapping[str, str], vouchers: Path) -> dict[str, Any]:
    gateways: dict[str, Any] = {name: {"adapter": "sandbox", "account": name} for name in sorted(AT_THE_BANK)}
    gateways["debit"]["perform_authorize_and_capture"] = True
    gift_cards = {"adapter": "stored_value", "url": f"sqlite:///{vouchers}"}
    soon = f"{LEASE_S}s"
    return {
        "store": store,
        "gateways": {**gateways, VOUCHER: gift_cards},
        "options": [{"gateway": route.gateway, "types": [route.type.value]} for route in ROUTES.values()],
        "checkout": {"priority": ["debit", "boleto", "card", VOUCHER], "lease": soon},
        "recovery": {"first_look_up": soon, "first_poll": soon, "longest_wait": "1m"},
    }


def _write(path: Path, configuration: Mapping[str, Any], bank: str) -> None:
    """Write the configuration with which other commands find the same shop. It holds no secret but what the database's URL does."""
    lines = ["# written by payports replay"]
    for name in ("store", "checkout", "recovery"):
        lines += ["", f"[{name}]", *_lines(configuration[name])]
    for name, options in configuration["gateways"].items():
        reached = {"url": bank} if options["adapter"] == SANDBOX else {}
        lines += ["", f"[gateways.{name}]", *_lines({**options, **reached})]
    for option in configuration["options"]:
        lines += ["", "[[options]]", *_lines(option)]
    try:
        path.touch(mode=0o600)
        path.write_text("\n".join((*lines, "")), encoding="utf-8")
    except OSError as error:
        reason = f"--write-config: {error.strerror}"
    else:
        return
    raise Refused(reason)


def _lines(table: Mapping[str, Any]) -> list[str]:
    """A table of texts, truths and lists of texts: JSON writes them as TOML does."""
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
