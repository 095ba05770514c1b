"""The rules of a book, without a store: no sequence of orders moves money that is not there."""

from __future__ import annotations

from itertools import count

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
    book: list[Entry] = []
    for kind, which, minor, state, ends_well in steps:
        parent = book[which % len(book)].reference if book else ""
        order = LedgerRequest(account="a", key="", type=kind, minor=minor, currency="EUR", parent=parent)
        root = next((one.root for one in book if one.reference == parent), "")
        family = tuple(one for one in book if one.root == root)
        book.extend(decide(order, family, terms, Decision(state=state), 0.0, lambda _: f"r-{next(numbers)}"))
        if ends_well:
            book = [_ended(one) for one in book]
        _sound(book, terms)


def _ended(entry: Entry) -> Entry:
    import attrs

    return attrs.evolve(entry, state=EntryState.DONE) if entry.state is EntryState.PENDING else entry


def _sound(book: list[Entry], terms: AccountTerms) -> None:
    by_reference = {one.reference: one for one in book}
    for one in book:
        if one.happened and PARENTS[one.type]:
            assert by_reference[one.parent].type in PARENTS[one.type]
            assert by_reference[one.parent].state is EntryState.DONE
    for one in (one for one in book if one.state is EntryState.DONE):
        taken = {kind: _taken(book, one, kind) for kind in PARENTS}
        if one.type is AUTHORIZE:
            captures = [child for child in book if child.parent == one.reference and child.type is CAPTURE]
            restored = sum(_taken(book, child, VOID) for child in captures)
            assert taken[CAPTURE] - restored + taken[REVERSE_AUTH] <= one.minor
        elif one.type in (CAPTURE, AUTHORIZE_AND_CAPTURE):
            lost = [child for child in book if child.parent == one.reference and child.type is CHARGEBACK]
            won = sum(_taken(book, child, CHARGEBACK_REVERSAL) for child in lost)
            assert taken[REFUND] + taken[VOID] + taken[CHARGEBACK] - won <= one.minor
            assert taken[VOID] in (0, one.minor)
            assert not (taken[VOID] and taken[SETTLED])
            assert not (taken[REFUND] and terms.refund_requires_settlement and not taken[SETTLED])
        elif one.type is CHARGEBACK:
            assert taken[CHARGEBACK_REVERSAL] <= one.minor


def _taken(book: list[Entry], parent: Entry, kind: TransactionType) -> int:
    return sum(one.minor for one in book if one.parent == parent.reference and one.type is kind and one.happened)
