"""No way of looking at a secret shows it."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any, Final

import attrs
import cattrs
import pytest
from returns.result import Failure

from payports.domain.payment_method import PaymentMethod
from payports.domain.secret import HIDDEN, Secret
from tests.domain.strategies import new_payment

CANARY: Final = "tok_canary_7f3a"
SECRET: Final = Secret(CANARY)
METHOD: Final = PaymentMethod({"token": CANARY, "other": SECRET}, {"brand": "Visa"})
PAYMENT: Final = new_payment(method=METHOD)

WAYS_OF_LOOKING: Final[dict[str, Callable[[Any], object]]] = {
    "repr": repr,
    "str": str,
    "format": format,
    "format with a width": lambda thing: f"{thing!s:>20}",
    "f-string": lambda thing: f"{thing} {thing!r} {thing!s}",
    "percent": lambda thing: "%s %r" % (thing, thing),  # noqa: UP031 -- one of the ways
    "copy": lambda thing: repr(copy.copy(thing)),
    "unstructure": lambda thing: repr(cattrs.unstructure(thing)),
    "failure": lambda thing: repr(Failure(thing)),
    "exception": lambda thing: repr(ValueError(thing)) + str(ValueError(thing)),
    "log": lambda thing: logging.LogRecord("a", 1, "b", 1, "%s %r", (thing, thing), None).getMessage(),
}


@pytest.mark.parametrize("look", WAYS_OF_LOOKING.values(), ids=list(WAYS_OF_LOOKING))
@pytest.mark.parametrize("thing", [SECRET, METHOD, PAYMENT], ids=["secret", "method", "payment"])
def test_no_way_of_looking_shows_it(thing: object, look: Callable[[object], object]) -> None:
    assert CANARY not in str(look(thing))


def test_it_shows_stars() -> None:
    assert f"{SECRET}" == str(SECRET) == repr(SECRET) == HIDDEN == "***"
    assert format(SECRET, ">9") == HIDDEN


@pytest.mark.parametrize("thing", [METHOD, PAYMENT])
def test_attrs_asdict_does_not_show_it(thing: Any) -> None:
    assert CANARY not in repr(attrs.asdict(thing))
    assert CANARY not in repr(attrs.astuple(thing))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("thing", [SECRET, {"deep": [SECRET]}])
def test_it_is_not_pickled(thing: object, protocol: int) -> None:
    with pytest.raises(TypeError, match=r"^a secret is not pickled$"):
        pickle.dumps(thing, protocol)


def test_its_state_is_not_given_away() -> None:
    with pytest.raises(TypeError, match=r"^a secret is not pickled$"):
        SECRET.__getstate__()
    with pytest.raises(TypeError):
        vars(SECRET)
    with pytest.raises(TypeError):
        json.dumps(SECRET)


def test_a_traceback_with_locals_does_not_show_it() -> None:
    def fail(secret: Secret, method: PaymentMethod) -> None:
        both = [secret, method]
        raise ValueError(both)

    with pytest.raises(ValueError, match=r"^\[\*\*\*, PaymentMethod") as caught:
        fail(SECRET, METHOD)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "both = " in shown
    assert CANARY not in shown


def test_it_is_revealed_when_asked() -> None:
    assert SECRET.reveal() == CANARY
    assert copy.copy(SECRET).reveal() == copy.deepcopy(SECRET).reveal() == CANARY


def test_two_of_the_same_text_are_equal_and_nothing_else_is() -> None:
    assert Secret(CANARY) == SECRET
    assert hash(Secret(CANARY)) == hash(SECRET)
    assert Secret("other") != SECRET
    assert SECRET != CANARY
    assert hash(SECRET) != hash(CANARY)
    assert hash(SECRET) != hash(Secret("other"))
    assert len({SECRET, Secret(CANARY), Secret("other")}) == 2
