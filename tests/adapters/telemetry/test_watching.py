"""Every gateway call and every commit is observed once, with its outcome; whoever watches changes nothing."""

from __future__ import annotations

from collections import Counter
from types import NoneType
from typing import Any, get_args, get_type_hints

import attrs
import pytest

from payports import Gateway, PaymentMethod, Success, TransactionStatus, connect
from payports.application.kernel.unit_of_work import HOST
from payports.ports.gateway import PaymentRequest, PaymentResponse, RollbackGateway
from payports.ports.store import PaymentRepository, StoreFailed
from tests.adapters.telemetry.watching import Hysteric, Witness
from tests.application.fixtures import (
    CUSTOMER,
    ShopFixture,
    eur,
    new_payment,
    open_shop,
    problem,
    value_of,
    with_gateway,
)


def a_day(observer: Any = None) -> tuple[ShopFixture, list[str]]:
    """A checkout with a capture and a refund, one that is declined, one whose answer is lost, its recovery, and notifications."""
    shop = open_shop(observer=observer) if observer else open_shop()
    answers: list[Any] = []
    for cart, token in (("c-1", "tok_approved"), ("c-2", "tok_declined"), ("c-3", "tok_timeout_charged")):
        payment = value_of(shop.payments.create(new_payment(cart, token=token)))
        answers.append(shop.submit(cart, request_id=f"of {cart}"))
        if cart == "c-1":
            answers.append(shop.transactions.capture(payment.id, eur(1_000)))
            answers.append(shop.transactions.refund(payment.id, eur(500)))
    shop.let_time_pass(passes=3)
    shop.deliver_webhooks()
    return shop, [type(one).__name__ for one in answers]


def test_every_gateway_call_and_every_commit_is_observed_exactly_once() -> None:
    witness = Witness()
    day, _ = a_day(witness)
    spy = day.spies["sandbox"]
    assert len(spy.executed) > 4
    assert len(spy.looked_up) > 0
    assert len(witness.told("gateway.execute")) == len(spy.executed)
    assert len(witness.told("gateway.look_up")) == len(spy.looked_up)
    assert witness.told("store.commit") == ["COMMITTED"] * len(day.store.commits)
    assert len(witness.operations) == len(witness.endings)
    assert [one.operation for one in witness.endings] == witness.operations, "none is nested in another"


def test_an_outcome_is_what_the_gateway_said() -> None:
    witness = Witness()
    day, _ = a_day(witness)
    assert Counter(witness.told("gateway.execute")) == {"SUCCEEDED": 4, "DECLINED": 1, "UNKNOWN": 1}
    assert witness.told("gateway.look_up") == ["SUCCEEDED"]
    assert set(witness.told("gateway.read_webhook")) == {"BELIEVED"}
    ids = {one.attributes["payports.transaction.id"] for one in witness.operations if "execute" in one.name}
    assert ids == {one.transaction_id for one in day.spies["sandbox"].executed}
    first = next(one for one in witness.endings if one.operation.name == "payports.gateway.execute")
    assert dict(first.operation.attributes) == {
        "payports.merchant": "default",
        "payports.gateway": "sandbox",
        "payports.payment.id": day.spies["sandbox"].executed[0].payment_id,
        "payports.transaction.id": day.spies["sandbox"].executed[0].transaction_id,
        "payports.transaction.type": "AUTHORIZE",
        "payports.amount_minor": 5_990,
        "payports.currency": "EUR",
    }
    assert dict(first.attributes) == {"payports.transaction.status": "SUCCEEDED"}
    assert first.duration_s >= 0
    assert [one.failed for one in witness.endings if one.outcome == "UNKNOWN"] != []
    assert all(one.failed is (one.outcome == "UNKNOWN") for one in witness.endings)


def test_notifications_vault_bridge_and_pages_are_observed() -> None:
    witness = Witness()
    shop = open_shop(observer=witness)
    shop.receive_webhook({}, b"forged")
    payload = {"token": "tok_approved"}
    method = value_of(shop.tokenization.accept("sandbox", payload))
    saved = value_of(shop.saved_methods.save(CUSTOMER, "sandbox", method))
    value_of(shop.saved_methods.remove(saved.id, customer=CUSTOMER))
    value_of(shop.payments.create(new_payment(token="tok_3ds")))
    waiting = value_of(shop.submit())
    value_of(shop.checkout.resume("sandbox", {"callback_token": waiting.callback_token}))
    names = {one.operation.name.removeprefix("payports.gateway."): one.outcome for one in witness.endings}
    assert names["read_webhook"] == "REFUSED"
    assert names["accept_token"] == names["keep"] == names["forget"] == "DONE"
    assert names["check"] == "GOOD"
    assert names["execute"] == names["confirm"] == "REQUIRES_ACTION"
    assert names["present"] == "DONE"
    assert waiting.callback_token
    assert waiting.callback_token not in witness.text()


@pytest.mark.parametrize("at_once", [True, False])
def test_an_observer_that_raises_changes_nothing_and_is_counted(at_once: bool) -> None:
    watched, answers = a_day(Hysteric(at_once=at_once))
    plain, expected = a_day()
    assert answers == expected
    assert watched.effects() == plain.effects()
    assert watched.payports.telemetry
    assert watched.payports.telemetry.failures > 20
    assert statuses(watched) == statuses(plain)


