"""Observing with OpenTelemetry: a span an operation, below the host's own, and a histogram of durations.

Needs ``payports[opentelemetry]``. Who collects them is the host's choice: without an SDK the API does nothing.
Source: opentelemetry.io/docs/specs/semconv.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import attrs
from opentelemetry import context
from opentelemetry.metrics import Histogram, MeterProvider, get_meter
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    TracerProvider,
    get_tracer,
    set_span_in_context,
)

from payports.ports.telemetry import Attribute, Ending, Observer, Operation

SCOPE: Final = "payports"

COUNTED_BY: Final = ("payports.gateway", "payports.transaction.type", "error.type")
"""The attributes of the duration histogram, beside the outcome: names of which there are few, no ids."""


@attrs.frozen(kw_only=True)
class OpenTelemetryObserver(Observer):
    """Spans and durations; ``observing`` makes one."""

    tracer: Tracer
    durations: Histogram

    def began(self, operation: Operation) -> Callable[[Ending], object] | None:
        """Start a span below the current one, and make it the current one: what the adapter's own calls start is below it."""
        span = self.tracer.start_span(operation.name, kind=SpanKind.CLIENT, attributes=operation.attributes)
        token = context.attach(set_span_in_context(span))
        return partial(self._ended, span, lambda: context.detach(token))

    def _ended(self, span: Span, leave: Callable[[], None], ending: Ending) -> None:
        leave()
        span.set_attributes({**ending.attributes, "payports.outcome": ending.outcome})
        if ending.failed:
            span.set_status(Status(StatusCode.ERROR, ending.outcome))
        span.end()
        known: dict[str, Attribute] = {**ending.operation.attributes, **ending.attributes}
        about: dict[str, Attribute] = {name: known[name] for name in COUNTED_BY if name in known}
        about |= {"payports.operation": ending.operation.name, "payports.outcome": ending.outcome}
        self.durations.record(ending.duration_s, about)


def observing(tracers: TracerProvider | None = None, meters: MeterProvider | None = None) -> OpenTelemetryObserver:
    """Observe with the host's providers; without any, with those that are set for the process."""
    meter = get_meter(SCOPE, meter_provider=meters)
    durations = meter.create_histogram("payports.operation.duration", unit="s", description="Gateway calls and commits")
    return OpenTelemetryObserver(tracer=get_tracer(SCOPE, tracer_provider=tracers), durations=durations)
