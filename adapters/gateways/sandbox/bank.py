"""The sandbox bank in process, with the controls that tests and demonstrations use; its HTTP server serves the same object."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from payports.adapters.gateways.kit.webhook_secrets import MIN_SECRET
from payports.adapters.gateways.ledger.entries import Effect, Entry, EntryState, LedgerRequest
from payports.adapters.gateways.ledger.rules import AccountTerms, Decision, decide, refuse
from payports.adapters.gateways.ledger.storage import MEMORY, Ledger
from payports.adapters.gateways.sandbox import vault
from payports.adapters.gateways.sandbox.endpoints import SCHEMA, Endpoints
from payports.adapters.gateways.sandbox.messages import ENVIRONMENT
from payports.adapters.gateways.sandbox.scenarios import CHALLENGE, Reply, Scenario
from payports.adapters.gateways.sandbox.signatures import signed_headers
from payports.domain.money import Money
from payports.domain.secret import Secret
from payports.domain.transaction_types import FailureType, TransactionType
from payports.ports.clock import Clock

NOWHERE: Final = "https://sandbox.invalid"
"""The URL of the bank's pages while it has no HTTP server."""
_BATCH: Final = 100
"""Captures settled in one notification."""

_UNSETTLED: Final = """
WHERE position > ? AND type IN ('CAPTURE', 'AUTHORIZE_AND_CAPTURE') AND state = 'DONE' AND NOT EXISTS (
    SELECT 1 FROM entries AS child WHERE child.root = entries.root AND child.parent = entries.reference
    AND child.type IN ('SETTLED', 'VOID') AND child.state IN ('DONE', 'PENDING')
) ORDER BY position LIMIT ?"""


