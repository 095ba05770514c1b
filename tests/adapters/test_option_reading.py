"""Options are read strictly: exact types, members by their value, unknown keys refused, and never a value in an error."""

from __future__ import annotations

from enum import Enum, StrEnum

import attrs
import pytest

from payports.adapters.option_reading import ConfigurationError, read_options


class Word(StrEnum):
    YES = "yes"


class Kind(Enum):
    ONE = "one"


@attrs.frozen(kw_only=True)
class Options:
    word: Word = Word.YES
    words: tuple[Word, ...] = ()
    kind: Kind = Kind.ONE
    number: int = 0


def test_a_member_is_read_by_its_value() -> None:
    read = read_options(Options, {"word": "yes", "words": ["yes"], "kind": "one"}, "t")
    assert read == Options(word=Word.YES, words=(Word.YES,), kind=Kind.ONE)
    assert type(read.word) is type(read.words[0]) is Word


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"word": "s3cret"}, "t.word"),
        ({"word": 1}, "t.word"),
        ({"words": ["yes", "s3cret"]}, "t.words[1]"),
        ({"kind": "s3cret"}, "t.kind"),
        ({"number": True}, "t.number"),
        ({"number": "s3cret"}, "t.number"),
        ({"other": "s3cret"}, "t"),
    ],
)
def test_anything_else_is_refused_by_its_key(options: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_options(Options, options, "t")
    assert refused.value.key == key
    assert "s3cret" not in str(refused.value)
