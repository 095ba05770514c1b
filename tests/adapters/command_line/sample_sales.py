"""A shop on a file that has sold something of every kind, for commands that look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from payports import Cart, Customer, Money, NewPayment, Owner, PaymentMethod, Payports, connect

CONFIG: Final = """
[store]
url = "sqlite:///shop.db"
[gateways.card]
adapter = "sandbox"
url = "sqlite:///bank.db"
partial_capture = "RELEASES_REST"
[gateways.wire]
adapter = "offline"
"""
TOTAL: Final = Money.of("59.90", "EUR")


def opened(folder: Path) -> Payports:
    """Connect the shop of a folder; the folder must be the current one."""
    (folder / "payports.toml").write_text(CONFIG)
    return connect("payports.toml")


def sell(shop: Payports) -> dict[str, str]:
    """Sell a few carts; gives payments' ids by what became of them."""
    found = {
        name: _planned(shop, name, token)
        for name, token in {
            "returned": "tok_approved",
            "shipped": "tok_approved",
            "declined": "tok_declined",
            "doubtful": "tok_timeout_not_charged",
            "kept": "tok_approved",
            "disputed": "tok_wrong_amount",
        }.items()
    }
    for name in found:
        shop.checkout.submit(Cart(name, total=TOTAL), request_id=f"{name}-1")
    for name in ("returned", "shipped"):
        amount = TOTAL if name == "returned" else Money.of("20.00", "EUR")
        shop.orders.capture(Owner("cart", name), f"f-{name}", amount, key=f"ship-{name}").unwrap()
    shop.orders.refund(Owner("cart", "returned"), "r-1", Money.of("9.90", "EUR"), key="refund").unwrap()
    saved = shop.saved_methods.save(Customer("ada"), "card", PaymentMethod({"token": "tok_approved"})).unwrap()
    owner = Owner("cart", "again")
    used = shop.saved_methods.use(saved.id, customer=Customer("ada"), owner=owner, amount=TOTAL)
    found["again"] = used.unwrap().id
    shop.transactions.authorize(found["again"], key="by-hand").unwrap()
    return found


def _planned(shop: Payports, cart: str, token: str) -> str:
    new = NewPayment(owner=Owner("cart", cart), amount=TOTAL, gateway="card", method=PaymentMethod({"token": token}))
    return shop.payments.create(new).unwrap().id
