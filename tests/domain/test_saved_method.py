"""A saved method is its owner's, and only while it is available."""

from __future__ import annotations

from typing import Final

from payports.domain.payment import Customer
from payports.domain.payment_method import PaymentMethod
from payports.domain.saved_method import SavedMethod, SavedMethodStatus, archive, may_use
from tests.domain.strategies import NOW

SAVED: Final = SavedMethod(
    id="s-1", customer=Customer("u-1"), gateway="card", method=PaymentMethod({"token": "tok"}), created_at=NOW
)


def test_only_its_owner_may_use_it() -> None:
    assert may_use(SAVED, Customer("u-1"))
    assert not may_use(SAVED, Customer("u-2"))
    assert not may_use(SAVED, None)
    assert not may_use(None, Customer("u-1"))
    assert not may_use(None, None)


def test_an_archived_one_is_not_used_and_not_lost() -> None:
    gone = archive(SAVED)
    assert gone.status is SavedMethodStatus.ARCHIVED
    assert gone.method == SAVED.method
    assert not may_use(gone, Customer("u-1"))
    assert may_use(SAVED, Customer("u-1"))
