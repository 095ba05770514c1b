"""One thread's HTTP session, over ``requests``; the sender imports it when something is sent.

It adds what ``requests`` lacks: a limit on the whole exchange (a server that drips its headers would hold a thread for ever), one on the
decoded body, and the proof that a request never left.
"""

from __future__ import annotations

import io
import logging
import socket
import threading
import weakref
import zlib
from collections.abc import Mapping
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from time import monotonic
from typing import Any, Final, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as HttpTimeout

from payports.adapters.gateways.kit.http_results import Answer, Limits, Lost, NotSent, SendResult

_CHUNK: Final = 65_536
_GZIP_OR_ZLIB: Final = 47  # zlib's wbits for "detect which of the two it is"


class _Progress(threading.local):
    """The state of this thread's exchange. ``connecting``: a connection was begun and not finished, so nothing can have been sent.
    ``broken``: the headers of the answer end too early."""

    deadline: float = 0.0
    connecting: bool = False
    active: bool = False
    broken: bool = False


_progress: Final = _Progress()


class _LogFilter(logging.Filter):
    """Drops urllib3's log records about our exchanges, which hold whole URLs. A warning is its only sign of broken headers."""

    def filter(self, record: logging.LogRecord) -> bool:
        _progress.broken |= record.name == "urllib3.connection" and record.levelno >= logging.WARNING
        return not _progress.active


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_LogFilter())


class HttpSession:
    """One session: it keeps connections open, and no cookies or headers."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.clear()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.mount("https://", _Adapter())
        self._session.mount("http://", _Adapter())
        weakref.finalize(self, self._session.close)

    def exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> SendResult:
        """Send one request and read its answer. A failure before the connection is made means not sent, any other one lost."""
        limits = self._limits
        try:
            request = self._session.prepare_request(
                requests.Request(method, url, {"Accept-Encoding": "identity", **headers}, data=body)
            )
        except (requests.RequestException, HTTPError, ValueError):
            return NotSent("the request cannot be written")
        _progress.deadline = monotonic() + limits.total_s
        _progress.connecting = _progress.broken = False
        _progress.active = True
        try:
            with self._session.send(
                request,
                stream=True,
                allow_redirects=False,
                verify=True,
                timeout=(min(limits.connect_s, limits.total_s), min(limits.read_s, limits.total_s)),
            ) as response:
                return _read(response, limits.body_bytes)
        except requests.exceptions.InvalidSchema:
            return NotSent("the address is neither http nor https")
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            if _progress.connecting:
                return NotSent("the connection could not be made")
            late = isinstance(error, (requests.Timeout, HttpTimeout, TimeoutError))
            return Lost("no answer in time" if late else "the connection broke")
        finally:
            _progress.active = False


def _read(response: requests.Response, limit: int) -> SendResult:
    if _progress.broken:
        return Lost("the connection broke")
    raw = bytearray()
    while chunk := response.raw.read(_CHUNK, decode_content=False):
        raw += chunk
        if len(raw) > limit:
            return Lost("the answer is too long")
    headers = {name.lower(): value for name, value in response.headers.items()}
    coding = headers.get("content-encoding", "identity").lower()
    if coding == "identity":
        return Answer(response.status_code, headers, bytes(raw))
    body = _inflate(bytes(raw), limit) if coding in ("gzip", "x-gzip", "deflate") else None
    if body is None:
        return Lost("the answer cannot be decoded, or is too long")
    return Answer(response.status_code, headers, body)


def _inflate(raw: bytes, limit: int) -> bytes | None:
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        body = inflater.decompress(raw, limit + 1)
    except zlib.error:
        return None
    return body if inflater.eof and len(body) <= limit else None


class _TimedReader(io.RawIOBase):
    """Reads from a socket until the deadline of this thread's exchange."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._file = cast("io.RawIOBase", inner.makefile("rb", buffering=0))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = _progress.deadline - monotonic()
        if left <= 0:
            raise TimeoutError
        patience = self._inner.gettimeout()
        if patience is None or left < patience:
            self._inner.settimeout(left)
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _TimedSocket:
    """A socket whose answers must come before the deadline; otherwise it behaves as the socket itself."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner

    def makefile(self, *_args: Any, **_options: Any) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._inner))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _HttpConnection(HTTPConnection):
    debuglevel = 0  # overrides a global setting of http.client, which would print our headers and the keys in them

    def connect(self) -> None:
        _progress.connecting = True
        super().connect()
        self.sock = cast("socket.socket", _TimedSocket(cast("socket.socket", self.sock)))
        _progress.connecting = False


class _HttpsConnection(HTTPSConnection):
    debuglevel = 0

    def connect(self) -> None:
        _progress.connecting = True
        super().connect()  # with the handshake, in which the certificate is verified
        self.sock = cast("socket.socket", _TimedSocket(cast("socket.socket", self.sock)))
        _progress.connecting = False


class _HttpPool(HTTPConnectionPool):
    ConnectionCls: Any = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls: Any = _HttpsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
