"""What the sender calls sent, lost or answered, on real sockets."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from time import monotonic, sleep

import pytest

from payports.adapters.gateways.kit.http_results import Answer, Limits, Lost, NotSent, SendResult
from payports.adapters.gateways.kit.http_sender import Sender

QUICK = Limits(connect_s=2.0, read_s=0.3, total_s=0.6, body_bytes=10_000)
Conversation = Callable[[socket.socket], None]


@contextmanager
def server(*conversations: Conversation) -> Generator[str, None, None]:
    """A server that holds one conversation a connection, in order."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            for converse in conversations:
                with suppress(OSError):
                    connection, _ = listener.accept()
                    with connection:
                        converse(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/pay?secret=s3cret"
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def send(url: str, limits: Limits = QUICK) -> SendResult:
    sender = Sender(limits)
    try:
        return sender.send("POST", url, {"Authorization": "Bearer s3cret"}, b"s3cret body")
    finally:
        sender.close()


def saying(answer: bytes) -> Conversation:
    def converse(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)

    return converse


def dripping(first: bytes) -> Conversation:
    def converse(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(first)
        with suppress(OSError):
            for _ in range(60):
                connection.sendall(b"x")
                sleep(0.05)

    return converse


def resetting(connection: socket.socket) -> None:
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def answered(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_an_answer_comes_with_its_status_headers_and_body() -> None:
    with server(saying(answered(b"{}", "X-Kind: a"))) as url:
        sent = send(url)
    assert sent == Answer(200, {"content-length": "2", "x-kind": "a"}, b"{}")


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_redirect_is_an_answer_and_is_not_followed(status: str) -> None:
    with server(saying(answered(b"", "Location: http://127.0.0.1:1/", status=status))) as url:
        sent = send(url)
    assert isinstance(sent, Answer)
    assert sent.status == int(status[:3])


def test_a_refused_connection_sent_nothing() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert isinstance(send(f"http://127.0.0.1:{nobody.getsockname()[1]}/?secret=s3cret"), NotSent)


def test_an_unknown_host_was_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    assert isinstance(send("https://gateway.invalid/pay?secret=s3cret"), NotSent)


def test_a_failed_handshake_sent_nothing() -> None:
    with server(saying(answered(b"plain"))) as url:
        assert isinstance(send(url.replace("http:", "https:")), NotSent)


@pytest.mark.parametrize("url", ["", "gopher://x/", "http://", "http://[::1", "http://a..b/", "no url"])
def test_what_is_no_address_was_sent_nothing(url: str) -> None:
    assert isinstance(send(url), NotSent)


@pytest.mark.parametrize(
    "converse",
    [
        saying(b""),
        saying(b"HTTP/1.1 200 OK\r\nContent-Le"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort"),
        saying(b"\x00\xff no http at all\r\n\r\n"),
        resetting,
    ],
    ids=["closed", "half a header", "short body", "short chunk", "no http", "reset"],
)
def test_a_broken_answer_is_lost(converse: Conversation) -> None:
    with server(converse) as url:
        assert send(url) == Lost("the connection broke")


def test_a_silent_server_is_lost_in_time() -> None:
    with server(dripping(b"")) as url:
        assert send(url, Limits(read_s=0.02, total_s=5.0)) == Lost("no answer in time")


@pytest.mark.parametrize(
    "first", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"]
)
def test_a_dripping_server_is_cut_off_at_the_total_limit(first: bytes) -> None:
    begun = monotonic()
    with server(dripping(first)) as url:
        assert send(url) == Lost("no answer in time")
    assert monotonic() - begun < 2


def test_a_long_body_is_cut_off() -> None:
    with server(saying(answered(b"x" * 10_001))) as url:
        assert send(url) == Lost("the answer is too long")


def test_a_compressed_answer_is_decoded_within_the_limit() -> None:
    with server(saying(answered(gzip.compress(b"{}"), "Content-Encoding: gzip"))) as url:
        sent = send(url)
    assert isinstance(sent, Answer)
    assert sent.body == b"{}"


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(b"0" * 5_000_000), "gzip"),
        (b"no gzip", "gzip"),
        (b"{}", "br"),
        (gzip.compress(b"{}")[:-4], "gzip"),
    ],
)
def test_a_compression_bomb_or_what_cannot_be_decoded_is_lost(body: bytes, coding: str) -> None:
    with server(saying(answered(body, f"Content-Encoding: {coding}"))) as url:
        assert isinstance(send(url), Lost)


def test_nothing_is_sent_twice() -> None:
    seen: list[bytes] = []

    def count(connection: socket.socket) -> None:
        seen.append(connection.recv(65_536))

    with server(count, count, count) as url:
        assert isinstance(send(url), Lost)
    assert len([one for one in seen if one]) == 1


def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    closed = threading.Event()

    def close_after_answer(connection: socket.socket) -> None:
        saying(answered(b"1"))(connection)
        connection.close()
        closed.set()

    with server(close_after_answer, saying(answered(b"2"))) as url:
        sender = Sender(QUICK)
        first = sender.send("GET", url, {})
        assert closed.wait(10)
        second = sender.send("GET", url, {})
        sender.close()
    assert [one.body for one in (first, second) if isinstance(one, Answer)] == [b"1", b"2"]


def test_no_cookie_is_kept() -> None:
    heard: list[bytes] = []

    def converse(connection: socket.socket) -> None:
        for _ in range(2):
            heard.append(connection.recv(65_536))
            connection.sendall(answered(b"", "Set-Cookie: follow=me"))

    with server(converse) as url:
        sender = Sender(QUICK)
        sender.send("GET", url, {})
        sender.send("GET", url, {})
        sender.close()
    assert len(heard) == 2
    assert b"follow" not in heard[1]


def test_no_proxy_and_no_password_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with server(saying(answered(b""))) as url:
        assert isinstance(send(url), Answer)


def test_no_reason_and_no_log_tells_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    half = saying(b"HTTP/1.1 200 OK\r\nContent-Le")
    with socket.socket() as nobody, server(saying(b""), half, saying(answered(b"x" * 10_001))) as url:
        nobody.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{nobody.getsockname()[1]}/?secret=s3cret"
        for sent in (send(refused), send(url), send(url), send(url), send("gopher://s3cret")):
            assert "s3cret" not in repr(sent)
    assert "s3cret" not in caplog.text


def test_each_thread_has_a_session_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from payports.adapters.gateways.kit import http_connection

    made: list[http_connection.HttpSession] = []

    class Counted(http_connection.HttpSession):
        def __init__(self, limits: Limits) -> None:
            super().__init__(limits)
            made.append(self)

    monkeypatch.setattr(http_connection, "HttpSession", Counted)
    sender = Sender(QUICK)

    def twice() -> None:
        sender.send("GET", "http://", {})
        sender.send("GET", "http://", {})

    threads = [threading.Thread(target=twice) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3


def test_importing_gateways_imports_no_requests() -> None:
    names = (
        "payports.adapters.gateways.offline, payports.adapters.gateways.sandbox, payports.gateway_kit, payports.testing"
    )
    code = f"import {names}, sys\nprint('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "False\n"


def test_a_server_that_speaks_properly_keeps_its_connection() -> None:
    from http.server import BaseHTTPRequestHandler

    connections: set[object] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            connections.add(self.client_address)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        sender = Sender(QUICK)
        for _ in range(5):
            assert isinstance(sender.send("GET", f"http://127.0.0.1:{http.server_address[1]}/", {}), Answer)
        sender.close()
        http.shutdown()
        thread.join()
    assert len(connections) == 1
