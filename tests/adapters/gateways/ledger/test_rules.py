"""The ledger's rules, without a store: no sequence of requests moves more money than there is."""

from __future__ import annotations

from itertools import count

import attrs
from hypothesis import given
from hypothesis import strategies as st

from payports.adapters.gateways.ledger.entries import Entry, EntryState, LedgerRequest
from payports.adapters.gateways.ledger.rules import AccountTerms, Decision, decide
from payports.domain.capabilities import PartialCapture
from payports.domain.lifecycle import (
    AUTHORIZE,
    AUTHORIZE_AND_CAPTURE,
    CAPTURE,
    CHARGEBACK,
    CHARGEBACK_REVERSAL,
    PARENTS,
    REFUND,
    REVERSE_AUTH,
    SETTLED,
    VOID,
)
from payports.domain.transaction_types import TransactionType

STATES = st.sampled_from([EntryState.DONE, EntryState.PENDING, EntryState.DECLINED])
STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(PARENTS)), st.integers(0, 20), st.integers(1, 12), STATES, st.booleans()),
    max_size=25,
)
TERMS = st.builds(
    AccountTerms,
    partial_capture=st.sampled_from(PartialCapture),
    detached_credit=st.booleans(),
    refund_requires_settlement=st.booleans(),
)


@given(steps=STEPS, terms=TERMS)
def test_no_sequence_moves_money_that_is_not_there(
    steps: list[tuple[TransactionType, int, int, EntryState, bool]], terms: AccountTerms
) -> None:
    numbers = count(1)
    entries: list[Entry] = []
    for kind, which, minor, state, ends_well in steps:
        parent = entries[which % len(entries)].reference if entries else ""
        request = LedgerRequest(account="a", key="", type=kind, minor=minor, currency="EUR", parent=parent)
        root = next((entry.root for entry in entries if entry.reference == parent), "")
        family = tuple(entry for entry in entries if entry.root == root)
        entries.extend(decide(request, family, terms, Decision(state=state), 0.0, lambda _: f"r-{next(numbers)}"))
        if ends_well:
            entries = [_completed(entry) for entry in entries]
        _check_sound(entries, terms)


def _completed(entry: Entry) -> Entry:
    return attrs.evolve(entry, state=EntryState.DONE) if entry.state is EntryState.PENDING else entry


def _check_sound(entries: list[Entry], terms: AccountTerms) -> None:
    by_reference = {entry.reference: entry for entry in entries}
    for entry in entries:
        if entry.happened and PARENTS[entry.type]:
            assert by_reference[entry.parent].type in PARENTS[entry.type]
            assert by_reference[entry.parent].state is EntryState.DONE
    for entry in (entry for entry in entries if entry.state is EntryState.DONE):
        taken = {kind: _taken(entries, entry, kind) for kind in PARENTS}
        if entry.type is AUTHORIZE:
            captures = [child for child in entries if child.parent == entry.reference and child.type is CAPTURE]
            restored = sum(_taken(entries, child, VOID) for child in captures)
            assert taken[CAPTURE] - restored + taken[REVERSE_AUTH] <= entry.minor
        elif entry.type in (CAPTURE, AUTHORIZE_AND_CAPTURE):
            lost = [child for child in entries if child.parent == entry.reference and child.type is CHARGEBACK]
            won = sum(_taken(entries, child, CHARGEBACK_REVERSAL) for child in lost)
            assert taken[REFUND] + taken[VOID] + taken[CHARGEBACK] - won <= entry.minor
            assert taken[VOID] in (0, entry.minor)
            assert not (taken[VOID] and taken[SETTLED])
            assert not (taken[REFUND] and terms.refund_requires_settlement and not taken[SETTLED])
        elif entry.type is CHARGEBACK:
            assert taken[CHARGEBACK_REVERSAL] <= entry.minor


def _taken(entries: list[Entry], parent: Entry, kind: TransactionType) -> int:
    return sum(
        entry.minor for entry in entries if entry.parent == parent.reference and entry.type is kind and entry.happened
    )
