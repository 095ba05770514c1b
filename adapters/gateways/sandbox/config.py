"""Build the sandbox gateway from its configuration."""

from __future__ import annotations

import re
import sqlite3
from datetime import datetime, timedelta
from typing import Final

import attrs

from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.kit.options import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    TOTAL_TIMEOUT,
    check_account,
    limits_of,
)
from payports.adapters.gateways.kit.webhook_secrets import webhook_secrets_of
from payports.adapters.gateways.ledger.rules import AccountTerms
from payports.adapters.gateways.ledger.storage import MEMORY, path_of
from payports.adapters.gateways.sandbox.bank import SandboxBank
from payports.adapters.gateways.sandbox.gateway import SandboxGateway, SandboxVault
from payports.adapters.gateways.sandbox.remote import RemoteSandboxBank
from payports.adapters.gateways.sandbox.transports import BankTransport, InProcess, OverHttp
from payports.adapters.gateways.sandbox.webhooks import sandbox_webhooks
from payports.adapters.option_reading import read_options
from payports.adapters.tokenization.sandbox import SandboxBridge
from payports.domain.capabilities import PartialCapture
from payports.domain.secret import Secret
from payports.ports.adapter import AdapterContext, ConfigurationError
from payports.ports.gateway import Gateway

_SERVER: Final = re.compile(r"http://(?:127\.0\.0\.1|localhost):[0-9]{1,5}/?")
DEFAULT_URL: Final = "sqlite:///payports-sandbox.db"


@attrs.frozen(kw_only=True)
class Options:
    """The keys of a sandbox gateway in the configuration.

    ``url``: ``memory:``, ``sqlite:///bank.db`` or ``http://127.0.0.1:PORT``; without one, the bank that the host attached, else memory if
    the store is in memory, else a file. ``former_webhook_secret``: still valid until ``former_webhook_secret_until``, while the secret is
    being changed. ``hosted_page``: the shopper chooses how to pay on the bank's own page.
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
    connect_timeout: timedelta = CONNECT_TIMEOUT
    read_timeout: timedelta = READ_TIMEOUT
    total_timeout: timedelta = TOTAL_TIMEOUT


def connect(context: AdapterContext) -> Gateway:
    """Build the gateway. ``context.attachments["bank"]`` may hold the host's ``SandboxBank`` or ``RemoteSandboxBank``.

    Raises ``ConfigurationError`` naming the key.
    """
    where = f"gateways.{context.name}"
    options = read_options(Options, context.options, where)
    secrets = webhook_secrets_of(options, where)
    check_account(options.account, where)
    transport, bank_secret = _transport(options, context, where)
    terms = AccountTerms(
        partial_capture=options.partial_capture,
        detached_credit=options.detached_credit,
        refund_requires_settlement=options.refund_requires_settlement,
    )
    gateway = SandboxGateway(transport=transport, account=options.account, terms=terms, hosted_page=options.hosted_page)
    return Gateway(
        transactions=gateway,
        validator=gateway,
        webhooks=sandbox_webhooks(attrs.evolve(secrets, current=secrets.current or bank_secret), options.account),
        actions=gateway,
        vault=SandboxVault(transport, options.account),
        bridge=SandboxBridge(account=options.account),
        account=options.account,
        close=transport.close,
    )


def _transport(options: Options, context: AdapterContext, where: str) -> tuple[BankTransport, Secret | None]:
    """Choose the way to the bank; gives the bank's own secret with it, if it is known."""
    bank, limits = context.attachments.get("bank"), limits_of(options, where)
    over_http = options.url.startswith(("http:", "https:"))
    if isinstance(bank, SandboxBank):
        if over_http:
            raise ConfigurationError(f"{where}.url", "names a server, but a bank in process is attached")
        bank.adopt_clock(context.clock)
        return InProcess(bank), bank.webhook_secret
    if isinstance(bank, RemoteSandboxBank):
        if options.url and _server_url(options.url, where) != bank.url:
            raise ConfigurationError(f"{where}.url", "names another bank than the one attached")
        bank.adopt_clock(context.clock)
        return OverHttp(bank.url, Sender(limits)), bank.webhook_secret
    if over_http:
        return OverHttp(_server_url(options.url, where), Sender(limits)), None
    try:
        bank = SandboxBank(_path(options.url, context, where), context.clock, options.webhook_secret)
    except sqlite3.Error:
        raise ConfigurationError(f"{where}.url", "names a file that cannot be opened as a ledger") from None
    return InProcess(bank, owned=True), bank.webhook_secret


def _server_url(url: str, where: str) -> str:
    if not _SERVER.fullmatch(url):
        raise ConfigurationError(f"{where}.url", "must be http://127.0.0.1:PORT; the sandbox is for this machine only")
    return url.rstrip("/")


def _path(url: str, context: AdapterContext, where: str) -> str:
    path = path_of(url or DEFAULT_URL) if url or not context.ephemeral else MEMORY
    if path is None:
        raise ConfigurationError(f"{where}.url", "must be memory:, sqlite:///FILE or http://127.0.0.1:PORT")
    return path
