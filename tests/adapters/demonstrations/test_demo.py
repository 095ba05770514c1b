"""The demonstration tells all its walkthroughs, ends with ledgers that agree, and leaves nothing behind unless asked."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from payports import ConfigurationError
from payports.adapters.demonstrations.example_carts import read_carts
from tests.adapters.command_line.command_process import payports

LAST: Final = "ledger: 7 payments, 25 transactions, 0 differences"


def lines_of(told: str, heading: str) -> list[str]:
    """The lines of one story, without its blanks."""
    _, _, rest = told.partition(heading)
    return [" ".join(line.split()) for line in rest.partition("\n\n")[0].splitlines()]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("demo")
    ended = payports("demo", cwd=folder, env={"TMPDIR": str(folder)})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert list(folder.iterdir()) == []
    return ended.stdout


def test_it_ends_with_ledgers_that_agree(told: str) -> None:
    assert told.splitlines()[-1] == LAST


def test_it_reads_well_without_colour_at_80_columns(told: str) -> None:
    assert "\x1b" not in told
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("A gift card and a card", "check out 72.50 EUR order placed, gift 30.00 and card 42.50"),
        ("Declined, then another card", "pay with another card 24.00 EUR order placed, card 24.00"),
        ("A detour by 3-D Secure", "check out 89.00 EUR the bank wants to see the shopper"),
        ("A detour by 3-D Secure", "come back 89.00 EUR order placed, card 89.00"),
        ("The answer was lost, the money was not", "check out again 41.70 EUR order placed, card 41.70"),
        ("Two parcels, a cancel and a return", "cancel Tray 33.33 EUR reverse auth 33.33 by card"),
        ("Two parcels, a cancel and a return", "return Cups, six 47.94 EUR refund 47.94 by card"),
    ],
)
def test_each_story_comes_to_its_end(told: str, heading: str, expected: str) -> None:
    assert expected in lines_of(told, heading)


def test_the_timeline_of_the_lost_answer_shows_one_charge_that_was_looked_up(told: str) -> None:
    timeline = [line.split()[1:] for line in lines_of(told, "cart c-1005:") if line[:2].isdigit()]
    charges = [line for line in timeline if line[0] == "authorize"]
    assert [line[2] for line in charges] == ["sending", "unknown", "succeeded", "succeeded"]
    assert charges[2][3:5] == ["looked", "up,"]


def test_a_folder_that_is_kept_can_be_looked_at(tmp_path: Path) -> None:
    ended = payports("demo", "--directory", tmp_path / "shop", cwd=tmp_path)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, LAST)
    config = tmp_path / "shop" / "payports.toml"
    listed = payports("list", "--config", config, cwd=tmp_path)
    payment = listed.stdout.splitlines()[-1].split()[0]
    shown = payports("show", payment, "--config", config, cwd=tmp_path)
    assert shown.stdout.strip() in ended.stdout
    assert payports("doctor", "--config", config, cwd=tmp_path).returncode == 0
    again = payports("demo", "--directory", tmp_path / "shop", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")


def test_carts_of_ones_own_are_sold_and_what_needs_a_person_is_told(tmp_path: Path) -> None:
    carts = tmp_path / "mine.toml"
    carts.write_text(
        """
        currency = "JPY"
        [[carts]]
        id = "m-1"
        title = "The bank speaks of another amount"
        items = { "Bowl" = "1500" }
        pay = [{ gateway = "card", token = "tok_wrong_amount" }]
        steps = ["check out", "approve", "ship Bowl"]
        """
    )
    ended = payports("demo", "--carts", carts, cwd=tmp_path)
    assert ended.returncode == 1
    assert "nothing waits for the shopper" in ended.stdout
    assert "needs attention: asked for 1500 JPY, the gateway says 1600 JPY" in " ".join(ended.stdout.split())
    assert ended.stdout.splitlines()[-1] == "ledger: 1 payments, 1 transactions, 0 differences"


GOOD: Final = """
[[carts]]
id = "m-1"
title = "Mine"
items = { "Cup, small" = "5.00", "Cup" = "6.00" }
pay = [{ gateway = "gift", token = "G", amount = "4.00" }, { gateway = "card", token = "tok_approved" }]
steps = ["check out", "ship Cup, small, Cup", "return everything"]
"""


def test_carts_are_read_as_people_write_them(tmp_path: Path) -> None:
    file = tmp_path / "carts.toml"
    file.write_text(GOOD)
    (cart,) = read_carts(file)
    assert [amount.text for _, amount in cart.tenders] == ["4.00", "7.00"]
    assert [step.items for step in cart.steps] == [(), ("Cup, small", "Cup"), ("Cup, small", "Cup")]


@pytest.mark.parametrize(
    ("good", "bad", "key"),
    [
        ("[[carts]]", "shop = 1\n[[carts]]", "shop"),
        ("[[carts]]", 'currency = "euro"\n[[carts]]', "currency"),
        ("[[carts]]", "[[cart]]", "cart"),
        ('title = "Mine"', "titel = 1", "carts[0].title"),
        ('"6.00"', '"6.001"', "carts[0].items.Cup"),
        ('"4.00"', '"12.00"', "carts[0].pay"),
        ('"4.00"', '"11.00"', "carts[0].pay"),
        ('"gift"', '"cash"', "carts[0].pay.gateway"),
        ('"tok_approved"', '"tok_approved", amount = "6.00"', "carts[0].pay"),
        ('"check out"', '"look around"', "carts[0].steps"),
        ('"check out"', '"check out quickly"', "carts[0].steps"),
        ('"return everything"', '"return"', "carts[0].steps"),
        ('"return everything"', '"return Saucer"', "carts[0].steps"),
        ('"check out", "ship Cup, small, Cup", "return everything"', "", "carts[0]"),
    ],
)
def test_carts_that_make_no_sense_are_refused_by_their_key(tmp_path: Path, good: str, bad: str, key: str) -> None:
    file = tmp_path / "carts.toml"
    file.write_text(GOOD.replace(good, bad, 1))
    with pytest.raises(ConfigurationError) as caught:
        read_carts(file)
    assert caught.value.key == key
    ended = payports("demo", "--carts", file, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"Error: configuration: {key}")
