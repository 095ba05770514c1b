"""The races: what stands before the start, who does what at once, and how it may end.

What can be served must be: a shop that refused everything would break no limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final

import attrs

from payports import Cart, Money, NewPayment, Owner, Payment, PaymentMethod
from tests.application.fixtures import HOUR
from tests.concurrency.acts import Answer
from tests.concurrency.referee import Referee, Task

Moved = Counter[str]
"""What the bank did in a race, in minor units by type."""
Verdict = Callable[[Sequence[Answer], Moved], str]
"""Says what is wrong with how a race ended; nothing if it may end so."""

HELD: Final = 100


@attrs.frozen(kw_only=True)
class Scene:
    """A race that is about to begin. ``log``: where deliverers write what they took."""

    tasks: tuple[Task, ...]
    owners: tuple[str, ...]
    verdict: Verdict
    log: Path | None = None


@attrs.frozen
class Setter:
    """Sets a scene: a shop of its own on the store of the races, a name that no other race has, and chance."""

    referee: Referee
    name: str
    chance: Random
    folder: Path

    def pay(self, minor: int = HELD, token: str = "tok_approved", gateway: str = "card", cart: str = "") -> Payment:
        new = NewPayment(
            owner=Owner("cart", cart or self.name),
            amount=Money(minor, "EUR"),
            gateway=gateway,
            method=PaymentMethod({"token": token}),
        )
        return self.referee.shop.payments.create(new).unwrap()

    def held(self) -> str:
        payment = self.pay()
        self.referee.shop.transactions.authorize(payment.id).unwrap()
        return payment.id

    def captured(self) -> str:
        held = self.held()
        self.referee.shop.transactions.capture(held, Money(HELD, "EUR")).unwrap()
        return held

    def move(self, operation: str, payment: str, minor: int, key: str = "") -> Task:
        more = {"key": f"{self.name}/{key}"} if key else {}
        return Task("move", {"operation": operation, "payment": payment, "minor": minor, **more})

    def scene(self, *tasks: Task, verdict: Verdict) -> Scene:
        return Scene(tasks=tasks, owners=(self.name,), verdict=verdict)


def wins(number: int, **moved: int) -> Verdict:
    """So many racers succeed, and this is what the bank did in all."""

    def verdict(answers: Sequence[Answer], done: Moved) -> str:
        won = sum(answer.succeeded for answer in answers)
        return (
            "" if (won, dict(done)) == (number, moved) else f"{number} should win, and {moved} should be done: {done}"
        )

    return verdict


def capture_and_capture(on: Setter) -> Scene:
    payment = on.held()
    tasks = [on.move("capture", payment, 80), on.move("capture", payment, 80)]
    return on.scene(*tasks, verdict=wins(1, AUTHORIZE=100, CAPTURE=80))


def captures_that_fit(on: Setter) -> Scene:
    payment = on.held()
    tasks = [on.move("capture", payment, minor) for minor in (50, 30, 20)]
    return on.scene(*tasks, verdict=wins(3, AUTHORIZE=100, CAPTURE=100))


def the_same_capture_twice(on: Setter) -> Scene:
    payment = on.held()
    tasks = [on.move("capture", payment, 40, key="k") for _ in range(3)]
    return on.scene(*tasks, verdict=wins(3, AUTHORIZE=100, CAPTURE=40))


def capture_and_reverse(on: Setter) -> Scene:
    payment = on.held()
    tasks = [on.move("capture", payment, 100), on.move("reverse_authorization", payment, 100)]

    def verdict(answers: Sequence[Answer], done: Moved) -> str:
        either = "CAPTURE" if answers[0].succeeded else "REVERSE_AUTH"
        return wins(1, AUTHORIZE=100, **{either: 100})(answers, done)

    return on.scene(*tasks, verdict=verdict)


def void_and_refund(on: Setter) -> Scene:
    payment = on.captured()
    tasks = [on.move("void", payment, 100), on.move("refund", payment, 100)]

    def verdict(answers: Sequence[Answer], done: Moved) -> str:
        either = "VOID" if answers[0].succeeded else "REFUND"
        return wins(1, AUTHORIZE=100, CAPTURE=100, **{either: 100})(answers, done)

    return on.scene(*tasks, verdict=verdict)


def refund_and_refund(on: Setter) -> Scene:
    payment = on.captured()
    tasks = [on.move("refund", payment, 60) for _ in range(3)]
    return on.scene(*tasks, verdict=wins(1, AUTHORIZE=100, CAPTURE=100, REFUND=60))


def refunds_that_fit(on: Setter) -> Scene:
    payment = on.captured()
    tasks = [on.move("refund", payment, 60), on.move("refund", payment, 40)]
    return on.scene(*tasks, verdict=wins(2, AUTHORIZE=100, CAPTURE=100, REFUND=100))


def one_fulfilment_under_two_keys(on: Setter) -> Scene:
    cart = _placed(on)
    told = {"cart": cart, "fulfilment": "f-1", "minor": 150}
    tasks = [Task("fulfil", {**told, "key": f"{on.name}/{key}"}) for key in "ab"]
    return on.scene(*tasks, verdict=wins(1, AUTHORIZE=100, AUTHORIZE_AND_CAPTURE=100, CAPTURE=100))


def checkouts_of_one_request(on: Setter) -> Scene:
    tasks = _checkouts(on, "r-1", "r-1", "r-1")
    return on.scene(*tasks, verdict=wins(3, AUTHORIZE=100, AUTHORIZE_AND_CAPTURE=100))


def checkouts_of_two_requests(on: Setter) -> Scene:
    tasks = _checkouts(on, "r-1", "r-2")
    return on.scene(*tasks, verdict=wins(1, AUTHORIZE=100, AUTHORIZE_AND_CAPTURE=100))


def checkout_and_cancel(on: Setter) -> Scene:
    tasks = [*_checkouts(on, "r-1"), Task("cancel", {"cart": on.name})]

    def verdict(answers: Sequence[Answer], done: Moved) -> str:
        placed, cancelled = (answer.succeeded for answer in answers)
        held = done["AUTHORIZE"] - done["REVERSE_AUTH"]
        taken = done["AUTHORIZE_AND_CAPTURE"] - done["VOID"] - done["REFUND"]
        # what is cancelled before anything began may be checked out anew
        right = (held, taken) == ((100, 100) if placed else (0, 0)) and (placed or cancelled)
        return "" if right else f"{held} is held and {taken} taken"

    return on.scene(*tasks, verdict=verdict)


def answer_webhook_and_recovery(on: Setter) -> Scene:
    """The answer may be lost, and recovery may ask before the call has arrived: then the bank burns the key."""
    token = on.chance.choice(["tok_approved", "tok_timeout_charged", "tok_declined"])
    payment = on.pay(token=token)
    tasks = (
        on.move("authorize", payment.id, 100),
        Task("hear", {}, is_patient=True),
        Task("maintain", {}, ahead_s=61, is_patient=True),
    )
    return on.scene(*tasks, verdict=_all_or_nothing)


def polls_and_webhook(on: Setter) -> Scene:
    """The result of an asynchronous payment is heard of in three ways at once."""
    payment = on.pay(token="tok_async")
    made = on.referee.shop.transactions.authorize(payment.id).unwrap().transactions[0]
    on.referee.bank.finish_async(made.gateway_reference, succeed=True)
    refresh = Task("refresh", {"payment": payment.id})
    tasks = (refresh, Task("hear", {}), Task("maintain", {}, ahead_s=HOUR, is_patient=True))

    def verdict(_: Sequence[Answer], done: Moved) -> str:
        return "" if done == Moved(AUTHORIZE=100) else f"a success became {done}"

    return on.scene(*tasks, verdict=verdict)


def maintenance_twice(on: Setter) -> Scene:
    """Two failed checkouts are to be undone, and a lost answer is to be looked up."""
    carts = tuple(f"{on.name}-{suffix}" for suffix in "ab")
    for cart in carts:
        on.pay(100, cart=cart)
        on.pay(50, "tok_declined", cart=cart)
        on.referee.shop.checkout.submit(Cart(cart, total=Money(150, "EUR")), request_id="r-1").failure()
    lost = on.pay(70, "tok_timeout_charged")
    on.referee.shop.transactions.authorize(lost.id).failure()
    tasks = (Task("maintain", {}, ahead_s=3 * HOUR), Task("maintain", {}, ahead_s=3 * HOUR))
    owners = (*carts, on.name)

    def verdict(_: Sequence[Answer], done: Moved) -> str:
        right = done == Moved(AUTHORIZE=270, REVERSE_AUTH=200)
        return "" if right else f"not each was undone once: {done}"

    return Scene(tasks=tasks, owners=owners, verdict=verdict)


def delivery_twice(on: Setter) -> Scene:
    """Several processes hand facts over to a host that stumbles."""
    on.referee.shop.events.deliver(lambda _: None).unwrap()
    log = on.folder / f"{on.name.replace('/', '-')}.log"
    for _ in range(3):
        on.captured()
    tasks = tuple(
        Task("deliver", {"log": str(log), "who": who, "raises_at": on.chance.randint(1, 12)}) for who in "abc"
    )
    return Scene(tasks=tasks, owners=(on.name,), verdict=lambda _, __: "", log=log)


def _placed(on: Setter) -> str:
    (checkout,) = _checkouts(on, "r-0")
    cart = str(checkout.told["cart"])
    on.referee.shop.checkout.submit(Cart(cart, total=Money(200, "EUR")), request_id="r-0").unwrap()
    return cart


def _checkouts(on: Setter, *request_ids: str) -> list[Task]:
    """A cart with two tenders: one is held, one is captured at once."""
    on.pay(100)
    on.pay(100, gateway="debit")
    return [Task("submit", {"cart": on.name, "minor": 200, "request_id": request_id}) for request_id in request_ids]


def _all_or_nothing(answers: Sequence[Answer], done: Moved) -> str:
    if done not in (Moved(), Moved(AUTHORIZE=100)):
        return f"one authorization became {done}"
    believed, happened = answers[0].succeeded, bool(done)
    return "a success was told that did not happen" if believed and not happened else ""


SCENES: Final[tuple[Callable[[Setter], Scene], ...]] = (
    capture_and_capture,
    captures_that_fit,
    the_same_capture_twice,
    capture_and_reverse,
    void_and_refund,
    refund_and_refund,
    refunds_that_fit,
    one_fulfilment_under_two_keys,
    checkouts_of_one_request,
    checkouts_of_two_requests,
    checkout_and_cancel,
    answer_webhook_and_recovery,
    polls_and_webhook,
    maintenance_twice,
    delivery_twice,
)
