"""No canary is in the outputs, logs, observer events or files of a shop."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from pickle import dumps

import attrs
import pytest

from payports import ActionRequired, NewPayment, OrderReport, Payment, Payports, SavedMethod, TransactionReport
from payports.application.kernel.environment import Environment
from payports.application.kernel.policy import ConfiguredGateway
from payports.domain.payment_method import Address
from tests.secret_leaks.canaries import CLIENT_SECRET, PASSED_THROUGH, PERSONAL, SECRETS, found_in, without
from tests.secret_leaks.echo_server import echoing
from tests.secret_leaks.journey import Journey, start
from tests.secret_leaks.sinks import BEHIND_FIELDS, forms, inside, leaks_of_store, log_text
from tests.webhooks.fixtures import all_logs


@attrs.frozen(kw_only=True)
class Past:
    journey: Journey
    logged: list[logging.LogRecord]
    store: Path


@pytest.fixture(scope="module", name="past")
def _past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    folder = tmp_path_factory.mktemp("leaks")
    with echoing() as stripe, all_logs() as logged:
        journey = start(folder, stripe)
        with journey.shop:
            yield Past(journey=journey, logged=logged, store=folder / "shop.db")


def test_the_journey_went_everywhere(past: Past) -> None:
    """Without this, nothing might be found because nothing happened."""
    shop = past.journey.shop
    payments = shop.environment.store.payments(limit=1_000)
    assert {payment.gateway for payment in payments} == {"sandbox", "card", "away", "gift", "wire", "raises"}
    statuses = {row.status for payment in payments for row in payment.transactions}
    assert {"SUCCEEDED", "DECLINED", "NOT_EXECUTED", "UNKNOWN"} <= statuses
    kinds = {type(inside(value)).__name__ for value in past.journey.given}
    expected = {"CheckedOut", "ActionRequired", "PaymentsFailed", "StoreUnavailable", "ResultUnknown", "InvalidInput"}
    assert expected <= kinds
    assert {"Payment", "Delivery", "MaintenanceReport", "RecordedFact", "Operation", "Ending", "SavedMethod"} <= kinds
    assert len(past.logged) > 100
    assert len(past.journey.given) > 300


def may_show(thing: object, form: str) -> set[str]:
    """What a form shows on purpose: tools that write every field show the fields that are not secret."""
    shown: set[str] = set()
    if form in BEHIND_FIELDS:
        shown |= {*PERSONAL}
        if isinstance(thing, ActionRequired):
            shown |= {"client secret", "callback token 1", "callback token 2"}
        if isinstance(thing, Payports | Environment | ConfiguredGateway):
            shown |= {"address of the gateway"}
    if isinstance(thing, Payment | NewPayment | TransactionReport | OrderReport):
        shown |= {*PASSED_THROUGH}
    return shown


def test_nothing_that_a_shop_gives_shows_a_canary(past: Past) -> None:
    tokens = {f"callback token {number}": token for number, token in enumerate(past.journey.callback_tokens, 1)}
    every = {**SECRETS, **PERSONAL, **PASSED_THROUGH, **tokens}
    leaks: set[str] = set()
    for given in past.journey.given:
        thing = inside(given)
        for form, text in forms(given):
            found = found_in(text, without(may_show(thing, form), every))
            leaks |= {f"{form} of {type(thing).__name__} shows {name}" for name in found}
    assert leaks == set()


def test_nothing_that_is_logged_shows_a_canary(past: Past) -> None:
    every = {**SECRETS, **PERSONAL, **PASSED_THROUGH}
    assert [name for record in past.logged for name in found_in(log_text(record), every)] == []


def test_nothing_that_observers_are_told_shows_a_canary(past: Past) -> None:
    tokens = {f"callback token {number}": token for number, token in enumerate(past.journey.callback_tokens, 1)}
    assert found_in(past.journey.witness.text(), {**SECRETS, **PERSONAL, **PASSED_THROUGH, **tokens}) == []
    assert len(past.journey.witness.endings) > 100


def test_a_canary_is_kept_only_in_the_columns_that_are_meant_for_it(past: Past) -> None:
    files = {file.name for file in past.store.parent.iterdir()}
    assert files >= {"shop.db", "shop.db-wal", "shop.db-shm"}
    assert leaks_of_store(past.store) == []


def test_what_the_browser_needs_is_handed_out_and_shown_by_no_repr(past: Past) -> None:
    handed_out = [value for value in past.journey.given if CLIENT_SECRET in str(inside(value))]
    assert handed_out == []
    waiting = [inside(value) for value in past.journey.given]
    urls = [action.url for outcome in waiting if isinstance(outcome, ActionRequired) for action in outcome.next_actions]
    assert any(CLIENT_SECRET in url for url in urls)


def test_values_with_secrets_are_copied_whole_and_refuse_to_be_pickled(past: Past) -> None:
    saved = [inside(value) for value in past.journey.given]
    things = [value for value in (*past.journey.given, *saved) if isinstance(value, Payment | NewPayment | SavedMethod)]
    assert len({type(value) for value in things}) == 3
    for thing in things:
        assert deepcopy(thing) == thing
        with pytest.raises(TypeError, match="a secret is not pickled"):
            dumps(thing)


def test_an_address_shows_its_country_alone() -> None:
    shown = repr(Address(name="Ada", lines=("Walk 1",), city="Berlin", country="DE", email="a@b.example", phone="+49"))
    assert shown == "Address(country='DE')"
