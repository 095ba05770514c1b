"""The sandbox bank in process: what a test or a demonstration holds, and what its HTTP server serves."""

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
"""Where shoppers act while the bank has no HTTP server."""
_BATCH: Final = 100
"""Captures settled in one notification."""

_UNSETTLED: Final = """
WHERE position > ? AND type IN ('CAPTURE', 'AUTHORIZE_AND_CAPTURE') AND state = 'DONE' AND NOT EXISTS (
    SELECT 1 FROM entries AS child WHERE child.root = entries.root AND child.parent = entries.reference
    AND child.type IN ('SETTLED', 'VOID') AND child.state IN ('DONE', 'PENDING')
) ORDER BY position LIMIT ?"""


class SandboxBank:
    """A bank to run against: honest about limits and keys, and in any mood that a bank can have.

    ``ledger``: ``:memory:`` or a file. ``clock``: without one, the clock of whoever connects to it, else the system's.
    ``webhook_secret``: at least 16 bytes; without one, a random one. Safe to share between threads.
    """

    def __init__(
        self, ledger: str = MEMORY, clock: Clock | None = None, webhook_secret: str | Secret | None = None
    ) -> None:
        given = webhook_secret.reveal() if isinstance(webhook_secret, Secret) else webhook_secret
        if given is not None and len(given.encode()) < MIN_SECRET:
            raise ValueError(f"a webhook secret has at least {MIN_SECRET} bytes")
        self.webhook_secret = Secret(given or secrets.token_urlsafe(32))
        self.clock = clock
        self._book = Ledger(ledger, SCHEMA + vault.SCHEMA)
        self._desk = Endpoints(self._book, self._now, NOWHERE)

    def adopt_clock(self, clock: Clock) -> None:
        """Go by this clock from now on, unless the bank has one."""
        self.clock = self.clock or clock

    def opened_at(self, url: str) -> None:
        """Say where shoppers find the bank's pages."""
        self._desk.pages = url

    def handle(self, path: str, body: bytes) -> Reply:
        """Take one message of an adapter, as JSON. Total."""
        return self._desk.handle(path, body)

    def effects(self) -> tuple[Effect, ...]:
        """What really happened, in order: money that moved or is held, less what was revoked."""
        return tuple(self.iter_effects())

    def iter_effects(self, after: int = 0, limit: int = 1_000) -> Iterator[Effect]:
        """What really happened after a position, read in pages of ``limit``."""
        while page := self.effects_page(after, limit):
            yield from page
            after = page[-1].position

    def effects_page(self, after: int = 0, limit: int = 1_000) -> tuple[Effect, ...]:
        """One page of what really happened after a position."""
        return self._book.effects(after, limit)

    def totals(self) -> dict[tuple[TransactionType, str], int]:
        """What really happened, in minor units by type and currency code; one query."""
        return self._book.totals()

    def fail_next(self, type: TransactionType | str, mood: str) -> None:  # noqa: A002 -- the contract's word
        """Put the next operation of a type into a mood: a token without its ``tok_``. ``ValueError`` for any other word."""
        with self._book.writing() as execute:
            execute("INSERT INTO moods (type, mood) VALUES (?, ?)", (TransactionType(type).value, Scenario(mood).value))

    def complete_action(self, reference: str, approve: bool = True) -> None:
        """Let the shopper do what is waited for, or refuse to. ``ValueError`` if nothing waits; too late, it has expired."""
        with self._book.writing():
            entry = self._desk.up_to_date(self._entry(reference, EntryState.ACTION))
            if entry.state is not EntryState.ACTION:
                return
            refused = (
                refuse("authentication_failed", FailureType.AUTHENTICATION_REQUIRED)
                if entry.waits_for == CHALLENGE
                else refuse("cancelled_by_shopper", FailureType.ABANDONED)
            )
            self._desk.finish(entry, Decision() if approve else refused)

    def waiting(self, reference: str) -> Entry | None:
        """Show what waits for the shopper under a reference, if anything does."""
        with self._book.writing():
            entry = self._book.entry(reference)
            current = self._desk.up_to_date(entry) if entry else None
        return current if current and current.state is EntryState.ACTION else None

    def finish_async(self, reference: str, succeed: bool = True) -> None:
        """Let the result of an asynchronous operation come. ``ValueError`` if none is awaited under this reference."""
        with self._book.writing():
            entry = self._entry(reference, EntryState.PENDING)
            self._desk.finish(entry, Decision() if succeed else refuse("processing_failed", FailureType.DECLINED))

    def revoke(self, reference: str) -> None:
        """Take back what succeeded, as a bank does with a bounced debit or a failed refund. It is no longer among the effects."""
        with self._book.writing():
            entry = self._entry(reference, EntryState.DONE)
            self._desk.finish(entry, Decision(state=EntryState.REVOKED, code="revoked"))

    def dashboard(self, type: TransactionType | str, parent_reference: str, amount: Money) -> str:  # noqa: A002 -- the contract's word
        """Do something outside of the shop, as a person in the bank's dashboard or a card holder who complains. Gives its reference.

        ``ValueError`` if the bank's rules forbid it.
        """
        kind = TransactionType(type)
        with self._book.writing():
            parent = self._entry(parent_reference, EntryState.DONE)
            made = self._made_outside(kind, parent, amount.minor, amount.currency.code)
            if made.state is not EntryState.DONE:
                raise ValueError(f"the bank refuses it: {made.code}")
            self._desk.notify(made)
        return made.reference

    def settle(self) -> int:
        """Settle all that is captured and was neither settled nor voided, and tell of it in batches. Gives their number."""
        after = settled = 0
        while captures := self._settle_batch(after):
            after = captures[-1].position
            settled += len(captures)
        return settled

    def webhooks(self, limit: int | None = None) -> list[tuple[dict[str, str], bytes]]:
        """Hand over pending notifications as ``(headers, body)``, oldest first, each once, signed at this moment.

        ``limit``: at most so many; without it, all.
        """
        with self._book.writing() as execute:
            rows = execute(
                "SELECT position, account, items FROM notices ORDER BY position LIMIT ?",
                (-1 if limit is None else limit,),
            ).fetchall()
            if rows:
                execute("DELETE FROM notices WHERE position <= ?", (rows[-1][0],))
        return [self._signed(*row) for row in rows]

    def close(self) -> None:
        """Let go of the ledger's file. A bank that is no longer used does so by itself."""
        self._book.close()

    def _now(self) -> float:
        return (self.clock.now() if self.clock else datetime.now(UTC)).timestamp()

    def _entry(self, reference: str, state: EntryState) -> Entry:
        entry = self._book.entry(reference)
        if entry is None or entry.state is not state:
            raise ValueError(f"nothing that is {state} has this reference")
        return entry

    def _settle_batch(self, after: int) -> list[Entry]:
        with self._book.writing():
            captures = self._book.entries(_UNSETTLED, after, _BATCH)
            by_account: dict[str, list[Entry]] = {}
            for one in captures:
                made = self._made_outside(TransactionType.SETTLED, one, one.minor, one.currency)
                by_account.setdefault(one.account, []).append(made)
            for made_there in by_account.values():
                self._desk.notify(*made_there)
        return captures

    def _made_outside(self, kind: TransactionType, parent: Entry, minor: int, currency: str) -> Entry:
        order = LedgerRequest(
            account=parent.account, key="", type=kind, minor=minor, currency=currency, parent=parent.reference
        )
        family = self._book.family(parent.account, parent.reference)
        made = decide(order, family, AccountTerms(), Decision(), self._now(), self._book.namer())[:1]
        return self._book.add(made)[0] if made[0].state is EntryState.DONE else made[0]

    def _signed(self, position: int, account: str, items: str) -> tuple[dict[str, str], bytes]:
        told = [
            {"id": f"ev_{self._book.salt}_{position}_{number}", "transaction": item}
            for number, item in enumerate(json.loads(items), 1)
        ]
        body = json.dumps({"account": account, "environment": ENVIRONMENT, "items": told}).encode()
        return signed_headers(self.webhook_secret, body, int(self._now())), body
