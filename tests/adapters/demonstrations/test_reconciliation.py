"""The comparison finds nothing where the books agree, and every difference that is planted on either side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs
import pytest

import payports
from payports import Cart, Money, NewPayment, Owner, Payment, PaymentMethod, TransactionStatus
from payports.adapters.demonstrations.notification_delivery import deliver
from payports.adapters.demonstrations.reconciliation import BankBook, Reconciliation, all_payments, reconcile
from payports.adapters.gateways.ledger.entries import Effect
from payports.application.shop import Payports
from payports.domain.lifecycle import AUTHORIZE, CAPTURE, REFUND, REVERSE_AUTH, SETTLED
from payports.testing import SandboxBank

EUR: Final = "EUR"
OWNER: Final = Owner("cart", "c-1")
ONE_CAPTURE: Final = {"partial_capture": "RELEASES_REST"}


CHANGES: Final[Mapping[str, Callable[[Effect], Effect]]] = {
    "amount": lambda one: attrs.evolve(one, amount=Money(one.amount.minor + 1, EUR)),
    "currency": lambda one: attrs.evolve(one, amount=Money(one.amount.minor, "USD")),
    "type": lambda one: attrs.evolve(one, type=REVERSE_AUTH),
    "transaction": lambda one: attrs.evolve(one, transaction_id="somebody-elses"),
}


def connect(bank: SandboxBank, options: Mapping[str, Any] | None = None) -> Payports:
    gateway = {"adapter": "sandbox", "account": "card", **(options or {})}
    return payports.connect({"store": {"url": "memory:"}, "gateways": {"card": gateway}}, bank=bank)


def sold(bank: SandboxBank, options: Mapping[str, Any] | None = None, token: str = "tok_approved") -> Payports:
    shop = connect(bank, options)
    new = NewPayment(owner=OWNER, amount=Money(10_000, EUR), gateway="card", method=PaymentMethod({"token": token}))
    shop.payments.create(new).unwrap()
    shop.checkout.submit(Cart("c-1", total=Money(10_000, EUR)), request_id="a-1")
    return shop


def book(effects: list[Effect]) -> BankBook:
    return BankBook(name="bank", gateways=frozenset({"card"}), effects=lambda: effects)


def compare(shop: Payports, effects: list[Effect]) -> Reconciliation:
    return reconcile(all_payments(shop.environment.store), [book(effects)])


@pytest.fixture
def bank() -> Iterator[SandboxBank]:
    opened = SandboxBank()
    yield opened
    opened.close()


@pytest.fixture
def busy(bank: SandboxBank) -> Payports:
    """A shop with a hold, two captures, a refund, and a settlement batch that the bank told of."""
    shop = sold(bank)
    shop.orders.capture(OWNER, "f-1", Money(4_000, EUR), key="k-1").unwrap()
    shop.orders.capture(OWNER, "f-2", Money(5_000, EUR), key="k-2").unwrap()
    shop.orders.refund(OWNER, "r-1", Money(1_234, EUR), key="k-3").unwrap()
    bank.settle()
    deliver(shop, bank).unwrap()
    return shop


def test_books_that_agree_have_no_differences(bank: SandboxBank, busy: Payports) -> None:
    found = compare(busy, list(bank.effects()))
    assert found.line == "ledger: 1 payments, 6 transactions, 0 differences"
    assert found.ours["card", CAPTURE, EUR] == found.theirs["bank", CAPTURE, EUR] == 9_000
    assert found.theirs["bank", SETTLED, EUR] == 9_000


@pytest.mark.parametrize("place", range(6))
def test_an_effect_that_the_bank_lacks_is_found(bank: SandboxBank, busy: Payports, place: int) -> None:
    effects = list(bank.effects())
    gone = effects.pop(place)
    found = compare(busy, effects)
    assert found.differences == 1
    assert found.examples[0].reference == gone.gateway_reference
    assert found.examples[0].theirs == ()


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("part", CHANGES)
def test_an_effect_that_is_another_is_one_difference(bank: SandboxBank, busy: Payports, place: int, part: str) -> None:
    effects = list(bank.effects())
    effects[place] = CHANGES[part](effects[place])
    found = compare(busy, effects)
    assert found.differences == 1
    assert len(found.examples[0].ours) == len(found.examples[0].theirs) == 1


def test_an_effect_under_another_reference_is_missing_here_and_there(bank: SandboxBank, busy: Payports) -> None:
    effects = list(bank.effects())
    effects[0] = attrs.evolve(effects[0], gateway_reference="au_other")
    assert compare(busy, effects).differences == 2


def test_an_effect_that_stands_twice_is_found(bank: SandboxBank, busy: Payports) -> None:
    effects = list(bank.effects())
    assert compare(busy, [*effects, effects[2]]).differences == 1


def test_a_payment_that_we_lost_is_found(bank: SandboxBank, busy: Payports) -> None:
    assert reconcile((), [book(list(bank.effects()))]).differences == 6
    assert compare(busy, []).differences == 6


def test_a_transaction_that_we_lost_is_found(bank: SandboxBank, busy: Payports) -> None:
    (payment,) = all_payments(busy.environment.store)
    for dropped in payment.transactions:
        rest = tuple(one for one in payment.transactions if one is not dropped)
        shorter = attrs.evolve(payment, transactions=rest)
        assert reconcile([shorter], [book(list(bank.effects()))]).differences == 1


def test_what_was_charged_without_our_knowing_is_found(bank: SandboxBank) -> None:
    shop = sold(bank, token="tok_timeout_charged")
    found = compare(shop, list(bank.effects()))
    assert found.differences == 1
    assert found.examples[0].ours == ()
    (payment,) = all_payments(shop.environment.store)
    shop.transactions.refresh(payment.id).unwrap()
    assert compare(shop, list(bank.effects())).differences == 0


def test_what_was_done_at_the_bank_is_a_difference_until_it_is_told(bank: SandboxBank, busy: Payports) -> None:
    capture = next(one for one in bank.effects() if one.type is CAPTURE)
    bank.dashboard(REFUND, capture.gateway_reference, Money(100, EUR))
    assert compare(busy, list(bank.effects())).differences == 1
    deliver(busy, bank).unwrap()
    assert compare(busy, list(bank.effects())).differences == 0


def test_what_was_revoked_stands_on_neither_side(bank: SandboxBank, busy: Payports) -> None:
    refund = next(one for one in bank.effects() if one.type is REFUND)
    bank.revoke(refund.gateway_reference)
    deliver(busy, bank).unwrap()
    (payment,) = all_payments(busy.environment.store)
    assert any(one.status is TransactionStatus.REVOKED for one in payment.transactions)
    assert compare(busy, list(bank.effects())).differences == 0


def test_an_implied_release_is_matched_by_its_hold_and_amount(bank: SandboxBank) -> None:
    shop = sold(bank, ONE_CAPTURE)
    shop.orders.capture(OWNER, "f-1", Money(4_000, EUR), key="k-1").unwrap()
    effects = list(bank.effects())
    released = next(place for place, one in enumerate(effects) if one.type is REVERSE_AUTH)
    assert effects[released].transaction_id == ""
    assert compare(shop, effects).differences == 0
    altered = attrs.evolve(effects[released], amount=Money(5_999, EUR))
    assert compare(shop, [*effects[:released], altered, *effects[released + 1 :]]).differences == 1
    assert compare(shop, [*effects[:released], *effects[released + 1 :]]).differences == 1


def test_gateways_of_no_book_are_counted_and_not_compared(busy: Payports) -> None:
    others = BankBook(name="bank", gateways=frozenset({"elsewhere"}), effects=list[Effect])
    found = reconcile(all_payments(busy.environment.store), [others])
    assert (found.payments, found.differences) == (1, 0)


def test_one_difference_is_found_among_thousands_in_another_order(bank: SandboxBank) -> None:
    shop = sold(bank)
    (template,) = all_payments(shop.environment.store)
    (effect,) = bank.effects()

    def payments() -> Iterator[Payment]:
        for number in range(3_000):
            (one,) = template.transactions
            seen = tuple(attrs.evolve(told, gateway_reference=f"au_{number}") for told in one.seen)
            yield attrs.evolve(template, transactions=(attrs.evolve(one, id=f"t-{number}", seen=seen),))

    def effects() -> Iterator[Effect]:
        for number in reversed(range(3_000)):
            minor = 1 if number == 1_500 else effect.amount.minor
            yield attrs.evolve(
                effect, transaction_id=f"t-{number}", gateway_reference=f"au_{number}", amount=Money(minor, EUR)
            )

    found = reconcile(payments(), [BankBook(name="bank", gateways=frozenset({"card"}), effects=effects)])
    assert (found.payments, found.differences) == (3_000, 1)
    assert found.examples[0].message == (
        "bank au_1500: we have AUTHORIZE 100.00 EUR of t-1500, the bank has AUTHORIZE 0.01 EUR of t-1500"
    )
    assert found.ours["card", AUTHORIZE, EUR] == 3_000 * 10_000