def statuses(day: ShopFixture) -> dict[str, list[TransactionStatus]]:
    payments = day.environment.store.payments()
    return {payment.owner.id: [one.status for one in payment.transactions] for payment in payments}


def test_without_telemetry_the_ports_are_the_undecorated_ones() -> None:
    with connect({"store": {"url": "memory:"}}) as shop:
        assert shop.telemetry is None
        assert shop.environment.gateways is shop.gateways
        assert type(shop.environment.store) is type(shop.store.of("default"))
    with connect({"store": {"url": "memory:"}, "telemetry": {"logs": False, "opentelemetry": False}}) as shop:
        assert shop.telemetry is None


def test_with_telemetry_every_method_of_every_port_stands_behind_a_watch() -> None:
    given = with_gateway(open_shop(observer=Witness()), rollback=Undoing()).payports
    ours, theirs = given.environment.gateways["sandbox"].gateway, given.gateways["sandbox"].gateway
    ports: dict[str, Any] = get_type_hints(Gateway)
    for name in ("account", "close"):
        assert getattr(ours, name) is getattr(theirs, name)
        del ports[name]
    for name, port in ports.items():
        protocol: type = next(kind for kind in get_args(port) or (port,) if kind is not NoneType)
        methods = {method for method in vars(protocol) if not method.startswith("_")}
        assert methods
        standing: object = getattr(ours, name)
        assert methods <= set(vars(type(standing))), name


class Undoing(RollbackGateway):
    def roll_back(self, request: PaymentRequest) -> PaymentResponse:
        raise NotImplementedError(request)


def test_the_repository_keeps_all_methods_of_the_port() -> None:
    store: Any = open_shop(observer=Witness()).environment.store
    methods = [name for name in vars(PaymentRepository) if not name.startswith("_")]
    assert len(methods) > 15
    assert all(callable(getattr(store, name)) for name in methods)
    with pytest.raises(AttributeError):
        _ = store.no_such_method


def test_an_adapter_that_raises_or_lies_is_told_by_class_and_passed_on() -> None:
    def raises(_: PaymentRequest) -> PaymentResponse:
        raise LookupError("tok_secret_text")

    def gives_nothing(_: PaymentRequest) -> None:
        return None

    for instead, outcome in ((raises, "RAISED"), (gives_nothing, "UNREADABLE")):
        witness = Witness()
        shop = open_shop(observer=witness)
        shop.spies["sandbox"].instead = instead
        value_of(shop.payments.create(new_payment()))
        problem(shop.submit())
        assert witness.told("gateway.execute") == [outcome]
        assert "tok_secret_text" not in witness.text()
        (ending,) = [one for one in witness.endings if one.operation.name == "payports.gateway.execute"]
        assert ending.failed
        assert ending.attributes.get("error.type") == ("LookupError" if outcome == "RAISED" else None)


def test_a_commit_that_fails_or_comes_too_late_is_told_so() -> None:
    witness = Witness()
    shop = open_shop(observer=witness)
    shop.store.before_commit = lambda _: (_ for _ in ()).throw(StoreFailed("the disk is full"))
    problem(shop.payments.create(new_payment()))
    assert [(one.outcome, one.failed) for one in witness.endings if "commit" in one.operation.name] == [
        ("RAISED", True)
    ]
    shop.store.before_commit = None
    payment = value_of(shop.payments.create(new_payment()))
    environment = shop.environment
    stale = attrs.evolve(payment, version=7)
    environment.work.save(stale, attrs.evolve(stale, name="n"), HOST)
    assert witness.told("store.commit")[-1] == "STALE"


def test_each_merchant_is_named_with_its_own_operations() -> None:
    witness = Witness()
    shop = open_shop(observer=witness).payports
    value_of(shop.merchant("m-2").payments.create(new_payment()))
    assert {one.attributes["payports.merchant"] for one in witness.operations} == {"m-2"}


def test_deliveries_move_the_cursor_under_observation() -> None:
    witness = Witness()
    shop = open_shop(observer=witness)
    value_of(shop.payments.create(new_payment()))
    taken: list[object] = []
    value_of(shop.events.deliver(taken.append))
    assert witness.told("store.delivered") == ["COMMITTED"]
    assert len(taken) == 1


def test_a_gateway_without_optional_ports_stays_without_them() -> None:
    shop = with_gateway(
        open_shop(observer=Witness()), webhooks=None, vault=None, bridge=None, actions=None, validator=None
    )
    gateway = shop.environment.gateways["sandbox"].gateway
    assert (gateway.webhooks, gateway.vault, gateway.bridge, gateway.actions) == (None, None, None, None)
    value_of(shop.payments.create(new_payment()))
    assert isinstance(shop.submit(), Success)


def test_tokens_are_in_nothing_that_is_told() -> None:
    witness = Witness()
    shop = open_shop(observer=witness)
    token = "tok_approved_and_never_to_be_told"
    method = PaymentMethod({"token": "tok_approved", "note": token}, {"holder": "Ada of the canaries"})
    value_of(shop.payments.create(new_payment(method=method, pass_through={"host": "passed through 77"})))
    shop.submit()
    shop.deliver_webhooks()
    shop.let_time_pass(passes=2)
    assert len(witness.endings) > 5
    assert not [one for one in (token, "tok_approved", "Ada", "passed through") if one in witness.text()]
    assert TransactionStatus.SUCCEEDED in witness.told("gateway.execute")
