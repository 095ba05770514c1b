"""Going through a list that a gateway gives page by page, with an end to it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

import attrs

from payports.adapters.gateways.kit.json_reading import JsonObject

_Problem = TypeVar("_Problem")


@attrs.frozen
class Page:
    """Some items of a list; ``after`` is what to ask for the next page with, and empty on the last page."""

    items: tuple[JsonObject, ...] = attrs.field(hash=False)
    after: str = ""


class Search(Enum):
    """How a search that found nothing ended. Only the first proves that there is nothing."""

    NOT_THERE = "NOT_THERE"
    NO_END = "NO_END"


def find_in_pages(
    fetch: Callable[[str], Page | _Problem], is_wanted: Callable[[JsonObject], bool], most: int
) -> JsonObject | Search | _Problem:
    """Find the first wanted item; ``fetch`` gets what the last page gave as ``after``, and ``most`` bounds the number of pages.

    What ``fetch`` gives instead of a page ends the search and is the result.
    """
    after = ""
    for _ in range(most):
        page = fetch(after)
        if not isinstance(page, Page):
            return page
        wanted = next((item for item in page.items if is_wanted(item)), None)
        if wanted is not None:
            return wanted
        if not page.after:
            return Search.NOT_THERE
        after = page.after
    return Search.NO_END


def collect_pages(fetch: Callable[[str], Page | None], most: int) -> tuple[JsonObject, ...] | None:
    """All items of a list; nothing if a page cannot be had, or if there are more than ``most`` pages."""
    items: list[JsonObject] = []
    after = ""
    for _ in range(most):
        page = fetch(after)
        if page is None:
            return None
        items += page.items
        if not page.after:
            return tuple(items)
        after = page.after
    return None
