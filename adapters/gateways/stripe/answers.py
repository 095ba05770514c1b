"""Reading Stripe's answers: pure and total. The default is *unknown*; success needs an answer that fits the request in all it tells."""

from __future__ import annotations

import json
from typing import Any, Final

import attrs

from payports.adapters.gateways.reading import Table, read_table, table, text
from payports.adapters.gateways.sender import Answer, Lost, NotSent, Sent
from payports.adapters.gateways.stripe.calls import CAPTURED, Terms, capture_name
from payports.adapters.gateways.stripe.currencies import units_of
from payports.adapters.gateways.stripe.objects import (
    Intent,
    Refund,
    id_of,
    own_id,
    read_intent,
    read_refund,
)
from payports.adapters.gateways.stripe.observing import concluded, seen_of
from payports.adapters.gateways.stripe.refusals import read_refusal
from payports.adapters.gateways.stripe.verdicts import (
    Verdict,
    captured,
    captured_in_part,
    initiated,
    refunded,
    reversed_,
    settled,
)
from payports.domain.lifecycle import AUTHORIZE, CAPTURE, INITIATING, REFUND, REVERSE_AUTH, SETTLED
from payports.domain.screening import mask_card_numbers
from payports.domain.transaction import Channel, FailureType, NextAction, Observation, TransactionStatus
from payports.ports.gateway import NotFoundYet, PaymentRequest, PaymentResponse

_UNKNOWN: Final = TransactionStatus.UNKNOWN


def read_answer(sent: Sent, asked: PaymentRequest, terms: Terms) -> PaymentResponse:
    """Read what came of executing a transaction."""
    match sent:
        case NotSent():
            return PaymentResponse(seen=seen_of(asked, Channel.ANSWER, TransactionStatus.NOT_EXECUTED, sent.reason))
        case Lost():
            return PaymentResponse(seen=seen_of(asked, Channel.ANSWER, _UNKNOWN, sent.reason))
        case Answer():
            told = read_table(sent.body, drop_doubled=True) or {}
            if sent.status != 200:
                return PaymentResponse(
                    seen=read_refusal(sent.status, told, asked, terms), raw=_excerpt(sent.status, table(told, "error"))
                )
            seen = about(told, asked, terms, Channel.ANSWER) or _nothing_done(asked)
            return PaymentResponse(seen=seen, raw=_excerpt(200, told))


def read_finding(sent: Sent, asked: PaymentRequest, terms: Terms, channel: Channel) -> Observation | NotFoundYet:
    """Read what came of asking about a transaction; what is no usable answer is an unknown result."""
    if not isinstance(sent, Answer):
        return seen_of(asked, channel, _UNKNOWN, "Stripe could not be asked")
    if (
        sent.status != 200
    ):  # 404 too: the name that was asked for is Stripe's own, so it is another account that answers
        return seen_of(asked, channel, _UNKNOWN, f"Stripe answered with status {sent.status}")
    told = read_table(sent.body, drop_doubled=True) or {}
    return about(told, asked, terms, channel) or NotFoundYet("Stripe has not done it")


def is_key_in_use(sent: Sent) -> bool:
    """Tell whether Stripe says that the key was sent with something else."""
    told = read_table(sent.body) if isinstance(sent, Answer) and sent.status == 400 else None
    return told is not None and text(table(told, "error"), "type") == "idempotency_error"


def _nothing_done(asked: PaymentRequest) -> Observation:
    if asked.type is SETTLED:
        return seen_of(asked, Channel.ANSWER, TransactionStatus.NOT_EXECUTED, "nothing was captured")
    return seen_of(asked, Channel.ANSWER, _UNKNOWN, "Stripe answers as if nothing had been asked")


def about(told: Table, asked: PaymentRequest, terms: Terms, channel: Channel) -> Observation | None:
    """Read an object that should be about what was asked; nothing if it says that this has not been done."""
    if asked.type is REFUND:
        refund = read_refund(told)
        return (
            _about_refund(refund, asked, terms, channel) if refund else seen_of(asked, channel, _UNKNOWN, _UNREADABLE)
        )
    if told.get("object") == "checkout.session" and asked.type in INITIATING:
        return _about_session(told, asked, terms, channel)
    intent = read_intent(told)
    return _about_intent(intent, asked, terms, channel) if intent else seen_of(asked, channel, _UNKNOWN, _UNREADABLE)


_UNREADABLE: Final = "the answer is unreadable or about something else"


def _about_refund(refund: Refund, asked: PaymentRequest, terms: Terms, channel: Channel) -> Observation:
    other = refund.transaction not in ("", asked.transaction_id) or refund.intent not in ("", asked.parent_reference)
    if other or (asked.gateway_reference and refund.id != asked.gateway_reference):
        return seen_of(asked, channel, _UNKNOWN, _UNREADABLE)
    verdict = refunded(refund, at_once=channel is Channel.ANSWER)
    seen = attrs.evolve(seen_of(asked, channel, _UNKNOWN), gateway_reference=refund.id, account=terms.account)
    return concluded(seen, attrs.evolve(verdict, amount=refund.amount), asked)


