"""The conformance suite for gateway adapters, as a test class. Needs pytest and hypothesis.

Subclass it in a test module, build your gateway in ``connect``, and give payment methods that produce each scenario. A test whose scenario
you cannot produce is skipped by name::

    from payports.testing.gateway_conformance import GatewayConformance

    class TestMyGateway(GatewayConformance):
        def connect(self, folder: Path) -> Gateway:
            return my_gateway.connect(AdapterContext(name="mine", options={...}, clock=..., ids=...))

        def method(self, scenario: str) -> PaymentMethod | None:
            token = {"approved": "4242", "declined": "0002"}.get(scenario)
            return PaymentMethod({"token": token}) if token else None

Override ``effects`` as well if you can: the suite then compares each answer with what the gateway really did.
"""

from __future__ import annotations

from payports.testing.gateway_answers import GatewayAnswers
from payports.testing.gateway_inbound import GatewayInbound
from payports.testing.gateway_limits import GatewayLimits


class GatewayConformance(GatewayAnswers, GatewayLimits, GatewayInbound):
    """Tests every promise of ``payports.ports.gateway``. The hooks to override are in ``GatewayFixture``."""
