"""Messages of refusals: a row for each reason, with how to provoke it.

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
from tests.application.concurrent_writers import with_stale_commits
from tests.application.fixtures import (
    CUSTOMER,
    OTHER,
    ShopFixture,
    eur,
    new_payment,
    observation,
    open_shop,
    problem,
    value_of,
    with_gateway,
    without_gateway,
)
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
    unknown_authorization,
    use,
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

Provoke = Callable[[ShopFixture], Any]
Table = dict[str, tuple[Provoke, Any]]

EMPTY: Final = "must not be empty"
NOT_A_LIMIT: Final = "must be a whole number from 1 to 10000"
RESERVED: Final = "must not begin with 'payports:'"
NO_STATUS: Final = "must be SUCCEEDED, NOT_EXECUTED, DECLINED or REVOKED"
NOT_PRINTABLE: Final = "holds blanks at an end or characters that do not print"
LOCKED: Final = "the order is placed, or the shopper is away at the gateway"
NOTHING_BEFORE: Final = "no transaction has succeeded that it could build on"
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


def record(shop: ShopFixture, payment_id: str, transaction_id: str = "t-1") -> Any:
    fact = observation(TransactionStatus.SUCCEEDED, transaction_id=transaction_id, channel=Channel.RETURN)
    return shop.transactions.record(payment_id, fact)


def resume(shop: ShopFixture, token: str = "wrong", gateway: str = "sandbox", **rest: Any) -> Any:
    return shop.checkout.resume(gateway, {"callback_token": token}, **rest)


def while_the_same_key_runs(shop: ShopFixture) -> Any:
    payment, answers = shop.pay(), list[Any]()
    shop.spy.during = lambda _: answers.append(shop.transactions.authorize(payment.id, key="k-0"))
    value_of(shop.transactions.authorize(payment.id, key="k-0"))
    return answers[0]


def store_fails_before(shop: ShopFixture) -> Any:
    payment = shop.pay()
    return failing(shop).transactions.authorize(payment.id)


def store_fails_after(shop: ShopFixture) -> Any:
    payment = shop.pay()
    shop.spy.during = lambda _: failing(shop)
    return shop.transactions.authorize(payment.id)


def come_back_to_a_failed_attempt(shop: ShopFixture) -> Any:
    payment = submitted(shop, token="tok_declined")
    value_of(shop.payments.update(payment.id, method=TOKEN))
    value_of(shop.transactions.authorize(payment.id))
    return come_back(shop)


def move(shop: ShopFixture, operation: str = "capture", name: str = "f-1", minor: int = 5_990, key: str = "k-1") -> Any:
    return getattr(shop.orders, operation)(OWNER, name, eur(minor), key=key)


def declined_capture(shop: ShopFixture) -> Any:
    submitted(shop)
    shop.bank.fail_next("CAPTURE", "declined")
    return move(shop)


def unconfigured(gateway: str, operation: str) -> GatewayUnsupported:
    return GatewayUnsupported(gateway, operation, is_configured=False)


# fmt: off
PAYMENTS: Final[Table] = {
    "create: no payment at all": (lambda shop: shop.payments.create(ANY), InvalidInput("payment", "must be a NewPayment")),
    "create: no such gateway": (
        lambda shop: shop.payments.create(new_payment(gateway="none")), unconfigured("none", "payments")),
    "create: the key is ours": (lambda shop: shop.payments.create(new_payment(), key="payports:1"), InvalidInput("key", RESERVED)),
    "create: the key is taken": (
        lambda shop: [shop.payments.create(new_payment(minor=minor), key="k-1") for minor in (1, 2)][1], Conflict("k-1")),
    "create: no such saved method": (
        lambda shop: shop.payments.create(new_payment(saved_method_id="s-1", customer=CUSTOMER)), SavedMethodNotFound("s-1")),
    "create: another method than the saved one": (
        lambda shop: shop.payments.create(new_payment(saved_method_id=saved(shop).id, customer=CUSTOMER)),
        InvalidInput("saved_method_id", "is of another gateway or method than the payment")),
    "create: somebody is faster": (lambda shop: with_stale_commits(shop).payments.create(new_payment()), Busy("payment p-0")),
    "create: the store fails": (lambda shop: failing(shop).payments.create(new_payment()), STORE_FAILED),
    "update: no such payment": (lambda shop: shop.payments.update("none", eur(1)), NO_PAYMENT),
    "update: no identifier": (lambda shop: shop.payments.update(""), InvalidInput("payment_id", EMPTY)),
    "update: no amount": (lambda shop: shop.payments.update(shop.pay().id, NUMBER), InvalidInput("amount", "must be a Money")),
    "update: another currency": (lambda shop: shop.payments.update(shop.pay().id, USD), EXPECTED_EUR),
    "update: money is open": (
        lambda shop: shop.payments.update(authorized(shop).id, method=PaymentMethod({"token": "tok_partial"})),
        OperationNotAllowed("update", "money is open on the present method")),
    "update: the order is placed": (lambda shop: shop.payments.update(submitted(shop).id, eur(1)), OperationNotAllowed("update", LOCKED)),
    "update: it is archived": (
        lambda shop: shop.payments.update(value_of(shop.payments.archive(shop.pay().id)).id, eur(1)),
        OperationNotAllowed("update", "the payment is archived")),
    "update: somebody is faster": (lambda shop: with_stale_commits(shop).payments.update(shop.pay().id, eur(1)), PAYMENT_BUSY),
    "update: the method is no good": (
        lambda shop: shop.payments.update(shop.pay().id, method=CARD),
        InvalidInput("method.properties.token", "looks like a card number")),
    "archive: the shopper is away": (
        lambda shop: shop.payments.archive(submitted(shop, token="tok_3ds").id), OperationNotAllowed("archive", LOCKED)),
    "archive: no such payment": (lambda shop: shop.payments.archive("none"), NO_PAYMENT),
    "get: no such payment": (lambda shop: shop.payments.get("none"), NO_PAYMENT),
    "get: no identifier": (lambda shop: shop.payments.get(""), InvalidInput("payment_id", EMPTY)),
    "summary: no such payment": (lambda shop: shop.payments.summary("none"), NO_PAYMENT),
    "coverage: another currency": (
        lambda shop: (shop.pay(), shop.payments.coverage(Cart("c-1", total=USD)))[1], EXPECTED_USD),
}

TRANSACTIONS: Final[Table] = {
    "no such payment": (lambda shop: shop.transactions.authorize("none"), NO_PAYMENT),
    "no payment's id": (lambda shop: shop.transactions.void(""), InvalidInput("payment_id", EMPTY)),
    "no amount": (lambda shop: shop.transactions.capture(shop.pay().id, NUMBER), InvalidInput("amount", "must be a Money")),
    "no parent's id": (lambda shop: shop.transactions.capture(shop.pay().id, parent=""), InvalidInput("parent", EMPTY)),
    "no source": (lambda shop: shop.transactions.capture(shop.pay().id, source=NO_SOURCE), InvalidInput("source.kind", EMPTY)),
    "no key": (lambda shop: shop.transactions.refund(shop.pay().id, key="payports:1"), InvalidInput("key", RESERVED)),
    "the gateway is gone": (
        lambda shop: without_gateway(shop).transactions.capture(authorized(shop).id), unconfigured("sandbox", "CAPTURE")),
    "the key is taken": (lambda shop: shop.transactions.capture(authorized(shop).id, key="k-0"), Conflict("k-0")),
    "more than there is": (lambda shop: shop.transactions.capture(authorized(shop).id, eur(5_991)), AmountNotAvailable(eur(5_990))),
    "another currency": (lambda shop: shop.transactions.capture(authorized(shop).id, USD), EXPECTED_EUR),
    "nothing was authorized": (
        lambda shop: shop.transactions.capture(shop.pay().id), OperationNotAllowed("CAPTURE", NOTHING_BEFORE)),
    "the method is gone": (
        lambda shop: shop.transactions.authorize(paid_with_a_removed_method(shop).id), OperationNotAllowed("AUTHORIZE", METHOD_GONE)),
    "declined": (lambda shop: shop.transactions.authorize(shop.pay(token="tok_declined").id), Declined("insufficient_funds")),
    "declined for good": (
        lambda shop: shop.transactions.authorize(shop.pay(token="tok_declined_hard").id), Declined("lost_card", hard=True)),
    "not executed": (
        lambda shop: shop.transactions.authorize(shop.pay(token="tok_unreachable").id),
        NotExecuted("{t}", "the connection was refused")),
    "unknown": (lambda shop: shop.transactions.authorize(unknown_authorization(shop).id, key="k-0"), ResultUnknown("{t}")),
    "somebody is faster": (lambda shop: with_stale_commits(shop).transactions.authorize(shop.pay().id), PAYMENT_BUSY),
    "the same key is under way": (while_the_same_key_runs, PAYMENT_BUSY),
    "the store fails before": (store_fails_before, STORE_FAILED),
    "the store fails after": (store_fails_after, ResultUnknown("{t}")),
    "record: no such payment": (lambda shop: record(shop, "none"), NO_PAYMENT),
    "record: no identifier": (lambda shop: record(shop, ""), InvalidInput("payment_id", EMPTY)),
    "record: no fact": (
        lambda shop: shop.transactions.record(shop.pay().id, ANY), InvalidInput("observation", "must be an Observation")),
    "record: about nothing of it": (
        lambda shop: record(shop, shop.pay().id),
        OperationNotAllowed("record", "payment {p} has no transaction that this is about")),
    "record: somebody is faster": (
        lambda shop: record(with_stale_commits(shop), authorized(shop).id, last_transaction_id(shop)), PAYMENT_BUSY),
    "refresh: no such payment": (lambda shop: shop.transactions.refresh("none"), NO_PAYMENT),
    "refresh: no identifier": (lambda shop: shop.transactions.refresh(""), InvalidInput("payment_id", EMPTY)),
}

CHECKOUT: Final[Table] = {
    "no cart": (lambda shop: shop.checkout.submit(ANY, request_id="a"), InvalidInput("cart", "must be a Cart")),
    "no request id": (lambda shop: shop.submit(request_id=""), InvalidInput("request_id", EMPTY)),
    "a request id of ours": (lambda shop: shop.submit(request_id="payports:"), InvalidInput("request_id", RESERVED)),
    "no address": (
        lambda shop: shop.checkout.submit(CART, request_id="a", return_url=ANY), InvalidInput("return_url", "must be text")),
    "not enough": (lambda shop: (shop.pay(minor=1), shop.submit())[1], uncovered(eur(5_990), planned=eur(1))),
    "another currency": (lambda shop: (shop.pay(amount=USD), shop.submit())[1], EXPECTED_EUR),
    "another customer": (
        lambda shop: (shop.pay(customer=OTHER), shop.submit(customer=CUSTOMER))[1],
        OperationNotAllowed("checkout", "payment {p} belongs to another customer")),
    "the gateway is gone": (lambda shop: (shop.pay(), without_gateway(shop).submit())[1], unconfigured("sandbox", "checkout")),
    "the method is gone": (
        lambda shop: (paid_with_a_removed_method(shop), shop.submit(customer=CUSTOMER))[1],
        OperationNotAllowed("checkout", "payment {p}: " + METHOD_GONE)),
    "no option that is offered": (
        lambda shop: (shop.pay(type=PaymentType.COD), shop.submit())[1],
        OperationNotAllowed("checkout", "payment {p} uses no option that the cart is offered")),
    "the request id is taken": (lambda shop: (submitted(shop), shop.submit(version="2"))[1], Conflict("attempt-1")),
    "it is placed already": (
        lambda shop: (submitted(shop), shop.submit(request_id="attempt-2"))[1], OperationNotAllowed("checkout", "it is placed already")),
    "another attempt is under way": (lambda shop: while_it_runs(shop, lambda shop: shop.submit(request_id="attempt-2")), CHECKOUT_BUSY),
    "the same attempt is under way": (lambda shop: while_it_runs(shop, ShopFixture.submit), CHECKOUT_BUSY),
    "somebody is faster": (lambda shop: (shop.pay(), with_stale_commits(shop, RecordKind.CHECKOUT, "cart c-1").submit())[1], CHECKOUT_BUSY),
    "somebody is always faster": (lambda shop: (shop.pay(), with_stale_commits(shop).submit())[1], CHECKOUT_BUSY),
    "declined": (lambda shop: (shop.pay(token="tok_declined"), shop.submit())[1], failed(Declined("insufficient_funds"))),
    "in doubt": (lambda shop: (unknown_authorization(shop), shop.submit())[1], failed(ResultUnknown("{t}"))),
    "the store fails": (lambda shop: (shop.pay(), failing(shop).submit())[1], STORE_FAILED),
    "resume: no gateway": (lambda shop: resume(shop, gateway=""), InvalidInput("gateway", EMPTY)),
    "resume: no such gateway": (lambda shop: resume(shop, gateway="none"), unconfigured("none", "resume")),
    "resume: no parameters": (lambda shop: shop.checkout.resume("sandbox", {"a": ANY}), InvalidInput("params.a", "must be text")),
    "resume: no token": (lambda shop: shop.checkout.resume("sandbox", {}), InvalidInput("params.callback_token", EMPTY)),
    "resume: no cart": (lambda shop: resume(shop, cart=NUMBER), InvalidInput("cart", "must be a Cart")),
    "resume: no such checkout": (resume, PaymentNotFound("of this callback token")),
    "resume: under way": (lambda shop: while_it_runs(shop, come_back), CHECKOUT_BUSY),
    "resume: it was cancelled": (
        lambda shop: (submitted(shop, token="tok_3ds"), shop.checkout.cancel(OWNER), come_back(shop))[2],
        OperationNotAllowed("checkout", "it was cancelled")),
    "resume: the cart has changed": (
        lambda shop: (submitted(shop, token="tok_3ds"), come_back(shop, cart=CART))[1], uncovered(eur(1), planned=eur(5_990))),
    "resume: it had failed": (
        come_back_to_a_failed_attempt, OperationNotAllowed("checkout", "this attempt has failed; submit the cart again")),
    "cancel: no owner": (lambda shop: shop.checkout.cancel(ANY), InvalidInput("owner", "must be an Owner")),
    "cancel: it is placed": (
        lambda shop: (submitted(shop), shop.checkout.cancel(OWNER))[1], OperationNotAllowed("cancel", "the order is placed")),
    "cancel: nothing there": (lambda shop: shop.checkout.cancel(NOBODY), PaymentNotFound("of cart none")),
    "cancel: under way": (lambda shop: while_it_runs(shop, lambda shop: shop.checkout.cancel(OWNER)), CHECKOUT_BUSY),
    "cancel: somebody is faster": (lambda shop: (authorized(shop), with_stale_commits(shop).checkout.cancel(OWNER))[1], CHECKOUT_BUSY),
}

ORDERS: Final[Table] = {
    "no owner": (lambda shop: shop.orders.capture(ANY, "f-1", eur(1), key="k-1"), InvalidInput("owner", "must be an Owner")),
    "no fulfilment": (lambda shop: move(shop, name=""), InvalidInput("fulfillment_id", EMPTY)),
    "no return": (lambda shop: move(shop, "refund", name=""), InvalidInput("return_id", EMPTY)),
    "no amount": (lambda shop: move(shop, minor=0), InvalidInput("amount", "must be above zero")),
    "no key": (lambda shop: move(shop, key="payports:"), InvalidInput("key", RESERVED)),
    "nothing there": (move, PaymentNotFound("of cart c-1")),
    "another currency": (lambda shop: (submitted(shop), shop.orders.capture(OWNER, "f-1", USD, key="k-1"))[1], EXPECTED_EUR),
    "more than there is": (lambda shop: (submitted(shop), move(shop, minor=5_991))[1], AmountNotAvailable(eur(5_990))),
    "the key is taken": (lambda shop: (submitted(shop), move(shop, minor=1), move(shop, minor=2))[2], Conflict("k-1")),
    "somebody is faster": (lambda shop: (submitted(shop), move(with_stale_commits(shop)))[1], Busy("cart c-1")),
    "declined": (declined_capture, failed(Declined("insufficient_funds"))),
    "release: no owner": (lambda shop: shop.orders.release(ANY), InvalidInput("owner", "must be an Owner")),
    "release: nothing there": (lambda shop: shop.orders.release(NOBODY), PaymentNotFound("of cart none")),
}

SAVED_METHODS: Final[Table] = {
    "save: no customer": (
        lambda shop: shop.saved_methods.save(ANY, "sandbox", TOKEN), InvalidInput("customer", "must be a Customer")),
    "save: no gateway": (lambda shop: shop.saved_methods.save(CUSTOMER, "", TOKEN), InvalidInput("gateway", EMPTY)),
    "save: no method": (
        lambda shop: shop.saved_methods.save(CUSTOMER, "sandbox", ANY), InvalidInput("method", "must be a PaymentMethod")),
    "save: no type": (
        lambda shop: shop.saved_methods.save(CUSTOMER, "sandbox", TOKEN, type=ANY), InvalidInput("type", "must be a PaymentType")),
    "save: no name": (
        lambda shop: shop.saved_methods.save(CUSTOMER, "sandbox", TOKEN, name=ANY), InvalidInput("name", "must be text")),
    "save: no such gateway": (
        lambda shop: shop.saved_methods.save(CUSTOMER, "none", TOKEN), unconfigured("none", "saved methods")),
    "list: no customer": (lambda shop: shop.saved_methods.of_customer(ANY), InvalidInput("customer", "must be a Customer")),
    "remove: somebody is faster": (
        lambda shop: with_stale_commits(shop).saved_methods.remove(saved(shop).id, customer=CUSTOMER), Busy("saved method {s}")),
    "remove: of another": (lambda shop: shop.saved_methods.remove(saved(shop).id, customer=OTHER), NO_SAVED_METHOD),
    "use: removed": (lambda shop: use(shop, removed(shop)), NO_SAVED_METHOD),
    "use: the gateway is gone": (lambda shop: use(without_gateway(shop), saved(shop)), unconfigured("sandbox", "saved methods")),
}

REST: Final[Table] = {
    "options: no cart": (lambda shop: shop.options.for_cart(ANY), InvalidInput("cart", "must be a Cart")),
    "open: no cart": (lambda shop: shop.tokenization.open("sandbox", ANY), InvalidInput("cart", "must be a Cart")),
    "open: no gateway": (lambda shop: shop.tokenization.open("", CART), InvalidInput("gateway", EMPTY)),
    "open: no such gateway": (lambda shop: shop.tokenization.open("none", CART), unconfigured("none", "tokenization")),
    "open: no bridge": (
        lambda shop: with_gateway(shop, bridge=None).tokenization.open("sandbox", CART),
        GatewayUnsupported("sandbox", "tokenization")),
    "accept: no mapping": (lambda shop: shop.tokenization.accept("sandbox", ANY), InvalidInput("payload", "must be a mapping")),
    "accept: no such gateway": (
        lambda shop: shop.tokenization.accept("none", {"token": "t"}), unconfigured("none", "tokenization")),
    "receive: no gateway": (lambda shop: shop.webhooks.receive("", {}, b""), InvalidInput("gateway", EMPTY)),
    "receive: no such gateway": (lambda shop: shop.webhooks.receive("none", {}, b""), unconfigured("none", "webhooks")),
    "receive: no reader": (
        lambda shop: with_gateway(shop, webhooks=None).receive_webhook({}, b""), GatewayUnsupported("sandbox", "webhooks")),
    "receive: no bytes": (lambda shop: shop.receive_webhook({}, ANY), InvalidInput("body", "must be the raw bytes")),
    "receive: no headers": (lambda shop: shop.receive_webhook(ANY, b""), InvalidInput("headers", "must be a mapping")),
    "deliver: no handler": (lambda shop: shop.events.deliver(ANY), InvalidInput("handler", "must be callable")),
    "deliver: no limit": (lambda shop: shop.events.deliver(print, 0), InvalidInput("limit", NOT_A_LIMIT)),
    "history: no such payment": (lambda shop: shop.events.history("none"), NO_PAYMENT),
    "run: no limit": (lambda shop: shop.maintenance.run(0), InvalidInput("limit", NOT_A_LIMIT)),
    "resolve: no transaction": (lambda shop: ruled(shop, ""), InvalidInput("transaction_id", EMPTY)),
    "resolve: no status": (lambda shop: ruled(shop, "t-1", ANY), InvalidInput("status", NO_STATUS)),
    "resolve: nobody": (lambda shop: ruled(shop, "t-1", operator=""), InvalidInput("operator", EMPTY)),
    "resolve: no reason": (lambda shop: ruled(shop, "t-1", reason=""), InvalidInput("reason", EMPTY)),
    "resolve: a long reason": (
        lambda shop: ruled(shop, "t-1", reason=LONG), InvalidInput("reason", "is longer than 2000 characters")),
    "resolve: no reference": (
        lambda shop: ruled(shop, "t-1", gateway_reference="\n"), InvalidInput("gateway_reference", NOT_PRINTABLE)),
    "resolve: not there": (lambda shop: ruled(shop, "t-1"), PaymentNotFound("of transaction t-1")),
    "resolve: somebody is faster": (
        lambda shop: ruled(with_stale_commits(shop), (authorized(shop), last_transaction_id(shop))[1]), PAYMENT_BUSY),
    "verify: no limit": (lambda shop: shop.audit.verify(limit=0), InvalidInput("limit", NOT_A_LIMIT)),
    "verify: no text": (lambda shop: shop.audit.verify(ANY), InvalidInput("after", "must be text")),
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
    shop = open_shop({"options": [{"gateway": "sandbox", "types": ["CREDIT_CARD"]}]})
    refused = problem(provoke(shop))
    payments = shop.payports.store.of("default").payments()
    methods = shop.payports.store.of("default").saved_methods_of(CUSTOMER)
    transactions = [transaction for payment in payments[-1:] for transaction in payment.transactions]
    ids: dict[str, Sequence[Any]] = {"p": payments, "t": transactions, "s": methods}
    names = {name: known[-1].id if known else "" for name, known in ids.items()}
    assert type(refused) is type(expected)
    assert type(refused.message) is str
    assert refused.message == expected.message.format(**names)
    assert refused.shopper_message == expected.shopper_message
