"""Real orders are read as they stand, and whatever cannot be read is told with its line before anything is done."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports import Money
from payports.adapters.demonstrations.orders_file import (
    COLUMNS,
    MAX_LINE,
    MAX_TENDERS,
    Unreadable,
    check_orders,
    read_orders,
)

HEADER: Final = ",".join(COLUMNS)
ROW: Final = "o-1,1,credit_card,1,10.00"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.csv"


def text(*rows: str) -> str:
    return "\n".join((HEADER, *rows)) + "\n"


def refusal(file: Path, content: str | bytes) -> Unreadable:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Unreadable) as caught:
        check_orders(file, "BRL", None)
    return caught.value


def test_rows_that_stand_together_are_one_order(file: Path) -> None:
    file.write_text(text("o-1,1,voucher,1,10.00", "o-1,3,credit_card,2,5.5", "o-2,1,boleto,1,0.00"))
    first, second = read_orders(file, "BRL", None)
    assert (first.id, first.total) == ("o-1", Money.of("15.50", "BRL"))
    assert [(one.sequential, one.type, one.installments) for one in first.tenders] == [
        (1, "voucher", 1),
        (3, "credit_card", 2),
    ]
    assert second.total == Money.zero("BRL")
    assert check_orders(file, "BRL", None) == 2


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("zipped", [False, True])
def test_files_are_read_however_they_were_written(file: Path, newline: str, mark: str, zipped: bool) -> None:
    content = (mark + text(ROW, "", "o-2,1,boleto,1,1")).replace("\n", newline).encode()
    file.write_bytes(gzip.compress(content) if zipped else content)  # the name says nothing
    assert [order.id for order in read_orders(file, "BRL", None)] == ["o-1", "o-2"]


def test_columns_may_stand_in_any_order_beside_others(file: Path) -> None:
    file.write_text(f"when,{','.join(reversed(COLUMNS))}\n2017,10.00,1,credit_card,1,o-1\n")
    (order,) = read_orders(file, "BRL", None)
    assert (order.id, order.total.text) == ("o-1", "10.00")


def test_only_as_many_orders_as_wanted_are_read(file: Path) -> None:
    file.write_text(text(ROW, "o-2,1,boleto,1,1.00", "this is not read,"))
    assert check_orders(file, "BRL", 1) == 1
    assert [order.id for order in read_orders(file, "BRL", 1)] == ["o-1"]


@pytest.mark.parametrize(
    ("rows", "line", "says"),
    [
        (("o-1,1,credit_card,1",), 2, "columns"),
        ((ROW, "o-2,1,credit_card,1,10.00,7"), 3, "columns"),
        ((ROW, "", "o-2,one,credit_card,1,10.00"), 4, "payment_sequential"),
        (("o-1,1,credit_card,-1,10.00",), 2, "payment_installments"),
        (("o-1,٣,credit_card,1,10.00",), 2, "payment_sequential"),
        (("o-1,1,credit_card,1,10.005",), 2, "payment_value"),
        (("o-1,1,credit_card,1,-10.00",), 2, "payment_value"),
        (("o-1,1,credit_card,1,1E+1000000",), 2, "payment_value"),
        (("o-1,1,credit_card,1,99999999999999999",), 2, "payment_value"),
        (("o-1,1,credit_card,1,",), 2, "payment_value"),
        ((",1,credit_card,1,1.00",), 2, "order_id"),
        (("o" * 101 + ",1,credit_card,1,1.00",), 2, "order_id"),
        ((ROW, "o-1,1,voucher,1,1.00"), 3, "twice"),
        ((ROW, "o-2,1,voucher,1,1.00", "o-1,2,voucher,1,1.00"), 4, "further up"),
        ((ROW, 'o-2,1,"vou"cher,1,1.00'), 3, "CSV"),
        ((ROW, '"o-2,1,voucher,1,1.00'), 3, "CSV"),
        ((ROW, "o-2,1," + "x" * MAX_LINE), 3, "longer"),
        (tuple(f"o-1,{number},voucher,1,1.00" for number in range(MAX_TENDERS + 1)), MAX_TENDERS + 2, "tenders"),
        ((), 2, "no orders"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(file: Path, rows: tuple[str, ...], line: int, says: str) -> None:
    told = refusal(file, text(*rows))
    assert told.line == line
    assert str(told).startswith(f"line {line}: ")
    assert says in str(told)


def test_a_header_without_a_column_names_it(file: Path) -> None:
    assert str(refusal(file, "order_id,payment_sequential,payment_type\no-1,1,voucher\n")) == (
        "line 1: the header lacks payment_installments, payment_value"
    )
    assert refusal(file, b"").line == 1


def test_bytes_that_are_no_text_are_told_with_their_line(file: Path) -> None:
    told = refusal(file, text(ROW).encode() + b"o-2,1,vou\xffcher,1,1.00\n")
    assert (told.line, "UTF-8" in str(told)) == (3, True)


@pytest.mark.parametrize(
    "row",
    ["o-2,1", "o-2,1,voucher,1,-1", 'o-2,1,"vou"cher,1,1.00', "o-1,1,voucher,1,1.00", ROW.replace("1", "2"), "\0"],
)
def test_a_file_that_is_refused_is_closed_at_once(file: Path, row: str) -> None:
    refused = refusal(file, text(ROW, row, ROW, ROW))
    assert refused.__traceback__ is not None  # whoever keeps it keeps the frames that read
    assert str(file) not in [one.path for one in psutil.Process().open_files()]


@pytest.mark.parametrize("cut", [11, 30, -9, -1])
def test_a_damaged_archive_is_refused(file: Path, cut: int) -> None:
    assert "damaged" in str(refusal(file, gzip.compress(text(ROW, "o-2,1,voucher,1,1.00").encode())[:cut]))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    for start in (b"", HEADER.encode() + b"\n", b"\x1f\x8b\x08"):
        file = tmp_path_factory.getbasetemp() / "any.csv"
        file.write_bytes(start + content)
        with suppress(Unreadable):
            assert check_orders(file, "BRL", None) > 0
