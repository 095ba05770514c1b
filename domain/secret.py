"""A secret value: a token, a key or a client secret."""

from __future__ import annotations

from typing import Final, NoReturn, final

HIDDEN: Final = "***"


@final
class Secret:
    """Holds a text that no repr, str, format, copy, pickle or unstructuring shows.

    >>> Secret("tok_1")
    ***
    >>> Secret("tok_1").reveal()
    'tok_1'
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the text itself, for the one place that sends or stores it."""
        return self.__value

    @property
    def is_text(self) -> bool:
        """Tell whether it can be encoded. An encoding error would show a text that cannot."""
        return not any("\ud800" <= letter <= "\udfff" for letter in self.__value)

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, specification: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__value == other.__value

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
