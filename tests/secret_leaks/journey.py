"""A journey through every service and gateway with a canary in every input, with successes and failures; all outputs are collected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import attrs

from payports import (
    Address,
    Cart,
    Channel,
    Customer,
    LineItem,
    Money,
    NewPayment,
    Observation,
    Owner,
    PaymentMethod,
    PaymentType,
    Payports,
    Source,
    Success,
    TransactionStatus,
    connect,
)
from payports.adapters.gateways.sandbox.signatures import signed_headers
from payports.adapters.gateways.stored_value.gateway import StoredValueGateway
from payports.domain.secret import Secret
from payports.ports.store import StoreFailed
from payports.testing import FixedClock, SandboxBank
from tests.adapters.telemetry.watching import Witness
from tests.application.stubs import WatchedStore
from tests.secret_leaks import canaries as c
from tests.secret_leaks.echo_server import ACTION, CLOSED, GARBAGE, REFUSED
from tests.secret_leaks.raising_gateway import raising_gateway

TEN: Final = Money.of("10.00", "EUR")
SHOPPER: Final = Customer("cu-1")
PAYER: Final = Address(name=c.PAYER, lines=(c.PAYER,), city=c.PAYER, country="DE", email=c.EMAIL, phone=c.PHONE)
HOUR: Final = 3_600


def configuration(folder: Path, stripe: str) -> dict[str, Any]:
    signing = {
        "webhook_secret": c.WEBHOOK_SECRET,
        "former_webhook_secret": Secret(c.FORMER_SECRET),
        "former_webhook_secret_until": FixedClock().now(),
    }
    return {
        "store": {"url": f"sqlite:///{folder / 'shop.db'}"},
        "gateways": {
            "sandbox": {"adapter": "sandbox", **signing},
            "card": {"adapter": "stripe", "secret_key": c.API_KEY, "base_url": f"{stripe}", **signing},
            "away": {"adapter": "stripe", "secret_key": c.API_KEY, "base_url": f"http://127.0.0.1:9/{c.IN_URL}"},
            "gift": {"adapter": "stored_value", "url": "memory:"},
            "wire": {"adapter": "offline"},
        },
        "telemetry": {"logs": True, "opentelemetry": True},
    }


@attrs.frozen(kw_only=True)
class Journey:
    """A shop, and all its outputs so far."""

    shop: Payports
    bank: SandboxBank
    clock: FixedClock
    witness: Witness
    given: list[object]
    callback_tokens: list[str]

    def keep(self, given: Any) -> Any:
        self.given.append(given)
        return given

    def pay(self, gateway: str, token: str, cart: str, **more: Any) -> Any:
        properties = {"token": token, "input": c.INPUT} if gateway not in ("gift", "card", "away") else {"token": token}
        new = NewPayment(
            owner=Owner("cart", cart),
            amount=TEN,
            gateway=gateway,
            method=PaymentMethod(properties, {"masked": "**** 4242"}),
            customer=SHOPPER,
            billing=PAYER,
            shipping=PAYER,
            line_items=(LineItem(name="a book"),),
            pass_through={"hosts": c.PASSED},
            **more,
        )
        self.keep(new)
        return self.keep(self.shop.payments.create(new, key=f"of {cart}"))

    def check_out(self, cart: str) -> Any:
        return self.keep(self.shop.checkout.submit(Cart(cart, total=TEN, customer=SHOPPER), request_id=f"r {cart}"))


def travel(shop: Payports, bank: SandboxBank, clock: FixedClock, witness: Witness) -> Journey:
    journey = Journey(shop=shop, bank=bank, clock=clock, witness=witness, given=[shop], callback_tokens=[])
    at_the_sandbox(journey)
    at_stripe(journey)
    offline_and_gifts(journey)
    at_a_gateway_that_raises(journey)
    with_card_data_everywhere(journey)
    with_forged_and_genuine_notifications(journey)
    on_a_failing_store(journey)
    afterwards(journey)
    return journey


def start(folder: Path, stripe: str, **more: Any) -> Journey:
    """Open the shop and go on the journey."""
    clock, witness = FixedClock(), Witness()
    bank = SandboxBank(clock=clock, webhook_secret=c.WEBHOOK_SECRET)
    gateways = {"raises": raising_gateway(), **more}
    shop = connect(configuration(folder, stripe), bank=bank, clock=clock, gateways=gateways, observer=witness)
    return travel(shop, bank, clock, witness)


def at_the_sandbox(on: Journey) -> None:
    shop, keep = on.shop, on.keep
    payment = on.pay("sandbox", c.TOKEN, "s-1").unwrap()
    on.check_out("s-1")
    keep(shop.payments.get(payment.id))
    keep(shop.payments.summary(payment.id))
    keep(shop.payments.update(payment.id, method=PaymentMethod({"token": c.TOKEN, "input": c.INPUT})))
    keep(shop.orders.capture(Owner("cart", "s-1"), "f-1", Money.of("6.00", "EUR"), key="capture"))
    keep(shop.orders.refund(Owner("cart", "s-1"), "return-1", Money.of("2.00", "EUR"), key="refund"))
    keep(shop.transactions.refund(payment.id, Money.of("99.00", "EUR"), source=Source("return", "r-9")))
    for number, scenario in enumerate(
        ("declined", "timeout_charged", "garbage", "unreachable", "wrong_amount", "async"), 2
    ):
        on.pay("sandbox", f"tok_{scenario}", f"s-{number}")
        on.check_out(f"s-{number}")
    on.pay("sandbox", "tok_3ds", "s-9")
    waiting = on.check_out("s-9").unwrap()
    on.callback_tokens.append(waiting.callback_token)
    keep(shop.checkout.resume("sandbox", {"callback_token": waiting.callback_token, "x": c.BODY}))
    keep(shop.checkout.resume("sandbox", {"callback_token": c.BODY}))
    saved = keep(
        shop.saved_methods.save(SHOPPER, "sandbox", PaymentMethod({"token": c.TOKEN, "input": c.INPUT}))
    ).unwrap()
    keep(shop.saved_methods.of_customer(SHOPPER))
    keep(shop.saved_methods.use(saved.id, customer=SHOPPER, owner=Owner("cart", "s-10"), amount=TEN))
    keep(shop.saved_methods.remove(saved.id, customer=SHOPPER))
    session = keep(shop.tokenization.open("sandbox", Cart("s-1", total=TEN), SHOPPER)).unwrap()
    keep(session.for_browser())
    keep(shop.tokenization.accept("sandbox", {"token": c.TOKEN}))
    keep(shop.environment)
    keep(shop.environment.gateways["sandbox"])


def at_stripe(on: Journey) -> None:
    for number, token in enumerate((ACTION, REFUSED, GARBAGE, CLOSED), 1):
        on.pay("card", token, f"st-{number}")
        result = on.check_out(f"st-{number}")
        if token is ACTION:
            waiting = result.unwrap()
            on.callback_tokens.append(waiting.callback_token)
            assert c.CLIENT_SECRET in waiting.next_actions[0].url, "the shopper must get it"
            on.keep(on.shop.checkout.resume("card", {"callback_token": waiting.callback_token}))
    on.pay("away", f"{c.STRIPE_TOKEN}Away", "st-9")
    on.check_out("st-9")
    on.keep(on.shop.saved_methods.save(SHOPPER, "card", PaymentMethod({"token": REFUSED})))
    on.keep(on.shop.environment.gateways["card"])
    on.keep(on.shop.environment.gateways["away"])


def offline_and_gifts(on: Journey) -> None:
    gift = on.shop.gateways["gift"].gateway.transactions
    assert isinstance(gift, StoredValueGateway)
    gift.ledger.issue(c.NUMBER, TEN, "issue-1")
    on.pay("gift", c.NUMBER, "g-1", type=PaymentType.GIFT_CARD)
    on.check_out("g-1")
    on.pay("gift", f"{c.NUMBER}-unknown", "g-2", type=PaymentType.GIFT_CARD)
    on.check_out("g-2")
    payment = on.pay("wire", c.TOKEN, "w-1", type=PaymentType.WIRE).unwrap()
    on.check_out("w-1")
    (transaction,) = on.shop.payments.get(payment.id).unwrap().transactions
    for reason in (c.CARD, f"the card was {c.CARD_IN_GROUPS}", "seen on the statement"):
        resolve = on.shop.maintenance.resolve
        on.keep(resolve(transaction.id, TransactionStatus.SUCCEEDED, operator=c.CARD_IN_DASHES, reason=reason))
        on.keep(resolve(transaction.id, TransactionStatus.SUCCEEDED, operator="operator-1", reason=reason))


def at_a_gateway_that_raises(on: Journey) -> None:
    on.pay("raises", c.TOKEN, "e-1")
    on.check_out("e-1")
    on.keep(on.shop.saved_methods.save(SHOPPER, "raises", PaymentMethod({"token": c.TOKEN})))
    on.keep(on.shop.webhooks.receive("raises", {"x": c.BODY}, c.BODY.encode()))
    on.keep(on.shop.tokenization.accept("raises", {"token": c.TOKEN}))


def with_card_data_everywhere(on: Journey) -> None:
    """Put card data into every field: it is refused, and stored nowhere."""
    shop, keep, method = on.shop, on.keep, PaymentMethod({"token": c.TOKEN})
    usual: dict[str, Any] = {"owner": Owner("cart", "p-1"), "amount": TEN, "gateway": "sandbox", "method": method}
    for card in c.CARD_DATA.values():
        wrong: list[dict[str, Any]] = [
            {"owner": Owner("cart", card)},
            {"owner": Owner(card, "p-1")},
            {"gateway": card},
            {"name": card},
            {"customer": Customer(card)},
            {"saved_method_id": card},
            {"method": PaymentMethod({"token": card})},
            {"method": PaymentMethod({"token": c.TOKEN, "cvc": c.SECURITY_CODE})},
            {"method": PaymentMethod({card: "x"})},
            {"method": PaymentMethod({"token": c.TOKEN}, {"masked": card})},
            {"billing": Address(name=card)},
            {"shipping": Address(lines=("x", card))},
            {"billing": Address(email=f"{card}@example.org")},
            {"line_items": (LineItem(name=card),)},
            {"line_items": (LineItem(name="x", reference=card),)},
            {"pass_through": {"note": card}},
            {"pass_through": {card: "x"}},
        ]
        for change in wrong:
            assert not isinstance(keep(shop.payments.create(NewPayment(**(usual | change)))), Success), change
        keep(shop.payments.create(NewPayment(**usual), key=card))
        keep(shop.payments.get(card))
        keep(shop.checkout.submit(Cart(card, total=TEN), request_id="r"))
        keep(shop.checkout.submit(Cart("p-1", total=TEN), request_id=card))
        keep(shop.checkout.resume(card, {"callback_token": card}))
        keep(shop.transactions.authorize("p-1", key=card))
        keep(shop.transactions.capture("p-1", TEN, source=Source("fulfillment", card)))
        keep(shop.orders.capture(Owner("cart", "p-1"), card, TEN, key="k"))
        keep(shop.saved_methods.of_customer(Customer(card)))
        keep(shop.tokenization.accept("sandbox", {"token": card}))
        keep(shop.tokenization.accept("sandbox", {"token": c.TOKEN, "display": {"number": card}}))
        keep(shop.tokenization.accept("card", {"payment_method": card, "cvc": c.SECURITY_CODE}))
        keep(shop.events.history(card))
        seen = Observation(status=TransactionStatus.SUCCEEDED, channel=Channel.RETURN, message=card)
        keep(shop.transactions.record("p-1", seen))


def with_forged_and_genuine_notifications(on: Journey) -> None:
    for gateway in ("sandbox", "card"):
        for header in ("Sandbox-Signature", "Stripe-Signature"):
            on.keep(on.shop.webhooks.receive(gateway, {header: f"t=1,v1={c.BODY}"}, c.BODY.encode()))
    reference = next(
        payment.transactions[0].gateway_reference
        for payment in on.shop.environment.store.payments()
        if payment.owner.id == "s-7"
    )
    on.bank.finish_async(reference)
    for headers, body in on.bank.webhooks():
        told: dict[str, Any] = json.loads(body)
        told["items"][0]["transaction"] |= {"note": c.BODY, "message": c.CARD, "code": c.CARD_IN_GROUPS}
        bent = json.dumps(told).encode()
        at = int(on.clock.now().timestamp())
        on.keep(on.shop.webhooks.receive("sandbox", signed_headers(Secret(c.WEBHOOK_SECRET), bent, at), bent))
        on.keep(on.shop.webhooks.receive("sandbox", headers, body))


def on_a_failing_store(on: Journey) -> None:
    store = WatchedStore(on.shop.store)
    failing = attrs.evolve(on, shop=attrs.evolve(on.shop, store=store))

    def fails(_: object) -> None:
        raise StoreFailed("the disk is full")

    payment = failing.pay("sandbox", c.TOKEN, "f-1").unwrap()
    store.before_commit = fails
    failing.pay("sandbox", c.TOKEN, "f-2")
    failing.check_out("f-1")
    on.keep(failing.shop.transactions.authorize(payment.id))
    on.keep(failing.shop.maintenance.run())
    store.before_commit = None
    store.after_commit = fails
    on.keep(failing.shop.transactions.authorize(payment.id))


def afterwards(on: Journey) -> None:
    shop, keep = on.shop, on.keep

    def handler(recorded: object) -> None:
        keep(recorded)
        if len(on.given) % 7 == 0:
            raise ValueError(f"{c.RAISED} {recorded}") from KeyError(c.RAISED)

    for _ in range(12):
        on.clock.advance(HOUR)
        keep(shop.maintenance.run())
    for _ in range(40):
        keep(shop.events.deliver(handler))
    keep(shop.maintenance.needs_attention())
    for payment in shop.environment.store.payments(limit=1_000):
        keep(payment)
        keep(shop.events.history(payment.id))
        for transaction in payment.transactions:
            keep(transaction)
            keep(transaction.judgement)
    for event in (*on.witness.operations, *on.witness.endings):
        keep(event)
