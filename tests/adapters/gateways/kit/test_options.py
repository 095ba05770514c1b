"""Options that gateways have in common: what is refused, and by which key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from payports.adapters.gateways.kit.http_results import Limits
from payports.adapters.gateways.kit.options import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    TOTAL_TIMEOUT,
    check_account,
    check_base_url,
    limits_of,
)
from payports.adapters.gateways.kit.webhook_secrets import WebhookSecrets, webhook_secrets_of
from payports.domain.secret import Secret
from payports.ports.adapter import ConfigurationError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG, SHORT = Secret("a secret of sixteen bytes"), Secret("too short")


@attrs.frozen(kw_only=True)
class Options:
    webhook_secret: Secret | None = None
    former_webhook_secret: Secret | None = None
    former_webhook_secret_until: datetime | None = None
    connect_timeout: timedelta = CONNECT_TIMEOUT
    read_timeout: timedelta = READ_TIMEOUT
    total_timeout: timedelta = TOTAL_TIMEOUT


def refused_key(options: Options) -> str:
    with pytest.raises(ConfigurationError) as raised:
        webhook_secrets_of(options, "gateways.card")
    return raised.value.key


def test_the_default_limits_are_those_of_the_sender() -> None:
    assert limits_of(Options(), "gateways.card") == Limits()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("connect_timeout", Options(connect_timeout=timedelta())),
        ("read_timeout", Options(read_timeout=timedelta())),
        ("total_timeout", Options(total_timeout=timedelta())),
    ],
)
def test_a_timeout_is_above_zero(name: str, options: Options) -> None:
    with pytest.raises(ConfigurationError) as raised:
        limits_of(options, "gateways.card")
    assert raised.value.key == f"gateways.card.{name}"


@pytest.mark.parametrize(
    "url", ["https://api.example", "https://api.example/v1", "http://localhost:1", "http://[::1]:80"]
)
def test_https_and_this_machine_are_good_addresses(url: str) -> None:
    check_base_url(url, "gateways.card.base_url")


@pytest.mark.parametrize(
    "url",
    ["", "api.example", "http://api.example", "https://", "ftp://x", "https://a/?b", "https://u:p@a", "https://a/#b"],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_base_url(url, "gateways.card.base_url")
    assert raised.value.key == "gateways.card.base_url"


def test_an_account_is_an_identifier() -> None:
    check_account("shop-1", "gateways.card")
    with pytest.raises(ConfigurationError) as raised:
        check_account("", "gateways.card")
    assert raised.value.key == "gateways.card.account"


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    assert refused_key(Options(webhook_secret=SHORT)) == "gateways.card.webhook_secret"
    former = Options(webhook_secret=LONG, former_webhook_secret=SHORT, former_webhook_secret_until=NOW)
    assert refused_key(former) == "gateways.card.former_webhook_secret"


def test_a_former_secret_and_its_end_come_together() -> None:
    assert refused_key(Options(former_webhook_secret=LONG)) == "gateways.card.former_webhook_secret_until"
    assert refused_key(Options(former_webhook_secret_until=NOW)) == "gateways.card.former_webhook_secret"


def test_a_former_secret_counts_until_its_end() -> None:
    former = Secret("the former secret of the shop")
    options = Options(webhook_secret=LONG, former_webhook_secret=former, former_webhook_secret_until=NOW)
    secrets = webhook_secrets_of(options, "gateways.card")
    assert secrets.valid_at(NOW - timedelta(microseconds=1)) == (LONG, former)
    assert secrets.valid_at(NOW) == (LONG,)


def test_without_a_secret_none_counts() -> None:
    assert WebhookSecrets().valid_at(NOW) == ()
    until = Options(former_webhook_secret=LONG, former_webhook_secret_until=NOW + timedelta(days=1))
    assert webhook_secrets_of(until, "gateways.card").valid_at(NOW) == ()
