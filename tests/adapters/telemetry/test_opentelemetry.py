"""Operations as spans below the host's own, and as durations, in the SDK that hosts use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from payports import ConfigurationError, connect
from payports.adapters.telemetry.opentelemetry import observing
from tests.application.fixtures import ShopFixture, new_payment, open_shop, value_of


class Collector:
    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.metrics = InMemoryMetricReader()
        self.meters = MeterProvider(metric_readers=[self.metrics])

    def open_shop(self) -> ShopFixture:
        return open_shop(observer=observing(self.tracers, self.meters))

    def finished(self, name: str) -> list[ReadableSpan]:
        return [one for one in self.spans.get_finished_spans() if one.name == f"payports.{name}"]

    def points(self) -> list[Any]:
        data = self.metrics.get_metrics_data()
        assert data
        (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
        assert (metric.name, metric.unit) == ("payports.operation.duration", "s")
        return list(metric.data.data_points)


@pytest.fixture(name="collector")
def _collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.tracers.shutdown()
    collector.meters.shutdown()


def test_spans_lie_below_the_hosts_own_and_above_the_adapters(collector: Collector) -> None:
    shop, tracer = collector.open_shop(), collector.tracers.get_tracer("host")
    payment = value_of(shop.payments.create(new_payment()))

    def with_a_span_of_its_own(_: object) -> None:
        tracer.start_span("POST").end()

    shop.spies["sandbox"].during = with_a_span_of_its_own
    with tracer.start_as_current_span("checkout") as above:
        value_of(shop.transactions.authorize(payment.id))
        assert get_current_span() is above
    (executed,) = collector.finished("gateway.execute")
    (request,) = [one for one in collector.spans.get_finished_spans() if one.name == "POST"]
    assert executed.parent
    assert request.parent
    assert executed.parent.span_id == above.get_span_context().span_id
    assert executed.context
    assert request.parent.span_id == executed.context.span_id
    assert executed.kind is SpanKind.CLIENT
    assert executed.status.status_code is StatusCode.UNSET
    assert executed.attributes
    assert executed.attributes["payports.transaction.status"] == executed.attributes["payports.outcome"] == "SUCCEEDED"
    assert executed.attributes["payports.amount_minor"] == 5_990


def test_an_unknown_result_and_what_was_raised_are_errors(collector: Collector) -> None:
    shop = collector.open_shop()
    unknown = value_of(shop.payments.create(new_payment(token="tok_timeout_charged")))
    shop.transactions.authorize(unknown.id)
    shop.spies["sandbox"].instead = lambda _: 1 / 0
    raised = value_of(shop.payments.create(new_payment("c-2")))
    shop.transactions.authorize(raised.id)
    spans = collector.finished("gateway.execute")
    assert [one.status.status_code for one in spans] == [StatusCode.ERROR] * 2
    assert [one.status.description for one in spans] == ["UNKNOWN", "RAISED"]
    assert (spans[1].attributes or {})["error.type"] == "ZeroDivisionError"
    assert not get_current_span().is_recording(), "no span is left behind as the current one"


def test_durations_are_counted_by_gateway_type_and_outcome_and_by_no_id(collector: Collector) -> None:
    shop = collector.open_shop()
    for number, token in enumerate(("tok_approved", "tok_approved", "tok_declined")):
        payment = value_of(shop.payments.create(new_payment(f"c-{number}", token=token)))
        shop.transactions.authorize(payment.id)
    points = {tuple(sorted(point.attributes.items())): point.count for point in collector.points()}
    shared = (("payports.gateway", "sandbox"), ("payports.operation", "payports.gateway.execute"))
    authorize = ("payports.transaction.type", "AUTHORIZE")
    assert points[*shared, ("payports.outcome", "SUCCEEDED"), authorize] == 2
    assert points[*shared, ("payports.outcome", "DECLINED"), authorize] == 1
    assert points[("payports.operation", "payports.store.commit"), ("payports.outcome", "COMMITTED")] == 9
    assert not [key for key in points if any(name.endswith(".id") for name, _ in key)]


def test_the_configuration_asks_for_it_and_needs_no_sdk() -> None:
    with connect({"store": {"url": "memory:"}, "telemetry": {"opentelemetry": True}}) as shop:
        payment = value_of(shop.payments.create(new_payment()))
        value_of(shop.transactions.authorize(payment.id))
        assert shop.telemetry
        assert shop.telemetry.failures == 0


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "payports.adapters.telemetry.opentelemetry")
    with pytest.raises(ConfigurationError, match=r"telemetry\.opentelemetry.*payports\[opentelemetry\]"):
        connect({"store": {"url": "memory:"}, "telemetry": {"opentelemetry": True}})


@pytest.mark.parametrize("table", [{"logs": 1}, {"otel": True}, {"opentelemetry": "yes"}, "on"])
def test_a_wrong_table_is_refused(table: object) -> None:
    with pytest.raises(ConfigurationError, match="telemetry"):
        connect({"store": {"url": "memory:"}, "telemetry": table})
