"""Sell one real order: options, payments, checkout, capture and, where it is wanted, a refund. Safe to repeat.

The tenders become payments of one cart. A tender that is refused (of nothing, or of a type that the shop does not offer) leaves the others
standing: if they still make up the total, the order is placed; if they do not, the checkout refuses it as not covered. An order of which
no tender is left is refused with the reason of the first. Whatever is refused is undone, and counted by its reason. What only time can
settle, such as an unknown result, is left as it is: the order is unfinished, and is sold again later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

import attrs
from returns.result import Failure, Success

from payports.adapters.demonstrations.notification_delivery import Notifier, NotTaken, deliver
from payports.adapters.demonstrations.orders_file import RealOrder, Tender
from payports.adapters.gateways.stored_value import StoredValueLedger
from payports.application.shop import Payports
from payports.domain.cart import Cart
from payports.domain.checkout import AwaitingResults, CheckedOut, CheckoutResult
from payports.domain.failures import (
    Busy,
    CheckoutProblem,
    NotExecuted,
    OrderProblem,
    PaymentProblem,
    PaymentsFailed,
    ResultUnknown,
    StoreUnavailable,
)
from payports.domain.input_checks import InvalidInput
from payports.domain.money import Money
from payports.domain.options import OfferedOption
from payports.domain.outcome import Outcome
from payports.domain.payment import NewPayment, Payment
from payports.domain.payment_method import PaymentMethod, PaymentType
from payports.domain.transaction_types import TransactionStatus

REQUEST_ID: Final = "replay"
COUNTRY: Final = "BR"


@attrs.frozen
class Route:
    """How a tender is paid: a gateway, our type, and the sandbox bank's token."""

    gateway: str
    type: PaymentType
    token: str = "tok_approved"  # noqa: S105 -- the name of a scenario


VOUCHER: Final = "voucher"
ROUTES: Final[Mapping[str, Route]] = {
    "credit_card": Route("card", PaymentType.CREDIT_CARD),
    "boleto": Route("boleto", PaymentType.BANK_SLIP, "tok_async"),
    VOUCHER: Route(VOUCHER, PaymentType.GIFT_CARD),
    "debit_card": Route("debit", PaymentType.DEBIT_CARD),
}

Problem = CheckoutProblem | OrderProblem | PaymentProblem | NotTaken


class Bank(Notifier, Protocol):
    """What the replay does at the bank: let asynchronous results come, and take its notifications."""

    def finish_async(self, reference: str, succeed: bool = True) -> None:
        """Let a result come."""
        ...


@attrs.frozen(kw_only=True)
class SaleResult:
    """What became of an order. ``refused``: its tenders that were, and why; ``refusal``: why the whole was; ``failure``: what went wrong
    after it was placed; ``unfinished``: what must pass before it is sold again."""

    refused: tuple[tuple[Tender, Problem], ...] = ()
    refusal: Problem | None = None
    failure: Problem | None = None
    unfinished: Problem | None = None


