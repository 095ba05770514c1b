"""The one result type: what a function gave, or why it could not."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

from returns.result import Failure, Success

_Value = TypeVar("_Value")
_Error = TypeVar("_Error")

Outcome: TypeAlias = Success[_Value] | Failure[_Error]
"""``Success(value)`` or ``Failure(error)``; ``match`` over both is exhaustive for mypy and pyright."""
