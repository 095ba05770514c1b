"""An adapter's observation is sanitized up to the limit of every field, or refused."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest

from payports import (
    NextAction,
    Observation,
    TransactionStatus,
)
from payports.application.kernel import sanitizing
from payports.domain.observation import Channel

SUCCEEDED: Final = TransactionStatus.SUCCEEDED


def saying(**rest: Any) -> Observation:
    known: dict[str, Any] = {"status": SUCCEEDED, "channel": Channel.OPERATOR}
    return Observation(**(known | rest))


def kept(**rest: Any) -> Observation | None:
    return sanitizing.sanitized(saying(**rest))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a" * 500, "a" * 500),
        ("a" * 501, "a" * 500),
        ("one\ntwo\0three", "one two three"),
        ("card 4242 4242 4242 4242", "card ****4242"),
        (5, ""),
        (None, ""),
    ],
)
def test_a_text_is_bounded_printable_and_without_card_numbers(text: Any, plain: str) -> None:
    assert sanitizing.sanitized_text(text) == plain
    if type(text) is str:
        assert kept(code=text, message=text) == saying(
            code=sanitizing.sanitized_text(text), message=sanitizing.sanitized_text(text)
        )


@pytest.mark.parametrize("field", ["gateway_reference", "parent_reference", "account"])
@pytest.mark.parametrize(("reference", "may_be"), [("r" * 255, True), ("r" * 256, False), ("a\tb", False)])
def test_a_gateway_reference_is_kept_whole_or_the_answer_is_refused(field: str, reference: str, may_be: bool) -> None:
    said = saying(**{field: reference})
    assert sanitizing.sanitized(said) == (said if may_be else None)


@pytest.mark.parametrize(
    ("name", "value", "stays"),
    [
        ("n" * 255, "v", True),
        ("n" * 256, "v", False),
        ("n", "v" * 4_000, True),
        ("n", "v" * 4_001, False),
        ("n", "v\n", False),
        ("n\n", "v", False),
    ],
)
def test_an_attribute_or_a_field_that_cannot_be_kept_is_left_out(name: str, value: str, stays: bool) -> None:
    pairs = ((name, value),) if stays else ()
    said = saying(attributes={name: value, "other": "x"}, next_action=NextAction(type="a", fields=((name, value),)))
    assert sanitizing.sanitized(said) == saying(
        attributes=dict((*pairs, ("other", "x"))), next_action=NextAction(type="a", fields=pairs)
    )


def test_a_card_number_in_an_attribute_is_masked() -> None:
    found = kept(attributes={"card": "4242424242424242"})
    assert found
    assert found.attributes == (("card", "****4242"),)


@pytest.mark.parametrize(
    ("url", "stays"),
    [
        ("https://bank.example/3ds", True),
        ("http://127.0.0.1/3ds", True),
        ("https://bank.example/" + "a" * (4_000 - 21), True),
        ("https://bank.example/" + "a" * (4_001 - 21), False),
        ("https://bank.example/\n", False),
        ("javascript:alert(1)", False),
        ("ftp://bank.example", False),
        ("/3ds", False),
    ],
)
def test_a_browser_is_sent_to_web_addresses_only(url: str, stays: bool) -> None:
    said = NextAction(type="redirect", url=url, reference="ch_1")
    assert kept(next_action=said) == saying(next_action=said if stays else attrs.evolve(said, url=""))


@pytest.mark.parametrize(("reference", "stays"), [("r" * 255, True), ("r" * 256, False), ("a\tb", False)])
def test_an_invalid_action_reference_is_dropped(reference: str, stays: bool) -> None:
    said = NextAction(type="one\ntwo", reference=reference)
    assert kept(next_action=said) == saying(
        next_action=NextAction(type="one two", reference=reference if stays else "")
    )


WRONG: Final[dict[str, Any]] = {
    "status": "SUCCEEDED",
    "transaction_id": 1,
    "type": "AUTHORIZE",
    "amount": 100,
    "partial": 0,
    "gateway_reference": None,
    "parent_reference": b"r",
    "account": 1,
    "code": None,
    "failure_type": "DECLINED",
    "hard": None,
    "message": 1,
    "next_action": {"type": "redirect"},
    "flagged_for_review": 1,
}


@pytest.mark.parametrize("field", WRONG)
def test_an_answer_with_a_field_of_another_type_is_refused(field: str) -> None:
    assert sanitizing.is_well_formed(saying())
    assert not sanitizing.is_well_formed(saying(**{field: WRONG[field]}))
    assert kept(**{field: WRONG[field]}) is None


ANY: Final[Any] = None


@pytest.mark.parametrize("attributes", [None, 5, "ab", [("a", "b")], (["a", "b"],), (("a",),), (("a", 1),)])
def test_an_answer_whose_attributes_are_no_pairs_is_refused(attributes: Any) -> None:
    said = saying()
    object.__setattr__(said, "attributes", attributes)  # an adapter that bypasses the constructor
    assert not sanitizing.is_well_formed(said)
    assert sanitizing.sanitized(said) is None


def test_attributes_are_sorted() -> None:
    said = saying()
    object.__setattr__(said, "attributes", (("b", "1"), ("a", "2"), ("b", "3")))
    cleaned = sanitizing.sanitized(said)
    assert cleaned
    assert cleaned.attributes == (("a", "2"), ("b", "3"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": ANY},
        {"url": ANY},
        {"reference": ANY},
        {"fields": [("a", "b")]},
        {"fields": (["a", "b"],)},
        {"fields": (("a",),)},
        {"fields": (("a", "b", "c"),)},
        {"fields": (("a", 1),)},
        {"fields": ((1, "b"),)},
        {"fields": ("ab",)},
    ],
)
def test_an_answer_whose_action_has_other_types_is_refused(wrong: dict[str, Any]) -> None:
    fine: dict[str, Any] = {"type": "a", "url": "", "reference": "", "fields": (("a", "b"),)}
    assert kept(next_action=NextAction(**fine)) == saying(next_action=NextAction(**fine))
    assert kept(next_action=NextAction(**(fine | wrong))) is None


def test_an_answer_with_an_attribute_that_is_no_text_is_refused() -> None:
    assert kept(attributes={"a": 1}) is None


def test_a_look_alike_is_no_observation() -> None:
    look_alike: Any = type("LookAlike", (Observation,), {})(status=SUCCEEDED, channel=Channel.WEBHOOK)
    assert sanitizing.sanitized(look_alike) is None
    assert sanitizing.sanitized(None) is None


def test_an_answers_own_transaction_and_channel_stand_unless_they_are_known() -> None:
    said = saying(transaction_id="t-1", channel=Channel.WEBHOOK)
    assert sanitizing.sanitized(said) == said
    assert sanitizing.sanitized(said, about="") == attrs.evolve(said, transaction_id="")
    assert sanitizing.sanitized(said, channel=Channel.LOOK_UP) == attrs.evolve(said, channel=Channel.LOOK_UP)
