"""Fuzzing for the reader of a gateway's answers: it must be total, and it must never read success out of noise.

Imports ``hypothesis`` only when it is called: this is for tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, cast

from payports.adapters.gateways.kit.http_results import Answer
from payports.adapters.gateways.kit.json_reading import JsonObject
from payports.domain.observation import Observation
from payports.domain.transaction_types import TransactionStatus
from payports.ports.gateway import NotFoundYet, PaymentResponse

AnswerReader = Callable[[Answer], PaymentResponse | Observation | NotFoundYet]

_STATUSES: Final = (200, 200, 200, 302, 400, 402, 404, 409, 429, 500)
_INPUTS_A_ROUND: Final = 200
_VALUES: Final[Sequence[Any]] = json.loads(
    """[null, true, false, 0, 1, -1, 999, 1000, 1001, 1e300, 1000000000000000000000000000000, 1.5, "", "eur", "usd", "EUR", "succeeded",
    "../x", "\\u0000", "\\ud800", [], {}, [[]], {"id": "x"}, {"data": [{}]}]"""
)


def check_reader(
    read: AnswerReader,
    examples: Sequence[JsonObject],
    check: Callable[[Answer, Observation], None],
    *,
    rounds: int = 50,
) -> None:
    """Give a reader mutations of real answers, 200 a round, and bytes of any kind.

    ``check`` gets the answer and what was read from it, and raises where that is not true. Raises ``AssertionError`` if the reader gives
    something else than its port allows, or reads success out of noise; whatever the reader raises comes through.
    """
    from hypothesis import given, settings
    from hypothesis import strategies as st

    @settings(max_examples=rounds, deadline=None, report_multiple_bugs=False)
    @given(st.integers(0, 2**64))
    def read_mutations(seed: int) -> None:
        random = Random(seed)  # noqa: S311 -- mutations, no secrets
        for _ in range(_INPUTS_A_ROUND):
            answer = Answer(random.choice(_STATUSES), {}, mutated_body(examples, random))
            seen = _observation(read(answer))
            if seen:
                check(answer, seen)

    @settings(max_examples=rounds, deadline=None, report_multiple_bugs=False)
    @given(st.integers(100, 599), st.binary(max_size=300))
    def read_noise(status: int, body: bytes) -> None:
        seen = _observation(read(Answer(status, {}, body)))
        if seen and seen.status is TransactionStatus.SUCCEEDED:
            raise AssertionError(f"success was read out of {body!r}")

    read_mutations()
    read_noise()


def _observation(response: object) -> Observation | None:
    found = response.seen if isinstance(response, PaymentResponse) else response
    if not isinstance(found, Observation | NotFoundYet):
        raise AssertionError(f"the reader gave {type(found).__name__}")
    return found if isinstance(found, Observation) else None


def mutated_body(examples: Sequence[JsonObject], random: Random) -> bytes:
    """Mutate one of some JSON objects; now and then its bytes too."""
    body = json.dumps(mutated(random.choice(examples), examples, random)).encode()
    if random.random() < 0.1:
        spoilt = bytearray(body)
        for _ in range(random.randrange(1, 8)):
            spoilt[random.randrange(len(spoilt))] = random.randrange(256)
        return bytes(spoilt)
    return body


def mutated(value: Any, examples: Sequence[JsonObject], random: Random) -> Any:
    """Change some of a tree: other values, fewer names, nothing at all, something else's branch."""
    if isinstance(value, dict) and random.random() < 0.9:
        fields = cast("JsonObject", value).items()
        kept = {name: mutated(item, examples, random) if random.random() < 0.25 else item for name, item in fields}
        if kept and random.random() < 0.2:
            del kept[random.choice(list(kept))]
        return kept
    if isinstance(value, list) and random.random() < 0.8:
        return [mutated(item, examples, random) for item in cast("Sequence[Any]", value)]
    return random.choice(_VALUES) if random.random() < 0.8 else random.choice(examples)