@attrs.frozen
class Seller:
    """A shop, its bank, and the ledger that its vouchers are issued from. ``tokens``: the bank's token for one of the sandbox bank's."""

    shop: Payports
    bank: Bank
    vouchers: StoredValueLedger
    tokens: Callable[[str], str] = str

    def sell(self, order: RealOrder, *, refund: bool) -> SaleResult:
        """Sell an order, and give half of it back if ``refund``."""
        sold = self._sell(order, refund=refund)
        passing = next((problem for problem in (sold.refusal, sold.failure) if problem and _passes(problem)), None)
        return SaleResult(unfinished=passing) if passing else sold

    def _sell(self, order: RealOrder, *, refund: bool) -> SaleResult:
        cart = Cart(order.id, total=order.total, country=COUNTRY)
        offered = self.shop.options.for_cart(cart)
        if isinstance(offered, Failure):
            return SaleResult(refusal=offered.failure())
        planned = self._plan(cart, order, offered.unwrap())
        if isinstance(planned, Failure):
            return SaleResult(refusal=planned.failure())
        refused = planned.unwrap()
        if len(refused) == len(order.tenders):
            return SaleResult(refused=refused, refusal=refused[0][1])
        problem = self._check_out(cart)
        if problem and _passes(problem):
            return SaleResult(refusal=problem)
        if problem:
            return SaleResult(refused=refused, refusal=problem, failure=self._give_up(cart))
        return SaleResult(refused=refused, failure=self._fulfil(cart, refund=refund))

    def _plan(
        self, cart: Cart, order: RealOrder, offered: Sequence[OfferedOption]
    ) -> Outcome[tuple[tuple[Tender, Problem], ...], PaymentProblem]:
        """Create the payments that are not there yet; gives the tenders that are refused."""
        there = self.shop.payments.of_owner(cart.owner)
        if isinstance(there, Failure):
            return there
        known = {payment.name: payment for payment in there.unwrap()}
        refused: list[tuple[Tender, Problem]] = []
        for tender in order.tenders:
            created = known.get(str(tender.sequential)) or self._create(cart, tender, offered)
            if isinstance(created, Failure) and _passes(created.failure()):
                return Failure(created.failure())
            if isinstance(created, Failure):
                refused.append((tender, created.failure()))
            elif tender.type == VOUCHER:
                self.vouchers.issue(_voucher(tender), tender.amount, key=_voucher(tender))
        return Success(tuple(refused))

    def _create(
        self, cart: Cart, tender: Tender, offered: Sequence[OfferedOption]
    ) -> Payment | Failure[PaymentProblem]:
        route = ROUTES.get(tender.type)
        if route is None or not any(
            option.gateway == route.gateway and option.type is route.type for option in offered
        ):
            return Failure(InvalidInput("payment_type", "is none that the shop offers"))
        new = NewPayment(
            owner=cart.owner,
            amount=tender.amount,
            gateway=route.gateway,
            type=route.type,
            method=PaymentMethod({"token": _voucher(tender) if route.gateway == VOUCHER else self.tokens(route.token)}),
            name=str(tender.sequential),
            pass_through={"installments": str(tender.installments)},
        )
        created = self.shop.payments.create(new)
        return created if isinstance(created, Failure) else created.unwrap()

    def _check_out(self, cart: Cart) -> Problem | None:
        answer = self._submit(cart)
        if _awaits(answer):
            self._let_results_come(cart)
            heard = deliver(self.shop, self.bank)
            if isinstance(heard, Failure):
                return heard.failure()
            answer = self._submit(cart)
        if _awaits(answer):  # somebody else was told, and may have been stopped before the shop was
            self._ask(cart)
            answer = self._submit(cart)
        if isinstance(answer, Failure):
            return answer.failure()
        placed = isinstance(answer.unwrap(), CheckedOut)
        return None if placed else InvalidInput("checkout", "did not come to an end")

    def _submit(self, cart: Cart) -> Outcome[CheckoutResult, CheckoutProblem]:
        return self.shop.checkout.submit(cart, request_id=REQUEST_ID)

    def _let_results_come(self, cart: Cart) -> None:
        for payment in self.shop.payments.of_owner(cart.owner).value_or(()):
            for transaction in payment.transactions:
                if transaction.status is TransactionStatus.AWAITING_RESULT:
                    with suppress(ValueError):  # it has come already
                        self.bank.finish_async(transaction.gateway_reference)

    def _ask(self, cart: Cart) -> None:
        for payment in self.shop.payments.of_owner(cart.owner).value_or(()):
            self.shop.transactions.refresh(payment.id)

    def _fulfil(self, cart: Cart, *, refund: bool) -> Problem | None:
        captured = self.shop.orders.capture(cart.owner, "whole", cart.total, key=f"{cart.id}/capture")
        if isinstance(captured, Failure):
            return captured.failure()
        if not refund:
            return None
        half = Money(max(1, cart.total.minor // 2), cart.total.currency)
        refunded = self.shop.orders.refund(cart.owner, "half", half, key=f"{cart.id}/refund")
        return refunded.failure() if isinstance(refunded, Failure) else None

    def _give_up(self, cart: Cart) -> Problem | None:
        """Undo what a refused order has secured, and take its payments out of the cart."""
        undone = self.shop.checkout.cancel(cart.owner)
        if isinstance(undone, Failure):
            return undone.failure()
        for payment in undone.unwrap():
            archived = self.shop.payments.archive(payment.id)
            if isinstance(archived, Failure):
                return archived.failure()
        return None


def _voucher(tender: Tender) -> str:
    return f"{VOUCHER}-{tender.order_id}-{tender.sequential}"


def _awaits(answer: Outcome[CheckoutResult, CheckoutProblem]) -> bool:
    return isinstance(answer, Success) and isinstance(answer.unwrap(), AwaitingResults)


def _passes(problem: object) -> bool:
    """Tell whether a problem goes by itself: somebody is at it, or nobody knows yet, or nothing happened at all."""
    if isinstance(problem, PaymentsFailed):
        return any(_passes(failed.problem) for failed in problem.details)
    return isinstance(problem, Busy | ResultUnknown | NotExecuted | StoreUnavailable | NotTaken)


def reason_of(problem: Problem) -> str:
    """Name a problem in few words, the same for all of its kind, so that reasons can be counted."""
    if isinstance(problem, PaymentsFailed):
        first = problem.details[0].problem
        return f"{type(first).__name__}: {getattr(first, 'code', '')}".rstrip(": ")
    if isinstance(problem, InvalidInput):
        return f"{type(problem).__name__}: {problem.message}"
    return type(problem).__name__
