"""A payment lives through anything: commands, results, lies, duplicates and what others do at the gateway's dashboard.

The oracle is a little bookkeeping of its own: it knows the rules of the lifecycle and nothing of the code. Every command must be
accepted exactly when the book says so, and the book's sums must be those of the payment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from returns.result import Success

from payports.domain.begin import begin
from payports.domain.capabilities import Capabilities
from payports.domain.command import Command
from payports.domain.money import Money
from payports.domain.observation import Channel, Observation
from payports.domain.payment import Payment
from payports.domain.summary import summarize
from payports.domain.transaction_types import TransactionStatus, TransactionType
from tests.domain.strategies import ABLE, EUR, NOW, USD, new_payment, outside, told

AMOUNT: Final = 20
STATUSES: Final = (
    "SENDING_TO_PROCESSOR",
    "UNKNOWN",
    "REQUIRES_ACTION",
    "AWAITING_RESULT",
    "NOT_EXECUTED",
    "DECLINED",
    "SUCCEEDED",
    "REVOKED",
)
CAPTURES: Final = ("CAPTURE", "AUTHORIZE_AND_CAPTURE")
BELOW: Final = {
    "CAPTURE": ("AUTHORIZE",),
    "REVERSE_AUTH": ("AUTHORIZE",),
    "REFUND": CAPTURES,
    "VOID": CAPTURES,
    "SETTLED": CAPTURES,
    "CHARGEBACK": CAPTURES,
    "CHARGEBACK_REVERSAL": ("CHARGEBACK",),
}
COMMANDS: Final = ("AUTHORIZE", *CAPTURES, "REVERSE_AUTH", "VOID", "REFUND", "SETTLED", "DETACHED_CREDIT")


@dataclass(eq=False)
class Line:
    """One line of the book: what was asked, and what was said of it. A word is a status, and an amount or none."""

    id: str
    kind: str
    asked: int
    parent: Line | None = None
    restores: bool = False
    reference: str = ""
    named: bool = False
    words: set[tuple[str, int | None]] = field(default_factory=set[tuple[str, int | None]])
    lies: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    children: list[Line] = field(default_factory=list["Line"])

    @property
    def status(self) -> str:
        said = [status for status, _ in self.words]
        if self.lies:
            said.append("UNKNOWN")
        return max(said, key=STATUSES.index, default="SENDING_TO_PROCESSOR")

    @property
    def parts(self) -> set[int]:
        return {amount for status, amount in self.words if status == "SUCCEEDED" and amount is not None}

    @property
    def ok(self) -> bool:
        return self.status == "SUCCEEDED"

    @property
    def doubted(self) -> bool:
        return bool(self.lies) or len(self.parts) > 1

    @property
    def may(self) -> bool:
        if self.status in ("NOT_EXECUTED", "DECLINED"):
            return any(status == "SUCCEEDED" for status, _ in self.lies)
        return self.status != "REVOKED"

    @property
    def sure(self) -> int:
        return min(self.parts, default=self.asked) if self.ok else self.asked

    @property
    def worst(self) -> int:
        if not self.doubted:
            return self.sure
        told = {amount for _, amount in self.words | self.lies if amount is not None}
        return max(self.asked, *told)

    @property
    def unwanted(self) -> bool:
        failed = any(status in ("NOT_EXECUTED", "DECLINED") for status, _ in self.words)
        return (
            self.parent is None
            and failed
            and self.status in ("SUCCEEDED", "REVOKED")
            and self.kind != "DETACHED_CREDIT"
        )

    def below(self, *kinds: str) -> list[Line]:
        return [one for one in self.children if one.kind in kinds]


def worst(lines: list[Line]) -> int:
    return sum(one.worst for one in lines if one.may)


def sure(lines: list[Line]) -> int:
    return sum(one.sure for one in lines if one.ok)


def lost_to_banks(capture: Line) -> int:
    lost = (one.worst - sure(one.below("CHARGEBACK_REVERSAL")) for one in capture.below("CHARGEBACK") if one.may)
    return sum(max(0, one) for one in lost)


def out_of_hold(capture: Line) -> int:
    back = sure([one for one in capture.below("VOID") if one.restores])
    return max(0, capture.worst - back) if capture.may else 0


def gone_for_good(capture: Line) -> int:
    return sure([one for one in capture.below("VOID") if not one.restores])


def left_of_hold(authorization: Line) -> int:
    out = sum(out_of_hold(one) for one in authorization.below("CAPTURE"))
    return max(0, authorization.sure - out - worst(authorization.below("REVERSE_AUTH")))


def left_of_capture(capture: Line) -> int:
    return max(0, capture.sure - worst(capture.below("REFUND", "VOID")) - lost_to_banks(capture))


def occupied(line: Line) -> int:
    """What of the payment's amount a line without a parent takes up."""
    captures = [one for one in line.below("CAPTURE") if one.may]
    taken = sum(max(0, out_of_hold(one) - gone_for_good(one)) for one in captures)
    if line.kind == "AUTHORIZE" and line.may:
        freed = sure(line.below("REVERSE_AUTH")) + sum(gone_for_good(one) for one in captures)
        return max(taken, line.worst - freed)
    if line.kind == "AUTHORIZE_AND_CAPTURE" and line.may:
        return max(0, line.worst - gone_for_good(line))
    return taken


