"""What a reader of signed notifications does before the gateway's own part: tests/webhooks forges them by the thousand."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from returns.result import Failure, Success

from payports.adapters.gateways.kit.json_reading import JsonObject
from payports.adapters.gateways.kit.timed_signatures import TOLERANCE, signed
from payports.adapters.gateways.kit.webhook_secrets import FormerSecret, WebhookSecrets
from payports.adapters.gateways.kit.webhooks import EventReader, SignedWebhooks
from payports.domain.outcome import Outcome
from payports.domain.secret import Secret
from payports.ports.gateway import Notification, WebhookRefused
from payports.testing import FixedClock

NOW = FixedClock().now()
SECRET, FORMER = Secret("a secret of sixteen bytes"), Secret("the secret that was before")
BODY = b'{"account": "ours"}'


class Events(EventReader):
    def read_events(self, event: JsonObject) -> Outcome[tuple[Notification, ...], WebhookRefused]:
        return Success(()) if event == {"account": "ours"} else Failure(WebhookRefused("another account"))


READER = SignedWebhooks(secrets=WebhookSecrets(SECRET), header="X-Signature", events=Events())


def read(body: bytes, secret: Secret = SECRET, reader: SignedWebhooks = READER, off: timedelta = timedelta()) -> object:
    header = signed(secret, body, int((NOW + off).timestamp()))
    found = reader.read({"x-signature": header}, body, {}, NOW)
    return found.unwrap() if isinstance(found, Success) else found.failure().status_code


def test_a_signed_body_reaches_the_events() -> None:
    assert read(BODY) == ()
    assert read(b'{"account": "theirs"}') == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"account": "theirs", "account": "ours"}'])
def test_what_is_no_json_object_is_refused_although_it_is_signed(body: bytes) -> None:
    assert read(body) == 400


def test_without_a_secret_nothing_is_believed() -> None:
    assert read(BODY, reader=attrs.evolve(READER, secrets=WebhookSecrets())) == 503


def test_another_secret_and_another_time_are_refused() -> None:
    assert read(BODY, FORMER) == 400
    assert read(BODY, off=TOLERANCE) == ()
    for late in (TOLERANCE + timedelta(seconds=1), -TOLERANCE - timedelta(seconds=1)):
        assert read(BODY, off=late) == 400


def test_the_former_secret_is_believed_until_its_end() -> None:
    for until, expected in ((NOW + timedelta(seconds=1), ()), (NOW, 400)):
        secrets = WebhookSecrets(SECRET, FormerSecret(FORMER, until))
        assert read(BODY, FORMER, attrs.evolve(READER, secrets=secrets)) == expected
