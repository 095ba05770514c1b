"""Connecting to the sandbox bank as the configuration says."""

from __future__ import annotations

import re
import sqlite3
from datetime import datetime, timedelta
from typing import Final

import attrs

from payports.adapters.gateways.book.rules import Terms
from payports.adapters.gateways.book.storage import MEMORY, path_of
from payports.adapters.gateways.kit.http_results import Limits
from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.kit.webhook_secrets import check_secret, former_of
from payports.adapters.gateways.sandbox.bank import SandboxBank
from payports.adapters.gateways.sandbox.gateway import SandboxGateway, SandboxVault
from payports.adapters.gateways.sandbox.remote import RemoteSandboxBank
from payports.adapters.gateways.sandbox.transports import BankTransport, InProcess, OverHttp
from payports.adapters.gateways.sandbox.webhooks import SandboxWebhooks
from payports.adapters.option_reading import read_options
from payports.adapters.tokenization.sandbox import SandboxBridge
from payports.domain.capabilities import PartialCapture
from payports.domain.input_checks import check_identifier
from payports.domain.secret import Secret
from payports.ports.adapter import AdapterContext, ConfigurationError
from payports.ports.gateway import Gateway

_SERVER: Final = re.compile(r"http://(?:127\.0\.0\.1|localhost):[0-9]{1,5}/?")
DEFAULT_URL: Final = "sqlite:///payports-sandbox.db"


@attrs.frozen(kw_only=True)
class Options:
    """The keys of a sandbox gateway in the configuration.

    ``url``: ``memory:``, ``sqlite:///bank.db`` or ``http://127.0.0.1:PORT``; without one, what the host attached, else memory if the
    store is, else a file. ``former_webhook_secret``: what notifications may still be signed with until
    ``former_webhook_secret_until``, while the secret is changed. ``hosted_page``: the shopper chooses how to pay on the bank's own page.
    """

    url: str = ""
    webhook_secret: Secret | None = None
    former_webhook_secret: Secret | None = None
    former_webhook_secret_until: datetime | None = None
    account: str = "sandbox"
    partial_capture: PartialCapture = PartialCapture.MULTIPLE
    detached_credit: bool = False
    refund_requires_settlement: bool = False
    hosted_page: bool = False
    connect_timeout: timedelta = timedelta(seconds=5)
    read_timeout: timedelta = timedelta(seconds=20)
    total_timeout: timedelta = timedelta(seconds=30)


def connect(context: AdapterContext) -> Gateway:
    """Build the gateway. ``context.attachments["bank"]`` may hold the host's ``SandboxBank`` or ``RemoteSandboxBank``.

    Raises ``ConfigurationError`` naming the key.
    """
    where = f"gateways.{context.name}"
    options = read_options(Options, context.options, where)
    _check(options, where)
    former = former_of(options.former_webhook_secret, options.former_webhook_secret_until, where)
    channel, secret = _reach(options, context, where)
    terms = Terms(
        partial_capture=options.partial_capture,
        detached_credit=options.detached_credit,
        refund_requires_settlement=options.refund_requires_settlement,
    )
    gateway = SandboxGateway(channel=channel, account=options.account, terms=terms, hosted_page=options.hosted_page)
    return Gateway(
        transactions=gateway,
        validator=gateway,
        webhooks=SandboxWebhooks(options.webhook_secret or secret, options.account, former),
        actions=gateway,
        vault=SandboxVault(channel, options.account),
        bridge=SandboxBridge(account=options.account),
        account=options.account,
        close=channel.close,
    )


def _check(options: Options, where: str) -> None:
    check_secret(options.webhook_secret, f"{where}.webhook_secret")
    problem = check_identifier("account", options.account)
    if problem:
        raise ConfigurationError(f"{where}.account", problem.reason)
    for name in ("connect_timeout", "read_timeout", "total_timeout"):
        if not getattr(options, name):
            raise ConfigurationError(f"{where}.{name}", "must be above zero")


def _reach(options: Options, context: AdapterContext, where: str) -> tuple[BankTransport, Secret | None]:
    bank = context.attachments.get("bank")
    over_http = options.url.startswith(("http:", "https:"))
    if isinstance(bank, SandboxBank):
        if over_http:
            raise ConfigurationError(f"{where}.url", "names a server, but a bank in process is attached")
        bank.adopt_clock(context.clock)
        return InProcess(bank), bank.webhook_secret
    if isinstance(bank, RemoteSandboxBank):
        if options.url and _checked(options.url, where) != bank.url:
            raise ConfigurationError(f"{where}.url", "names another bank than the one attached")
        bank.adopt_clock(context.clock)
        return OverHttp(bank.url, Sender(_limits(options))), bank.webhook_secret
    if over_http:
        return OverHttp(_checked(options.url, where), Sender(_limits(options))), None
    try:
        bank = SandboxBank(_path(options.url, context, where), context.clock, options.webhook_secret)
    except sqlite3.Error:
        raise ConfigurationError(f"{where}.url", "names a file that cannot be opened as a ledger") from None
    return InProcess(bank, owned=True), bank.webhook_secret


def _limits(options: Options) -> Limits:
    return Limits(
        connect_s=options.connect_timeout.total_seconds(),
        read_s=options.read_timeout.total_seconds(),
        total_s=options.total_timeout.total_seconds(),
    )


def _checked(url: str, where: str) -> str:
    if not _SERVER.fullmatch(url):
        raise ConfigurationError(f"{where}.url", "must be http://127.0.0.1:PORT; the sandbox is for this machine only")
    return url.rstrip("/")


def _path(url: str, context: AdapterContext, where: str) -> str:
    path = path_of(url or DEFAULT_URL) if url or not context.ephemeral else MEMORY
    if path is None:
        raise ConfigurationError(f"{where}.url", "must be memory:, sqlite:///FILE or http://127.0.0.1:PORT")
    return path
