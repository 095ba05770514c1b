"""The races: the state before the start, the concurrent actions, and the allowed outcomes.

An outcome must also serve what can be served: a shop that refuses everything breaks no limit.
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
from tests.concurrency.actions import Answer
from tests.concurrency.coordinator import Coordinator, Task

MovedAmounts = Counter[str]
"""What moved at the bank in a race, in minor units by type."""
Verdict = Callable[[Sequence[Answer], MovedAmounts], str]
"""Say what is wrong with the outcome of a race; empty if it is allowed."""

HELD: Final = 100


@attrs.frozen(kw_only=True)
class Scenario:
    """A race that is ready to start. ``log``: where the delivery handlers write the facts that they take."""

    tasks: tuple[Task, ...]
    owners: tuple[str, ...]
    verdict: Verdict
    log: Path | None = None


@attrs.frozen
class ScenarioBuilder:
    """Builds scenarios: with a shop on the store of the races, a unique name, and a random generator."""

    coordinator: Coordinator
    name: str
    random: Random
    folder: Path

    def pay(self, minor: int = HELD, token: str = "tok_approved", gateway: str = "card", cart: str = "") -> Payment:
        new = NewPayment(
            owner=Owner("cart", cart or self.name),
            amount=Money(minor, "EUR"),
            gateway=gateway,
            method=PaymentMethod({"token": token}),
        )
        return self.coordinator.shop.payments.create(new).unwrap()

    def authorized(self) -> str:
        payment = self.pay()
        self.coordinator.shop.transactions.authorize(payment.id).unwrap()
        return payment.id

    def captured(self) -> str:
        payment_id = self.authorized()
        self.coordinator.shop.transactions.capture(payment_id, Money(HELD, "EUR")).unwrap()
        return payment_id

    def move(self, operation: str, payment: str, minor: int, key: str = "") -> Task:
        more = {"key": f"{self.name}/{key}"} if key else {}
        return Task("move", {"operation": operation, "payment": payment, "minor": minor, **more})

    def scenario(self, *tasks: Task, verdict: Verdict) -> Scenario:
        return Scenario(tasks=tasks, owners=(self.name,), verdict=verdict)


def expects(number: int, **moved: int) -> Verdict:
    """Expect this number of successful workers, and these amounts at the bank."""

    def verdict(answers: Sequence[Answer], done: MovedAmounts) -> str:
        succeeded = sum(answer.succeeded for answer in answers)
        return (
            ""
            if (succeeded, dict(done)) == (number, moved)
            else f"{number} workers should succeed and {moved} should move, but {succeeded} did and {dict(done)} moved"
        )

    return verdict


def capture_and_capture(on: ScenarioBuilder) -> Scenario:
    payment = on.authorized()
    tasks = [on.move("capture", payment, 80), on.move("capture", payment, 80)]
    return on.scenario(*tasks, verdict=expects(1, AUTHORIZE=100, CAPTURE=80))


def captures_that_fit(on: ScenarioBuilder) -> Scenario:
    payment = on.authorized()
    tasks = [on.move("capture", payment, minor) for minor in (50, 30, 20)]
    return on.scenario(*tasks, verdict=expects(3, AUTHORIZE=100, CAPTURE=100))


def the_same_capture_twice(on: ScenarioBuilder) -> Scenario:
    payment = on.authorized()
    tasks = [on.move("capture", payment, 40, key="k") for _ in range(3)]
    return on.scenario(*tasks, verdict=expects(3, AUTHORIZE=100, CAPTURE=40))


def capture_and_reverse(on: ScenarioBuilder) -> Scenario:
    payment = on.authorized()
    tasks = [on.move("capture", payment, 100), on.move("reverse_authorization", payment, 100)]

    def verdict(answers: Sequence[Answer], done: MovedAmounts) -> str:
        either = "CAPTURE" if answers[0].succeeded else "REVERSE_AUTH"
        return expects(1, AUTHORIZE=100, **{either: 100})(answers, done)

    return on.scenario(*tasks, verdict=verdict)


def void_and_refund(on: ScenarioBuilder) -> Scenario:
    payment = on.captured()
    tasks = [on.move("void", payment, 100), on.move("refund", payment, 100)]

    def verdict(answers: Sequence[Answer], done: MovedAmounts) -> str:
        either = "VOID" if answers[0].succeeded else "REFUND"
        return expects(1, AUTHORIZE=100, CAPTURE=100, **{either: 100})(answers, done)

    return on.scenario(*tasks, verdict=verdict)


def refund_and_refund(on: ScenarioBuilder) -> Scenario:
    payment = on.captured()
    tasks = [on.move("refund", payment, 60) for _ in range(3)]
    return on.scenario(*tasks, verdict=expects(1, AUTHORIZE=100, CAPTURE=100, REFUND=60))


def refunds_that_fit(on: ScenarioBuilder) -> Scenario:
    payment = on.captured()
    tasks = [on.move("refund", payment, 60), on.move("refund", payment, 40)]
    return on.scenario(*tasks, verdict=expects(2, AUTHORIZE=100, CAPTURE=100, REFUND=100))


def one_fulfilment_under_two_keys(on: ScenarioBuilder) -> Scenario:
    cart = _placed(on)
    arguments = {"cart": cart, "fulfilment": "f-1", "minor": 150}
    tasks = [Task("fulfil", {**arguments, "key": f"{on.name}/{key}"}) for key in "ab"]
    return on.scenario(*tasks, verdict=expects(1, AUTHORIZE=100, AUTHORIZE_AND_CAPTURE=100, CAPTURE=100))


def checkouts_of_one_request(on: ScenarioBuilder) -> Scenario:
    tasks = _checkouts(on, "r-1", "r-1", "r-1")
    return on.scenario(*tasks, verdict=expects(3, AUTHORIZE=100, AUTHORIZE_AND_CAPTURE=100))


def checkouts_of_two_requests(on: ScenarioBuilder) -> Scenario:
    tasks = _checkouts(on, "r-1", "r-2")
    return on.scenario(*tasks, verdict=expects(1, AUTHORIZE=100, AUTHORIZE_AND_CAPTURE=100))


def checkout_and_cancel(on: ScenarioBuilder) -> Scenario:
    tasks = [*_checkouts(on, "r-1"), Task("cancel", {"cart": on.name})]

    def verdict(answers: Sequence[Answer], done: MovedAmounts) -> str:
        placed, cancelled = (answer.succeeded for answer in answers)
        held = done["AUTHORIZE"] - done["REVERSE_AUTH"]
        taken = done["AUTHORIZE_AND_CAPTURE"] - done["VOID"] - done["REFUND"]
        # after a cancellation before the start, the checkout may still succeed
        is_right = (held, taken) == ((100, 100) if placed else (0, 0)) and (placed or cancelled)
        return "" if is_right else f"{held} is held and {taken} captured"

    return on.scenario(*tasks, verdict=verdict)


def answer_webhook_and_recovery(on: ScenarioBuilder) -> Scenario:
    """The answer may be lost, and recovery may ask before the call has arrived: then the bank fences the key."""
    token = on.random.choice(["tok_approved", "tok_timeout_charged", "tok_declined"])
    payment = on.pay(token=token)
    tasks = (
        on.move("authorize", payment.id, 100),
        Task("receive_webhooks", {}, retries_when_idle=True),
        Task("maintain", {}, ahead_s=61, retries_when_idle=True),
    )
    return on.scenario(*tasks, verdict=_all_or_nothing)


def polls_and_webhook(on: ScenarioBuilder) -> Scenario:
    """The result of an asynchronous payment arrives in three ways at once."""
    payment = on.pay(token="tok_async")
    transaction = on.coordinator.shop.transactions.authorize(payment.id).unwrap().transactions[0]
    on.coordinator.bank.finish_async(transaction.gateway_reference, succeed=True)
    refresh = Task("refresh", {"payment": payment.id})
    tasks = (refresh, Task("receive_webhooks", {}), Task("maintain", {}, ahead_s=HOUR, retries_when_idle=True))

    def verdict(_: Sequence[Answer], done: MovedAmounts) -> str:
        return "" if done == MovedAmounts(AUTHORIZE=100) else f"a success became {done}"

    return on.scenario(*tasks, verdict=verdict)


def maintenance_twice(on: ScenarioBuilder) -> Scenario:
    """Maintenance must reverse two failed checkouts and look a lost answer up."""
    carts = tuple(f"{on.name}-{suffix}" for suffix in "ab")
    for cart in carts:
        on.pay(100, cart=cart)
        on.pay(50, "tok_declined", cart=cart)
        on.coordinator.shop.checkout.submit(Cart(cart, total=Money(150, "EUR")), request_id="r-1").failure()
    lost = on.pay(70, "tok_timeout_charged")
    on.coordinator.shop.transactions.authorize(lost.id).failure()
    tasks = (Task("maintain", {}, ahead_s=3 * HOUR), Task("maintain", {}, ahead_s=3 * HOUR))
    owners = (*carts, on.name)

    def verdict(_: Sequence[Answer], done: MovedAmounts) -> str:
        is_right = done == MovedAmounts(AUTHORIZE=270, REVERSE_AUTH=200)
        return "" if is_right else f"each checkout should be undone once, but {done} moved"

    return Scenario(tasks=tasks, owners=owners, verdict=verdict)


def delivery_twice(on: ScenarioBuilder) -> Scenario:
    """Several processes deliver facts to a handler that fails once."""
    on.coordinator.shop.events.deliver(lambda _: None).unwrap()
    log = on.folder / f"{on.name.replace('/', '-')}.log"
    for _ in range(3):
        on.captured()
    tasks = tuple(
        Task("deliver", {"log": str(log), "worker": worker, "raises_at": on.random.randint(1, 12)}) for worker in "abc"
    )
    return Scenario(tasks=tasks, owners=(on.name,), verdict=lambda _, __: "", log=log)


def _placed(on: ScenarioBuilder) -> str:
    (checkout,) = _checkouts(on, "r-0")
    cart = str(checkout.arguments["cart"])
    on.coordinator.shop.checkout.submit(Cart(cart, total=Money(200, "EUR")), request_id="r-0").unwrap()
    return cart


def _checkouts(on: ScenarioBuilder, *request_ids: str) -> list[Task]:
    """A cart with two payments: one authorizes, one captures at once."""
    on.pay(100)
    on.pay(100, gateway="debit")
    return [Task("submit", {"cart": on.name, "minor": 200, "request_id": request_id}) for request_id in request_ids]


def _all_or_nothing(answers: Sequence[Answer], done: MovedAmounts) -> str:
    if done not in (MovedAmounts(), MovedAmounts(AUTHORIZE=100)):
        return f"one authorization became {done}"
    believed, happened = answers[0].succeeded, bool(done)
    return "a success was reported that did not happen" if believed and not happened else ""


SCENARIOS: Final[tuple[Callable[[ScenarioBuilder], Scenario], ...]] = (
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
