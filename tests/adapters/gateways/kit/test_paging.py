"""Going through a list: it is found, it is proven absent, or nobody knows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from payports.adapters.gateways.kit.json_reading import JsonObject
from payports.adapters.gateways.kit.paging import Page, Search, collect_pages, find_in_pages


class Listing:
    """A list of numbered items, two a page."""

    def __init__(self, length: int, *, endless: bool = False) -> None:
        self.items: list[JsonObject] = [{"id": str(number)} for number in range(length)]
        self.endless = endless
        self.asked: list[str] = []

    def fetch(self, after: str) -> Page:
        self.asked.append(after)
        start = int(after or "0")
        shown = self.items[start : start + 2]
        last = start + 2 >= len(self.items) and not self.endless
        return Page(items=tuple(shown), last=last, after="" if last else str(start + 2))


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 5))
def test_an_item_is_found_if_it_is_on_the_first_pages(length: int, wanted: int, most: int) -> None:
    listing = Listing(length)
    found = find_in_pages(listing.fetch, lambda item: item["id"] == str(wanted), most)
    if wanted < min(length, 2 * most):
        assert found == {"id": str(wanted)}
    else:
        assert found is (Search.NOT_THERE if length <= 2 * most else Search.NO_END)
    assert len(listing.asked) <= most


@given(st.integers(0, 20), st.integers(1, 5))
def test_all_items_are_collected_or_none(length: int, most: int) -> None:
    found = collect_pages(Listing(length).fetch, most)
    assert found == (tuple(Listing(length).items) if length <= 2 * most else None)


def test_a_list_without_an_end_ends() -> None:
    listing = Listing(0, endless=True)
    assert find_in_pages(listing.fetch, lambda _: True, 3) is Search.NO_END
    assert collect_pages(Listing(0, endless=True).fetch, 3) is None
    assert listing.asked == ["", "2", "4"]


def test_a_page_that_names_no_next_one_is_not_asked_again() -> None:
    asked: list[str] = []

    def fetch(after: str) -> Page:
        asked.append(after)
        return Page(items=(), last=False)

    assert find_in_pages(fetch, lambda _: True, 3) is Search.NO_END
    assert asked == [""]
    assert collect_pages(fetch, 3) is None


def test_what_is_no_page_is_the_result() -> None:
    assert find_in_pages(lambda _: "the gateway is busy", lambda _: True, 3) == "the gateway is busy"
    assert collect_pages(lambda _: None, 3) is None
