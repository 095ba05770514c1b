"""The configuration of the gateways that ship with payports."""

from __future__ import annotations

from pathlib import Path

import pytest

from payports.adapters.gateways import offline, sandbox, stored_value
from payports.domain.capabilities import PartialCapture
from payports.domain.lifecycle import AUTHORIZE
from payports.domain.secret import Secret
from payports.domain.transaction_types import TransactionStatus
from payports.ports.adapter import ConfigurationError, GatewayFactory
from payports.testing import SandboxBank, serving
from tests.adapters.gateways.fixtures import a_context, a_request, execute

SECRET = Secret("a secret of sixteen bytes")


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"url": "ftp://bank"}, "gateways.card.url"),
        ({"url": "sqlite:///"}, "gateways.card.url"),
        ({"url": "http://bank.example:80"}, "gateways.card.url"),
        ({"url": "http://127.0.0.1:80/path"}, "gateways.card.url"),
        ({"url": "http://127.0.0.1:80@evil.example"}, "gateways.card.url"),
        ({"url": "https://127.0.0.1:80"}, "gateways.card.url"),
        ({"url": 5}, "gateways.card.url"),
        ({"webhook_secret": Secret("fifteen bytes..")}, "gateways.card.webhook_secret"),
        ({"webhook_secret": ""}, "gateways.card.webhook_secret"),
        ({"account": ""}, "gateways.card.account"),
        ({"partial_capture": "SOME"}, "gateways.card.partial_capture"),
        ({"detached_credit": "yes"}, "gateways.card.detached_credit"),
        ({"total_timeout": "0s"}, "gateways.card.total_timeout"),
        ({"total_timeout": 5}, "gateways.card.total_timeout"),
        ({"colour": "red"}, "gateways.card"),
    ],
)
def test_a_wrong_key_is_named(options: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        sandbox.connect(a_context(options=options))
    assert raised.value.key == key


def test_the_transport_changes_nothing_but_the_url(tmp_path: Path) -> None:
    with serving(webhook_secret=SECRET) as remote:
        for url in ("memory:", f"sqlite:///{tmp_path}/bank.db", remote.url):
            gateway = sandbox.connect(a_context(options={"url": url, "webhook_secret": SECRET}))
            for _ in range(2):
                assert execute(gateway, a_request(AUTHORIZE, key="t-1")).status is TransactionStatus.SUCCEEDED
            assert gateway.account == "sandbox"
        assert [effect.transaction_id for effect in remote.effects()] == ["t-1"]


def test_without_a_url_it_is_where_the_store_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for ephemeral in (True, False):
        sandbox.connect(a_context(ephemeral=ephemeral))
        stored_value.connect(a_context("gift", ephemeral=ephemeral))
        names = sorted(path.name for path in tmp_path.glob("*.db"))
        assert names == ([] if ephemeral else ["payports-sandbox.db", "payports-stored-value.db"])


def test_a_url_that_contradicts_the_attached_bank_is_refused() -> None:
    bank = SandboxBank()
    with pytest.raises(ConfigurationError, match="bank in process is attached"):
        sandbox.connect(a_context(options={"url": "http://127.0.0.1:1"}, attachments={"bank": bank}))
    bank.close()
    with serving() as remote, pytest.raises(ConfigurationError, match="another bank"):
        sandbox.connect(a_context(options={"url": "http://127.0.0.1:1"}, attachments={"bank": remote}))


def test_the_terms_show_in_the_capabilities() -> None:
    options = {"partial_capture": "NONE", "detached_credit": True, "refund_requires_settlement": True}
    can = sandbox.connect(a_context(options=options)).transactions.capabilities
    assert (can.partial_capture, can.detached_credit, can.refund_requires_settlement) == (
        PartialCapture.NONE,
        True,
        True,
    )


def test_a_server_that_is_gone_means_not_executed() -> None:
    with serving() as remote:
        gateway = sandbox.connect(a_context(options={"url": remote.url}))
    assert execute(gateway, a_request(AUTHORIZE)).status is TransactionStatus.NOT_EXECUTED


@pytest.mark.parametrize("factory", [sandbox.connect, stored_value.connect])
def test_a_file_that_is_no_ledger_is_refused_by_its_key(tmp_path: Path, factory: GatewayFactory) -> None:
    (tmp_path / "letter.db").write_text("Dear bank, " * 100)
    for name in ("letter.db", "no/such/folder.db"):
        with pytest.raises(ConfigurationError, match="cannot be opened as a ledger"):
            factory(a_context(options={"url": f"sqlite:///{tmp_path}/{name}"}))


@pytest.mark.parametrize("options", [{"url": "http://127.0.0.1:1"}, {"account": ""}, {"colour": "red"}])
def test_stored_value_refuses_a_wrong_key(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        stored_value.connect(a_context("gift", options=options))


@pytest.mark.parametrize("options", [{"account": ""}, {"colour": "red"}])
def test_offline_refuses_a_wrong_key(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        offline.connect(a_context("cheque", options=options))
