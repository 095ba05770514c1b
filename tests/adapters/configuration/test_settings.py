"""The configuration: every key known, every value of its exact type; an error names the key and never shows the value."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payports import Cart, ConfigurationError, Customer, Money, NewPayment, Owner, PaymentMethod, Payports, connect
from payports.adapters.option_reading import read_options
from payports.testing import FixedClock, SandboxBank

CANARY: Final = "sk_live_canary_7f3b9c"
CARD: Final = {"adapter": "sandbox"}
MEMORY: Final = {"store": {"url": "memory:"}}


def refused(config: Any, **rest: Any) -> ConfigurationError:
    """The error of a configuration; nothing of it may show the canary."""
    with pytest.raises(ConfigurationError) as caught:
        connect(config, **rest)
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(error) + repr(error.__dict__)
    assert CANARY not in shown
    assert error.__cause__ is None
    assert error.__context__ is None
    return error


WRONG: dict[str, tuple[Mapping[str, Any], str]] = {
    "an unknown table": ({"gateway": {}}, "configuration"),
    "an unknown key of checkout": ({"checkout": {"prority": []}}, "checkout"),
    "an unknown key of orders": ({"orders": {"splitt": "ratio"}}, "orders"),
    "an unknown key of recovery": ({"recovery": {"first": "1m"}}, "recovery"),
    "an unknown key of the store": ({"store": {"url": "memory:", "password": CANARY}}, "store.password"),
    "an unknown key of a gateway": ({"gateways": {"card": {**CARD, "secret": CANARY}}}, "gateways.card"),
    "an unknown key of an option": ({"options": [{"gateway": "sandbox", "colour": 1}]}, "options[0]"),
    "an unknown key of a fee": (
        {"options": [{"gateway": "sandbox", "fees": [{"name": "x", "amounts": {}, "y": 1}]}]},
        "options[0].fees[0]",
    ),
    "an unknown key of a merchant": ({"merchants": {"m-2": {"store": {}}}}, "merchants.m-2"),
    "a number as table": ({"checkout": 1}, "checkout"),
    "a list as table": ({"gateways": []}, "gateways"),
    "a text as gateway": ({"gateways": {"card": CANARY}}, "gateways.card"),
    "no adapter": ({"gateways": {"card": {}}}, "gateways.card.adapter"),
    "an adapter that is not registered": ({"gateways": {"card": {"adapter": CANARY}}}, "gateways.card.adapter"),
    "an adapter that is a path": ({"gateways": {"card": {"adapter": "os:system"}}}, "gateways.card.adapter"),
    "an adapter that is a module": (
        {"gateways": {"card": {"adapter": "payports.adapters.gateways.sandbox"}}},
        "gateways.card.adapter",
    ),
    "an adapter that is a number": ({"gateways": {"card": {"adapter": 1}}}, "gateways.card.adapter"),
    "a bridge that is not registered": ({"gateways": {"card": {**CARD, "bridge": CANARY}}}, "gateways.card.bridge"),
    "a store that is not registered": ({"store": {"url": f"{CANARY}://x"}}, "store.url"),
    "a store without a scheme": ({"store": {"url": CANARY}}, "store.url"),
    "a store that is a number": ({"store": {"url": 5}}, "store.url"),
    "a number as flag": (
        {"gateways": {"card": {**CARD, "perform_authorize_and_capture": 1}}},
        "gateways.card.perform_authorize_and_capture",
    ),
    "a text as flag": ({"gateways": {"card": {**CARD, "awaiting_covers": "yes"}}}, "gateways.card.awaiting_covers"),
    "a text as list": ({"checkout": {"priority": "sandbox"}}, "checkout.priority"),
    "a table as list": ({"checkout": {"priority": {"sandbox": 1}}}, "checkout.priority"),
    "a number in a list": ({"checkout": {"priority": [1]}}, "checkout.priority[0]"),
    "a text as list of types": ({"options": [{"gateway": "sandbox", "types": "COD"}]}, "options[0].types"),
    "a gateway that is not there": ({"checkout": {"priority": [CANARY]}}, "checkout.priority"),
    "a gateway twice": ({"checkout": {"priority": ["sandbox", "sandbox"]}}, "checkout.priority"),
    "an option of no gateway": ({"options": [{"gateway": CANARY}]}, "options"),
    "options that are a table": ({"options": {"gateway": "sandbox"}}, "options"),
    "an option that is a text": ({"options": [CANARY]}, "options[0]"),
    "a type that is none": ({"options": [{"gateway": "sandbox", "types": [CANARY]}]}, "options[0].types[0]"),
    "a currency that is none": ({"options": [{"gateway": "sandbox", "currencies": ["usd"]}]}, "options[0].currencies"),
    "a currency with a long s": (
        {"options": [{"gateway": "sandbox", "currencies": ["uſd"]}]},
        "options[0].currencies",
    ),
    "a country that is none": ({"options": [{"gateway": "sandbox", "countries": ["de"]}]}, "options[0].countries"),
    "an amount that is a number": ({"options": [{"gateway": "sandbox", "minimum": {"EUR": 1}}]}, "options[0].minimum['EUR']"),
    "an amount that is none": ({"options": [{"gateway": "sandbox", "minimum": {"EUR": CANARY}}]}, "options[0].minimum.EUR"),
    "half a yen": ({"options": [{"gateway": "sandbox", "maximum": {"JPY": "1.5"}}]}, "options[0].maximum.JPY"),
    "an amount of no currency": ({"options": [{"gateway": "sandbox", "minimum": {"eur": "1"}}]}, "options[0].minimum.eur"),
    "a list of amounts": ({"options": [{"gateway": "sandbox", "minimum": [["EUR", "1"]]}]}, "options[0].minimum"),
    "a duration without unit": ({"checkout": {"reversal_after": "2"}}, "checkout.reversal_after"),
    "a duration that is a number": ({"checkout": {"reversal_after": 7_200}}, "checkout.reversal_after"),
    "a duration beyond the calendar": ({"checkout": {"reversal_after": "999999999d"}}, "checkout.reversal_after"),
    "a lease of nothing": ({"checkout": {"lease": "0s"}}, "checkout.lease"),
    "a rollback that is none": ({"checkout": {"rollback": CANARY}}, "checkout.rollback"),
    "a rollback that is a flag": ({"checkout": {"rollback": True}}, "checkout.rollback"),
    "a split that is none": ({"orders": {"split": "half"}}, "orders.split"),
    "a merchant without a name": ({"merchant": ""}, "merchant"),
    "a merchant that is a number": ({"merchant": 7}, "merchant"),
    "a merchant with NUL": ({"merchants": {"m\0": {}}}, "merchants"),
    "a merchant that is a text": ({"merchants": {"m-2": CANARY}}, "merchants.m-2"),
    "a gateway without a name": ({"gateways": {"": CARD}}, "gateways"),
    "a gateway whose name is a number": ({"gateways": {5: CARD}}, "gateways"),
    "a short secret": ({"gateways": {"card": {**CARD, "webhook_secret": "short"}}}, "gateways.card.webhook_secret"),
    "an empty secret": ({"gateways": {"card": {**CARD, "webhook_secret": ""}}}, "gateways.card.webhook_secret"),
    "a secret that is a number": ({"gateways": {"card": {**CARD, "webhook_secret": 1234567890123456}}}, "gateways.card.webhook_secret"),
    "a secret that is a list": ({"gateways": {"card": {**CARD, "webhook_secret": [CANARY]}}}, "gateways.card.webhook_secret"),
    "a variable that is not set": (
        {"gateways": {"card": {**CARD, "webhook_secret": {"env": "PAYPORTS_NOT_SET"}}}},
        "gateways.card.webhook_secret",
    ),
    "a secret where the name of a variable belongs": (
        {"gateways": {"card": {**CARD, "webhook_secret": {"env": CANARY}}}},
        "gateways.card.webhook_secret",
    ),
    "a variable with NUL": ({"gateways": {"card": {**CARD, "webhook_secret": {"env": "A\0"}}}}, "gateways.card.webhook_secret"),
    "a variable that is a number": (
        {"gateways": {"card": {**CARD, "webhook_secret": {"env": 5}}}},
        "gateways.card.webhook_secret.env",
    ),
    "a file that is not there": (
        {"gateways": {"card": {**CARD, "webhook_secret": {"file": f"/nowhere/{CANARY}"}}}},
        "gateways.card.webhook_secret",
    ),
    "a file with NUL": ({"gateways": {"card": {**CARD, "webhook_secret": {"file": "a\0"}}}}, "gateways.card.webhook_secret"),
    "a reference of two kinds": (
        {"gateways": {"card": {**CARD, "webhook_secret": {"env": "A", "file": "b"}}}},
        "gateways.card.webhook_secret",
    ),
    "a merchant's own mistake": ({"merchants": {"m-2": {"checkout": {"rollback": CANARY}}}}, "checkout.rollback"),
}  # fmt: skip


@pytest.mark.parametrize(("config", "key"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_refused_naming_the_key_and_never_the_value(config: Mapping[str, Any], key: str) -> None:
    assert refused({**MEMORY, **config}).key == key


@pytest.mark.parametrize("config", [5, True, [], b"payports.toml", 1.5, object()])
def test_what_is_no_configuration_is_refused(config: Any) -> None:
    refused(config)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.toml").key == "none.toml"
    assert refused(tmp_path).key == tmp_path.name
    refused("a\0b")
    bad = tmp_path / "bad.toml"
    for content in (
        b"[store",
        b"\xff\xfe",
        f'a = "{CANARY}" b'.encode(),
        b"[store]\n[store]\n",
        b"[gateways.a]\n[gateways.a]",
    ):
        bad.write_bytes(content)
        assert refused(bad).key == "bad.toml"


def test_a_file_and_a_mapping_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "payports.toml"
    path.write_text(
        """
        merchant = "m-1"
        [store]
        url = "memory:"
        [gateways.card]
        adapter = "sandbox"
        perform_authorize_and_capture = true
        [checkout]
        priority = ["card"]
        rollback = "immediate"
        reversal_after = "3h"
        [[options]]
        gateway = "card"
        minimum = { EUR = "1.00" }
        """
    )
    shop = connect(path)
    assert shop.merchant_id == "m-1"
    assert shop.gateways["card"].captures_at_once
    assert shop.policy.checkout_priority == ("card",)
    assert shop.policy.rollback_immediately
    assert shop.policy.schedule.reversal_after == timedelta(hours=3)
    assert shop.policy.options[0].minimum == {"EUR": Money.of("1.00", "EUR")}
    assert connect(str(path)).policy == shop.policy


def test_a_merchants_own_table_goes_over_the_common_one_key_by_key() -> None:
    config = {
        **MEMORY,
        "gateways": {"card": {**CARD, "account": "common"}},
        "checkout": {"rollback": "immediate", "lease": "1m"},
        "merchants": {"m-2": {"gateways": {"card": {"account": "own"}}, "checkout": {"lease": "2m"}}},
    }
    shop = connect(config)
    other = shop.merchant("m-2").environment
    assert (shop.gateways["card"].gateway.account, other.gateways["card"].gateway.account) == ("common", "own")
    assert other.policy.rollback_immediately
    assert (shop.policy.lease, other.policy.lease) == (timedelta(minutes=1), timedelta(minutes=2))


# --- secrets ---


def with_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("PAYPORTS_CANARY", f"{CANARY}_env")
    (tmp_path / "secret").write_text(f"{CANARY}_file\n")
    return {
        **MEMORY,
        "gateways": {
            "one": {**CARD, "webhook_secret": {"env": "PAYPORTS_CANARY"}},
            "two": {**CARD, "webhook_secret": {"file": str(tmp_path / "secret")}},
        },
    }


def test_a_secret_is_read_from_a_variable_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = connect(with_secrets(tmp_path, monkeypatch))
    readers: dict[str, Any] = {name: configured.gateway.webhooks for name, configured in shop.gateways.items()}
    secrets = {
        name: [value.reveal() for value in vars_of(reader.secrets) if hasattr(value, "reveal")]
        for name, reader in readers.items()
    }
    assert secrets == {"one": [f"{CANARY}_env"], "two": [f"{CANARY}_file"]}


def test_the_address_of_the_store_may_be_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYPORTS_STORE", "memory:")
    with connect({"store": {"url": {"env": "PAYPORTS_STORE"}}}) as shop:
        assert shop.store.check()["store"] == "memory"


def test_no_secret_shows_in_the_repr_of_anything_that_a_shop_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = connect(with_secrets(tmp_path, monkeypatch), clock=FixedClock())
    method = PaymentMethod({"token": f"tok_{CANARY}", "pin": CANARY}, {"brand": "visa"})
    shop.payments.create(
        NewPayment(owner=Owner("cart", "c-1"), amount=Money(1, "EUR"), gateway="one", method=method)
    ).unwrap()
    shop.saved_methods.save(Customer("cu-1"), "one", method)
    shop.checkout.submit(Cart("c-1", total=Money(1, "EUR")), request_id="r-1")
    for one in reachable(shop):
        assert CANARY not in repr(one), type(one)
        assert CANARY not in str(one), type(one)


def test_a_mistake_next_to_a_secret_shows_it_in_no_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = with_secrets(tmp_path, monkeypatch)
    config["gateways"]["one"]["unknown"] = True
    with pytest.raises(ConfigurationError) as caught:
        connect(config)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert CANARY not in shown


def vars_of(found: Any) -> list[Any]:
    fields: Any = getattr(found, "__attrs_attrs__", None)
    if fields:
        return [getattr(found, field.name) for field in fields]
    return [*getattr(found, "__dict__", {}).values()]


def reachable(shop: Payports) -> Iterator[object]:
    """Everything of ours that a shop holds, but for the inside of secrets."""
    seen: set[int] = set()
    waiting: list[Any] = [shop, *shop.store.of("default").payments()]
    while waiting:
        one: Any = waiting.pop()
        if id(one) in seen or isinstance(one, type):
            continue
        seen.add(id(one))
        if hasattr(one, "values"):
            waiting += one.values()
        elif type(one) in (tuple, list, frozenset, set):
            waiting += one
        elif type(one).__module__.startswith("payports") and type(one).__name__ != "Secret":
            yield one
            waiting += vars_of(one)


# --- options of adapters ---


@attrs.frozen(kw_only=True)
class Sample:
    """Every kind of option that an adapter may have."""

    text: str = ""
    number: int = 0
    flag: bool = False
    texts: tuple[str, ...] = ()
    names: dict[str, str] = attrs.field(factory=dict[str, str])
    wait: timedelta = timedelta()


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def fits(name: str, value: Any) -> bool:
    kinds = {"text": str, "number": int, "flag": bool, "texts": list, "names": dict}
    values = getattr(value, "values", lambda: value if name == "texts" else ())
    return type(value) is kinds[name] and {type(one) for one in values()} <= {str}


@given(name=st.sampled_from(["text", "number", "flag", "texts", "names"]), value=JUNK)
def test_an_option_takes_exactly_its_type_and_nothing_that_looks_like_it(name: str, value: Any) -> None:
    """Cattrs alone reads 12.7 as 12, "12" as 12, True as 1 and a text as a list of letters."""
    if fits(name, value):
        read = getattr(read_options(Sample, {name: value}, "here"), name)
        assert read == (tuple(value) if name == "texts" else value)
        return
    with pytest.raises(ConfigurationError) as caught:
        read_options(Sample, {name: value}, "here")
    assert caught.value.key.startswith(f"here.{name}")


@given(JUNK)
def test_no_junk_is_a_duration(value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_options(Sample, {"wait": value}, "here")
    assert caught.value.key == "here.wait"


@given(JUNK)
def test_junk_as_a_configuration_is_a_configuration_error_or_a_shop(junk: Any) -> None:
    for config in (
        {**MEMORY, "gateways": junk},
        {**MEMORY, "checkout": junk},
        {**MEMORY, "options": junk},
        {"store": junk, "x": 1},
    ):
        try:
            connect(config, bank=SandboxBank()).close()
        except ConfigurationError:
            continue


@given(st.dictionaries(st.sampled_from(["adapter", "account", "url", "webhook_secret", "partial_capture", "x"]), JUNK))
def test_junk_as_the_options_of_a_gateway_is_a_configuration_error_or_a_shop(junk: dict[str, Any]) -> None:
    keys: list[str] = []
    try:
        connect({**MEMORY, "gateways": {"card": {"adapter": "sandbox", **junk}}}, bank=SandboxBank()).close()
    except ConfigurationError as error:
        keys.append(error.key)
    assert all(key.startswith("gateways.card") for key in keys)