def _about_intent(intent: Intent, asked: PaymentRequest, terms: Terms, channel: Channel) -> Observation | None:
    expected = asked.gateway_reference if asked.type in INITIATING else asked.parent_reference
    named = asked.transaction_id if asked.type in INITIATING else asked.parent_id
    if asked.type is SETTLED:  # its parent may be a capture, which the intent does not name
        named = ""
    if expected not in ("", intent.id) or (named and intent.transaction not in ("", named)):
        return seen_of(asked, channel, _UNKNOWN, _UNREADABLE)
    if intent.livemode not in (None, terms.livemode):
        return seen_of(asked, channel, _UNKNOWN, "the answer is of test mode where live is expected, or the reverse")
    if _is_too_coarse(intent, asked):
        seen = seen_of(asked, channel, _UNKNOWN, "the answer is about another amount")
        return attrs.evolve(seen, amount=intent.amount, gateway_reference=_reference(intent, asked))
    verdict = _verdict(intent, asked, terms)
    if verdict is None:
        return None
    seen = attrs.evolve(
        seen_of(asked, channel, _UNKNOWN),
        gateway_reference=_reference(intent, asked),
        parent_reference=asked.parent_reference,
        account=terms.account,
        attributes=_attributes(intent, asked),
        next_action=next_action_of(intent, terms) if verdict.status is TransactionStatus.REQUIRES_ACTION else None,
    )
    return concluded(seen, verdict, asked)


def _is_too_coarse(intent: Intent, asked: PaymentRequest) -> bool:
    """The intent's amount itself must fit: equal to what it was made for, and at least what is asked of it later."""
    if intent.amount.currency != asked.amount.currency:
        return True
    if asked.type in INITIATING or asked.type is REVERSE_AUTH:
        return intent.amount != asked.amount
    return intent.amount < asked.amount


def _verdict(intent: Intent, asked: PaymentRequest, terms: Terms) -> Verdict | None:
    if asked.type in INITIATING:
        return initiated(intent, manual=asked.type is AUTHORIZE)
    if asked.type is CAPTURE and terms.several_captures:
        entry = intent.captures.get(capture_name(asked.transaction_id).removeprefix(CAPTURED), "")
        return captured_in_part(intent, entry, units_of(asked.amount) or 0, asked.amount)
    readers = {CAPTURE: captured, REVERSE_AUTH: reversed_, SETTLED: settled}
    return readers[asked.type](intent) if asked.type in readers else Verdict(_UNKNOWN)


def _reference(intent: Intent, asked: PaymentRequest) -> str:
    """One intent serves a hold, its capture and its reversal; their types tell them apart. A settlement is an entry in the balance."""
    if asked.type is SETTLED:
        return id_of(intent.charge.balance.get("id")) if intent.charge else ""
    return intent.id


def _attributes(intent: Intent, asked: PaymentRequest) -> dict[str, str]:
    held = {"held": str(intent.amount.minor)} if asked.type is AUTHORIZE else {}
    return {"currency": intent.amount.currency.code, **held}


def next_action_of(intent: Intent, terms: Terms, *, complete: bool = False) -> NextAction:
    """What the shopper must do. The client secret, which is never kept, is there only when it is ``complete``."""
    url = text(table(intent.action, "redirect_to_url"), "url", 4_000)
    if url.startswith(("https://", "http://")):
        return NextAction(type="redirect", url=url, reference=intent.id)
    secret = (("client_secret", intent.secret),) if complete else ()
    fields = (("payment_intent", intent.id), ("publishable_key", terms.publishable_key), *secret)
    return NextAction(type="challenge", reference=intent.id, fields=fields)


def _about_session(told: Table, asked: PaymentRequest, terms: Terms, channel: Channel) -> Observation:
    """Read a hosted page: the intent that came of it, if there is one, else how the page stands."""
    session, url = own_id(told), text(told, "url", 4_000)
    named = text(table(told, "metadata"), "payports_transaction", 255)
    expected = asked.attributes.get("session", session)
    if not session or session != expected or named not in ("", asked.transaction_id):
        return seen_of(asked, channel, _UNKNOWN, _UNREADABLE)
    if told.get("livemode", terms.livemode) is not terms.livemode:
        return seen_of(asked, channel, _UNKNOWN, "the page is of test mode where live is expected, or the reverse")
    intent = table(told, "payment_intent")
    found = about(intent, asked, terms, channel) if intent else None
    if found and found.status is not _UNKNOWN:
        return found
    seen = attrs.evolve(seen_of(asked, channel, _UNKNOWN), account=terms.account, attributes={"session": session})
    if told.get("status") == "expired":
        return attrs.evolve(
            seen, status=TransactionStatus.NOT_EXECUTED, failure_type=FailureType.ABANDONED, code="expired"
        )
    if told.get("status", "open") == "open" and url.startswith(("https://", "http://")):
        action = NextAction(type="hosted_page", url=url, reference=session)
        return attrs.evolve(seen, status=TransactionStatus.REQUIRES_ACTION, next_action=action)
    return seen


_KEPT: Final = [
    "id",
    "object",
    "status",
    "amount",
    "amount_capturable",
    "amount_received",
    "amount_captured",
    "currency",
    "livemode",
    "type",
    "code",
    "decline_code",
]


def _excerpt(status: int, told: Table) -> str:
    """What of a raw answer may be kept: ids, amounts and codes; no secret, no address, nothing that a shopper wrote."""
    kept: dict[str, Any] = {"http": status}
    kept |= {name: told[name] for name in _KEPT if isinstance(told.get(name), str | int)}
    return mask_card_numbers(json.dumps(kept)[:500])
