"""Forged webhooks: none is believed, none writes anything, none raises, and nothing of them is logged.

``pytest tests/webhooks --webhooks 1000000`` makes more of them. Each planted bug below is one that some verifier has had.
"""

from __future__ import annotations

import hmac
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

import attrs
import pytest
from returns.result import Success

from payports.adapters.gateways.kit import timed_signatures
from payports.adapters.gateways.kit import webhooks as kit_webhooks
from payports.adapters.gateways.sandbox.webhooks import SandboxEvents
from payports.domain.secret import Secret
from payports.ports.gateway import WebhookReader
from tests.webhooks.fixtures import WebhookFixture, all_logs, open_fixture
from tests.webhooks.forgeries import FORGERIES, about_somewhere_else
from tests.webhooks.signature_schemes import AT

SERVICE_EVERY: Final = 10
"""One forgery in so many goes through ``shop.webhooks.receive``, the others only through the reader."""


@attrs.frozen(kw_only=True)
class Result:
    """How many forgeries of each kind were made, and how many were believed."""

    made: Counter[str]
    believed: Counter[str]


def forge(fixture: WebhookFixture, number: int, seed: int = 1) -> Result:
    random, made, believed = Random(seed), Counter[str](), Counter[str]()  # noqa: S311 -- to be repeated, not to be secret
    now = fixture.clock.now()
    readers = {scheme.gateway: fixture.reader(scheme) for scheme in fixture.schemes}
    for turn in range(number):
        scheme, way = fixture.schemes[turn % 2], FORGERIES[turn // 2 % len(FORGERIES)]
        headers, body = way(random, scheme)
        if turn % SERVICE_EVERY in (0, 1) and turn // SERVICE_EVERY % 2:
            status, applied = fixture.receive(scheme, headers, body)
            refused = 400 <= status < 500 or (way is about_somewhere_else and status == 200)
            good = applied > 0 or not refused
        else:
            read = readers[scheme.gateway].read(headers, body, {}, now)
            good = isinstance(read, Success) and (read.unwrap() != () or way is not about_somewhere_else)
        made[way.__name__] += 1
        believed[way.__name__] += good
    return Result(made=made, believed=+believed)


def test_no_forgery_is_believed_written_or_logged(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    number = int(str(pytestconfig.getoption("--webhooks")))
    with open_fixture(tmp_path) as fixture, all_logs() as logged:
        before = fixture.stored()
        found = forge(fixture, number)
        assert found.believed == {}
        assert found.made.total() == number
        assert min(found.made[way.__name__] for way in FORGERIES) >= number // len(FORGERIES) - 2
        assert fixture.stored() == before, "something was written"
        assert logged == []
        for scheme in fixture.schemes:  # what is genuine is believed, so the refusals above are about the forgeries
            for body in scheme.genuine:
                assert fixture.receive(scheme, scheme.headers(body), body) == (200, 1)
        assert fixture.stored() != before


def test_what_differs_only_where_no_meaning_lies_is_believed(tmp_path: Path) -> None:
    with open_fixture(tmp_path) as fixture:
        for scheme in fixture.schemes:
            body, reader = scheme.genuine[0], fixture.reader(scheme)
            given = scheme.headers(body)[scheme.header]
            told = [{name: given} for name in (scheme.header, scheme.header.lower(), scheme.header.upper())]
            other = "v1=" + "0" * 64
            for headers in (*told, {scheme.header: f"{given},{other}"}, {scheme.header: f"{given},v0=x"}):
                assert isinstance(reader.read(headers, body, {}, fixture.clock.now()), Success), headers
            for off in (-300, 300):
                assert isinstance(reader.read(scheme.headers(body, AT + off), body, {}, fixture.clock.now()), Success)


def accepts_without_comparing(patch: pytest.MonkeyPatch, _: WebhookFixture) -> None:
    def always(*_given: object) -> bool:
        return True

    patch.setattr(hmac, "compare_digest", always)


def accepts_without_a_header(patch: pytest.MonkeyPatch, _: WebhookFixture) -> None:
    verify = timed_signatures.verify

    def careless(secrets: Any, header: str, headers: Any, *rest: Any) -> Any:
        return verify(secrets, header, headers, *rest) if header in headers else None

    patch.setattr(timed_signatures, "verify", careless)
    patch.setattr(kit_webhooks, "verify", careless)


def tolerates_the_future(patch: pytest.MonkeyPatch, _: WebhookFixture) -> None:
    def how_late(seconds: float) -> float:
        return seconds

    patch.setattr(timed_signatures, "abs", how_late, raising=False)


def tolerates_the_past(patch: pytest.MonkeyPatch, _: WebhookFixture) -> None:
    def how_early(seconds: float) -> float:
        return -seconds

    patch.setattr(timed_signatures, "abs", how_early, raising=False)


def signs_what_was_parsed(patch: pytest.MonkeyPatch, _: WebhookFixture) -> None:
    digest = timed_signatures._signature  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- the bug is planted inside

    def of_the_meaning(secret: Secret, body: bytes, at: int) -> str:
        try:
            return digest(secret, json.dumps(json.loads(body)).encode(), at)
        except (ValueError, RecursionError):
            return digest(secret, body, at)

    patch.setattr(timed_signatures, "_signature", of_the_meaning)


def takes_the_first_header(patch: pytest.MonkeyPatch, _: WebhookFixture) -> None:
    def first(headers: Mapping[str, str], header: str) -> str:
        found = (value for name, value in headers.items() if name.lower() == header.lower())
        return next((value for value in found if isinstance(value, str)), "")  # pyright: ignore[reportUnnecessaryIsInstance] -- odd ones come

    patch.setattr(timed_signatures, "_header", first)


def keeps_the_former_secret(patch: pytest.MonkeyPatch, fixture: WebhookFixture) -> None:
    for scheme in fixture.schemes:
        reader: Any = fixture.reader(scheme)
        until = fixture.clock.now().replace(year=9_999)
        secrets = attrs.evolve(reader.secrets, former=attrs.evolve(reader.secrets.former, until=until))
        reader = attrs.evolve(reader, secrets=secrets)
        _replace(patch, fixture, scheme.gateway, reader)


def verifies_only_the_first_item(patch: pytest.MonkeyPatch, fixture: WebhookFixture) -> None:
    @attrs.frozen
    class OnlyTheFirst(SandboxEvents):
        def read_events(self, event: Any) -> Any:
            return super().read_events({**event, "items": (event.get("items") or [])[:1]})

    reader: Any = fixture.reader(fixture.schemes[0])
    _replace(patch, fixture, "sandbox", attrs.evolve(reader, events=OnlyTheFirst(reader.events.account)))


def believes_any_mode(patch: pytest.MonkeyPatch, fixture: WebhookFixture) -> None:
    reader: Any = fixture.reader(fixture.schemes[1])

    class AnyMode(WebhookReader):
        def read(self, headers: Any, body: bytes, params: Any, now: Any) -> Any:
            first: Any = reader.read(headers, body, params, now)
            if first != Success(()):
                return first
            events = reader.events
            live = attrs.evolve(
                reader, events=attrs.evolve(events, settings=attrs.evolve(events.settings, livemode=True))
            )
            return live.read(headers, body, params, now)

    _replace(patch, fixture, "card", AnyMode())


def _replace(patch: pytest.MonkeyPatch, fixture: WebhookFixture, gateway: str, reader: WebhookReader) -> None:
    configured = fixture.shop.gateways[gateway]
    replaced = attrs.evolve(configured, gateway=attrs.evolve(configured.gateway, webhooks=reader))
    gateways: Any = fixture.shop.gateways._by_name  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- the bug is planted inside
    patch.setitem(gateways, gateway, replaced)


PLANTED: Final[dict[Callable[[pytest.MonkeyPatch, WebhookFixture], None], set[str]]] = {
    accepts_without_comparing: {"bit_of_the_body", "another_secret", "signature_of_another_body", "digits_of_the_body"},
    accepts_without_a_header: {"no_header"},
    tolerates_the_future: {"stale_or_future"},
    tolerates_the_past: {"stale_or_future"},
    signs_what_was_parsed: {"written_anew"},
    takes_the_first_header: {"doubled_header"},
    keeps_the_former_secret: {"another_secret"},
    verifies_only_the_first_item: {"about_somewhere_else"},
    believes_any_mode: {"about_somewhere_else"},
}


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(bug: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_fixture(tmp_path) as fixture:
        with monkeypatch.context() as patch:
            bug(patch, fixture)
            found = forge(fixture, 4_000)
        assert PLANTED[bug] <= set(found.believed)