class SandboxBank:
    """A bank to run against: strict about limits and idempotency keys, with a scenario for every way in which a payment can go.

    ``ledger``: ``:memory:`` or a file. ``clock``: without one, the clock of whoever connects to it, else the system's.
    ``webhook_secret``: at least 16 bytes; without one, a random one. Safe to share between threads.
    """

    def __init__(
        self, ledger: str = MEMORY, clock: Clock | None = None, webhook_secret: str | Secret | None = None
    ) -> None:
        secret = webhook_secret.reveal() if isinstance(webhook_secret, Secret) else webhook_secret
        if secret is not None and len(secret.encode()) < MIN_SECRET:
            raise ValueError(f"a webhook secret must have at least {MIN_SECRET} bytes")
        self.webhook_secret = Secret(secret or secrets.token_urlsafe(32))
        self.clock = clock
        self._ledger = Ledger(ledger, SCHEMA + vault.SCHEMA)
        self._endpoints = Endpoints(self._ledger, self._now, NOWHERE)

    def adopt_clock(self, clock: Clock) -> None:
        """Use this clock from now on, unless the bank has one."""
        self.clock = self.clock or clock

    def opened_at(self, url: str) -> None:
        """Set the URL of the bank's pages for shoppers."""
        self._endpoints.pages = url

    def handle(self, path: str, body: bytes) -> Reply:
        """Serve one message of an adapter, as JSON. Total."""
        return self._endpoints.handle(path, body)

    def effects(self) -> tuple[Effect, ...]:
        """List what really happened, in order: money that moved or is held, less what was revoked."""
        return tuple(self.iter_effects())

    def iter_effects(self, after: int = 0, limit: int = 1_000) -> Iterator[Effect]:
        """Iterate over what really happened after a position, in pages of ``limit``."""
        while page := self.effects_page(after, limit):
            yield from page
            after = page[-1].position

    def effects_page(self, after: int = 0, limit: int = 1_000) -> tuple[Effect, ...]:
        """List one page of what really happened after a position."""
        return self._ledger.effects(after, limit)

    def totals(self) -> dict[tuple[TransactionType, str], int]:
        """Sum what really happened, in minor units by type and currency code; one query."""
        return self._ledger.totals()

    def fail_next(self, type: TransactionType | str, scenario: str) -> None:  # noqa: A002 -- the contract's word
        """Plan a scenario for the next operation of a type: a token without its ``tok_``. ``ValueError`` for any other name."""
        with self._ledger.writing() as execute:
            execute(
                "INSERT INTO moods (type, mood) VALUES (?, ?)",
                (TransactionType(type).value, Scenario(scenario).value),
            )

    def complete_action(self, reference: str, approve: bool = True) -> None:
        """Complete the shopper's action, approving or declining. ``ValueError`` if no action waits; an action that is too late expires."""
        with self._ledger.writing():
            entry = self._endpoints.expire_action(self._entry(reference, EntryState.ACTION))
            if entry.state is not EntryState.ACTION:
                return
            refused = (
                refuse("authentication_failed", FailureType.AUTHENTICATION_REQUIRED)
                if entry.waits_for == CHALLENGE
                else refuse("cancelled_by_shopper", FailureType.ABANDONED)
            )
            self._endpoints.finish(entry, Decision() if approve else refused)

    def waiting(self, reference: str) -> Entry | None:
        """Find the action that waits for the shopper under a reference, if one does."""
        with self._ledger.writing():
            entry = self._ledger.entry(reference)
            current = self._endpoints.expire_action(entry) if entry else None
        return current if current and current.state is EntryState.ACTION else None

    def finish_async(self, reference: str, succeed: bool = True) -> None:
        """Finish an asynchronous operation. ``ValueError`` if none is pending under this reference."""
        with self._ledger.writing():
            entry = self._entry(reference, EntryState.PENDING)
            self._endpoints.finish(entry, Decision() if succeed else refuse("processing_failed", FailureType.DECLINED))

    def revoke(self, reference: str) -> None:
        """Revoke a success, as a bank does with a bounced debit or a failed refund. It is no longer among the effects."""
        with self._ledger.writing():
            entry = self._entry(reference, EntryState.DONE)
            self._endpoints.finish(entry, Decision(state=EntryState.REVOKED, code="revoked"))

    def dashboard(self, type: TransactionType | str, parent_reference: str, amount: Money) -> str:  # noqa: A002 -- the contract's word
        """Do an operation outside the shop, as a person in the bank's dashboard or a card holder's dispute. Gives its reference.

        ``ValueError`` if the bank's rules forbid it.
        """
        kind = TransactionType(type)
        with self._ledger.writing():
            parent = self._entry(parent_reference, EntryState.DONE)
            entry = self._add_outside(kind, parent, amount.minor, amount.currency.code)
            if entry.state is not EntryState.DONE:
                raise ValueError(f"the bank refuses it: {entry.code}")
            self._endpoints.notify(entry)
        return entry.reference

    def settle(self) -> int:
        """Settle all captures that are neither settled nor voided, and notify in batches. Gives their number."""
        after = settled = 0
        while captures := self._settle_batch(after):
            after = captures[-1].position
            settled += len(captures)
        return settled

    def webhooks(self, limit: int | None = None) -> list[tuple[dict[str, str], bytes]]:
        """Take the pending notifications as ``(headers, body)``, oldest first, each once, signed now.

        ``limit``: at most so many; without it, all.
        """
        with self._ledger.writing() as execute:
            rows = execute(
                "SELECT position, account, items FROM notices ORDER BY position LIMIT ?",
                (-1 if limit is None else limit,),
            ).fetchall()
            if rows:
                execute("DELETE FROM notices WHERE position <= ?", (rows[-1][0],))
        return [self._signed(*row) for row in rows]

    def close(self) -> None:
        """Close the ledger's file. A bank that is garbage-collected does so by itself."""
        self._ledger.close()

    def _now(self) -> float:
        return (self.clock.now() if self.clock else datetime.now(UTC)).timestamp()

    def _entry(self, reference: str, state: EntryState) -> Entry:
        entry = self._ledger.entry(reference)
        if entry is None or entry.state is not state:
            raise ValueError(f"nothing that is {state} has this reference")
        return entry

    def _settle_batch(self, after: int) -> list[Entry]:
        with self._ledger.writing():
            captures = self._ledger.entries(_UNSETTLED, after, _BATCH)
            by_account: dict[str, list[Entry]] = {}
            for capture in captures:
                entry = self._add_outside(TransactionType.SETTLED, capture, capture.minor, capture.currency)
                by_account.setdefault(capture.account, []).append(entry)
            for entries in by_account.values():
                self._endpoints.notify(*entries)
        return captures

    def _add_outside(self, kind: TransactionType, parent: Entry, minor: int, currency: str) -> Entry:
        request = LedgerRequest(
            account=parent.account, key="", type=kind, minor=minor, currency=currency, parent=parent.reference
        )
        family = self._ledger.family(parent.account, parent.reference)
        entries = decide(request, family, AccountTerms(), Decision(), self._now(), self._ledger.namer())[:1]
        return self._ledger.add(entries)[0] if entries[0].state is EntryState.DONE else entries[0]

    def _signed(self, position: int, account: str, items: str) -> tuple[dict[str, str], bytes]:
        numbered = [
            {"id": f"ev_{self._ledger.salt}_{position}_{number}", "transaction": item}
            for number, item in enumerate(json.loads(items), 1)
        ]
        body = json.dumps({"account": account, "environment": ENVIRONMENT, "items": numbered}).encode()
        return signed_headers(self.webhook_secret, body, int(self._now())), body
