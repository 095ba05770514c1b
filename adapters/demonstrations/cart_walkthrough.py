"""The story of one cart: each step does to the shop what a real host would, and says what came of it."""

from __future__ import annotations

from typing import Final, Protocol, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from returns.result import Failure

from payports.adapters.command_line.presentation.errors import refuse
from payports.adapters.command_line.presentation.output import words
from payports.adapters.demonstrations.example_carts import ExampleCart, Step, Tender, Verb
from payports.adapters.gateways.kit.http_results import Answer
from payports.adapters.gateways.kit.http_sender import Sender
from payports.application.orders import OrderReport
from payports.application.shop import Payports
from payports.domain.cart import Cart
from payports.domain.checkout import ActionRequired, AwaitingResults, CheckedOut, CheckoutResult
from payports.domain.failures import CheckoutProblem, OrderProblem, PaymentsFailed
from payports.domain.money import Money, total
from payports.domain.outcome import Outcome
from payports.domain.payment import NewPayment
from payports.domain.payment_method import PaymentMethod, PaymentType

_TYPES: Final = {"card": PaymentType.CREDIT_CARD, "gift": PaymentType.GIFT_CARD}
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}

Told: TypeAlias = tuple[str, Money, str]
"""What was done, with how much, and what came of it."""


class Shopper(Protocol):
    """Who stands before the bank: with tokens of that bank's, and able to pass its check."""

    @property
    def return_url(self) -> str:
        """Where the bank sends the browser back to, if that is how it does it."""
        ...

    def token(self, name: str) -> str:
        """The bank's token for one of the sandbox bank's."""
        ...

    def approve(self, required: ActionRequired) -> dict[str, str]:
        """Do what is required, and give what the browser brings back."""
        ...


class SandboxShopper(Shopper):
    """Goes to the sandbox bank's page and presses the button, as a browser would."""

    @property
    def return_url(self) -> str:
        """The host's page of thanks."""
        return "https://shop.example/thanks"

    def token(self, name: str) -> str:
        """The same."""
        return name

    def approve(self, required: ActionRequired) -> dict[str, str]:
        """Press the button, and bring back what the bank sent along."""
        sender = Sender()
        sent = sender.send("POST", required.next_actions[0].url, _FORM, b"approve=1")
        sender.close()
        address = sent.headers.get("location", "") if isinstance(sent, Answer) else ""
        return dict(parse_qsl(urlsplit(address).query))


class CartWalkthrough:
    """One cart in one shop, from checkout to the last return."""

    def __init__(self, shop: Payports, example: ExampleCart, shopper: Shopper) -> None:
        self.shop = shop
        self.shopper = shopper
        self.example = example
        self.cart = Cart(example.id, total=example.total)
        self.payment_ids = [self._plan(tender, amount) for tender, amount in example.tenders]
        self._attempts = self._moves = 0
        self._required: ActionRequired | None = None

    def tell(self, step: Step) -> Told:
        """Do one step."""
        match step.verb:
            case Verb.CHECK_OUT:
                return self._check_out()
            case Verb.PAY_WITH:
                return self._pay_with(step.named)
            case Verb.APPROVE:
                return self._approve()
            case Verb.SHIP:
                return self._ship(step)
            case Verb.CANCEL:
                return self._cancel(step)
            case Verb.RETURN:
                return self._return(step)

    def _plan(self, tender: Tender, amount: Money) -> str:
        display = {"shown": tender.shown} if tender.shown else dict[str, str]()
        new = NewPayment(
            owner=self.cart.owner,
            amount=amount,
            gateway=tender.gateway,
            type=_TYPES[tender.gateway],
            method=PaymentMethod({"token": self._token(tender.gateway, tender.token)}, display),
        )
        created = self.shop.payments.create(new)
        if isinstance(created, Failure):
            refuse(created.failure())
        return created.unwrap().id

    def _check_out(self) -> Told:
        self._attempts += 1
        answer = self.shop.checkout.submit(
            self.cart, request_id=f"{self.cart.id}-{self._attempts}", return_url=self.shopper.return_url
        )
        verb = "check out" if self._attempts == 1 else "check out again"
        return verb, self.cart.total, self._outcome(answer)

    def _pay_with(self, token: str) -> Told:
        method = PaymentMethod({"token": self._token("card", token)}, {"shown": "Visa *4242"})
        changed = self.shop.payments.update(self.payment_ids[-1], method=method)
        if isinstance(changed, Failure):
            refuse(changed.failure())
        _, amount, outcome = self._check_out()
        return "pay with another card", amount, outcome

    def _approve(self) -> Told:
        if self._required is None:
            return "approve", self.cart.total, "nothing waits for the shopper"
        params = self.shopper.approve(self._required)
        return "come back", self.cart.total, self._outcome(self.shop.checkout.resume("card", params))

    def _token(self, gateway: str, name: str) -> str:
        return self.shopper.token(name) if gateway == "card" else name

    def _outcome(self, answer: Outcome[CheckoutResult, CheckoutProblem]) -> str:
        if isinstance(answer, Failure):
            return f"not placed: {_plain(answer.failure())}"
        match answer.unwrap():
            case CheckedOut(receipts=receipts):
                shares = " and ".join(f"{receipt.gateway} {receipt.amount.text}" for receipt in receipts)
                return f"order placed, {shares}"
            case ActionRequired() as required:
                self._required = required
                return "the bank wants to see the shopper"
            case AwaitingResults(awaiting=awaiting):
                return f"{awaiting.text} is still awaited"

    def _ship(self, step: Step) -> Told:
        amount = self._worth(step)
        parcel = f"p-{self._next()}"
        answer = self.shop.orders.capture(self.cart.owner, parcel, amount, key=f"{self.cart.id}-{parcel}")
        return f"ship {step.named}", amount, _moved(answer)

    def _cancel(self, step: Step) -> Told:
        amount = self._worth(step)
        parcel = f"p-{self._next()}"
        answer = self.shop.orders.cancel(self.cart.owner, parcel, amount, key=f"{self.cart.id}-{parcel}")
        return f"cancel {step.named}", amount, _moved(answer)

    def _return(self, step: Step) -> Told:
        amount = self._worth(step)
        back = f"r-{self._next()}"
        answer = self.shop.orders.refund(self.cart.owner, back, amount, key=f"{self.cart.id}-{back}")
        return f"return {step.named}", amount, _moved(answer)

    def _worth(self, step: Step) -> Money:
        return total((self.example.items[name] for name in step.items), self.cart.total.currency)

    def _next(self) -> int:
        self._moves += 1
        return self._moves


def _moved(answer: Outcome[OrderReport, OrderProblem]) -> str:
    if isinstance(answer, Failure):
        return f"not done: {_plain(answer.failure())}"
    moved = [
        f"{words(transaction.type)} {transaction.amount.text} by {report.payment.gateway}"
        for report in answer.unwrap().reports
        for transaction in report.transactions
    ]
    return ", ".join(moved) or "captured already"


def _plain(problem: CheckoutProblem | OrderProblem) -> str:
    if isinstance(problem, PaymentsFailed):
        return "; ".join(failed.problem.message for failed in problem.details)
    return problem.message
