"""What every gateway adapter must keep to, as a test class. Needs pytest and hypothesis.

Derive a class in a test module of yours, say how to build your gateway and which methods make it behave how; what you cannot arrange is
skipped by name::

    from payports.testing.gateway_conformance import GatewayConformance

    class TestMyGateway(GatewayConformance):
        def connect(self, folder: Path) -> Gateway:
            return my_gateway.connect(AdapterContext(name="mine", options={...}, clock=..., ids=...))

        def method(self, mood: str) -> PaymentMethod | None:
            token = {"approved": "4242", "declined": "0002"}.get(mood)
            return PaymentMethod({"token": token}) if token else None

``effects`` makes it much sharper: with it the suite compares what was answered with what really happened.
"""

from __future__ import annotations

from payports.testing.gateway_answers import GatewayAnswers
from payports.testing.gateway_limits import GatewayLimits
from payports.testing.gateway_outside import GatewayOutside


class GatewayConformance(GatewayAnswers, GatewayLimits, GatewayOutside):
    """The promises of ``payports.ports.gateway``; the hooks are those of ``GatewayRig``."""
