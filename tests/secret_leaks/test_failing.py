"""Failures show no canary either: configuration errors, store errors, interruptions, and debugging tools."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from payports import (
    AdapterContext,
    ConfigurationError,
    Gateway,
    Observation,
    PaymentMethod,
    PaymentRequest,
    PaymentResponse,
    connect,
)
from payports.adapters.configuration import settings as configuration
from payports.adapters.configuration import wiring
from payports.adapters.configuration.system_clock import SystemIds
from payports.adapters.gateways import offline, sandbox, stored_value, stripe
from payports.adapters.gateways.kit.http_connection import HttpSession
from payports.adapters.gateways.kit.http_results import Answer
from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.offline import Options as OfflineOptions
from payports.adapters.gateways.sandbox.config import Options as SandboxOptions
from payports.adapters.gateways.stored_value.gateway import Options as StoredValueOptions
from payports.adapters.gateways.stripe.config import Options as StripeOptions
from payports.adapters.repositories.sqlite.database import SqliteOptions
from payports.adapters.telemetry import gateways
from payports.application.kernel import gateway_calls
from payports.domain import history
from payports.domain.secret import Secret
from payports.ports.adapter import GatewayFactory
from payports.ports.commit import Change, Commit
from payports.ports.store import StoreFailed
from payports.testing import FixedClock
from tests.adapters.telemetry.watching import Witness
from tests.application.fixtures import CUSTOMER, ShopFixture, new_payment, open_shop, value_of
from tests.secret_leaks import canaries as c
from tests.secret_leaks.canaries import SECRETS, found_in
from tests.secret_leaks.echo_server import ACTION, echoing
from tests.secret_leaks.sinks import exception_text, forms, leaks_of_store
from tests.webhooks.fixtures import all_logs

ADAPTERS: Final[dict[str, tuple[type[Any], GatewayFactory, dict[str, Any]]]] = {
    "sandbox": (SandboxOptions, sandbox.connect, {"url": "memory:"}),
    "stripe": (StripeOptions, stripe.connect, {"secret_key": c.API_KEY}),
    "stored_value": (StoredValueOptions, stored_value.connect, {"url": "memory:"}),
    "offline": (OfflineOptions, offline.connect, {}),
}
TABLES: Final = {
    "checkout": configuration.CheckoutSettings,
    "orders": configuration.OrderSettings,
    "recovery": configuration.RecoverySettings,
    "telemetry": configuration.TelemetrySettings,
    "store": SqliteOptions,
}
SECRET: Final = f"{c.ENVIRONMENT} {c.CARD}"
BAD: Final[tuple[object, ...]] = (
    SECRET, SECRET + "\ud800", [SECRET], {"x": SECRET}, {c.CARD: 1}, {"env": SECRET}, {"file": SECRET}, {"env": [SECRET]}, SECRET.encode(),
    {"env": "CANARY"}, {"file": "canary.txt"}, ({SECRET},),
)  # fmt: skip


def of_every_key() -> Iterator[dict[str, Any]]:
    """Yield each key of each table with each bad value; the keys come from the classes, so that none is forgotten."""
    common = [field.name for field in attrs.fields(configuration.GatewaySettings)]
    for adapter, (options, _, usual) in ADAPTERS.items():
        for name in (*(field.name for field in attrs.fields(options)), *common):
            yield from ({"gateways": {"card": {"adapter": adapter, **usual, name: bad}}} for bad in BAD)
    for table, settings in TABLES.items():
        for field in attrs.fields(settings):
            yield from ({table: {field.name: bad}} for bad in BAD)
    for table in (*TABLES, "merchant", "gateways", "options", "merchants", c.CARD):
        yield from ({table: bad} for bad in BAD)


def with_addresses() -> Iterator[dict[str, Any]]:
    """Yield invalid or unreachable addresses of stores and gateways with a password in them."""
    with_password = f"postgresql://user:{c.PASSWORD}@127.0.0.1:9/shop?connect_timeout=1"
    for url in (f"{SECRET}://x", with_password, f"sqlite:{c.PASSWORD}"):
        yield {"store": {"url": url}}
    for host in (
        f"https://user:{c.PASSWORD}@api.stripe.com",
        f"https://api.stripe.com?key={c.PASSWORD}",
        f"ftp://{c.PASSWORD}",
    ):
        yield {"gateways": {"card": {"adapter": "stripe", "secret_key": c.API_KEY, "base_url": host}}}
        yield {"gateways": {"card": {"adapter": "sandbox", "url": host}}}


def with_options() -> Iterator[dict[str, Any]]:
    amounts: list[dict[str, Any]] = [{"EUR": SECRET}, {c.CARD: "1.00"}, {"EUR": 5}]
    tables: list[dict[str, Any]] = [{"minimum": amount} for amount in amounts] + [
        {"fees": [{"name": SECRET, "amounts": amount}]} for amount in amounts
    ]
    yield from ({"options": [{"gateway": "sandbox", **table}]} for table in tables)
    yield {"options": [{"gateway": SECRET}]}
    yield {"options": [{"gateway": "sandbox", "countries": [SECRET]}]}


def test_no_wrong_configuration_is_repeated_by_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", SECRET)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "canary.txt").write_text(SECRET)
    errors = [error for wrong in (*of_every_key(), *with_addresses(), *with_options()) if (error := refusal_of(wrong))]
    assert len(errors) > 500
    leaks = {(error.key, form) for error in errors for form, text in forms(error) if found_in(text)}
    assert leaks == set()


def refusal_of(wrong: dict[str, Any]) -> ConfigurationError | None:
    """The configuration error, if there is one: a name may be any text."""
    store: Any = wrong.get("store", {})
    usual: object = {"url": "sqlite:///shop.db", **store} if hasattr(store, "items") else store
    try:
        connect({**wrong, "store": usual if "store" in wrong else {"url": "memory:"}}).close()
    except ConfigurationError as error:
        return error
    return None


def test_a_factory_that_raises_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def factory(context: AdapterContext) -> Gateway:
        raise LookupError(c.RAISED, dict(context.options))

    def found(_group: str, _name: str, _key: str) -> Any:
        return factory

    monkeypatch.setattr(wiring, "_named", found)
    with pytest.raises(ConfigurationError, match="its factory raised LookupError") as raised:
        connect({"store": {"url": "memory:"}, "gateways": {"card": {"adapter": "x", "secret_key": c.API_KEY}}})
    assert found_in(exception_text(raised.value)) == []


def test_the_context_of_an_adapter_shows_no_option() -> None:
    context = AdapterContext(name="card", options={"secret_key": c.API_KEY}, clock=FixedClock(), ids=SystemIds())
    assert found_in(repr(context)) == []


def test_a_store_that_refuses_a_commit_shows_nothing_of_it(tmp_path: Path) -> None:
    with connect(
        {
            "store": {"url": f"sqlite:///{tmp_path / 'shop.db'}"},
            "gateways": {"sandbox": {"adapter": "sandbox", "url": "memory:"}},
        }
    ) as shop:
        payment = value_of(
            shop.payments.create(new_payment(method=PaymentMethod({"token": c.TOKEN, "input": c.INPUT})))
        )
        odd = attrs.evolve(payment, name="\0")
        with pytest.raises(StoreFailed) as raised:
            shop.store.of("default").commit(Commit(changes=(Change(before=payment, after=odd, facts=()),)))
        assert found_in(exception_text(raised.value)) == []
    with pytest.raises(StoreFailed) as closed:
        shop.store.check()
    assert found_in(exception_text(closed.value)) == []


class Interrupted(BaseException):
    """Interrupts as a server does when it kills a slow worker."""


def interrupts(*_: object, **__: object) -> Any:
    try:
        raise OSError(c.RAISED, c.API_KEY)
    finally:
        raise Interrupted(0)


@pytest.mark.parametrize("card", ["stripe", "sandbox"])
def test_an_interruption_shows_no_variable_of_an_adapter(card: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with echoing() as url:
        options: dict[str, Any] = (
            {"secret_key": c.API_KEY, "base_url": url} if card == "stripe" else {"url": "http://127.0.0.1:9"}
        )
        with connect({"store": {"url": "memory:"}, "gateways": {"sandbox": {"adapter": card, **options}}}) as shop:
            token = ACTION if card == "stripe" else c.TOKEN
            method = PaymentMethod({"token": token, "input": c.INPUT})
            payment = value_of(shop.payments.create(new_payment(method=method)))
            monkeypatch.setattr(HttpSession, "exchange", interrupts)
            with pytest.raises(Interrupted) as raised:
                shop.transactions.authorize(payment.id)
            assert found_in(exception_text(raised.value)) == []
            with pytest.raises(Interrupted) as raised:
                shop.saved_methods.save(CUSTOMER, "sandbox", method)
            assert found_in(exception_text(raised.value)) == []


def test_the_debugging_of_http_client_prints_nothing_of_ours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 9)
    with echoing() as url, all_logs() as logged:
        sent = Sender().send("POST", f"{url}/{c.IN_URL}", {"Authorization": f"Bearer {c.API_KEY}"}, c.BODY.encode())
        assert isinstance(sent, Answer)
        assert found_in(repr(sent)) == []
    assert capsys.readouterr() == ("", "")
    assert [record.getMessage() for record in logged] == []


def test_a_gateway_that_repeats_what_it_was_sent_is_not_repeated() -> None:
    shop = open_shop()
    method = PaymentMethod({"token": c.TOKEN, "input": c.INPUT, "short": "no"})

    def repeats(request: PaymentRequest) -> PaymentResponse:
        said = f"no {request.method.token} with {request.method.property('input')} of {c.CARD}"
        answer = shop.spies["sandbox"].inner.execute(request)
        return attrs.evolve(answer, raw=said, seen=attrs.evolve(answer.seen, message=said, code=said))

    def found(request: PaymentRequest) -> Observation:
        seen = shop.spies["sandbox"].inner.look_up(request)
        assert isinstance(seen, Observation)
        return attrs.evolve(seen, message=c.TOKEN)

    shop.spies["sandbox"].instead, shop.spies["sandbox"].on_look_up = repeats, found
    payment = value_of(shop.payments.create(new_payment(method=method)))
    report = value_of(shop.transactions.authorize(payment.id))
    value_of(shop.transactions.refresh(payment.id))
    (seen, *_) = report.transactions[0].seen
    assert seen.message == seen.code == "no *** with *** of ****1111"
    history = value_of(shop.events.history(payment.id))
    assert found_in(repr(history)) == []


def a_leak_of(shop: ShopFixture, logged: list[logging.LogRecord]) -> list[str]:
    method = PaymentMethod({"token": c.TOKEN, "input": c.INPUT})
    payment = value_of(shop.payments.create(new_payment(method=method)))
    outcome = shop.transactions.authorize(payment.id)
    text = [text for given in (payment, outcome) for _, text in forms(given)]
    text += [text for given in value_of(shop.events.history(payment.id)) for _, text in forms(given)]
    text += [record.getMessage() for record in logged]
    return found_in("\n".join(text), SECRETS)


def test_planted_leaks_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaks without a bug; a gateway that logs, a repr that shows, a secret that pickles, and a fact that tells are found."""

    def logs(request: PaymentRequest) -> None:
        logging.getLogger("a.careless.gateway").debug("sending %s", request.method.token)

    observed = history._observed  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- the bug is planted inside

    def pickles(secret: Secret) -> tuple[object, ...]:
        return str, (secret.reveal(),)

    def tells(new: Any, seen: Any) -> dict[str, str]:
        return {**observed(new, seen), "input": c.INPUT}

    with all_logs() as logged:
        assert a_leak_of(open_shop(), logged) == []
        careless = open_shop()
        careless.spies["sandbox"].during = logs
        assert a_leak_of(careless, logged) == ["token"]
        logged.clear()
        for name, planted in (("__repr__", Secret.reveal), ("__reduce__", pickles)):
            with monkeypatch.context() as patch:
                patch.setattr(Secret, name, planted)
                assert "token" in a_leak_of(open_shop(), logged), name
        with monkeypatch.context() as patch:
            patch.setattr(history, "_observed", tells)
            assert a_leak_of(open_shop(), logged) == ["gateway input"]
        assert a_leak_of(open_shop(), logged) == []


