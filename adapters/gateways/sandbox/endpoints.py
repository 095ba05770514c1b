"""The bank's endpoints: read a message, decide by the ledger's rules, record the result and reply.

Each message is one database transaction.
"""

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
    entry_message,
    read_execution,
    read_request,
)
from payports.adapters.gateways.sandbox.scenarios import (
    UNPROCESSED,
    Reply,
    Scenario,
    decision_of,
    distorted,
    unprocessed,
)
from payports.domain.lifecycle import DETACHED_CREDIT, INITIATING
from payports.domain.transaction_types import FailureType, TransactionType

ACTION_LIFETIME: Final = timedelta(hours=1)
"""How long an action stays open; shorter than the two hours after which a shop cancels it."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS moods (position INTEGER PRIMARY KEY, type TEXT NOT NULL, mood TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS notices (
    position INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, items TEXT NOT NULL
) STRICT;
"""
"""The scenarios that ``fail_next`` has planned, and the notifications to send. Files that exist keep the names of their tables."""

_WRONG: Final = 100
"""By how many minor units the answer of ``wrong_amount`` is wrong."""


class Endpoints:
    """Serves messages from a ledger. ``now`` gives seconds since 1970, ``pages`` is the URL of the bank's pages for shoppers."""

    def __init__(self, ledger: Ledger, now: Callable[[], float], pages: str) -> None:
        self.ledger = ledger
        self.now = now
        self.pages = pages

    def handle(self, path: str, body: bytes) -> Reply:
        """Serve one message. Total: what cannot be read is refused with 400."""
        serve = self._ENDPOINTS.get(path)
        message = read_object(body)
        if serve is None:
            return _error(404, "no_such_path")
        if message is None:
            return _error(400, "malformed")
        with self.ledger.writing():
            return serve(self, message)

    def _execute(self, message: JsonObject) -> Reply:
        execution = read_execution(message)
        if isinstance(execution, Malformed):
            return _error(400, "malformed", execution.field)
        known = self.ledger.under_key(execution.request.account, execution.request.key)
        if known:
            return self._repeat(execution, known)
        scenario = self._scenario(execution)
        if scenario in UNPROCESSED:
            return unprocessed(scenario)
        request = execution.request
        family = self.ledger.family(request.account, request.parent)
        decision = self._decision(execution, scenario)
        entries = decide(request, family, execution.terms, decision, self.now(), self.ledger.namer())
        answer = self.ledger.add(entries)[0]
        if answer.state in (EntryState.DONE, EntryState.DECLINED):
            self.notify(answer)
        message = entry_message(answer, self.pages)
        if scenario is Scenario.WRONG_AMOUNT and answer.state is EntryState.DONE:
            message["amount_minor"] += _WRONG
        return distorted(scenario, _transaction(message))

    def _repeat(self, execution: Execution, known: Entry) -> Reply:
        if known.state is EntryState.FENCED:
            return _error(410, "key_burnt")
        if known.content != execution.request.content:
            return _error(422, "key_reused")
        return _transaction(entry_message(self.expire_action(known), self.pages))

    def _scenario(self, execution: Execution) -> Scenario:
        planned = self._planned(execution.request.type)
        if planned is not Scenario.APPROVED or execution.request.type not in INITIATING:
            return planned
        return vault.scenario_of(self.ledger, execution.request.account, execution.token) or Scenario.APPROVED

    def _planned(self, kind: TransactionType) -> Scenario:
        with self.ledger.writing() as execute:
            row = execute(
                "DELETE FROM moods WHERE position = (SELECT min(position) FROM moods WHERE type = ?) RETURNING mood",
                (kind.value,),
            ).fetchone()
        return Scenario(row[0]) if row else Scenario.APPROVED

    def _decision(self, execution: Execution, scenario: Scenario) -> Decision:
        needs_token = execution.request.type in INITIATING or execution.request.type is DETACHED_CREDIT
        if needs_token and vault.scenario_of(self.ledger, execution.request.account, execution.token) is None:
            return refuse("invalid_token", FailureType.INVALID_PAYMENT_METHOD, hard=True)
        return decision_of(scenario, execution.request.minor)

    def _look_up(self, message: JsonObject) -> Reply:
        request = read_request(message)
        if isinstance(request, Malformed):
            return _error(400, "malformed", request.field)
        known = self.ledger.under_key(request.account, request.key)
        if known:
            current = self.cancel_action(known) if message.get("give_up") is True else self.expire_action(known)
            return _transaction(entry_message(current, self.pages))
        if message.get("fence") is not True:
            return _error(404, "not_found")
        fenced = self.ledger.add((fence(request, self.now(), self.ledger.namer()),))[0]
        return _transaction(entry_message(fenced, self.pages))

    def _keep(self, message: JsonObject) -> Reply:
        token = vault.keep(self.ledger, text(message, "account"), text(message, "customer"), text(message, "token"))
        return Reply(200, encoded({"token": token})) if token else _error(402, "invalid_token")

    def _methods(self, message: JsonObject) -> Reply:
        kept = vault.kept(self.ledger, text(message, "account"), text(message, "customer"))
        return Reply(200, encoded({"tokens": kept}))

    def _forget(self, message: JsonObject) -> Reply:
        vault.forget(self.ledger, text(message, "account"), text(message, "customer"), text(message, "token"))
        return Reply(200, encoded({}))

    def expire_action(self, entry: Entry) -> Entry:
        """Cancel an action that the shopper has not completed in time."""
        expired = self.now() > entry.made_at + ACTION_LIFETIME.total_seconds()
        return self.cancel_action(entry) if expired else entry

    def cancel_action(self, entry: Entry) -> Entry:
        """Cancel an action that waits for the shopper, if one does."""
        if entry.state is not EntryState.ACTION:
            return entry
        return self.finish(entry, refuse("action_expired", FailureType.ABANDONED))

    def finish(self, entry: Entry, decision: Decision) -> Entry:
        """Record the result of an entry that waited and of the entries that wait for it, and notify the account."""
        finished = self.ledger.replace(with_decision(entry, decision))
        for implied in self.ledger.family(entry.account, entry.reference):
            if implied.waits_for == entry.reference and implied.state is entry.state:
                self.ledger.replace(with_decision(implied, decision))
        self.notify(finished)
        return finished

    def notify(self, *entries: Entry) -> None:
        """Queue one notification to an account about some of its entries."""
        items = [entry_message(entry, self.pages) for entry in entries]
        with self.ledger.writing() as execute:
            execute("INSERT INTO notices (account, items) VALUES (?, ?)", (entries[0].account, json.dumps(items)))

    _ENDPOINTS: Final[dict[str, Callable[[Endpoints, JsonObject], Reply]]] = {
        EXECUTE: _execute,
        LOOK_UP: _look_up,
        KEEP: _keep,
        METHODS: _methods,
        FORGET: _forget,
    }


def with_decision(entry: Entry, decision: Decision) -> Entry:
    """Copy an entry with a new decision."""
    return attrs.evolve(entry, state=decision.state, code=decision.code, failure=decision.failure, hard=decision.hard)


def _transaction(message: dict[str, Any]) -> Reply:
    return Reply(200, encoded({"transaction": message}))


def _error(status: int, code: str, field: str = "") -> Reply:
    return Reply(status, encoded({"error": {"code": code, "field": field}}))
