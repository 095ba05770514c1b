"""What forgers, thieves of one signature, and broken proxies make of a genuine notification.

Every way below makes something that must not be believed: what differs from the genuine one only where no meaning lies, such as the case
of a header's name, is not made here but accepted in test_forgeries.py.
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
Way: TypeAlias = Callable[[Random, Scheme], Forged]

_HEX: Final = "0123456789abcdef"
_YEAR_S: Final = 31_536_000


def _genuine(dice: Random, scheme: Scheme) -> tuple[dict[str, str], bytes]:
    body = dice.choice(scheme.genuine)
    return scheme.headers(body, AT + dice.randint(-250, 250)), body


def _with_header(scheme: Scheme, headers: Mapping[str, str], value: Any) -> dict[str, Any]:
    return {**headers, scheme.header: value}


def bit_of_the_body(dice: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(dice, scheme)
    changed = bytearray(body)
    changed[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
    return headers, bytes(changed)


def digits_of_the_body(dice: Random, scheme: Scheme) -> Forged:
    """Another amount, id or status: what a thief would want."""
    headers, body = _genuine(dice, scheme)
    spots = [place for place, letter in enumerate(body) if chr(letter).isdigit()]
    changed = bytearray(body)
    place = dice.choice(spots)
    changed[place] = ord(dice.choice([digit for digit in "0123456789" if ord(digit) != body[place]]))
    return headers, bytes(changed)


def letter_of_the_signature(dice: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(dice, scheme)
    time, _, signature = headers[scheme.header].partition(",v1=")
    place = dice.randrange(64)
    other = dice.choice([letter for letter in _HEX + "gGé\0 " if letter != signature[place]])
    return _with_header(scheme, headers, f"{time},v1={signature[:place]}{other}{signature[place + 1 :]}"), body


def cut_signature(dice: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(dice, scheme)
    given = headers[scheme.header]
    return _with_header(scheme, headers, given[: dice.randrange(len(given))]), body


def other_time(dice: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(dice, scheme)
    time, _, signature = headers[scheme.header].partition(",v1=")
    moved = int(time[2:]) + dice.choice([-1, 1]) * dice.choice([1, 10, 1_000, _YEAR_S])
    written = dice.choice(
        [str(moved), f"0{time[2:]}", f"{time[2:]}.0", f"+{time[2:]}", f"-{time[2:]}", "9" * 40, "", "٣"]
    )
    return _with_header(scheme, headers, f"t={written},v1={signature}"), body


def stale_or_future(dice: Random, scheme: Scheme) -> Forged:
    """Signed as it must be, replayed much later, or by a clock that is ahead."""
    body = dice.choice(scheme.genuine)
    off = dice.choice([-1, 1]) * dice.choice([301, dice.randint(301, 4_000), dice.randint(3_600, 20 * _YEAR_S)])
    return scheme.headers(body, max(0, AT + off)), body


def cut_body(dice: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(dice, scheme)
    return headers, body[: dice.randrange(len(body))]


def grown_body(dice: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(dice, scheme)
    place = dice.choice([0, len(body), dice.randrange(len(body))])
    more = dice.choice([b" ", b"\n", b"\r\n", b"\0", b"{}", b"\xef\xbb\xbf", body])
    return headers, body[:place] + more + body[place:]


def written_anew(dice: Random, scheme: Scheme) -> Forged:
    """The same JSON in other bytes, as a framework that parses too early makes it."""
    headers, body = _genuine(dice, scheme)
    told = json.loads(body)
    ways: list[dict[str, Any]] = [
        {"separators": (",", ":")}, {"indent": 1}, {"indent": 2}, {"sort_keys": True}, {"separators": (", ", " : ")},
    ]  # fmt: skip
    found = [rewritten for way in ways if (rewritten := json.dumps(told, **way).encode()) != body]
    return headers, dice.choice(found)


def other_encoding(dice: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(dice, scheme)
    ways = (
        lambda: body.decode().encode("utf-16"),
        lambda: body.decode().encode("utf-32"),
        lambda: body.decode().encode("utf-8-sig"),
        lambda: gzip.compress(body, mtime=0),
        lambda: b64encode(body),
        lambda: json.dumps(body.decode()).encode(),
    )
    return headers, dice.choice(ways)()


def signature_of_another_body(dice: Random, scheme: Scheme) -> Forged:
    signed_body, other = dice.sample(scheme.genuine, 2)
    return scheme.headers(signed_body, AT), other


def another_secret(dice: Random, scheme: Scheme) -> Forged:
    body = dice.choice(scheme.genuine)
    others = [secret for gateway, secret in SECRETS.items() if gateway != scheme.gateway]
    guessed = ["", "0", "secret", "whsec_test_secret", scheme.header, "".join(dice.choices(_HEX, k=40))]
    secret = dice.choice([*others, *FORMER.values(), *map(Secret, guessed)])
    return scheme.headers(body, AT, secret), body


def another_digest(dice: Random, scheme: Scheme) -> Forged:
    """The right secret in another way: so that only one way is known to be right."""
    headers, body = _genuine(dice, scheme)
    key, signed = scheme.secret.reveal().encode(), b"%d." % AT + body
    genuine = hmac.new(key, signed, sha256)
    told = dice.choice(
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


def other_fields(dice: Random, scheme: Scheme) -> Forged:
    """The right signature under a name, or with a time, that it was not given."""
    headers, body = _genuine(dice, scheme)
    time, _, signature = headers[scheme.header].partition(",v1=")
    told = dice.choice(
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


def no_header(dice: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(dice, scheme)
    given = headers.pop(scheme.header)
    name = dice.choice(
        ["", "Signature", f"X-{scheme.header}", f"{scheme.header} ", scheme.header[1:], scheme.header.replace("-", "_")]
    )
    return dice.choice(
        [headers, {name: given}, {}, {**headers, "X-Forwarded-For": "127.0.0.1", "Host": "localhost"}]
    ), body


def odd_header(dice: Random, scheme: Scheme) -> Forged:
    headers, body = _genuine(dice, scheme)
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
    return _with_header(scheme, headers, dice.choice(odd)), body


def doubled_header(dice: Random, scheme: Scheme) -> Forged:
    """The header twice, in two cases: nobody may choose which of them counts."""
    headers, body = _genuine(dice, scheme)
    other = dice.choice([headers[scheme.header], "", "t=1,v1=" + "0" * 64])
    pair = [(scheme.header, headers[scheme.header]), (scheme.header.upper(), other)]
    dice.shuffle(pair)
    return dict(pair), body


def about_somewhere_else(dice: Random, scheme: Scheme) -> Forged:
    """Signed as it must be, by a gateway that serves others as well, or with an item that is none."""
    told = json.loads(dice.choice(scheme.genuine))
    way = dice.choice(sorted(scheme.elsewhere))
    body = json.dumps(scheme.elsewhere[way](told)).encode()
    return scheme.headers(body, AT), body


def noise(dice: Random, scheme: Scheme) -> Forged:
    body = dice.choice([dice.randbytes(dice.randrange(200)), b"", b"{}", b"[]", b"null", b" " * 1_000_001])
    signature = "".join(dice.choices(_HEX, k=64))
    return _with_header(scheme, {}, f"t={AT},v1={signature}"), body


def signed_nonsense(dice: Random, scheme: Scheme) -> Forged:
    """Signed as it must be, and not to be read."""
    genuine = dice.choice(scheme.genuine)
    body = dice.choice(
        [b"", b"[]", b"null", b"NaN", b"{" * 5_000, b"\xff", genuine[:-1], genuine.decode().encode("utf-16-le")]
    )
    return scheme.headers(body, AT), body


WAYS: Final[tuple[Way, ...]] = (
    bit_of_the_body, digits_of_the_body, letter_of_the_signature, cut_signature, other_time, stale_or_future, cut_body, grown_body,
    written_anew, other_encoding, signature_of_another_body, another_secret, another_digest, other_fields, no_header, odd_header,
    doubled_header, about_somewhere_else, noise, signed_nonsense,
)  # fmt: skip
