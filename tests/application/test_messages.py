"""What each service says when it refuses: one row for each reason, with how to provoke it.

The sentence of a failure class is pinned in ``tests/domain/test_failures.py``; here is what the services put into it. ``{p}`` stands for
the id of the cart's last payment, ``{t}`` for that of its last transaction, ``{s}`` for that of the customer's last saved method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest

from payports import (
    AmountNotAvailable,
    Busy,
    Cart,
    Conflict,
    CurrencyMismatch,
    Declined,
    FailedPayment,
    GatewayUnsupported,
    InvalidInput,
    Money,
    NotCovered,
    NotExecuted,
    OperationNotAllowed,
    Owner,
    PaymentMethod,
    PaymentNotFound,
    PaymentsFailed,
    PaymentType,
    ResultUnknown,
    SavedMethodNotFound,
    Source,
    StoreUnavailable,
    TransactionStatus,
)
from payports.domain.coverage import Coverage, CoverageState
from payports.domain.observation import Channel
from payports.ports.commit import RecordKind
from tests.application.checkout.scenarios import come_back, while_it_runs
from tests.application.overtaken import overtaken
from tests.application.scenarios import (
    OWNER,
    authorized,
    failing,
    last_transaction_id,
    paid_with_a_removed_method,
    removed,
    ruled,
    saved,
    submitted,
    unsure,
    use,
)
from tests.application.shops import (
    CUSTOMER,
    OTHER,
    Bench,
    bench,
    eur,
    new_payment,
    problem,
    seen,
    told,
    with_gateway,
    without_gateway,
)

NOBODY: Final = Owner("cart", "none")
CART: Final = Cart("c-1", total=eur(1))
TOKEN: Final = PaymentMethod({"token": "tok_approved"})
CARD: Final = PaymentMethod({"token": "4242424242424242"})
USD: Final = Money(1, "USD")
NO_SOURCE: Final = Source("", "f-1")
ANY: Final[Any] = None
NUMBER: Final[Any] = 5
LONG: Final = "a" * 2_001

Provoke = Callable[[Bench], Any]
Table = dict[str, tuple[Provoke, Any]]

EMPTY: Final = "must not be empty"
NOT_A_LIMIT: Final = "must be a whole number from 1 to 10000"
RESERVED: Final = "must not begin with 'payports:'"
NO_STATUS: Final = "must be SUCCEEDED, NOT_EXECUTED, DECLINED or REVOKED"
NOT_PRINTABLE: Final = "holds blanks at an end or characters that do not print"
LOCKED: Final = "the order is placed, or the shopper is away at the gateway"
NOTHING_BEFORE: Final = "nothing has succeeded that it could build on"
METHOD_GONE: Final = "its saved method was removed or will never work again"
EXPECTED_EUR: Final = CurrencyMismatch(eur(1).currency, USD.currency)
EXPECTED_USD: Final = CurrencyMismatch(USD.currency, eur(1).currency)
STORE_FAILED: Final = StoreUnavailable("the disk is full")
CHECKOUT_BUSY: Final = Busy("checkout of cart c-1")
PAYMENT_BUSY: Final = Busy("payment {p}")
NO_PAYMENT: Final = PaymentNotFound("none")
NO_SAVED_METHOD: Final = SavedMethodNotFound("{s}")


def failed(why: Any) -> PaymentsFailed:
    return PaymentsFailed((FailedPayment(payment_id="{p}", problem=why),))


def uncovered(total: Money, planned: Money) -> NotCovered:
    nothing = eur(0)
    state = CoverageState.NONE
    return NotCovered(total, Coverage(planned=planned, secured=nothing, awaiting=nothing, remaining=total, state=state))


def record(on: Bench, payment_id: str, transaction_id: str = "t-1") -> Any:
    fact = seen(TransactionStatus.SUCCEEDED, transaction_id=transaction_id, channel=Channel.RETURN)
    return on.shop.transactions.record(payment_id, fact)


def resume(on: Bench, token: str = "wrong", gateway: str = "sandbox", **rest: Any) -> Any:
    return on.shop.checkout.resume(gateway, {"callback_token": token}, **rest)


def while_the_same_key_runs(on: Bench) -> Any:
    payment, answers = on.pay(), list[Any]()
    on.spy.during = lambda _: answers.append(on.shop.transactions.authorize(payment.id, key="k-0"))
    told(on.shop.transactions.authorize(payment.id, key="k-0"))
    return answers[0]


def store_fails_before(on: Bench) -> Any:
    payment = on.pay()
    return failing(on).shop.transactions.authorize(payment.id)


def store_fails_after(on: Bench) -> Any:
    payment = on.pay()
    on.spy.during = lambda _: failing(on)
    return on.shop.transactions.authorize(payment.id)


def come_back_to_a_failed_attempt(on: Bench) -> Any:
    payment = submitted(on, token="tok_declined")
    told(on.shop.payments.update(payment.id, method=TOKEN))
    told(on.shop.transactions.authorize(payment.id))
    return come_back(on)


def move(on: Bench, operation: str = "capture", name: str = "f-1", minor: int = 5_990, key: str = "k-1") -> Any:
    return getattr(on.shop.orders, operation)(OWNER, name, eur(minor), key=key)


def declined_capture(on: Bench) -> Any:
    submitted(on)
    on.bank.fail_next("CAPTURE", "declined")
    return move(on)


# fmt: off
PAYMENTS: Final[Table] = {
    "create: no payment at all": (lambda on: on.shop.payments.create(ANY), InvalidInput("payment", "must be a NewPayment")),
    "create: no such gateway": (
        lambda on: on.shop.payments.create(new_payment(gateway="none")), GatewayUnsupported("none", "payments")),
    "create: the key is ours": (lambda on: on.shop.payments.create(new_payment(), key="payports:1"), InvalidInput("key", RESERVED)),
    "create: the key is taken": (
        lambda on: [on.shop.payments.create(new_payment(minor=minor), key="k-1") for minor in (1, 2)][1], Conflict("k-1")),
    "create: no such saved method": (
        lambda on: on.shop.payments.create(new_payment(saved_method_id="s-1", customer=CUSTOMER)), SavedMethodNotFound("s-1")),
    "create: another method than the saved one": (
        lambda on: on.shop.payments.create(new_payment(saved_method_id=saved(on).id, customer=CUSTOMER)),
        InvalidInput("saved_method_id", "is of another gateway or method than the payment")),
    "create: somebody is faster": (lambda on: overtaken(on).shop.payments.create(new_payment()), Busy("payment p-0")),
    "create: the store fails": (lambda on: failing(on).shop.payments.create(new_payment()), STORE_FAILED),
    "update: no such payment": (lambda on: on.shop.payments.update("none", eur(1)), NO_PAYMENT),
    "update: no identifier": (lambda on: on.shop.payments.update(""), InvalidInput("payment_id", EMPTY)),
    "update: no amount": (lambda on: on.shop.payments.update(on.pay().id, NUMBER), InvalidInput("amount", "must be a Money")),
    "update: another currency": (lambda on: on.shop.payments.update(on.pay().id, USD), EXPECTED_EUR),
    "update: money is open": (
        lambda on: on.shop.payments.update(authorized(on).id, method=PaymentMethod({"token": "tok_partial"})),
        OperationNotAllowed("update", "money is open on the present method")),
    "update: the order is placed": (lambda on: on.shop.payments.update(submitted(on).id, eur(1)), OperationNotAllowed("update", LOCKED)),
    "update: it is archived": (
        lambda on: on.shop.payments.update(told(on.shop.payments.archive(on.pay().id)).id, eur(1)),
        OperationNotAllowed("update", "the payment is archived")),
    "update: somebody is faster": (lambda on: overtaken(on).shop.payments.update(on.pay().id, eur(1)), PAYMENT_BUSY),
    "update: the method is no good": (
        lambda on: on.shop.payments.update(on.pay().id, method=CARD),
        InvalidInput("method.properties.token", "looks like a card number")),
    "archive: the shopper is away": (
        lambda on: on.shop.payments.archive(submitted(on, token="tok_3ds").id), OperationNotAllowed("archive", LOCKED)),
    "archive: no such payment": (lambda on: on.shop.payments.archive("none"), NO_PAYMENT),
    "get: no such payment": (lambda on: on.shop.payments.get("none"), NO_PAYMENT),
    "get: no identifier": (lambda on: on.shop.payments.get(""), InvalidInput("payment_id", EMPTY)),
    "summary: no such payment": (lambda on: on.shop.payments.summary("none"), NO_PAYMENT),
    "coverage: another currency": (
        lambda on: (on.pay(), on.shop.payments.coverage(Cart("c-1", total=USD)))[1], EXPECTED_USD),
}

TRANSACTIONS: Final[Table] = {
    "no such payment": (lambda on: on.shop.transactions.authorize("none"), NO_PAYMENT),
    "no payment's id": (lambda on: on.shop.transactions.void(""), InvalidInput("payment_id", EMPTY)),
    "no amount": (lambda on: on.shop.transactions.capture(on.pay().id, NUMBER), InvalidInput("amount", "must be a Money")),
    "no parent's id": (lambda on: on.shop.transactions.capture(on.pay().id, parent=""), InvalidInput("parent", EMPTY)),
    "no source": (lambda on: on.shop.transactions.capture(on.pay().id, source=NO_SOURCE), InvalidInput("source.kind", EMPTY)),
    "no key": (lambda on: on.shop.transactions.refund(on.pay().id, key="payports:1"), InvalidInput("key", RESERVED)),
    "the gateway is gone": (
        lambda on: without_gateway(on).shop.transactions.capture(authorized(on).id), GatewayUnsupported("sandbox", "CAPTURE")),
    "the key is taken": (lambda on: on.shop.transactions.capture(authorized(on).id, key="k-0"), Conflict("k-0")),
    "more than there is": (lambda on: on.shop.transactions.capture(authorized(on).id, eur(5_991)), AmountNotAvailable(eur(5_990))),
    "another currency": (lambda on: on.shop.transactions.capture(authorized(on).id, USD), EXPECTED_EUR),
    "nothing was authorized": (
        lambda on: on.shop.transactions.capture(on.pay().id), OperationNotAllowed("CAPTURE", NOTHING_BEFORE)),
    "the method is gone": (
        lambda on: on.shop.transactions.authorize(paid_with_a_removed_method(on).id), OperationNotAllowed("AUTHORIZE", METHOD_GONE)),
    "declined": (lambda on: on.shop.transactions.authorize(on.pay(token="tok_declined").id), Declined("insufficient_funds")),
    "declined for good": (
        lambda on: on.shop.transactions.authorize(on.pay(token="tok_declined_hard").id), Declined("lost_card", hard=True)),
    "not executed": (
        lambda on: on.shop.transactions.authorize(on.pay(token="tok_unreachable").id),
        NotExecuted("{t}", "the connection was refused")),
    "unknown": (lambda on: on.shop.transactions.authorize(unsure(on).id, key="k-0"), ResultUnknown("{t}")),
    "somebody is faster": (lambda on: overtaken(on).shop.transactions.authorize(on.pay().id), PAYMENT_BUSY),
    "the same key is under way": (while_the_same_key_runs, PAYMENT_BUSY),
    "the store fails before": (store_fails_before, STORE_FAILED),
    "the store fails after": (store_fails_after, ResultUnknown("{t}")),
    "record: no such payment": (lambda on: record(on, "none"), NO_PAYMENT),
    "record: no identifier": (lambda on: record(on, ""), InvalidInput("payment_id", EMPTY)),
    "record: no fact": (
        lambda on: on.shop.transactions.record(on.pay().id, ANY), InvalidInput("observation", "must be an Observation")),
    "record: about nothing of it": (
        lambda on: record(on, on.pay().id),
        OperationNotAllowed("record", "payment {p} has no transaction that this is about")),
    "record: somebody is faster": (lambda on: record(overtaken(on), authorized(on).id, last_transaction_id(on)), PAYMENT_BUSY),
    "refresh: no such payment": (lambda on: on.shop.transactions.refresh("none"), NO_PAYMENT),
    "refresh: no identifier": (lambda on: on.shop.transactions.refresh(""), InvalidInput("payment_id", EMPTY)),
}

CHECKOUT: Final[Table] = {
    "no cart": (lambda on: on.shop.checkout.submit(ANY, request_id="a"), InvalidInput("cart", "must be a Cart")),
    "no request id": (lambda on: on.submit(request_id=""), InvalidInput("request_id", EMPTY)),
    "a request id of ours": (lambda on: on.submit(request_id="payports:"), InvalidInput("request_id", RESERVED)),
    "no address": (
        lambda on: on.shop.checkout.submit(CART, request_id="a", return_url=ANY), InvalidInput("return_url", "must be text")),
    "not enough": (lambda on: (on.pay(minor=1), on.submit())[1], uncovered(eur(5_990), planned=eur(1))),
    "another currency": (lambda on: (on.pay(amount=USD), on.submit())[1], EXPECTED_EUR),
    "another customer": (
        lambda on: (on.pay(customer=OTHER), on.submit(customer=CUSTOMER))[1],
        OperationNotAllowed("checkout", "payment {p} belongs to another customer")),
    "the gateway is gone": (lambda on: (on.pay(), without_gateway(on).submit())[1], GatewayUnsupported("sandbox", "checkout")),
    "the method is gone": (
        lambda on: (paid_with_a_removed_method(on), on.submit(customer=CUSTOMER))[1],
        OperationNotAllowed("checkout", "payment {p}: " + METHOD_GONE)),
    "no option that is offered": (
        lambda on: (on.pay(type=PaymentType.COD), on.submit())[1],
        OperationNotAllowed("checkout", "payment {p} uses no option that the cart is offered")),
    "the request id is taken": (lambda on: (submitted(on), on.submit(version="2"))[1], Conflict("attempt-1")),
    "it is placed already": (
        lambda on: (submitted(on), on.submit(request_id="attempt-2"))[1], OperationNotAllowed("checkout", "it is placed already")),
    "another attempt is under way": (lambda on: while_it_runs(on, lambda on: on.submit(request_id="attempt-2")), CHECKOUT_BUSY),
    "the same attempt is under way": (lambda on: while_it_runs(on, Bench.submit), CHECKOUT_BUSY),
    "somebody is faster": (lambda on: (on.pay(), overtaken(on, RecordKind.CHECKOUT, "cart c-1").submit())[1], CHECKOUT_BUSY),
    "somebody is always faster": (lambda on: (on.pay(), overtaken(on).submit())[1], CHECKOUT_BUSY),
    "declined": (lambda on: (on.pay(token="tok_declined"), on.submit())[1], failed(Declined("insufficient_funds"))),
    "in doubt": (lambda on: (unsure(on), on.submit())[1], failed(ResultUnknown("{t}"))),
    "the store fails": (lambda on: (on.pay(), failing(on).submit())[1], STORE_FAILED),
    "resume: no gateway": (lambda on: resume(on, gateway=""), InvalidInput("gateway", EMPTY)),
    "resume: no such gateway": (lambda on: resume(on, gateway="none"), GatewayUnsupported("none", "resume")),
    "resume: no parameters": (lambda on: on.shop.checkout.resume("sandbox", {"a": ANY}), InvalidInput("params.a", "must be text")),
    "resume: no token": (lambda on: on.shop.checkout.resume("sandbox", {}), InvalidInput("params.callback_token", EMPTY)),
    "resume: no cart": (lambda on: resume(on, cart=NUMBER), InvalidInput("cart", "must be a Cart")),
    "resume: no such checkout": (resume, PaymentNotFound("of this callback token")),
    "resume: under way": (lambda on: while_it_runs(on, come_back), CHECKOUT_BUSY),
    "resume: it was cancelled": (
        lambda on: (submitted(on, token="tok_3ds"), on.shop.checkout.cancel(OWNER), come_back(on))[2],
        OperationNotAllowed("checkout", "it was cancelled")),
    "resume: the cart has changed": (
        lambda on: (submitted(on, token="tok_3ds"), come_back(on, cart=CART))[1], uncovered(eur(1), planned=eur(5_990))),
    "resume: it had failed": (
        come_back_to_a_failed_attempt, OperationNotAllowed("checkout", "this attempt has failed; submit the cart again")),
    "cancel: no owner": (lambda on: on.shop.checkout.cancel(ANY), InvalidInput("owner", "must be an Owner")),
    "cancel: it is placed": (
        lambda on: (submitted(on), on.shop.checkout.cancel(OWNER))[1], OperationNotAllowed("cancel", "the order is placed")),
    "cancel: nothing there": (lambda on: on.shop.checkout.cancel(NOBODY), PaymentNotFound("of cart none")),
    "cancel: under way": (lambda on: while_it_runs(on, lambda on: on.shop.checkout.cancel(OWNER)), CHECKOUT_BUSY),
    "cancel: somebody is faster": (lambda on: (authorized(on), overtaken(on).shop.checkout.cancel(OWNER))[1], CHECKOUT_BUSY),
}

ORDERS: Final[Table] = {
    "no owner": (lambda on: on.shop.orders.capture(ANY, "f-1", eur(1), key="k-1"), InvalidInput("owner", "must be an Owner")),
    "no fulfilment": (lambda on: move(on, name=""), InvalidInput("fulfillment_id", EMPTY)),
    "no return": (lambda on: move(on, "refund", name=""), InvalidInput("return_id", EMPTY)),
    "no amount": (lambda on: move(on, minor=0), InvalidInput("amount", "must be above zero")),
    "no key": (lambda on: move(on, key="payports:"), InvalidInput("key", RESERVED)),
    "nothing there": (move, PaymentNotFound("of cart c-1")),
    "another currency": (lambda on: (submitted(on), on.shop.orders.capture(OWNER, "f-1", USD, key="k-1"))[1], EXPECTED_EUR),
    "more than there is": (lambda on: (submitted(on), move(on, minor=5_991))[1], AmountNotAvailable(eur(5_990))),
    "the key is taken": (lambda on: (submitted(on), move(on, minor=1), move(on, minor=2))[2], Conflict("k-1")),
    "somebody is faster": (lambda on: (submitted(on), move(overtaken(on)))[1], Busy("cart c-1")),
    "declined": (declined_capture, failed(Declined("insufficient_funds"))),
    "release: no owner": (lambda on: on.shop.orders.release(ANY), InvalidInput("owner", "must be an Owner")),
    "release: nothing there": (lambda on: on.shop.orders.release(NOBODY), PaymentNotFound("of cart none")),
}

SAVED_METHODS: Final[Table] = {
    "save: no customer": (
        lambda on: on.shop.saved_methods.save(ANY, "sandbox", TOKEN), InvalidInput("customer", "must be a Customer")),
    "save: no gateway": (lambda on: on.shop.saved_methods.save(CUSTOMER, "", TOKEN), InvalidInput("gateway", EMPTY)),
    "save: no method": (
        lambda on: on.shop.saved_methods.save(CUSTOMER, "sandbox", ANY), InvalidInput("method", "must be a PaymentMethod")),
    "save: no type": (
        lambda on: on.shop.saved_methods.save(CUSTOMER, "sandbox", TOKEN, type=ANY), InvalidInput("type", "must be a PaymentType")),
    "save: no name": (
        lambda on: on.shop.saved_methods.save(CUSTOMER, "sandbox", TOKEN, name=ANY), InvalidInput("name", "must be text")),
    "save: no such gateway": (
        lambda on: on.shop.saved_methods.save(CUSTOMER, "none", TOKEN), GatewayUnsupported("none", "saved methods")),
    "list: no customer": (lambda on: on.shop.saved_methods.of_customer(ANY), InvalidInput("customer", "must be a Customer")),
    "remove: somebody is faster": (
        lambda on: overtaken(on).shop.saved_methods.remove(saved(on).id, customer=CUSTOMER), Busy("saved method {s}")),
    "remove: of another": (lambda on: on.shop.saved_methods.remove(saved(on).id, customer=OTHER), NO_SAVED_METHOD),
    "use: removed": (lambda on: use(on, removed(on)), NO_SAVED_METHOD),
    "use: the gateway is gone": (lambda on: use(without_gateway(on), saved(on)), GatewayUnsupported("sandbox", "saved methods")),
}

REST: Final[Table] = {
    "options: no cart": (lambda on: on.shop.options.for_cart(ANY), InvalidInput("cart", "must be a Cart")),
    "open: no cart": (lambda on: on.shop.tokenization.open("sandbox", ANY), InvalidInput("cart", "must be a Cart")),
    "open: no gateway": (lambda on: on.shop.tokenization.open("", CART), InvalidInput("gateway", EMPTY)),
    "open: no such gateway": (lambda on: on.shop.tokenization.open("none", CART), GatewayUnsupported("none", "tokenization")),
    "open: no bridge": (
        lambda on: with_gateway(on, bridge=None).shop.tokenization.open("sandbox", CART),
        GatewayUnsupported("sandbox", "tokenization")),
    "accept: no mapping": (lambda on: on.shop.tokenization.accept("sandbox", ANY), InvalidInput("payload", "must be a mapping")),
    "accept: no such gateway": (
        lambda on: on.shop.tokenization.accept("none", {"token": "t"}), GatewayUnsupported("none", "tokenization")),
    "receive: no gateway": (lambda on: on.shop.webhooks.receive("", {}, b""), InvalidInput("gateway", EMPTY)),
    "receive: no such gateway": (lambda on: on.shop.webhooks.receive("none", {}, b""), GatewayUnsupported("none", "webhooks")),
    "receive: no reader": (
        lambda on: with_gateway(on, webhooks=None).receive({}, b""), GatewayUnsupported("sandbox", "webhooks")),
    "receive: no bytes": (lambda on: on.receive({}, ANY), InvalidInput("body", "must be the raw bytes")),
    "receive: no headers": (lambda on: on.receive(ANY, b""), InvalidInput("headers", "must be a mapping")),
    "deliver: no handler": (lambda on: on.shop.events.deliver(ANY), InvalidInput("handler", "must be callable")),
    "deliver: no limit": (lambda on: on.shop.events.deliver(print, 0), InvalidInput("limit", NOT_A_LIMIT)),
    "history: no such payment": (lambda on: on.shop.events.history("none"), NO_PAYMENT),
    "run: no limit": (lambda on: on.shop.maintenance.run(0), InvalidInput("limit", NOT_A_LIMIT)),
    "resolve: no transaction": (lambda on: ruled(on, ""), InvalidInput("transaction_id", EMPTY)),
    "resolve: no status": (lambda on: ruled(on, "t-1", ANY), InvalidInput("status", NO_STATUS)),
    "resolve: nobody": (lambda on: ruled(on, "t-1", operator=""), InvalidInput("operator", EMPTY)),
    "resolve: no reason": (lambda on: ruled(on, "t-1", reason=""), InvalidInput("reason", EMPTY)),
    "resolve: a long reason": (
        lambda on: ruled(on, "t-1", reason=LONG), InvalidInput("reason", "is longer than 2000 characters")),
    "resolve: no reference": (
        lambda on: ruled(on, "t-1", gateway_reference="\n"), InvalidInput("gateway_reference", NOT_PRINTABLE)),
    "resolve: not there": (lambda on: ruled(on, "t-1"), PaymentNotFound("of transaction t-1")),
    "resolve: somebody is faster": (lambda on: ruled(overtaken(on), (authorized(on), last_transaction_id(on))[1]), PAYMENT_BUSY),
    "verify: no limit": (lambda on: on.shop.audit.verify(limit=0), InvalidInput("limit", NOT_A_LIMIT)),
    "verify: no text": (lambda on: on.shop.audit.verify(ANY), InvalidInput("after", "must be text")),
}
# fmt: on

TABLES: Final = {
    "payments": PAYMENTS, "transactions": TRANSACTIONS, "checkout": CHECKOUT, "orders": ORDERS,
    "saved methods": SAVED_METHODS, "the rest": REST,
}  # fmt: skip
CASES: Final = {f"{service}, {case}": row for service, table in TABLES.items() for case, row in table.items()}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_names_its_reason(case: str) -> None:
    provoke, expected = CASES[case]
    on = bench({"options": [{"gateway": "sandbox", "types": ["CREDIT_CARD"]}]})
    refused = problem(provoke(on))
    payments = on.shop.store.of("default").payments()
    methods = on.shop.store.of("default").saved_methods_of(CUSTOMER)
    transactions = [one for payment in payments[-1:] for one in payment.transactions]
    ids: dict[str, Sequence[Any]] = {"p": payments, "t": transactions, "s": methods}
    names = {name: known[-1].id if known else "" for name, known in ids.items()}
    assert type(refused) is type(expected)
    assert type(refused.message) is str
    assert refused.message == expected.message.format(**names)
    assert refused.shopper_message == expected.shopper_message