def covers(line: Line) -> int:
    """What a line without a parent surely secures."""
    if line.kind == "AUTHORIZE_AND_CAPTURE":
        return left_of_capture(line) if line.ok else 0
    if line.kind != "AUTHORIZE":
        return 0
    if not line.ok:
        return sum(left_of_capture(one) for one in line.below("CAPTURE") if one.ok)
    gone = worst(line.below("REVERSE_AUTH"))
    for one in line.below("CAPTURE"):
        if one.may:
            lost = [child for child in one.below("VOID", "REFUND") if not child.restores]
            gone += worst(lost) + lost_to_banks(one)
    return max(0, line.sure - gone)


def overdrawn(line: Line) -> bool:
    bears = 0 if line.status in ("NOT_EXECUTED", "DECLINED") else line.sure
    if line.kind == "AUTHORIZE":
        return (
            sum(out_of_hold(one) for one in line.below("CAPTURE") if one.ok) + sure(line.below("REVERSE_AUTH")) > bears
        )
    if line.kind in CAPTURES:
        lost = sum(
            max(0, one.sure - sure(one.below("CHARGEBACK_REVERSAL"))) for one in line.below("CHARGEBACK") if one.ok
        )
        settled = [one for one in line.below("SETTLED") if one.ok]
        return sure(line.below("REFUND", "VOID")) + lost > bears or len(settled) > 1
    return sure(line.below("CHARGEBACK_REVERSAL")) > bears


