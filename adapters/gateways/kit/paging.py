"""Going through a list that a gateway gives page by page, with a bound on the number of pages."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

import attrs

from payports.adapters.gateways.kit.json_reading import JsonObject

_Problem = TypeVar("_Problem")


@attrs.frozen(kw_only=True)
class Page:
    """Some items of a list. ``after`` asks for the next page; a page that is not ``last`` and names no next one ends the list unread."""

    items: tuple[JsonObject, ...] = attrs.field(hash=False)
    last: bool
    after: str = ""


class Search(Enum):
    """How a search that found nothing ended. Only the first proves that there is nothing."""

    NOT_THERE = "NOT_THERE"
    NO_END = "NO_END"


def find_in_pages(
    fetch: Callable[[str], Page | _Problem], is_wanted: Callable[[JsonObject], bool], most: int
) -> JsonObject | Search | _Problem:
    """Find the first wanted item on at most ``most`` pages; ``fetch`` gets the former page's ``after``, at first an empty text.

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
        if page.last:
            return Search.NOT_THERE
        after = page.after
        if not after:
            break
    return Search.NO_END


def collect_pages(fetch: Callable[[str], Page | None], most: int) -> tuple[JsonObject, ...] | None:
    """All items of a list; nothing if a page cannot be had, or the list does not end within ``most`` pages."""
    items: list[JsonObject] = []
    after = ""
    for _ in range(most):
        page = fetch(after)
        if page is None:
            return None
        items += page.items
        if page.last:
            return tuple(items)
        after = page.after
        if not after:
            break
    return None
