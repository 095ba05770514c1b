"""Operations as records of the standard library's logging; what they become is the host's choice."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from payports import Payports, connect
from payports.testing import FixedClock, SandboxBank
from tests.application.fixtures import eur, new_payment, value_of

CONFIG = {"store": {"url": "memory:"}, "telemetry": {"logs": True}}


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(name="logger")
def _logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("payports")
    before = logger.handlers[:], logger.level, logger.propagate
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    logger.handlers, logger.level, logger.propagate = before


def a_sale(**config: Any) -> Payports:
    shop = connect({**CONFIG, **config}, bank=SandboxBank(), clock=FixedClock())
    payment = value_of(shop.payments.create(new_payment()))
    value_of(shop.transactions.authorize(payment.id))
    shop.transactions.capture(payment.id, eur(999_999))
    return shop


def test_each_operation_is_one_record_with_its_attributes_as_extra(logger: logging.Logger) -> None:
    handler = Records()
    logger.addHandler(handler)
    a_sale()
    names = [vars(one)["payports.operation"] for one in handler.records]
    assert names == [
        "payports.gateway.check",
        "payports.store.commit",
        "payports.store.commit",
        "payports.gateway.execute",
        "payports.store.commit",
    ]
    (executed,) = [vars(one) for one in handler.records if "execute" in one.getMessage()]
    assert executed["payports.outcome"] == executed["payports.transaction.status"] == "SUCCEEDED"
    assert (executed["payports.amount_minor"], executed["payports.currency"]) == (5_990, "EUR")
    assert isinstance(executed["payports.duration_ms"], float)
    assert {one.levelno for one in handler.records} == {logging.INFO}


def test_what_somebody_may_want_to_look_at_is_a_warning(logger: logging.Logger) -> None:
    handler = Records()
    logger.addHandler(handler)
    with connect(CONFIG, bank=SandboxBank(), clock=FixedClock()) as shop:
        payment = value_of(shop.payments.create(new_payment(token="tok_timeout_charged")))
        shop.transactions.authorize(payment.id)
    warnings = [one.getMessage() for one in handler.records if one.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert warnings[0].startswith("payports.gateway.execute UNKNOWN in ")


def test_nothing_is_logged_unless_it_is_asked_for(logger: logging.Logger) -> None:
    handler = Records()
    logger.addHandler(handler)
    a_sale(telemetry={})
    assert handler.records == []


def test_structlog_takes_the_attributes_as_they_are(logger: logging.Logger) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    extras: Any = structlog.stdlib.ExtraAdder()
    formatter: Any = structlog.stdlib.ProcessorFormatter
    handler.setFormatter(formatter(foreign_pre_chain=[extras], processor=structlog.processors.JSONRenderer()))
    logger.addHandler(handler)
    a_sale()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [one["payports.transaction.status"] for one in lines if "payports.transaction.id" in one] == ["SUCCEEDED"]
    assert all(one["payports.merchant"] == "default" for one in lines)


def test_a_handler_that_raises_breaks_no_payment(logger: logging.Logger) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError(record.name)

    logger.addHandler(Broken())
    shop = a_sale()
    assert shop.telemetry
    assert shop.telemetry.failures == 5
