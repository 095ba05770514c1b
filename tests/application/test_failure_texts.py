"""What each service says when it refuses: the text for the log and the text for the shopper, word for word.

``{p}`` stands for the id of the cart's last payment, ``{t}`` for that of its last transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from payports import Cart, Money, Owner, Payment, PaymentMethod, PaymentType, SavedMethod, Source, TransactionStatus
from payports.domain.observation import Channel, Observation
from tests.application.overtaken import overtaken
from tests.application.shops import (
    CUSTOMER,
    OTHER,
    Bench,
    bench,
    eur,
    fail,
    new_payment,
    problem,
    seen,
    told,
    with_gateway,
    without_gateway,
)

OWNER: Final = Owner("cart", "c-1")
NOBODY: Final = Owner("cart", "none")
TOKEN: Final = PaymentMethod({"token": "tok_approved"})
USD: Final = Money(1, "USD")
HOLDER: Final = Source("fulfillment", "f-1")
ANY: Final[Any] = None
NUMBER: Final[Any] = 5

LATER: Final = "The payment could not be made just now. Please try again in a moment."
CHECK: Final = "This cannot be done with the payment as it is."
NOT_FOUND: Final = "We could not find this payment."
NO_METHOD: Final = "We could not find this saved payment method."
NOT_HERE: Final = "This payment method cannot be used here."
DETAILS: Final = "Some of the payment details cannot be used. Please check them."
DECLINED: Final = "The payment was declined. Please try again or use another payment method."
LOST: Final = "This payment method was declined. Please use another one."
UNKNOWN: Final = "We do not know yet whether the payment went through. You will not be charged twice."
COVER: Final = "The payments do not add up to the total of the order."

Doing = Callable[[Bench], Any]


def authorized(on: Bench, **rest: Any) -> Payment:
    payment = on.pay(**rest)
    on.shop.transactions.authorize(payment.id, key="k-0")
    return payment


def captured(on: Bench, **rest: Any) -> Payment:
    payment = on.pay(**rest)
    told(on.shop.transactions.authorize_and_capture(payment.id))
    return payment


def placed(on: Bench, **rest: Any) -> Payment:
    payment = on.pay(**rest)
    on.submit()
    return payment


def saved(on: Bench) -> SavedMethod:
    found: SavedMethod = told(on.shop.saved_methods.save(CUSTOMER, "sandbox", TOKEN))
    return found


def removed(on: Bench) -> SavedMethod:
    found = saved(on)
    told(on.shop.saved_methods.remove(found.id, customer=CUSTOMER))
    return found


def paid_with_a_removed_method(on: Bench) -> Payment:
    found = saved(on)
    payment: Payment = told(on.shop.saved_methods.use(found.id, customer=CUSTOMER, owner=OWNER, amount=eur(5_990)))
    told(on.shop.saved_methods.remove(found.id, customer=CUSTOMER))
    return payment


def unsure(on: Bench) -> Payment:
    """A payment whose authorization nobody can find out about."""
    payment = on.pay(token="tok_timeout_charged")
    problem(on.shop.transactions.authorize(payment.id, key="k-0"))
    on.spy.on_look_up = lambda _: None
    return payment


def failing(on: Bench) -> Bench:
    on.store.before_commit = fail("the disk is full")
    return on


def fact(transaction_id: str = "", **rest: Any) -> Observation:
    return seen(TransactionStatus.SUCCEEDED, transaction_id=transaction_id, **rest)


def resumed(on: Bench, token: str = "wrong", gateway: str = "sandbox", **rest: Any) -> Any:
    return on.shop.checkout.resume(gateway, {"callback_token": token}, **rest)


def token_of(on: Bench) -> str:
    record = on.store.of("default").checkout(OWNER)
    assert record
    return record.callback_token


def while_it_runs(on: Bench, doing: Doing) -> Any:
    """What something answers while a checkout of the same cart is under way."""
    answers: list[Any] = []
    on.pay()
    on.spy.during = lambda _: answers.append(doing(on))
    told(on.submit())
    return answers[0]


PAYMENTS: Final[dict[str, tuple[Doing, str, str]]] = {
    "create: no payment at all": (lambda on: on.shop.payments.create(ANY), "payment: must be a NewPayment", DETAILS),
    "create: no such gateway": (
        lambda on: on.shop.payments.create(new_payment(gateway="none")),
        "gateway 'none' does not support payments",
        NOT_HERE,
    ),
    "create: the key is ours": (
        lambda on: on.shop.payments.create(new_payment(), key="payports:1"),
        "key: must not begin with 'payports:'",
        DETAILS,
    ),
    "create: the key is taken": (
        lambda on: (
            told(on.shop.payments.create(new_payment(), key="k-1")),
            on.shop.payments.create(new_payment(minor=1), key="k-1"),
        )[1],
        "key 'k-1' was used for another request",
        LATER,
    ),
    "create: no such saved method": (
        lambda on: on.shop.payments.create(new_payment(saved_method_id="s-1", customer=CUSTOMER)),
        "no saved method 's-1' of this customer",
        NO_METHOD,
    ),
    "create: another method than the saved one": (
        lambda on: on.shop.payments.create(new_payment(saved_method_id=saved(on).id, customer=CUSTOMER)),
        "saved_method_id: is of another gateway or method than the payment",
        DETAILS,
    ),
    "create: somebody is faster": (
        lambda on: overtaken(on).shop.payments.create(new_payment()),
        "payment p-0 is busy",
        LATER,
    ),
    "create: the store fails": (
        lambda on: failing(on).shop.payments.create(new_payment()),
        "the store is unavailable: the disk is full",
        LATER,
    ),
    "update: no such payment": (lambda on: on.shop.payments.update("none", eur(1)), "no payment 'none'", NOT_FOUND),
    "update: no identifier": (lambda on: on.shop.payments.update(""), "payment_id: must not be empty", DETAILS),
    "update: no amount": (
        lambda on: on.shop.payments.update(on.pay().id, NUMBER),
        "amount: must be a Money",
        DETAILS,
    ),
    "update: another currency": (
        lambda on: on.shop.payments.update(on.pay().id, USD),
        "expected EUR, was given USD",
        CHECK,
    ),
    "update: money is open": (
        lambda on: on.shop.payments.update(authorized(on).id, method=PaymentMethod({"token": "tok_partial"})),
        "update is not allowed: money is open on the present method",
        CHECK,
    ),
    "update: the order is placed": (
        lambda on: on.shop.payments.update(placed(on).id, eur(1)),
        "update is not allowed: the order is placed, or the shopper is away at the gateway",
        CHECK,
    ),
    "update: it is archived": (
        lambda on: on.shop.payments.update(told(on.shop.payments.archive(on.pay().id)).id, eur(1)),
        "update is not allowed: the payment is archived",
        CHECK,
    ),
    "update: somebody is faster": (
        lambda on: overtaken(on).shop.payments.update(on.pay().id, eur(1)),
        "payment {p} is busy",
        LATER,
    ),
    "update: the method is no good": (
        lambda on: on.shop.payments.update(on.pay().id, method=PaymentMethod({"token": "4242424242424242"})),
        "method.properties.token: looks like a card number",
        DETAILS,
    ),
    "archive: the shopper is away": (
        lambda on: on.shop.payments.archive(placed(on, token="tok_3ds").id),
        "archive is not allowed: the order is placed, or the shopper is away at the gateway",
        CHECK,
    ),
    "archive: no such payment": (lambda on: on.shop.payments.archive("none"), "no payment 'none'", NOT_FOUND),
    "get: no such payment": (lambda on: on.shop.payments.get("none"), "no payment 'none'", NOT_FOUND),
    "get: no identifier": (lambda on: on.shop.payments.get(""), "payment_id: must not be empty", DETAILS),
    "summary: no such payment": (lambda on: on.shop.payments.summary("none"), "no payment 'none'", NOT_FOUND),
    "coverage: another currency": (
        lambda on: (on.pay(), on.shop.payments.coverage(Cart("c-1", total=USD)))[1],
        "expected USD, was given EUR",
        CHECK,
    ),
    "history: no such payment": (lambda on: on.shop.events.history("none"), "no payment 'none'", NOT_FOUND),
}  # fmt: skip

TRANSACTIONS: Final[dict[str, tuple[Doing, str, str]]] = {
    "no such payment": (lambda on: on.shop.transactions.authorize("none"), "no payment 'none'", NOT_FOUND),
    "no payment's id": (lambda on: on.shop.transactions.void(""), "payment_id: must not be empty", DETAILS),
    "no amount": (
        lambda on: on.shop.transactions.capture(on.pay().id, NUMBER),
        "amount: must be a Money",
        DETAILS,
    ),
    "no parent's id": (
        lambda on: on.shop.transactions.capture(on.pay().id, parent=""),
        "parent: must not be empty",
        DETAILS,
    ),
    "no source": (
        lambda on: on.shop.transactions.capture(on.pay().id, source=Source("", "f-1")),
        "source.kind: must not be empty",
        DETAILS,
    ),
    "no key": (
        lambda on: on.shop.transactions.refund(on.pay().id, key="payports:1"),
        "key: must not begin with 'payports:'",
        DETAILS,
    ),
    "the gateway is gone": (
        lambda on: without_gateway(on).shop.transactions.capture(authorized(on).id),
        "gateway 'sandbox' does not support CAPTURE",
        NOT_HERE,
    ),
    "the key is taken": (
        lambda on: on.shop.transactions.capture(authorized(on).id, key="k-0"),
        "key 'k-0' was used for another request",
        LATER,
    ),
    "more than there is": (
        lambda on: on.shop.transactions.capture(authorized(on).id, eur(5_991)),
        "only 59.90 EUR is available",
        CHECK,
    ),
    "another currency": (
        lambda on: on.shop.transactions.capture(authorized(on).id, USD),
        "expected EUR, was given USD",
        CHECK,
    ),
    "nothing was authorized": (
        lambda on: on.shop.transactions.capture(on.pay().id),
        "CAPTURE is not allowed: nothing has succeeded that it could build on",
        CHECK,
    ),
    "the method is gone": (
        lambda on: on.shop.transactions.authorize(paid_with_a_removed_method(on).id),
        "AUTHORIZE is not allowed: its saved method was removed or will never work again",
        CHECK,
    ),
    "declined": (
        lambda on: on.shop.transactions.authorize(on.pay(token="tok_declined").id),
        "declined (soft): insufficient_funds",
        DECLINED,
    ),
    "declined for good": (
        lambda on: on.shop.transactions.authorize(on.pay(token="tok_declined_hard").id),
        "declined (hard): lost_card",
        LOST,
    ),
    "not executed": (
        lambda on: on.shop.transactions.authorize(on.pay(token="tok_unreachable").id),
        "transaction {t} was not executed: the connection was refused",
        LATER,
    ),
    "unknown": (lambda on: on.shop.transactions.authorize(unsure(on).id, key="k-0"), "the result of transaction {t} is unknown", UNKNOWN),
    "somebody is faster": (
        lambda on: overtaken(on).shop.transactions.authorize(on.pay().id),
        "payment {p} is busy",
        LATER,
    ),
    "the same key is under way": (
        lambda on: under_way(on),
        "payment {p} is busy",
        LATER,
    ),
    "the store fails before": (
        lambda on: failing(on).shop.transactions.authorize(failing_later(on)),
        "the store is unavailable: the disk is full",
        LATER,
    ),
    "the store fails after": (
        lambda on: store_fails_after(on),
        "the result of transaction {t} is unknown",
        UNKNOWN,
    ),
    "record: no such payment": (lambda on: on.shop.transactions.record("none", fact("t-1")), "no payment 'none'", NOT_FOUND),
    "record: no identifier": (lambda on: on.shop.transactions.record("", fact("t-1")), "payment_id: must not be empty", DETAILS),
    "record: no fact": (lambda on: on.shop.transactions.record(on.pay().id, ANY), "observation: must be an Observation", DETAILS),
    "record: about nothing of it": (
        lambda on: on.shop.transactions.record(on.pay().id, fact("t-1")),
        "record is not allowed: payment {p} has no transaction that this is about",
        CHECK,
    ),
    "record: somebody is faster": (
        lambda on: overtaken(on).shop.transactions.record(authorized(on).id, fact(last(on), channel=Channel.RETURN)),
        "payment {p} is busy",
        LATER,
    ),
    "refresh: no such payment": (lambda on: on.shop.transactions.refresh("none"), "no payment 'none'", NOT_FOUND),
    "refresh: no identifier": (lambda on: on.shop.transactions.refresh(""), "payment_id: must not be empty", DETAILS),
}  # fmt: skip


def failing_later(on: Bench) -> str:
    on.store.before_commit = None
    payment = on.pay().id
    failing(on)
    return payment


def last(on: Bench) -> str:
    (payment,) = told(on.shop.payments.of_owner(OWNER))
    return str(payment.transactions[-1].id)


def under_way(on: Bench) -> Any:
    payment, answers = on.pay(), list[Any]()
    on.spy.during = lambda _: answers.append(on.shop.transactions.authorize(payment.id, key="k-0"))
    told(on.shop.transactions.authorize(payment.id, key="k-0"))
    return answers[0]


def store_fails_after(on: Bench) -> Any:
    payment = on.pay()
    on.spy.during = lambda _: failing(on)
    return on.shop.transactions.authorize(payment.id)


CHECKOUT: Final[dict[str, tuple[Doing, str, str]]] = {
    "no cart": (lambda on: on.shop.checkout.submit(ANY, request_id="a"), "cart: must be a Cart", DETAILS),
    "no request id": (lambda on: on.submit(request_id=""), "request_id: must not be empty", DETAILS),
    "a request id of ours": (lambda on: on.submit(request_id="payports:"), "request_id: must not begin with 'payports:'", DETAILS),
    "no address": (
        lambda on: on.shop.checkout.submit(Cart("c-1", total=eur(1)), request_id="a", return_url=ANY),
        "return_url: must be text",
        DETAILS,
    ),
    "not enough": (
        lambda on: (on.pay(minor=1), on.submit())[1],
        "the payments plan 0.01 EUR and secure 0.00 EUR of 59.90 EUR",
        COVER,
    ),
    "another currency": (lambda on: (on.pay(amount=USD), on.submit())[1], "expected EUR, was given USD", CHECK),
    "another customer": (
        lambda on: (on.pay(customer=OTHER), on.submit(customer=CUSTOMER))[1],
        "checkout is not allowed: payment {p} belongs to another customer",
        CHECK,
    ),
    "the gateway is gone": (
        lambda on: (on.pay(), without_gateway(on).submit())[1],
        "gateway 'sandbox' does not support checkout",
        NOT_HERE,
    ),
    "the method is gone": (
        lambda on: (paid_with_a_removed_method(on), on.submit(customer=CUSTOMER))[1],
        "checkout is not allowed: payment {p}: its saved method was removed or will never work again",
        CHECK,
    ),
    "the request id is taken": (
        lambda on: (placed(on), on.submit(version="2"))[1],
        "key 'attempt-1' was used for another request",
        LATER,
    ),
    "it is placed already": (
        lambda on: (placed(on), on.submit(request_id="attempt-2"))[1],
        "checkout is not allowed: it is placed already",
        CHECK,
    ),
    "another attempt is under way": (
        lambda on: while_it_runs(on, lambda on: on.submit(request_id="attempt-2")),
        "checkout of cart c-1 is busy",
        LATER,
    ),
    "the same attempt is under way": (
        lambda on: while_it_runs(on, Bench.submit),
        "checkout of cart c-1 is busy",
        LATER,
    ),
    "somebody is faster": (
        lambda on: (on.pay(), overtaken(on, "checkout cart c-1").submit())[1],
        "checkout of cart c-1 is busy",
        LATER,
    ),
    "somebody is always faster": (
        lambda on: (on.pay(), overtaken(on).submit())[1],
        "checkout of cart c-1 is busy",
        LATER,
    ),
    "declined": (
        lambda on: (on.pay(token="tok_declined"), on.submit())[1],
        "payment {p}: declined (soft): insufficient_funds",
        DECLINED,
    ),
    "in doubt": (
        lambda on: (unsure(on), on.submit())[1],
        "payment {p}: the result of transaction {t} is unknown",
        UNKNOWN,
    ),
    "the store fails": (
        lambda on: (failing_later(on), on.submit())[1],
        "the store is unavailable: the disk is full",
        LATER,
    ),
    "resume: no gateway": (lambda on: resumed(on, gateway=""), "gateway: must not be empty", DETAILS),
    "resume: no such gateway": (lambda on: resumed(on, gateway="none"), "gateway 'none' does not support resume", NOT_HERE),
    "resume: no parameters": (lambda on: on.shop.checkout.resume("sandbox", {"a": ANY}), "params.a: must be text", DETAILS),
    "resume: no token": (lambda on: on.shop.checkout.resume("sandbox", {}), "params.callback_token: must not be empty", DETAILS),
    "resume: no cart": (lambda on: resumed(on, cart=NUMBER), "cart: must be a Cart", DETAILS),
    "resume: no such checkout": (resumed, "no payment 'of this callback token'", NOT_FOUND),
    "resume: under way": (
        lambda on: while_it_runs(on, lambda on: resumed(on, token_of(on))),
        "checkout of cart c-1 is busy",
        LATER,
    ),
    "resume: it was cancelled": (
        lambda on: (placed(on, token="tok_3ds"), on.shop.checkout.cancel(OWNER), resumed(on, token_of(on)))[2],
        "checkout is not allowed: it was cancelled",
        CHECK,
    ),
    "resume: the cart has changed": (
        lambda on: (placed(on, token="tok_3ds"), resumed(on, token_of(on), cart=Cart("c-1", total=eur(1))))[1],
        "the payments plan 59.90 EUR and secure 0.00 EUR of 0.01 EUR",
        COVER,
    ),
    "resume: it had failed": (
        lambda on: had_failed(on),
        "checkout is not allowed: this attempt has failed; submit the cart again",
        CHECK,
    ),
    "cancel: no owner": (lambda on: on.shop.checkout.cancel(ANY), "owner: must be an Owner", DETAILS),
    "cancel: it is placed": (
        lambda on: (placed(on), on.shop.checkout.cancel(OWNER))[1],
        "cancel is not allowed: the order is placed",
        CHECK,
    ),
    "cancel: nothing there": (lambda on: on.shop.checkout.cancel(NOBODY), "no payment 'of cart none'", NOT_FOUND),
    "cancel: under way": (
        lambda on: while_it_runs(on, lambda on: on.shop.checkout.cancel(OWNER)),
        "checkout of cart c-1 is busy",
        LATER,
    ),
    "cancel: somebody is faster": (
        lambda on: (authorized(on), overtaken(on).shop.checkout.cancel(OWNER))[1],
        "checkout of cart c-1 is busy",
        LATER,
    ),
}  # fmt: skip


def had_failed(on: Bench) -> Any:
    payment = placed(on, token="tok_declined")
    told(on.shop.payments.update(payment.id, method=TOKEN))
    told(on.shop.transactions.authorize(payment.id))
    return resumed(on, token_of(on))


def declining(on: Bench) -> Bench:
    placed(on)
    on.bank.fail_next("CAPTURE", "declined")
    return on


def move(on: Bench, operation: str = "capture", name: str = "f-1", minor: int = 5_990, key: str = "k-1") -> Any:
    return getattr(on.shop.orders, operation)(OWNER, name, eur(minor), key=key)


ORDERS: Final[dict[str, tuple[Doing, str, str]]] = {
    "no owner": (lambda on: on.shop.orders.capture(ANY, "f-1", eur(1), key="k-1"), "owner: must be an Owner", DETAILS),
    "no fulfilment": (lambda on: move(on, name=""), "fulfillment_id: must not be empty", DETAILS),
    "no return": (lambda on: move(on, "refund", name=""), "return_id: must not be empty", DETAILS),
    "no amount": (lambda on: move(on, minor=0), "amount: must be above zero", DETAILS),
    "no key": (lambda on: move(on, key="payports:"), "key: must not begin with 'payports:'", DETAILS),
    "nothing there": (move, "no payment 'of cart c-1'", NOT_FOUND),
    "another currency": (
        lambda on: (placed(on), on.shop.orders.capture(OWNER, "f-1", USD, key="k-1"))[1],
        "expected EUR, was given USD",
        CHECK,
    ),
    "more than there is": (lambda on: (placed(on), move(on, minor=5_991))[1], "only 59.90 EUR is available", CHECK),
    "the key is taken": (
        lambda on: (placed(on), move(on, minor=1), move(on, minor=2))[2],
        "key 'k-1' was used for another request",
        LATER,
    ),
    "somebody is faster": (lambda on: (placed(on), move(overtaken(on)))[1], "cart c-1 is busy", LATER),
    "declined": (
        lambda on: move(declining(on)),
        "payment {p}: declined (soft): insufficient_funds",
        DECLINED,
    ),
    "release: no owner": (lambda on: on.shop.orders.release(ANY), "owner: must be an Owner", DETAILS),
    "release: nothing there": (lambda on: on.shop.orders.release(NOBODY), "no payment 'of cart none'", NOT_FOUND),
}  # fmt: skip

SAVED_METHODS: Final[dict[str, tuple[Doing, str, str]]] = {
    "save: no customer": (lambda on: on.shop.saved_methods.save(ANY, "sandbox", TOKEN), "customer: must be a Customer", DETAILS),
    "save: no gateway": (lambda on: on.shop.saved_methods.save(CUSTOMER, "", TOKEN), "gateway: must not be empty", DETAILS),
    "save: no method": (lambda on: on.shop.saved_methods.save(CUSTOMER, "sandbox", ANY), "method: must be a PaymentMethod", DETAILS),
    "save: no type": (
        lambda on: on.shop.saved_methods.save(CUSTOMER, "sandbox", TOKEN, type=ANY),
        "type: must be a PaymentType",
        DETAILS,
    ),
    "save: no name": (
        lambda on: on.shop.saved_methods.save(CUSTOMER, "sandbox", TOKEN, name=ANY),
        "name: must be text",
        DETAILS,
    ),
    "save: no such gateway": (
        lambda on: on.shop.saved_methods.save(CUSTOMER, "none", TOKEN),
        "gateway 'none' does not support saved methods",
        NOT_HERE,
    ),
    "list: no customer": (lambda on: on.shop.saved_methods.of_customer(ANY), "customer: must be a Customer", DETAILS),
    "remove: somebody is faster": (
        lambda on: overtaken(on).shop.saved_methods.remove(saved(on).id, customer=CUSTOMER),
        "saved method {s} is busy",
        LATER,
    ),
    "remove: of another": (
        lambda on: on.shop.saved_methods.remove(saved(on).id, customer=OTHER),
        "no saved method '{s}' of this customer",
        NO_METHOD,
    ),
    "use: removed": (
        lambda on: on.shop.saved_methods.use(removed(on).id, customer=CUSTOMER, owner=OWNER, amount=eur(1)),
        "no saved method '{s}' of this customer",
        NO_METHOD,
    ),
    "use: the gateway is gone": (
        lambda on: without_gateway(on).shop.saved_methods.use(
            saved(on).id, customer=CUSTOMER, owner=OWNER, amount=eur(1)
        ),
        "gateway 'sandbox' does not support saved methods",
        NOT_HERE,
    ),
}  # fmt: skip

REST: Final[dict[str, tuple[Doing, str, str]]] = {
    "options: no cart": (lambda on: on.shop.options.for_cart(ANY), "cart: must be a Cart", DETAILS),
    "open: no cart": (lambda on: on.shop.tokenization.open("sandbox", ANY), "cart: must be a Cart", DETAILS),
    "open: no gateway": (
        lambda on: on.shop.tokenization.open("", Cart("c-1", total=eur(1))),
        "gateway: must not be empty",
        DETAILS,
    ),
    "open: no such gateway": (
        lambda on: on.shop.tokenization.open("none", Cart("c-1", total=eur(1))),
        "gateway 'none' does not support tokenization",
        NOT_HERE,
    ),
    "open: no bridge": (
        lambda on: with_gateway(on, bridge=None).shop.tokenization.open("sandbox", Cart("c-1", total=eur(1))),
        "gateway 'sandbox' does not support tokenization",
        NOT_HERE,
    ),
    "accept: no mapping": (lambda on: on.shop.tokenization.accept("sandbox", ANY), "payload: must be a mapping", DETAILS),
    "accept: no such gateway": (
        lambda on: on.shop.tokenization.accept("none", {"token": "tok_approved"}),
        "gateway 'none' does not support tokenization",
        NOT_HERE,
    ),
    "receive: no gateway": (lambda on: on.shop.webhooks.receive("", {}, b""), "gateway: must not be empty", DETAILS),
    "receive: no such gateway": (
        lambda on: on.shop.webhooks.receive("none", {}, b""),
        "gateway 'none' does not support webhooks",
        NOT_HERE,
    ),
    "receive: no reader": (
        lambda on: with_gateway(on, webhooks=None).shop.webhooks.receive("sandbox", {}, b""),
        "gateway 'sandbox' does not support webhooks",
        NOT_HERE,
    ),
    "receive: no bytes": (lambda on: on.shop.webhooks.receive("sandbox", {}, ANY), "body: must be the raw bytes", DETAILS),
    "receive: no headers": (lambda on: on.shop.webhooks.receive("sandbox", ANY, b""), "headers: must be a mapping", DETAILS),
    "deliver: no handler": (lambda on: on.shop.events.deliver(ANY), "handler: must be callable", DETAILS),
    "deliver: no limit": (
        lambda on: on.shop.events.deliver(print, 0),
        "limit: must be a whole number from 1 to 10000",
        DETAILS,
    ),
    "run: no limit": (
        lambda on: on.shop.maintenance.run(0),
        "limit: must be a whole number from 1 to 10000",
        DETAILS,
    ),
    "verify: no limit": (
        lambda on: on.shop.audit.verify(limit=0),
        "limit: must be a whole number from 1 to 10000",
        DETAILS,
    ),
    "verify: no text": (lambda on: on.shop.audit.verify(ANY), "after: must be text", DETAILS),
    "resolve: no transaction": (lambda on: ruled(on, ""), "transaction_id: must not be empty", DETAILS),
    "resolve: no status": (
        lambda on: ruled(on, "t-1", ANY),
        "status: must be SUCCEEDED, NOT_EXECUTED, DECLINED or REVOKED",
        DETAILS,
    ),
    "resolve: nobody": (lambda on: ruled(on, "t-1", operator=""), "operator: must not be empty", DETAILS),
    "resolve: no reason": (lambda on: ruled(on, "t-1", reason=""), "reason: must not be empty", DETAILS),
    "resolve: a long reason": (lambda on: ruled(on, "t-1", reason="a" * 2_001), "reason: is longer than 2000 characters", DETAILS),
    "resolve: no reference": (
        lambda on: ruled(on, "t-1", gateway_reference="\n"),
        "gateway_reference: holds blanks at an end or characters that do not print",
        DETAILS,
    ),
    "resolve: not there": (lambda on: ruled(on, "t-1"), "no payment 'of transaction t-1'", NOT_FOUND),
    "resolve: somebody is faster": (
        lambda on: ruled(overtaken(on), (authorized(on), last(on))[1]),
        "payment {p} is busy",
        LATER,
    ),
}  # fmt: skip


def ruled(on: Bench, transaction_id: str, status: Any = "REVOKED", **rest: Any) -> Any:
    known = {"operator": "ada", "reason": "because"} | rest
    return on.shop.maintenance.resolve(transaction_id, status, **known)


EVERY: Final = {
    f"{service}, {case}": said
    for service, cases in {
        "payments": PAYMENTS,
        "transactions": TRANSACTIONS,
        "checkout": CHECKOUT,
        "orders": ORDERS,
        "saved methods": SAVED_METHODS,
        "the rest": REST,
    }.items()
    for case, said in cases.items()
}


@pytest.mark.parametrize("case", EVERY)
def test_a_refusal_says_word_for_word_what_it_should(case: str) -> None:
    doing, message, shopper_message = EVERY[case]
    on = bench()
    refused = problem(doing(on))
    assert type(refused.message) is str
    payments = told(on.shop.payments.of_owner(OWNER)) if "{p}" in message or "{t}" in message else ()
    every = on.shop.store.of("default").saved_methods_of(CUSTOMER)
    names = {
        "p": payments[-1].id if payments else "",
        "t": payments[-1].transactions[-1].id if payments and payments[-1].transactions else "",
        "s": every[-1].id if every else "",
    }
    assert refused.message == message.format(**names)
    assert refused.shopper_message == shopper_message


def test_a_payment_of_no_option_is_refused_by_its_id() -> None:
    on = bench({"options": [{"gateway": "sandbox", "types": ["COD"]}]})
    payment = on.pay(type=PaymentType.CREDIT_CARD)
    refused = problem(on.submit())
    assert refused.message == f"checkout is not allowed: payment {payment.id} uses no option that the cart is offered"
