"""Forgeries of a genuine webhook, as forgers, thieves of one signature, and broken proxies make them.

Nothing that is made here may be believed. Harmless differences, such as the case of a header's name, are tested as accepted in
test_forgeries.py.
"""

from __future__ import annotations

import gzip
import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha1, sha256, sha512
from random import Random
from typing import Any, Final, TypeAlias

from payports.domain.secret import Secret
from tests.webhooks.signature_schemes import AT, FORMER, SECRETS, Scheme

Forged: TypeAlias = tuple[Mapping[str, Any], bytes]
Forgery: TypeAlias = Callable[[Random, Scheme], Forged]

_HEX: Final = "0123456789abcdef"
_YEAR_S: Final = 31_536_000


def _genuine(random: Random, scheme: Scheme) -> tuple[dict[str, str], bytes]:
    body = random.choice(scheme.genuine)
    return scheme.headers(body, AT + random.randint(-250, 250)), body


def _with_header(scheme: Scheme, headers: Mapping[str, str], value: Any) -> dict[str, Any]:
    return {**headers, scheme.header: value}


def bit_of_the_body(random: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(random, scheme)
    changed = bytearray(body)
    changed[random.randrange(len(body))] ^= 1 << random.randrange(8)
    return headers, bytes(changed)


def digits_of_the_body(random: Random, scheme: Scheme) -> Forged:
    """Another amount, id or status: what a thief would want."""
    headers, body = _genuine(random, scheme)
    spots = [place for place, letter in enumerate(body) if chr(letter).isdigit()]
    changed = bytearray(body)
    place = random.choice(spots)
    changed[place] = ord(random.choice([digit for digit in "0123456789" if ord(digit) != body[place]]))
    return headers, bytes(changed)


def letter_of_the_signature(random: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(random, scheme)
    time, _, signature = headers[scheme.header].partition(",v1=")
    place = random.randrange(64)
    other = random.choice([letter for letter in _HEX + "gGé\0 " if letter != signature[place]])
    return _with_header(scheme, headers, f"{time},v1={signature[:place]}{other}{signature[place + 1 :]}"), body


def cut_signature(random: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(random, scheme)
    given = headers[scheme.header]
    return _with_header(scheme, headers, given[: random.randrange(len(given))]), body


def other_time(random: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(random, scheme)
    time, _, signature = headers[scheme.header].partition(",v1=")
    moved = int(time[2:]) + random.choice([-1, 1]) * random.choice([1, 10, 1_000, _YEAR_S])
    written = random.choice(
        [str(moved), f"0{time[2:]}", f"{time[2:]}.0", f"+{time[2:]}", f"-{time[2:]}", "9" * 40, "", "٣"]
    )
    return _with_header(scheme, headers, f"t={written},v1={signature}"), body


def stale_or_future(random: Random, scheme: Scheme) -> Forged:
    """A valid signature that is replayed much later, or comes from a clock that is ahead."""
    body = random.choice(scheme.genuine)
    off = random.choice([-1, 1]) * random.choice([301, random.randint(301, 4_000), random.randint(3_600, 20 * _YEAR_S)])
    return scheme.headers(body, max(0, AT + off)), body


def cut_body(random: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(random, scheme)
    return headers, body[: random.randrange(len(body))]


def grown_body(random: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(random, scheme)
    place = random.choice([0, len(body), random.randrange(len(body))])
    more = random.choice([b" ", b"\n", b"\r\n", b"\0", b"{}", b"\xef\xbb\xbf", body])
    return headers, body[:place] + more + body[place:]


def written_anew(random: Random, scheme: Scheme) -> Forged:
    """The same JSON in other bytes, as a framework that parses too early makes it."""
    headers, body = _genuine(random, scheme)
    told = json.loads(body)
    ways: list[dict[str, Any]] = [
        {"separators": (",", ":")}, {"indent": 1}, {"indent": 2}, {"sort_keys": True}, {"separators": (", ", " : ")},
    ]  # fmt: skip
    found = [rewritten for way in ways if (rewritten := json.dumps(told, **way).encode()) != body]
    return headers, random.choice(found)


def other_encoding(random: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(random, scheme)
    ways = (
        lambda: body.decode().encode("utf-16"),
        lambda: body.decode().encode("utf-32"),
        lambda: body.decode().encode("utf-8-sig"),
        lambda: gzip.compress(body, mtime=0),
        lambda: b64encode(body),
        lambda: json.dumps(body.decode()).encode(),
    )
    return headers, random.choice(ways)()


def signature_of_another_body(random: Random, scheme: Scheme) -> Forged:
    signed_body, other = random.sample(scheme.genuine, 2)
    return scheme.headers(signed_body, AT), other


def another_secret(random: Random, scheme: Scheme) -> Forged:
    body = random.choice(scheme.genuine)
    others = [secret for gateway, secret in SECRETS.items() if gateway != scheme.gateway]
    guessed = ["", "0", "secret", "whsec_test_secret", scheme.header, "".join(random.choices(_HEX, k=40))]
    secret = random.choice([*others, *FORMER.values(), *map(Secret, guessed)])
    return scheme.headers(body, AT, secret), body


def another_digest(random: Random, scheme: Scheme) -> Forged:
    """The right secret with another algorithm: only one is accepted."""
    headers, body = _genuine(random, scheme)
    key, signed = scheme.secret.reveal().encode(), b"%d." % AT + body
    genuine = hmac.new(key, signed, sha256)
    told = random.choice(
        [
            hmac.new(key, signed, sha1).hexdigest(),
            hmac.new(key, signed, sha512).hexdigest(),
            hmac.new(key, signed, sha512).hexdigest()[:64],
            hmac.new(key, body, sha256).hexdigest(),
            hmac.new(key, b"%d" % AT + body, sha256).hexdigest(),
            hmac.new(body, key, sha256).hexdigest(),
            sha256(signed).hexdigest(),
            sha256(key + signed).hexdigest(),
            genuine.hexdigest().upper(),
            b64encode(genuine.digest()).decode(),
            genuine.hexdigest()[::-1],
        ]
    )
    return _with_header(scheme, headers, f"t={AT},v1={told}"), body


def other_fields(random: Random, scheme: Scheme) -> Forged:
    """The right signature under another field name, or with another time."""
    headers, body = _genuine(random, scheme)
    time, _, signature = headers[scheme.header].partition(",v1=")
    told = random.choice(
        [
            f"{time},v0={signature}",
            f"{time},v2={signature}",
            f"{time},V1={signature}",
            f"{time},v1:{signature}",
            f"{time};v1={signature}",
            f"{time},{time},v1={signature}",
            f"t={AT + 1_000},{time},v1={signature}",
            f"T{time[1:]},v1={signature}",
            f"v1={signature}",
            f"{time},v1=",
            f"{time},v1",
            f"{time},v1={signature}" + "," * 3_000,
            signature,
        ]
    )
    return _with_header(scheme, headers, told), body


def no_header(random: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(random, scheme)
    given = headers.pop(scheme.header)
    name = random.choice(
        ["", "Signature", f"X-{scheme.header}", f"{scheme.header} ", scheme.header[1:], scheme.header.replace("-", "_")]
    )
    return random.choice(
        [headers, {name: given}, {}, {**headers, "X-Forwarded-For": "127.0.0.1", "Host": "localhost"}]
    ), body


def odd_header(random: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(random, scheme)
    given = headers[scheme.header]
    odd: list[Any] = [
        "",
        " ",
        "\0",
        "é" * 64,
        "\ud800",
        given[::-1],
        "=" * 1_000_000,
        "t=,v1=",
        None,
        5,
        given.encode(),
        [given],
    ]
    return _with_header(scheme, headers, random.choice(odd)), body


def doubled_header(random: Random, scheme: Scheme) -> Forged:
    """The header twice, in different cases: neither of them may count."""
    headers, body = _genuine(random, scheme)
    other = random.choice([headers[scheme.header], "", "t=1,v1=" + "0" * 64])
    pair = [(scheme.header, headers[scheme.header]), (scheme.header.upper(), other)]
    random.shuffle(pair)
    return dict(pair), body


def about_somewhere_else(random: Random, scheme: Scheme) -> Forged:
    """A valid signature on a body about another account, environment or mode, or with an invalid item."""
    told = json.loads(random.choice(scheme.genuine))
    way = random.choice(sorted(scheme.elsewhere))
    body = json.dumps(scheme.elsewhere[way](told)).encode()
    return scheme.headers(body, AT), body


def noise(random: Random, scheme: Scheme) -> Forged:
    body = random.choice([random.randbytes(random.randrange(200)), b"", b"{}", b"[]", b"null", b" " * 1_000_001])
    signature = "".join(random.choices(_HEX, k=64))
    return _with_header(scheme, {}, f"t={AT},v1={signature}"), body


def signed_nonsense(random: Random, scheme: Scheme) -> Forged:
    """A valid signature on an unreadable body."""
    genuine = random.choice(scheme.genuine)
    body = random.choice(
        [b"", b"[]", b"null", b"NaN", b"{" * 5_000, b"\xff", genuine[:-1], genuine.decode().encode("utf-16-le")]
    )
    return scheme.headers(body, AT), body


FORGERIES: Final[tuple[Forgery, ...]] = (
    bit_of_the_body, digits_of_the_body, letter_of_the_signature, cut_signature, other_time, stale_or_future, cut_body, grown_body,
    written_anew, other_encoding, signature_of_another_body, another_secret, another_digest, other_fields, no_header, odd_header,
    doubled_header, about_somewhere_else, noise, signed_nonsense,
)  # fmt: skip
