"""The bank's desk: takes a message, decides by the book, writes it down and replies. Each message is one transaction of the book."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import attrs

from payports.adapters.gateways.kit.json_reading import JsonObject, read_object, text
from payports.adapters.gateways.ledger.entries import Entry, EntryState
from payports.adapters.gateways.ledger.rules import Decision, decide, fence, refuse
from payports.adapters.gateways.ledger.storage import Ledger
from payports.adapters.gateways.sandbox import vault
from payports.adapters.gateways.sandbox.messages import (
    EXECUTE,
    FORGET,
    KEEP,
    LOOK_UP,
    METHODS,
    Execution,
    Malformed,
    encoded,
    read_execution,
    read_order,
    shown,
)
from payports.adapters.gateways.sandbox.scenarios import NOTHING_DONE, Reply, Scenario, distorted, not_done, ruling_of
from payports.domain.lifecycle import DETACHED_CREDIT, INITIATING
from payports.domain.transaction_types import FailureType, TransactionType

ACTION_LIFETIME: Final = timedelta(hours=1)
"""How long a shopper may take; shorter than the two hours after which a shop gives up."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS moods (position INTEGER PRIMARY KEY, type TEXT NOT NULL, mood TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS notices (
    position INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, items TEXT NOT NULL
) STRICT;
"""

_WRONG: Final = 100
"""By how many minor units the answer of ``wrong_amount`` is wrong."""


class Endpoints:
    """Serves messages from a book. ``now`` gives seconds since 1970, ``pages`` is where shoppers act."""

    def __init__(self, book: Ledger, now: Callable[[], float], pages: str) -> None:
        self.book = book
        self.now = now
        self.pages = pages

    def handle(self, path: str, body: bytes) -> Reply:
        """Take one message. Total: what cannot be read is refused with 400."""
        serve = self._SERVICES.get(path)
        message = read_object(body)
        if serve is None:
            return _error(404, "no_such_path")
        if message is None:
            return _error(400, "malformed")
        with self.book.writing():
            return serve(self, message)

    def _execute(self, message: JsonObject) -> Reply:
        asked = read_execution(message)
        if isinstance(asked, Malformed):
            return _error(400, "malformed", asked.field)
        known = self.book.under_key(asked.order.account, asked.order.key)
        if known:
            return self._repeat(asked, known)
        mood = self._mood(asked)
        if mood in NOTHING_DONE:
            return not_done(mood)
        order = asked.order
        family = self.book.family(order.account, order.parent)
        ruling = self._ruling(asked, mood)
        entries = decide(order, family, asked.terms, ruling, self.now(), self.book.namer())
        answer = self.book.add(entries)[0]
        if answer.state in (EntryState.DONE, EntryState.DECLINED):
            self.notify(answer)
        answered = shown(answer, self.pages)
        if mood is Scenario.WRONG_AMOUNT and answer.state is EntryState.DONE:
            answered["amount_minor"] += _WRONG
        return distorted(mood, _transaction(answered))

    def _repeat(self, asked: Execution, known: Entry) -> Reply:
        if known.state is EntryState.FENCED:
            return _error(410, "key_burnt")
        if known.content != asked.order.content:
            return _error(422, "key_reused")
        return _transaction(shown(self.up_to_date(known), self.pages))

    def _mood(self, asked: Execution) -> Scenario:
        planned = self._planned(asked.order.type)
        if planned is not Scenario.APPROVED or asked.order.type not in INITIATING:
            return planned
        return vault.mood_of(self.book, asked.order.account, asked.token) or Scenario.APPROVED

    def _planned(self, kind: TransactionType) -> Scenario:
        with self.book.writing() as execute:
            row = execute(
                "DELETE FROM moods WHERE position = (SELECT min(position) FROM moods WHERE type = ?) RETURNING mood",
                (kind.value,),
            ).fetchone()
        return Scenario(row[0]) if row else Scenario.APPROVED

    def _ruling(self, asked: Execution, mood: Scenario) -> Decision:
        needs_token = asked.order.type in INITIATING or asked.order.type is DETACHED_CREDIT
        if needs_token and vault.mood_of(self.book, asked.order.account, asked.token) is None:
            return refuse("invalid_token", FailureType.INVALID_PAYMENT_METHOD, hard=True)
        return ruling_of(mood, asked.order.minor)

    def _look_up(self, message: JsonObject) -> Reply:
        asked = read_order(message)
        if isinstance(asked, Malformed):
            return _error(400, "malformed", asked.field)
        known = self.book.under_key(asked.account, asked.key)
        if known:
            given_up = message.get("give_up") is True
            return _transaction(shown(self.given_up(known) if given_up else self.up_to_date(known), self.pages))
        if message.get("fence") is not True:
            return _error(404, "not_found")
        burnt = self.book.add((fence(asked, self.now(), self.book.namer()),))[0]
        return _transaction(shown(burnt, self.pages))

    def _keep(self, message: JsonObject) -> Reply:
        token = vault.keep(self.book, text(message, "account"), text(message, "customer"), text(message, "token"))
        return Reply(200, encoded({"token": token})) if token else _error(402, "invalid_token")

    def _methods(self, message: JsonObject) -> Reply:
        kept = vault.kept(self.book, text(message, "account"), text(message, "customer"))
        return Reply(200, encoded({"tokens": kept}))

    def _forget(self, message: JsonObject) -> Reply:
        vault.forget(self.book, text(message, "account"), text(message, "customer"), text(message, "token"))
        return Reply(200, encoded({}))

    def up_to_date(self, entry: Entry) -> Entry:
        """Give up on an action that no shopper took in time."""
        late = self.now() > entry.made_at + ACTION_LIFETIME.total_seconds()
        return self.given_up(entry) if late else entry

    def given_up(self, entry: Entry) -> Entry:
        """Let no shopper take an action any more, if one waits."""
        if entry.state is not EntryState.ACTION:
            return entry
        return self.finish(entry, refuse("action_expired", FailureType.ABANDONED))

    def finish(self, entry: Entry, ruling: Decision) -> Entry:
        """Write down what became of an entry that waited, and of what waited for it, and tell of it."""
        ended = self.book.replace(ended_by(ruling, entry))
        for one in self.book.family(entry.account, entry.reference):
            if one.waits_for == entry.reference and one.state is entry.state:
                self.book.replace(ended_by(ruling, one))
        self.notify(ended)
        return ended

    def notify(self, *entries: Entry) -> None:
        """Note that the owner of an account is to be told of some of its entries, all in one notification."""
        items = [shown(one, self.pages) for one in entries]
        with self.book.writing() as execute:
            execute("INSERT INTO notices (account, items) VALUES (?, ?)", (entries[0].account, json.dumps(items)))

    _SERVICES: Final[dict[str, Callable[[Endpoints, JsonObject], Reply]]] = {
        EXECUTE: _execute,
        LOOK_UP: _look_up,
        KEEP: _keep,
        METHODS: _methods,
        FORGET: _forget,
    }


def ended_by(ruling: Decision, entry: Entry) -> Entry:
    """The entry with what became of it."""
    return attrs.evolve(entry, state=ruling.state, code=ruling.code, failure=ruling.failure, hard=ruling.hard)


def _transaction(message: dict[str, Any]) -> Reply:
    return Reply(200, encoded({"transaction": message}))


def _error(status: int, code: str, field: str = "") -> Reply:
    return Reply(status, encoded({"error": {"code": code, "field": field}}))
