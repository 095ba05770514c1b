"""django-payments: one row per payment, rewritten with each change of its status."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.db import models
from payments import PaymentStatus
from payments.core import BasicProvider
from payments.models import BasePayment

from benchmarks.peers.setting import create_tables

TOTAL: Final = Decimal("59.90")


class DjangoPayment(BasePayment):
    """The model that its guide asks a host to write, with the name of the host's order."""

    cart = models.CharField(max_length=255)

    class Meta:
        app_label = "peers"


class Dummy(BasicProvider):
    """Approves everything, as the library's providers do after a gateway's approval."""

    def authorize(self, payment: Any) -> None:
        payment.transaction_id = f"ref-{payment.token}"
        payment.save()
        payment.change_status(PaymentStatus.PREAUTH)

    def capture(self, payment: Any, amount: Decimal | None = None) -> Decimal:
        return amount or payment.total

    def refund(self, payment: Any, amount: Decimal | None = None) -> Decimal:
        return amount or payment.captured_amount


def prepare() -> None:
    """Create the table."""
    create_tables(DjangoPayment)


def sell(number: int) -> None:
    """The whole sale; each step loads its payment, as a separate request does."""
    key = DjangoPayment.objects.create(variant="dummy", currency="EUR", total=TOTAL, cart=f"c-{number}").pk
    Dummy().authorize(DjangoPayment.objects.get(pk=key))
    captured = DjangoPayment.objects.get(pk=key)
    captured.capture()
    captured.save()  # capture() writes the status and leaves the captured amount to the host
    DjangoPayment.objects.get(pk=key).refund()
