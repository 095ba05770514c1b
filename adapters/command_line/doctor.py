"""``payports doctor``: check configuration, store and gateways, and say what to do. Moves nothing, shows no secret."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import attrs
from returns.result import Failure
from rich.text import Text

import payports
from payports.adapters.command_line.presentation.output import BAD, GOOD, columns, console
from payports.adapters.command_line.shops import find_config
from payports.application.kernel import gateway_calls
from payports.application.kernel.environment import Environment
from payports.application.kernel.policy import ConfiguredGateway
from payports.application.shop import Payports
from payports.domain.capabilities import LookUp
from payports.domain.money import Money
from payports.domain.payment import Owner
from payports.domain.payment_method import PaymentMethod, PaymentType
from payports.domain.transaction_types import TransactionStatus, TransactionType
from payports.ports.adapter import ConfigurationError
from payports.ports.gateway import NotFoundYet, PaymentRequest
from payports.ports.store import StoreFailed

_PATIENCE: Final = timedelta(minutes=10)
"""Work that has been due for longer than this shows that nobody runs maintenance."""
_NOT_READY: Final = 500
"""A reader of webhooks that answers with this or more cannot verify anything yet."""


@attrs.frozen
class Check:
    """The result of one check, and what to do if it found a problem."""

    subject: str
    says: str
    to_do: str = ""


def run_doctor(config: Path | None) -> int:
    """Print the result of every check; 1 if there is a problem."""
    checks = tuple(_examine(find_config(config)))
    table = columns("", "what", "says", fixed=("", "what"))
    for check in checks:
        table.add_row(Text("problem", style=BAD) if check.to_do else Text("ok", style=GOOD), check.subject, check.says)
        if check.to_do:
            table.add_row("", "", f"-> {check.to_do}")
    out = console()
    out.print(table)
    problems = sum(bool(check.to_do) for check in checks)
    out.print(
        f"\n{problems} {'problems' if problems > 1 else 'problem'}" if problems else "\nall checks passed",
        style=BAD if problems else GOOD,
    )
    return int(problems > 0)


def _examine(config: Path | None) -> Iterator[Check]:
    try:
        shop = payports.connect(config)
    except ConfigurationError as error:
        yield Check("configuration", str(error), "correct it, then run doctor again: nothing else was checked")
        return
    with shop:
        names = ", ".join(shop.gateways)
        yield Check(
            "configuration", f"{config or 'none, so the default'}; gateways {names}; merchant {shop.merchant_id}"
        )
        try:
            yield from _store(shop)
        except StoreFailed as error:
            yield Check(
                "store",
                str(error),
                "see that it can be reached and written, then run doctor again: nothing else was checked",
            )
            return
        for merchant in (shop.merchant_id, *shop.merchants):
            yield from _merchant(shop.merchant(merchant).environment, "" if merchant == shop.merchant_id else merchant)
        yield from _open_work(shop)


def _store(shop: Payports) -> Iterator[Check]:
    properties = shop.store.check()
    yield Check("store", ", ".join(f"{name} {value}" for name, value in properties.items()))
    if "others may read" in properties.get("permissions", ""):
        yield Check("store", "other users may read its file, which holds tokens", "chmod 600 the file")


def _merchant(env: Environment, merchant: str) -> Iterator[Check]:
    of = f"{merchant}: " if merchant else ""
    for configured in env.gateways.values():
        yield _reach(env, configured, of)
        yield _webhooks(env, configured, of)
        if env.policy.options and all(option.gateway != configured.name for option in env.policy.options):
            yield Check(f"{of}{configured.name}", "is offered to no cart", "name it in an [[options]] table")
    yield from _priorities(env, of)


def _reach(env: Environment, configured: ConfiguredGateway, of: str) -> Check:
    """Ask a gateway about a transaction that nobody made."""
    subject = f"{of}{configured.name}"
    capabilities = configured.gateway.transactions.capabilities
    if capabilities.look_up is LookUp.NONE:
        return Check(subject, "cannot be asked about transactions; unknown results will need a person")
    answer = gateway_calls.look_up(
        configured.gateway, _question(env, min(capabilities.currencies, default="EUR")), fence=False
    )
    if isinstance(answer, NotFoundYet) or answer.status is not TransactionStatus.UNKNOWN:
        return Check(subject, "answers")
    return Check(
        subject, f"does not answer: {answer.message}", "check that it runs, and that its address and keys are right"
    )


def _question(env: Environment, currency: str) -> PaymentRequest:
    return PaymentRequest(
        transaction_id=f"doctor-{env.ids.new()}",
        type=TransactionType.AUTHORIZE,
        amount=Money(1, currency),
        payment_id="doctor",
        owner=Owner("doctor", "doctor"),
        method=PaymentMethod({}),
        payment_type=PaymentType.CREDIT_CARD,
        sent_at=env.now(),
    )


def _webhooks(env: Environment, configured: ConfiguredGateway, of: str) -> Check:
    subject, reader = f"{of}{configured.name}", configured.gateway.webhooks
    if reader is None:
        return Check(subject, "sends no notifications")
    read = reader.read({}, b"", {}, env.now())
    if isinstance(read, Failure) and read.failure().status_code >= _NOT_READY:
        return Check(subject, f"notifications: {read.failure().reason}", "set its webhook_secret")
    return Check(subject, "notifications are verified")


def _priorities(env: Environment, of: str) -> Iterator[Check]:
    policy = env.policy
    named = {
        "checkout.priority": policy.checkout_priority,
        "orders.capture_priority": policy.capture_priority,
        "orders.refund_priority": policy.refund_priority,
        "orders.cancel_priority": policy.cancel_priority,
    }
    reported: set[tuple[str, ...]] = set()
    for key, priority in named.items():
        missing = [name for name in env.gateways if name not in priority]
        if missing and priority not in reported:
            reported.add(priority)
            yield Check(f"{of}{key}", f"does not name {', '.join(missing)}", "name every gateway; others come last")


def _open_work(shop: Payports) -> Iterator[Check]:
    env = shop.environment
    if env.store.due(env.now() - _PATIENCE, 1):
        yield Check("maintenance", "work is overdue", "call shop.maintenance.run() every minute")
    attention = shop.maintenance.needs_attention()
    for item in () if isinstance(attention, Failure) else attention.unwrap():
        where = item.payment_id or "a notification"
        yield Check("attention", f"{where}: {item.message}", item.what_to_do)
