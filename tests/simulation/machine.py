"""A hypothesis state machine: shoppers, hosts, banks and networks as rules. The oracle says what must hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from payports import (
    ActionRequired,
    Cart,
    Declined,
    Failure,
    NewPayment,
    OrderReport,
    Owner,
    Payment,
    PaymentMethod,
    Secret,
    Success,
    TransactionReport,
    TransactionStatus,
    TransactionType,
    connect,
)
from payports.adapters.gateways.sandbox.scenarios import Scenario
from payports.adapters.gateways.sandbox.signatures import signed_headers
from payports.adapters.gateways.stored_value import StoredValueGateway, StoredValueLedger
from payports.domain.observation import Channel, Observation
from payports.ports.clock import Ids
from payports.ports.commit import Commit
from payports.ports.gateway import PaymentRequest, PaymentResponse
from payports.ports.store import StoreFailed
from payports.testing import FixedClock, SandboxBank
from payports.testing.simulation.oracle import BankLedger, check_due_dates, check_limits, check_payments, check_truth
from tests.application.fixtures import SECRET, ShopFixture, eur, problem, value_of, watch

CARTS: Final = ("c-1", "c-2")
REQUESTS: Final = ("r-1", "r-2", "r-3")
KEYS: Final = (None, None, "k-1", "k-2", "k-3")
SOURCES: Final = ("f-1", "f-2")
TOKENS: Final = tuple(f"tok_{scenario}" for scenario in Scenario if scenario is not Scenario.HOSTED)
OPERATIONS: Final = ("authorize", "authorize_and_capture", "capture", "reverse_authorization", "void", "refund")
OUTSIDE: Final = ("CAPTURE", "REVERSE_AUTH", "VOID", "REFUND", "CHARGEBACK", "SETTLED")
WAITS_S: Final = (0, 7, 61, 599, 4_001, 90_001)
"""No sum of these is exactly the hour after which an action expires: at that second shop and bank may differ."""

amounts = st.sampled_from((100, 250, 500, 1_000))
carts = st.sampled_from(CARTS)
gateways = st.sampled_from(["card", "card", "sale", "gift"])
tokens = st.just("tok_approved") | st.sampled_from(TOKENS)
operations = st.sampled_from(OPERATIONS)
request_ids = st.sampled_from(REQUESTS)
keys = st.sampled_from(KEYS)
sources = st.sampled_from(SOURCES)
choices = st.integers(0, 7)


class Killed(BaseException):
    """The process ends here."""


class SequentialIds(Ids):
    """Sequential ids, the same in every run."""

    def __init__(self) -> None:
        self._last = 0

    def new(self) -> str:
        self._last += 1
        return f"id-{self._last:08d}"

    def token(self) -> str:
        return f"token-{self.new()}-{'x' * 20}"


class ShopMachine(RuleBasedStateMachine):
    """A shop with two gateways at the bank, one of which captures at once, and with gift cards."""

    def __init__(self) -> None:
        super().__init__()
        self.on: ShopFixture
        self.gifts: StoredValueLedger
        self.largest: dict[str, int] = {}
        self.webhooks: list[tuple[dict[str, str], bytes]] = []
        self.repeats: list[tuple[Callable[[], Any], Any]] = []
        self.tokens: list[str] = []
        self.dies: str = ""
        self.fails_in: int | None = None
        self.fails_after = False
        self.captures_stand_alone = True

    # --- setting up ---

    @initialize(
        immediate=st.booleans(),
        partial=st.sampled_from(["MULTIPLE", "MULTIPLE", "RELEASES_REST", "NONE"]),
        settled_only=st.booleans(),
        ratio=st.booleans(),
        first=st.lists(st.tuples(carts, gateways, tokens, amounts), min_size=2, max_size=4),
    )
    def open(
        self, immediate: bool, partial: str, settled_only: bool, ratio: bool, first: list[tuple[str, str, str, int]]
    ) -> None:
        bank = {"adapter": "sandbox", "partial_capture": partial, "refund_requires_settlement": settled_only}
        config = {
            "store": {"url": "memory:"},
            "gateways": {
                "card": {**bank, "account": "card", "detached_credit": True},
                "sale": {**bank, "account": "sale", "perform_authorize_and_capture": True},
                "gift": {"adapter": "stored_value"},
            },
            "checkout": {"rollback": "immediate" if immediate else "deferred"},
            "orders": {"split": "ratio" if ratio else "priority"},
        }
        self.captures_stand_alone = partial != "RELEASES_REST"
        clock, desk = FixedClock(), SandboxBank(webhook_secret=SECRET)
        self.on = self.planted(watch(connect(config, bank=desk, clock=clock, ids=SequentialIds()), desk, clock))
        for spy in self.on.spies.values():
            spy.instead = self._execute(spy.inner.execute)
        gift = self.on.spies["gift"].inner
        assert isinstance(gift, StoredValueGateway)
        self.gifts = gift.ledger
        for number in ("gc-1", "gc-2"):
            self.gifts.issue(number, eur(600), key=number)
        for cart, gateway, token, minor in first:
            self.create(cart, gateway, token, minor)
        self.on.store.before_commit = self._before_commit
        self.on.store.after_commit = self._after_commit

    def planted(self, shop: ShopFixture) -> ShopFixture:
        """Return the shop unchanged; subclasses plant a bug here."""
        return shop

    def _execute(self, inner: Callable[[PaymentRequest], PaymentResponse]) -> Callable[[PaymentRequest], Any]:
        def execute(request: PaymentRequest) -> PaymentResponse:
            dies, self.dies = self.dies, ""
            if dies == "before":
                raise Killed
            answer = self.bank_does(inner, request)
            if dies == "after":
                raise Killed
            return answer

        return execute

    def bank_does(self, inner: Callable[[PaymentRequest], PaymentResponse], request: PaymentRequest) -> PaymentResponse:
        """Forward to the adapter; subclasses do it wrongly."""
        return inner(request)

    def _before_commit(self, _: Commit) -> None:
        if self.fails_in is not None:
            self.fails_in -= 1
            if self.fails_in < 0 and not self.fails_after:
                self.fails_in = None
                raise StoreFailed("the disk is full")

    def _after_commit(self, _: Commit) -> None:
        if self.fails_in is not None and self.fails_in < 0:
            self.fails_in = None
            raise StoreFailed("the connection was lost")

    # --- helpers ---

    def act(self, call: Callable[[], Any]) -> Any:
        """Call a service; it must return an outcome, unless the process is killed."""
        try:
            outcome = call()
        except Killed:
            return None
        finally:
            self.dies, self.fails_in = "", None
        assert type(outcome) in (Success, Failure), outcome
        return outcome

    def payments(self) -> tuple[Payment, ...]:
        return self.on.store.of("default").payments(limit=1_000)

    def pick(self, choice: int) -> Payment | None:
        payments = self.payments()
        return payments[choice % len(payments)] if payments else None

    def executed(self) -> list[TransactionType]:
        return [request.type for spy in self.on.spies.values() for request in spy.executed]

    def ledger(self) -> BankLedger:
        return BankLedger((*self.on.bank.effects(), *self.gifts.effects()))

    def references(self, *statuses: TransactionStatus) -> list[str]:
        return [
            transaction.gateway_reference
            for payment in self.payments()
            if payment.gateway != "gift"
            for transaction in payment.transactions
            if transaction.status in statuses and transaction.gateway_reference
        ]

    def receive(self, headers: dict[str, str], body: bytes) -> Any:
        """Deliver a webhook to the gateway of its account, which has the same name; the bank signs each try anew."""
        now = int(self.on.clock.now().timestamp())
        signed = {**headers, **signed_headers(Secret(SECRET), body, now)}
        return self.act(lambda: self.on.webhooks.receive(json.loads(body)["account"], signed, body))

    # --- shoppers ---

    @rule(cart=carts, gateway=gateways, token=tokens, minor=amounts)
    def create(self, cart: str, gateway: str, token: str, minor: int) -> None:
        token = f"gc-{1 + minor % 2}" if gateway == "gift" else token
        if len(self.payments()) >= 6:
            return
        method = PaymentMethod({"token": token})
        new = NewPayment(owner=Owner("cart", cart), amount=eur(minor), gateway=gateway, method=method)
        created = self.act(lambda: self.on.payments.create(new))
        for payment in self.payments():
            self.largest.setdefault(payment.id, payment.amount.minor)
        assert created is not None

    @rule(choice=choices, what=st.sampled_from(["amount", "method", "archive"]), minor=amounts, token=tokens)
    def change_a_payment(self, choice: int, what: str, minor: int, token: str) -> None:
        payment = self.pick(choice)
        if payment is None:
            return
        payments = self.on.payments
        if what == "amount":
            self.act(lambda: payments.update(payment.id, amount=eur(minor)))
            self.largest[payment.id] = max(self.largest[payment.id], self.on.reload(payment).amount.minor)
        elif what == "archive":
            self.act(lambda: payments.archive(payment.id))
        elif payment.gateway != "gift":
            self.act(lambda: payments.update(payment.id, method=PaymentMethod({"token": token})))

    @rule(cart=carts, request_id=request_ids)
    def submit(self, cart: str, request_id: str) -> None:
        owner = Owner("cart", cart)
        planned = [
            payment.amount.minor for payment in self.payments() if payment.owner == owner and not payment.archived
        ]
        whole = Cart(cart, total=eur(sum(planned)))
        if planned:
            self.once(lambda: self.on.checkout.submit(whole, request_id=request_id))

    @rule(cart=carts, request_id=request_ids)
    def submit_again(self, cart: str, request_id: str) -> None:
        """Repeat the rule, so that it is tried more often."""
        self.submit(cart, request_id)

    @rule(cart=carts, request_id=request_ids, minor=amounts)
    def submit_another_total(self, cart: str, request_id: str, minor: int) -> None:
        self.act(lambda: self.on.checkout.submit(Cart(cart, total=eur(minor + 1)), request_id=request_id))

    @rule(choice=choices, gateway=st.sampled_from(["card", "sale"]))
    def come_back(self, choice: int, gateway: str) -> None:
        if self.tokens:
            params = {"callback_token": self.tokens[choice % len(self.tokens)], "status": "approved"}
            self.act(lambda: self.on.checkout.resume(gateway, params))

    @rule(cart=carts)
    def cancel_the_checkout(self, cart: str) -> None:
        self.act(lambda: self.on.checkout.cancel(Owner("cart", cart)))

    # --- the host ---

    @rule(
        choice=choices,
        operation=operations,
        minor=st.none() | amounts,
        key=keys,
    )
    def move_money(self, choice: int, operation: str, minor: int | None, key: str | None) -> None:
        payment = self.pick(choice)
        if payment is None:
            return
        method = getattr(self.on.transactions, operation)
        amount = None if minor is None else eur(minor)
        self.once(lambda: method(payment.id, amount, key=key), repeatable=key is not None)

    @rule(choice=choices, operation=operations, minor=st.none() | amounts)
    def move_more_money(self, choice: int, operation: str, minor: int | None) -> None:
        """Repeat the rule, so that it is tried more often."""
        self.move_money(choice, operation, minor, None)

    @rule(choice=choices, what=st.sampled_from(["credit", "settle", "refresh"]), minor=amounts, key=keys)
    def do_something_rare(self, choice: int, what: str, minor: int, key: str | None) -> None:
        payment = self.pick(choice)
        if payment is None:
            return
        transactions, repeatable = self.on.transactions, key is not None
        if what == "credit":
            self.once(lambda: transactions.credit(payment.id, eur(minor), key=key), repeatable=repeatable)
        elif what == "settle":
            self.once(lambda: transactions.settle(payment.id, key=key), repeatable=repeatable)
        else:
            self.act(lambda: transactions.refresh(payment.id))

    @rule(
        cart=carts,
        operation=st.sampled_from(["capture", "cancel", "refund"]),
        source=sources,
        minor=amounts,
        key=st.sampled_from(["o-1", "o-2", "o-3", "o-4"]),
    )
    def order(self, cart: str, operation: str, source: str, minor: int, key: str) -> None:
        method = getattr(self.on.orders, operation)
        self.once(lambda: method(Owner("cart", cart), source, eur(minor), key=key))

    @rule(cart=carts)
    def release(self, cart: str) -> None:
        self.act(lambda: self.on.orders.release(Owner("cart", cart)))

    def once(self, call: Callable[[], Any], *, repeatable: bool = True) -> None:
        """Call a service under a key, and remember the call to repeat it."""
        outcome = self.act(call)
        succeeded = has_succeeded(outcome)
        found: object = None
        if outcome is not None:
            found = value_of(outcome) if succeeded else problem(outcome)
        if isinstance(found, ActionRequired):
            self.tokens.append(found.callback_token)
        final = succeeded or isinstance(found, Declined)
        if repeatable and final:
            self.repeats.append((call, outcome))

    @rule(choice=choices)
    def repeat(self, choice: int) -> None:
        """After a success or a decline, a repetition sends nothing again, except the release of what an order no longer needs."""
        if self.repeats:
            call, _ = self.repeats[-1 - choice % len(self.repeats)]
            before = self.executed()
            outcome = self.act(call)
            sent = self.executed()[len(before) :] if outcome is not None else []
            sent = [kind for kind in sent if kind is not TransactionType.REVERSE_AUTH]
            if not self._reopened(outcome):
                assert not sent, f"a repetition sent {sent}: {outcome}"

    def _reopened(self, outcome: Any) -> bool:
        """Whether the key may be tried again, because the checkout was cancelled, failed or overtaken since."""
        if not has_succeeded(outcome):
            return True
        found: object = value_of(outcome)
        return not isinstance(found, TransactionReport | OrderReport)

    # --- the ledger outside ---

    @rule(
        kind=st.sampled_from(list(TransactionType)), scenario=st.sampled_from([scenario.value for scenario in Scenario])
    )
    def the_bank_will_fail(self, kind: TransactionType, scenario: str) -> None:
        if scenario not in ("hosted", "3ds", "wrong_amount") or kind in ("AUTHORIZE", "AUTHORIZE_AND_CAPTURE"):
            self.on.bank.fail_next(kind, scenario)

    @rule(
        what=st.sampled_from(["dies before", "dies after", "store fails before", "store fails after"]),
        number=st.integers(0, 5),
        cart=carts,
        request_id=request_ids,
        choice=choices,
        operation=operations,
        checkout=st.booleans(),
    )
    def disaster_strikes(
        self, what: str, number: int, cart: str, request_id: str, choice: int, operation: str, checkout: bool
    ) -> None:
        """The process is killed around a call of the bank, or the store fails around a commit."""
        kind, _, when = what.rpartition(" ")
        if kind == "dies":
            self.dies = when
        else:
            self.fails_in, self.fails_after = number, when == "after"
        if checkout:
            self.submit(cart, request_id)
        else:
            self.move_money(choice, operation, None, None)
        self.dies, self.fails_in = "", None

    @rule(choice=choices, succeed=st.booleans())
    def what_was_awaited_comes(self, choice: int, succeed: bool) -> None:
        """The shopper acts, or an asynchronous result arrives."""
        acting = [
            reference
            for reference in self.references(TransactionStatus.REQUIRES_ACTION)
            if self.on.bank.waiting(reference)
        ]
        if acting:
            self.on.bank.complete_action(acting[choice % len(acting)], approve=succeed)
        waiting = self.references(TransactionStatus.AWAITING_RESULT)
        if waiting:
            self._finish(waiting[choice % len(waiting)], succeed)

    def _finish(self, reference: str, succeed: bool) -> None:
        try:
            self.on.bank.finish_async(reference, succeed=succeed)
        except ValueError:
            return  # it came before, and we have not heard of it

    @rule(choice=choices, kind=st.sampled_from([*OUTSIDE, "revoke", "settle"]), minor=amounts)
    def the_bank_acts(self, choice: int, kind: str, minor: int) -> None:
        """The bank settles, revokes, or executes something in its dashboard."""
        effects = self.on.bank.effects()
        if kind == "settle":
            self.on.bank.settle()
        elif kind == "revoke":
            self._revoke(choice)
        elif effects:
            try:
                self.on.bank.dashboard(kind, effects[choice % len(effects)].gateway_reference, eur(minor))
            except ValueError:
                return  # the bank's rules forbid it

    def _revoke(self, choice: int) -> None:
        ledger = self.ledger()
        kinds = ["REFUND", "AUTHORIZE_AND_CAPTURE", *(["CAPTURE"] if self.captures_stand_alone else [])]
        leaves = [
            effect
            for effect in self.on.bank.effects()
            if effect.type in kinds and not ledger.children[effect.gateway_reference]
        ]
        if leaves:
            revoked = leaves[choice % len(leaves)]
            self.on.bank.revoke(revoked.gateway_reference)
            if revoked.type == "REFUND":  # what went back to the shopper for good has come again
                for owner in self.payments():
                    if _refers_to(owner, revoked.parent_reference):
                        self.largest[owner.id] += revoked.amount.minor

    # --- notifications ---

    @rule(choice=choices, again=st.booleans())
    def a_notification_arrives(self, choice: int, again: bool) -> None:
        """A webhook arrives late, out of order, or again."""
        self.webhooks += self.on.bank.webhooks()
        if self.webhooks:
            index = choice % len(self.webhooks)
            headers, body = self.webhooks[index] if again else self.webhooks.pop(index)
            assert self.receive(headers, body).unwrap().status_code == 200

    @rule(choice=choices)
    def a_notification_is_lost(self, choice: int) -> None:
        """Only a webhook whose content a look-up finds, too; nothing could recover the others."""
        self.webhooks += self.on.bank.webhooks()
        if self.webhooks:
            index = choice % len(self.webhooks)
            items = [item["transaction"] for item in json.loads(self.webhooks[index][1])["items"]]
            if all(item["key"] and item["status"] != "revoked" for item in items):
                del self.webhooks[index]

    @rule(choice=choices, body=st.binary(max_size=50))
    def a_forged_notification_arrives(self, choice: int, body: bytes) -> None:
        headers = self.webhooks[choice % len(self.webhooks)][0] if self.webhooks else {}
        before = self.payments()
        outcome = self.act(lambda: self.on.webhooks.receive("card", headers, body))
        assert 400 <= outcome.unwrap().status_code < 500
        assert self.payments() == before

    # --- time ---

    @rule(seconds=st.sampled_from(WAITS_S), maintained=st.booleans())
    def time_passes(self, seconds: int, maintained: bool) -> None:
        self.on.clock.advance(seconds)
        if maintained:
            self.act(self.on.maintenance.run)

    @rule(number=choices)
    def facts_are_delivered_to_a_handler_that_raises(self, number: int) -> None:
        taken: list[int] = []

        def handler(fact: Any) -> None:
            if len(taken) == number:
                raise RuntimeError("the host's")
            taken.append(fact.position)

        outcome = self.act(lambda: self.on.events.deliver(handler))
        assert outcome.unwrap().delivered == len(taken)
        assert taken == sorted(set(taken))

    # --- what must be true ---

    @invariant()
    def the_bank_did_nothing_forbidden(self) -> None:
        if hasattr(self, "gifts"):
            ledger, payments = self.ledger(), self.payments()
            check_limits(ledger)
            check_payments(ledger, payments, self.largest)
            check_due_dates(payments)

    def teardown(self) -> None:
        if not hasattr(self, "gifts"):
            return
        self.quiesce()
        self.the_bank_did_nothing_forbidden()
        attention = {item.transaction_id for item in self.on.maintenance.needs_attention().unwrap()}
        check_truth(self.ledger(), self.payments(), attention)
        self.check_history()
        self.check_what_failed_is_undone()
        assert sum(balance.minor for number in ("gc-1", "gc-2") if (balance := self.gifts.balance(number))) >= 0

    def quiesce(self) -> None:
        """Deliver everything, and run maintenance with an honest bank until nothing is left to do."""
        store = self.on.store.of("default")
        for _ in range(150):
            self.webhooks += self.on.bank.webhooks()
            for headers, body in self.webhooks:
                assert self.receive(headers, body).unwrap().status_code == 200
            self.webhooks.clear()
            for reference in self.references(TransactionStatus.AWAITING_RESULT):
                self._finish(reference, True)
            self.on.clock.advance(25_001)
            report = self.on.maintenance.run().unwrap()
            far = self.on.clock.now().replace(year=2100)
            self.webhooks += self.on.bank.webhooks()
            if self.webhooks or report.checkouts_concluded or store.parked(far):
                continue
            if not store.due(far):
                return
            waiting = [payment for payment in self.payments() if any(row.due_at for row in payment.transactions)]
            if all(self._cannot_be_undone(payment) for payment in waiting):
                return

    def _cannot_be_undone(self, payment: Payment) -> bool:
        """Whether only reversals are left that the bank never allows; they are retried for ever, and shown."""
        open_rows = [transaction for transaction in payment.transactions if transaction.due_at]
        return all(transaction.reversal == "FAILED_REVERSAL" and transaction.look_ups > 6 for transaction in open_rows)

    def check_history(self) -> None:
        """Check that every version is a commit, and that the facts of a payment have no gap."""
        commits = [change.after.id for commit in self.on.store.commits for change in commit.changes]
        store = self.on.store.of("default")
        for payment in self.payments():
            assert payment.version == commits.count(payment.id)
            facts = store.history(payment.id)
            assert [fact.sequence for fact in facts] == list(range(1, len(facts) + 1))
            positions = [fact.position for fact in facts]
            assert positions == sorted(set(positions))

    def check_what_failed_is_undone(self) -> None:
        """Check that a failed or cancelled checkout kept nothing, except what attention shows or the host captured since."""
        store = self.on.store.of("default")
        attention = {item.transaction_id for item in self.on.maintenance.needs_attention().unwrap()}
        ledger = self.ledger()
        kept = {effect.transaction_id: ledger.kept(effect) for effect in ledger.effects if effect.transaction_id}
        for payment in self.payments():
            checkout = store.checkout(payment.owner)
            if checkout is None or checkout.state not in ("FAILED", "CANCELLED"):
                continue
            for transaction in payment.transactions:
                used = any(child.type == "CAPTURE" for child in payment.children_of(transaction))
                if (
                    transaction.attempt
                    and not used
                    and transaction.id not in attention
                    and str(transaction.type) in ("AUTHORIZE", "AUTHORIZE_AND_CAPTURE")
                ):
                    assert kept.get(transaction.id, 0) == 0, transaction


def has_succeeded(outcome: object) -> bool:
    return isinstance(outcome, Success)


def _refers_to(payment: Payment, reference: str) -> bool:
    return any(transaction.gateway_reference == reference for transaction in payment.transactions)


class SendsTwiceShop(ShopMachine):
    """Planted bug: the adapter sends every request a second time under another key."""

    def bank_does(self, inner: Callable[[PaymentRequest], PaymentResponse], request: PaymentRequest) -> PaymentResponse:
        inner(attrs.evolve(request, transaction_id=f"{request.transaction_id}-again"))
        return inner(request)


class UnknownIsFailedShop(ShopMachine):
    """Planted bug: the adapter reports a lost answer as a failure, so that the shop tries again."""

    def bank_does(self, inner: Callable[[PaymentRequest], PaymentResponse], request: PaymentRequest) -> PaymentResponse:
        answer = inner(request)
        if answer.seen.status is not TransactionStatus.UNKNOWN:
            return answer
        failed = Observation(
            status=TransactionStatus.NOT_EXECUTED, channel=Channel.ANSWER, transaction_id=request.transaction_id
        )
        return PaymentResponse(seen=failed)


class ForgetsKeysShop(ShopMachine):
    """Planted bug: the store forgets used keys."""

    def planted(self, shop: ShopFixture) -> ShopFixture:
        inner = shop.store.inner

        class Forgetful:
            def __getattr__(self, name: str) -> Any:
                return getattr(inner, name)

            def of(self, merchant: str) -> Any:
                repository = inner.of(merchant)

                class Repository:
                    def __getattr__(self, name: str) -> Any:
                        return getattr(repository, name)

                    def request(self, _: str) -> None:
                        return None

                    def commit(self, commit: Commit) -> Any:
                        return repository.commit(attrs.evolve(commit, requests=()))

                return Repository()

        store: Any = Forgetful()
        shop.store.inner = store
        return shop
