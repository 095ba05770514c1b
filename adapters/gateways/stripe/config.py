"""Configuration of a Stripe gateway, and the gateway that is built from it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

import attrs

from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.kit.options import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    TOTAL_TIMEOUT,
    check_base_url,
    limits_of,
)
from payports.adapters.gateways.kit.webhook_secrets import webhook_secrets_of
from payports.adapters.gateways.stripe.client import StripeClient
from payports.adapters.gateways.stripe.gateway import StripeGateway
from payports.adapters.gateways.stripe.lookup import TransactionLookup
from payports.adapters.gateways.stripe.requests import MAX_TITLE, Selection, StripeSettings
from payports.adapters.gateways.stripe.vault import StripeVault
from payports.adapters.gateways.stripe.webhooks import stripe_webhooks
from payports.adapters.option_reading import ConfigurationError, read_options
from payports.adapters.tokenization.stripe import PUBLISHABLE_KEY, StripeBridge
from payports.domain.secret import Secret
from payports.ports.adapter import AdapterContext
from payports.ports.gateway import Gateway

DEFAULT_URL: Final = "https://api.stripe.com"
PINNED_VERSION: Final = "2022-11-15"
"""The last version in which an intent that names no payment methods takes cards only: docs/gateways/stripe.md says what others change."""

_SHORTEST_PAGE: Final = timedelta(minutes=35)
_LONGEST_PAGE: Final = timedelta(hours=23)
"""Stripe takes 30 minutes to 24 hours, counted from when the request arrives, a little after we recorded it."""

_SECRET_KEY: Final = re.compile(r"[sr]k_(test|live)_[!-~]{1,250}")
_VERSION: Final = re.compile(r"20\d\d-\d\d-\d\d(\.[a-z]+)?")
_ACCOUNT: Final = re.compile(r"acct_[A-Za-z0-9]{1,100}")


@attrs.frozen(kw_only=True)
class Options:
    """The keys of a Stripe gateway in the configuration.

    ``livemode``: whether the keys must be live or test; by default what they say. ``account``: a connected account on whose behalf to
    act. ``payment_methods``: how intents choose them. ``several_captures``: the account has multicapture. ``hosted_page``: without a
    token the shopper chooses on a page of Stripe's; ``page_title``: what it says is bought, ``page_expires``: how long it is open.
    ``fence_keys``: take the key of a request that Stripe does not know, and cancel what shoppers left behind; switch it off only for a
    server that ignores keys. ``former_webhook_secret``: what notifications may still be signed with until
    ``former_webhook_secret_until``, while the secret is changed.
    """

    secret_key: Secret
    publishable_key: str = ""
    webhook_secret: Secret | None = None
    former_webhook_secret: Secret | None = None
    former_webhook_secret_until: datetime | None = None
    livemode: bool | None = None
    account: str = ""
    base_url: str = DEFAULT_URL
    stripe_version: str = PINNED_VERSION
    payment_methods: Selection = Selection.NONE
    several_captures: bool = False
    hosted_page: bool = False
    page_title: str = ""
    page_expires: timedelta = timedelta(hours=1)
    fence_keys: bool = True
    locale: str = "auto"
    connect_timeout: timedelta = CONNECT_TIMEOUT
    read_timeout: timedelta = READ_TIMEOUT
    total_timeout: timedelta = TOTAL_TIMEOUT


def connect(context: AdapterContext) -> Gateway:
    """Build the gateway. Raises ``ConfigurationError`` naming the key."""
    where = f"gateways.{context.name}"
    options = read_options(Options, context.options, where)
    settings = _settings_of(options, live=mode_of(options, where))
    _check(options, where)
    client = StripeClient(
        base_url=options.base_url.rstrip("/"),
        secret_key=options.secret_key,
        version=options.stripe_version,
        sender=Sender(limits_of(options, where)),
        connected_account=options.account,
    )
    lookup = TransactionLookup(client=client, settings=settings, clock=context.clock, fences=options.fence_keys)
    gateway = StripeGateway(lookup=lookup)
    return Gateway(
        transactions=gateway,
        validator=gateway,
        webhooks=stripe_webhooks(webhook_secrets_of(options, where), settings, options.account),
        actions=gateway,
        vault=StripeVault(client=client, settings=settings),
        bridge=_bridge_of(options),
        account=settings.account,
        close=client.sender.close,
    )


def _settings_of(options: Options, *, live: bool) -> StripeSettings:
    mode = "live" if live else "test"
    return StripeSettings(
        account=f"{options.account}/{mode}" if options.account else mode,
        livemode=live,
        selection=options.payment_methods,
        several_captures=options.several_captures,
        hosted_page=options.hosted_page,
        page_title=options.page_title,
        page_expires=options.page_expires,
        publishable_key=options.publishable_key,
    )


def _bridge_of(options: Options) -> StripeBridge | None:
    if not options.publishable_key:
        return None
    return StripeBridge(publishable_key=options.publishable_key, account=options.account, locale=options.locale)


def mode_of(options: Options, where: str) -> bool:
    """Tell live from test by the keys, which must agree with each other and with ``livemode``. Raises ``ConfigurationError``."""
    secret = _SECRET_KEY.fullmatch(options.secret_key.reveal())
    if secret is None:
        raise ConfigurationError(f"{where}.secret_key", "must begin with sk_test_, sk_live_, rk_test_ or rk_live_")
    live = secret[1] == "live"
    if options.livemode not in (None, live):
        raise ConfigurationError(f"{where}.secret_key", f"is a {secret[1]} key, but livemode says otherwise")
    publishable = PUBLISHABLE_KEY.fullmatch(options.publishable_key)
    if options.publishable_key and publishable is None:
        raise ConfigurationError(f"{where}.publishable_key", "must begin with pk_test_ or pk_live_")
    if publishable and publishable[1] != secret[1]:
        raise ConfigurationError(
            f"{where}.publishable_key", f"is a {publishable[1]} key, the secret key a {secret[1]} key"
        )
    return live


def _check(options: Options, where: str) -> None:
    check_base_url(options.base_url, f"{where}.base_url")
    if not _VERSION.fullmatch(options.stripe_version):
        raise ConfigurationError(f"{where}.stripe_version", "must be a version such as 2022-11-15")
    if options.account and not _ACCOUNT.fullmatch(options.account):
        raise ConfigurationError(f"{where}.account", "must begin with acct_")
    if not _SHORTEST_PAGE <= options.page_expires <= _LONGEST_PAGE:
        raise ConfigurationError(f"{where}.page_expires", "must be from 35 minutes to 23 hours")
    if len(options.page_title) > MAX_TITLE:
        raise ConfigurationError(f"{where}.page_title", f"must have at most {MAX_TITLE} characters")
