"""The bank's HTTP server as a browser and a stranger see it."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from payports.adapters.gateways.sandbox import connect
from payports.adapters.gateways.sandbox.bank import SandboxBank
from payports.adapters.gateways.sandbox.server import SandboxServer, serve
from payports.domain.lifecycle import AUTHORIZE
from payports.testing import RemoteSandboxBank, serving
from tests.adapters.gateways.fixtures import a_context, a_request, execute

RETURN = "https://shop.example/return?token=t"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def bank() -> Iterator[RemoteSandboxBank]:
    with serving() as remote:
        yield remote


def ask(
    url: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)) as connection:
        connection.request("GET" if body is None else "POST", path, body, headers or {})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()


def waiting(bank: RemoteSandboxBank, return_url: str = RETURN) -> tuple[str, str]:
    gateway = connect(a_context(attachments={"bank": bank}))
    seen = execute(gateway, a_request(AUTHORIZE, token="tok_3ds", return_url=return_url))
    assert seen.next_action is not None
    assert seen.next_action.url.startswith(bank.url)
    return urlsplit(seen.next_action.url).path, seen.gateway_reference


@pytest.mark.parametrize(("answer", "effects"), [(b"approve=1", 1), (b"approve=0", 0)])
def test_the_shopper_answers_on_the_page_and_goes_back_to_the_shop(
    bank: RemoteSandboxBank, answer: bytes, effects: int
) -> None:
    path, _ = waiting(bank)
    status, headers, page = ask(bank.url, path)
    assert (status, "default-src 'none'" in headers["Content-Security-Policy"]) == (200, True)
    assert "10.00 EUR" in page
    assert {"Approve", "Decline"} <= set(page.replace("<", ">").split(">"))
    status, headers, _ = ask(bank.url, path, answer, FORM)
    assert (status, headers["Location"]) == (303, RETURN)
    assert len(bank.effects()) == effects
    assert ask(bank.url, path)[0] == 410
    assert ask(bank.url, path, answer, FORM)[0] == 410


@pytest.mark.parametrize("return_url", ["", "javascript:alert(1)", "//evil.example"])
def test_the_browser_is_sent_to_web_pages_only(bank: RemoteSandboxBank, return_url: str) -> None:
    path, _ = waiting(bank, return_url)
    status, headers, _ = ask(bank.url, path, b"approve=1", FORM)
    assert (status, "Location" in headers) == (200, False)


@pytest.mark.parametrize("body", [b"", b"approve=", b"approve=2", b"\xff"])
def test_no_clear_answer_changes_nothing(bank: RemoteSandboxBank, body: bytes) -> None:
    path, reference = waiting(bank)
    assert ask(bank.url, path, body, FORM)[0] == 410
    bank.complete_action(reference)
    assert len(bank.effects()) == 1


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/", None, {}, 404),
        ("/actions/none", None, {}, 410),
        ("/actions/%3Cscript%3E", None, {}, 410),
        ("/control/settle", b"{}", {}, 415),
        ("/control/settle", b"{}", {**JSON, "Host": "evil.example"}, 403),
        ("/control/settle", b"{}", {**JSON, "Origin": "https://evil.example"}, 403),
        ("/control/nothing", b"{}", JSON, 404),
        ("/control/settle", b"[]", JSON, 404),
        ("/control/dashboard", b"{}", JSON, 400),
        ("/v1/execute", b"{", JSON, 400),
        ("/v1/nothing", b"{}", JSON, 404),
        ("/v1/execute", b"", {**JSON, "Content-Length": "99999999"}, 413),
        ("/v1/execute", b"", {**JSON, "Content-Length": "-1"}, 413),
    ],
)
def test_strangers_and_nonsense_are_refused(
    bank: RemoteSandboxBank, path: str, body: bytes | None, headers: dict[str, str], status: int
) -> None:
    assert ask(bank.url, path, body, headers)[0] == status


def test_many_threads_share_one_server(bank: RemoteSandboxBank) -> None:
    gateway = connect(a_context(attachments={"bank": bank}))

    def pay() -> None:
        for _ in range(10):
            execute(gateway, a_request(AUTHORIZE))

    threads = [threading.Thread(target=pay) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bank.effects()) == 80


def test_a_server_announces_itself_and_stops_on_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    announced: list[str] = []

    def interrupted(_: SandboxServer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SandboxServer, "serve_forever", interrupted)
    serve(0, ":memory:", announce=announced.append)
    assert announced[0].startswith("http://127.0.0.1:")


def test_a_taken_port_is_refused(bank: RemoteSandboxBank) -> None:
    port = urlsplit(bank.url).port
    assert port is not None
    other = SandboxBank()
    with pytest.raises(OSError, match="in use"):
        SandboxServer(other, port)
    other.close()


def test_a_bank_that_is_gone_cannot_be_asked() -> None:
    with serving() as remote:
        pass
    with pytest.raises(ConnectionError):
        remote.effects()