class Book(RuleBasedStateMachine):
    """A payment and its book."""

    def __init__(self) -> None:
        super().__init__()
        self.able: Capabilities = ABLE
        self.payment: Payment = new_payment(AMOUNT)
        self.lines: dict[str, Line] = {}
        self.honest = True

    @initialize(partial=st.booleans(), restores=st.booleans(), settled_first=st.booleans())
    def choose_a_gateway(self, *, partial: bool, restores: bool, settled_first: bool) -> None:
        self.able = attrs.evolve(
            ABLE, partial_void=partial, void_restores_hold=restores, refund_requires_settlement=settled_first
        )

    @initialize(kind=st.sampled_from(["AUTHORIZE", "AUTHORIZE_AND_CAPTURE"]), minor=st.integers(1, AMOUNT))
    def begin_with_a_success(self, kind: str, minor: int) -> None:
        self.ask(kind, None, minor)
        self.tell(self.lines["t0"], "SUCCEEDED", Channel.ANSWER, minor)

    def drawn(self, data: st.DataObject, *kinds: str) -> Line | None:
        lines = [one for one in self.lines.values() if not kinds or one.kind in kinds]
        return data.draw(st.sampled_from(lines)) if lines else None

    def room(self, kind: str, parent: Line | None) -> int:
        """The most that the design lets a command take, on one parent or on the payment itself."""
        if kind == "DETACHED_CREDIT":
            return 10**15
        if parent is None:
            other = any(occupied(one) for one in self.lines.values() if one.kind != kind and one.parent is None)
            return 0 if other else max(0, AMOUNT - sum(occupied(one) for one in self.lines.values() if not one.parent))
        if not parent.ok or parent.unwanted:
            return 0
        if kind in ("CAPTURE", "REVERSE_AUTH"):
            return left_of_hold(parent)
        settled, voided = ([one for one in parent.below(name) if one.may] for name in ("SETTLED", "VOID"))
        if kind == "REFUND":
            must_wait = self.able.refund_requires_settlement and not any(one.ok for one in settled)
            return 0 if must_wait else left_of_capture(parent)
        if settled:
            return 0
        if kind == "SETTLED":
            return 0 if voided else parent.sure
        touched = any(one.may for one in parent.below("REFUND", "CHARGEBACK"))
        return 0 if touched or (voided and not self.able.partial_void) else left_of_capture(parent)

    @rule(kind=st.sampled_from(COMMANDS), part=st.sampled_from(["one", "half", "all", "more", "rest"]), data=st.data())
    def command(self, kind: str, part: str, data: st.DataObject) -> None:
        parent = self.drawn(data, *BELOW[kind]) if kind in BELOW else None
        if kind in BELOW and parent is None:
            return
        room = self.room(kind, parent)
        minor = {"one": 1, "half": max(1, room // 2), "all": room, "more": room + 1, "rest": 0}[part]
        self.ask(kind, parent, 5 if kind == "DETACHED_CREDIT" else minor)

    def ask(self, kind: str, parent: Line | None, minor: int) -> None:
        room = self.room(kind, parent)
        amount = Money(minor, EUR) if minor else None
        asked = minor or room
        whole = kind == "VOID" and not self.able.partial_void
        legal = asked == room > 0 or (asked < room and not whole)
        outcome = begin(
            self.payment,
            Command(type=TransactionType(kind), amount=amount, parent_id=parent.id if parent else None),
            self.able,
            lambda: f"t{len(self.lines)}",
            NOW,
        )
        assert isinstance(outcome, Success) is legal, (kind, minor, room, outcome)
        if isinstance(outcome, Success):
            (request,) = outcome.unwrap().intents
            assert (request.type, request.requested.minor) == (kind, asked)
            assert request.parent_id == (parent.id if parent else None)
            assert outcome.unwrap().payment.transactions == (*self.payment.transactions, request)
            self.payment = outcome.unwrap().payment
            on_a_hold = parent is not None and parent.kind == "CAPTURE"
            restores = kind == "VOID" and on_a_hold and self.able.void_restores_hold
            self.write(Line(request.id, kind, asked, parent, restores, f"r-{request.id}"))

    def write(self, line: Line) -> None:
        self.lines[line.id] = line
        if line.parent:
            line.parent.children.append(line)

    @rule(
        status=st.sampled_from(["SUCCEEDED"] * 6 + list(STATUSES)),
        channel=st.sampled_from(Channel),
        exact=st.booleans(),
        data=st.data(),
    )
    def truth(self, status: str, channel: Channel, data: st.DataObject, *, exact: bool) -> None:
        line = self.drawn(data)
        if line is None or channel is Channel.OPERATOR:
            return
        changes_its_mind = line.status in ("NOT_EXECUTED", "DECLINED") and status == "SUCCEEDED"
        if status == "REVOKED" or changes_its_mind or (exact and line.parts):
            self.honest = False
        self.tell(line, status, channel, line.asked if exact else None)

    @rule(data=st.data())
    def approved_in_part(self, data: st.DataObject) -> None:
        line = self.drawn(data, *COMMANDS)
        if line is None or line.asked == 1 or line.id.startswith("o-"):
            return
        if STATUSES.index(line.status) >= STATUSES.index("NOT_EXECUTED"):
            self.honest = False
        part = data.draw(st.integers(1, line.asked - 1))
        self.tell(line, "SUCCEEDED", Channel.ANSWER, part, partial=True)

    def tell(self, line: Line, status: str, channel: Channel, minor: int | None, *, partial: bool = False) -> None:
        line.words.add((status, minor))
        line.named = True
        seen = Observation(
            status=TransactionStatus(status),
            channel=channel,
            transaction_id=line.id,
            amount=None if minor is None else Money(minor, EUR),
            partial=partial,
            gateway_reference=line.reference,
        )
        self.payment = told(self.payment, seen)
        assert told(self.payment, seen) == self.payment

    @rule(status=st.sampled_from(STATUSES), more=st.integers(1, 9), foreign=st.booleans(), data=st.data())
    def lie(self, status: str, more: int, data: st.DataObject, *, foreign: bool) -> None:
        line = self.drawn(data, *COMMANDS)
        if line is None or line.id.startswith("o-"):
            return
        self.honest = False
        claim = Money(line.asked + more, USD if foreign else EUR)
        line.lies.add((status, 0 if foreign else claim.minor))
        seen = Observation(
            status=TransactionStatus(status), channel=Channel.WEBHOOK, transaction_id=line.id, amount=claim
        )
        self.payment = told(self.payment, seen)

    @rule(kind=st.sampled_from(sorted(BELOW)), minor=st.integers(1, 25), data=st.data())
    def made_outside(self, kind: str, minor: int, data: st.DataObject) -> None:
        parent = self.drawn(data, *BELOW[kind])
        if parent is None:
            return
        reference = f"x-{len(self.lines)}"
        before = self.payment
        self.payment = told(self.payment, outside(TransactionType(kind), parent.reference, reference, minor))
        may_be_ours = any(one.may and not one.named for one in parent.below(kind))
        if may_be_ours or not parent.named:
            assert self.payment == before
            return
        self.honest = False
        line = Line(self.payment.transactions[-1].id, kind, minor, parent, reference=reference, named=True)
        line.words.add(("SUCCEEDED", minor))
        self.write(line)

    @invariant()
    def the_payment_says_what_the_book_says(self) -> None:
        assert [one.id for one in self.payment.transactions] == list(self.lines)
        for one in self.payment.transactions:
            line = self.lines[one.id]
            assert one.status == line.status, one
            assert (one.amount.minor, one.exposure.minor) == (line.sure, line.worst), one
            assert one.may_have_happened is line.may

    @invariant()
    def the_summary_adds_up_as_the_book_does(self) -> None:
        def of(*kinds: str) -> list[Line]:
            return [one for one in self.lines.values() if one.kind in kinds]

        summary = summarize(self.payment, self.able)
        captures = [one for one in of(*CAPTURES) if one.ok]
        assert summary.total_ever_captured.minor == sure(captures)
        assert summary.amount_captured.minor == sum(
            max(0, one.sure - sure(one.below("VOID", "REFUND"))) for one in captures
        )
        assert summary.amount_authorized.minor == sum(
            max(0, one.sure - sure(one.below("REVERSE_AUTH"))) for one in of("AUTHORIZE") if one.ok
        )
        assert summary.amount_refunded.minor == sure(of("REFUND"))
        assert summary.amount_voided.minor == sure(of("VOID"))
        assert summary.amount_credited.minor == sure(of("DETACHED_CREDIT"))
        assert summary.amount_settled.minor == sure(of("SETTLED"))
        assert summary.amount_charged_back.minor == sum(
            max(0, one.sure - sure(one.below("CHARGEBACK_REVERSAL"))) for one in of("CHARGEBACK") if one.ok
        )
        for kind, available in {
            "AUTHORIZE": summary.amount_available_for_authorize,
            "AUTHORIZE_AND_CAPTURE": summary.amount_available_for_authorize_and_capture,
        }.items():
            assert available.minor == self.room(kind, None)
        for kind, available in {
            "CAPTURE": summary.amount_available_for_capture,
            "REVERSE_AUTH": summary.amount_available_for_reverse_authorization,
            "VOID": summary.amount_available_for_void,
            "REFUND": summary.amount_available_for_refund,
        }.items():
            assert available.minor == sum(self.room(kind, one) for one in of(*BELOW[kind])), kind

    @invariant()
    def what_cannot_be_is_told(self) -> None:
        secured = sum(covers(one) for one in self.lines.values() if not one.unwanted)
        troubled = secured > AMOUNT or any(one.doubted or overdrawn(one) for one in self.lines.values())
        assert any(one.discrepancy for one in self.payment.transactions) is troubled

    @invariant()
    def an_honest_gateway_never_gives_more_than_it_has(self) -> None:
        if not self.honest:
            return
        assert not any(one.discrepancy for one in self.payment.transactions)
        lines = list(self.lines.values())
        initiating = [one for one in lines if one.kind in ("AUTHORIZE", "AUTHORIZE_AND_CAPTURE")]
        assert sum(occupied(one) for one in initiating) <= AMOUNT
        assert len({one.kind for one in initiating if occupied(one)}) <= 1
        for one in lines:
            if one.kind == "AUTHORIZE":
                restored = sum(
                    sure([void for void in capture.below("VOID") if void.restores]) for capture in one.below("CAPTURE")
                )
                assert not one.children or worst(one.below("CAPTURE", "REVERSE_AUTH")) - restored <= one.sure
            if one.kind in CAPTURES:
                assert not one.children or worst(one.below("REFUND", "VOID")) <= one.sure
                settled = [child for child in one.below("SETTLED") if child.may]
                assert len(settled) <= 1
                assert not (settled and any(child.may for child in one.below("VOID")))
                whole_void = not self.able.partial_void and any(child.may for child in one.below("VOID"))
                assert not (whole_void and any(child.may for child in one.below("REFUND")))


TestBook = Book.TestCase
TestBook.settings = settings(settings.default, stateful_step_count=30)