def test_a_leak_that_is_planted_in_the_store_or_in_telemetry_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observed, about = history._observed, gateways._about  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- planted inside

    def tells(new: Any, seen: Any) -> dict[str, str]:
        return {**observed(new, seen), "input": c.INPUT}

    def shows(request: PaymentRequest) -> dict[str, Any]:
        return {**about(request), "payports.token": request.method.token}

    def sell(name: str, witness: Witness) -> list[str]:
        config = {
            "store": {"url": f"sqlite:///{tmp_path / name}"},
            "gateways": {"sandbox": {"adapter": "sandbox", "url": "memory:"}},
        }
        with connect(config, observer=witness) as shop:
            method = PaymentMethod({"token": c.TOKEN, "input": c.INPUT})
            payment = value_of(shop.payments.create(new_payment(method=method)))
            value_of(shop.transactions.authorize(payment.id))
            return leaks_of_store(tmp_path / name) + found_in(witness.text())

    assert sell("tight.db", Witness()) == []
    with monkeypatch.context() as patch:
        patch.setattr(history, "_observed", tells)
        assert sell("told.db", Witness()) == ["history.details shows gateway input"]
    with monkeypatch.context() as patch:
        patch.setattr(gateways, "_about", shows)
        assert set(sell("shown.db", Witness())) == {"token"}


