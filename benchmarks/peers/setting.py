"""Django on an SQLite file with the library's settings: WAL, every commit synced."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import django
from django.conf import settings
from django.db import connection, models

PRAGMAS: Final = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = 1;"


def configure(path: Path) -> None:
    """Configure Django with its defaults; each save is its own transaction."""
    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(path),
                "OPTIONS": {"init_command": PRAGMAS, "transaction_mode": "IMMEDIATE"},
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["payments"],
        PAYMENT_HOST="localhost",
        PAYMENT_VARIANTS={"dummy": ("benchmarks.peers.django_payments.Dummy", {})},
        GETPAID_ORDER_MODEL="peers.Order",
        GETPAID_PAYMENT_MODEL="peers.GetpaidPayment",
        USE_TZ=True,
    )
    django.setup()


def create_tables(*kinds: type[models.Model]) -> None:
    """Create the tables of some models."""
    with connection.schema_editor() as editor:
        for kind in kinds:
            editor.create_model(kind)