def test_without_what_hides_them_variables_would_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the cleaning, keys and tokens in plain variables would be shown."""
    wrong: dict[str, Any] = {"secret_key": c.API_KEY, "base_url": 5, "adapter": "stripe"}
    with pytest.raises(ConfigurationError) as raised:
        wiring.connect({"gateways": {"card": wrong}})
    assert found_in(exception_text(raised.value)) == ["API key"]

    def as_it_is(raised: BaseException) -> BaseException:
        return raised

    monkeypatch.setattr(gateway_calls, "_without_frames", as_it_is)
    monkeypatch.setattr(HttpSession, "exchange", interrupts)
    card = {"adapter": "stripe", "secret_key": c.API_KEY}
    with connect({"store": {"url": "memory:"}, "gateways": {"sandbox": card}}) as shop:
        payment = value_of(shop.payments.create(new_payment(token=c.STRIPE_TOKEN)))
        with pytest.raises(Interrupted) as interrupted:
            shop.transactions.authorize(payment.id)
    assert {"token at Stripe", "API key"} <= set(found_in(exception_text(interrupted.value)))


def test_a_cause_or_a_variable_that_shows_is_found() -> None:
    def chains() -> None:
        try:
            raise KeyError(c.API_KEY)
        except KeyError as error:
            raise ConfigurationError("key", "is wrong") from error

    with pytest.raises(ConfigurationError) as chained:
        chains()
    assert found_in(exception_text(chained.value)) == ["API key"]
    namespace: dict[str, Any] = {}
    exec(compile(f"def fails(key='{c.API_KEY}'): raise ValueError", "elsewhere.py", "exec"), namespace)  # noqa: S102
    with pytest.raises(ValueError) as shown:  # noqa: PT011 -- what it shows is looked at
        namespace["fails"]()
    assert found_in(exception_text(shown.value)) == ["API key"]


def test_the_password_of_a_database_is_shown_by_nothing_of_an_open_shop(database_url: str) -> None:
    with all_logs() as logged, connect({"store": {"url": database_url, "password": c.PASSWORD}}) as shop:
        value_of(shop.payments.create(new_payment()))
        given = (shop, shop.store, shop.environment, shop.environment.store, dict(shop.store.check()))
        assert [form for value in given for form, text in forms(value) if found_in(text)] == []
        assert found_in(" ".join(record.getMessage() for record in logged)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("'7391'", True),
        ('"cvc": 7391,', True),
        ("code 7391.", True),
        ("7391.25 ms", False),
        ("0.7391", False),
        ("id47391", False),
    ],
)
def test_a_security_code_is_found_where_it_stands_alone(text: str, found: bool) -> None:
    assert (found_in(text) == ["security code"]) is found
