"""Reading Stripe's answers: pure and total. The default is *unknown*; success needs an answer that fits the request in all it tells."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import unquote_plus

import attrs

from payports.adapters.gateways.kit.http_results import Answer, Lost, NotSent, Sent
from payports.adapters.gateways.kit.json_reading import JsonObject, integer, nested, text
from payports.adapters.gateways.stripe.errors import read_refusal
from payports.adapters.gateways.stripe.interpretation import is_about, moves_money, refunded, verdict_of
from payports.adapters.gateways.stripe.json_objects import id_of, named, own_id, read_body
from payports.adapters.gateways.stripe.objects import Charge, Intent, read_intent, read_refund, transaction_of
from payports.adapters.gateways.stripe.observations import concluded, seen_of
from payports.adapters.gateways.stripe.requests import MULTICAPTURE, Terms
from payports.domain.card_data import mask_card_numbers
from payports.domain.lifecycle import AUTHORIZE, INITIATING, REFUND, REVERSE_AUTH, SETTLED
from payports.domain.money import Money
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.transaction_types import FAILED, FailureType, TransactionStatus
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
            told = read_body(sent.body)
            if sent.status != 200:
                return PaymentResponse(
                    seen=read_refusal(sent.status, told, asked, terms), raw=_excerpt(sent.status, nested(told, "error"))
                )
            seen = answered(told, asked, terms) or _nothing_done(asked)
            return PaymentResponse(seen=seen, raw=_excerpt(200, told))


def read_finding(sent: Sent, asked: PaymentRequest, terms: Terms, channel: Channel) -> Observation | NotFoundYet:
    """Read what came of asking about a transaction; what is no usable answer is an unknown result."""
    if not isinstance(sent, Answer):
        return seen_of(asked, channel, _UNKNOWN, unasked(sent))
    if (
        sent.status != 200
    ):  # 404 too: the name that was asked for is Stripe's own, so it is another account that answers
        return seen_of(asked, channel, _UNKNOWN, unasked(sent))
    return about(read_body(sent.body), asked, terms, channel) or NotFoundYet("Stripe has not done it")


def unasked(sent: Sent) -> str:
    """Say why Stripe could not be asked, or that its answer to a question cannot be used."""
    if not isinstance(sent, Answer):
        return "Stripe could not be asked"
    if sent.status in (401, 403):
        return f"Stripe refuses the secret key (status {sent.status})"
    return "Stripe's answer cannot be used" if sent.status == 200 else f"Stripe answered with status {sent.status}"


def is_key_in_use(sent: Sent) -> bool:
    """Tell whether Stripe says that the key was sent with something else."""
    told = read_body(sent.body) if isinstance(sent, Answer) and sent.status == 400 else {}
    return text(nested(told, "error"), "type") == "idempotency_error"


def _nothing_done(asked: PaymentRequest) -> Observation:
    if asked.type is SETTLED:
        return seen_of(asked, Channel.ANSWER, TransactionStatus.NOT_EXECUTED, "nothing was captured")
    return seen_of(asked, Channel.ANSWER, _UNKNOWN, "Stripe answers as if nothing had been asked")


def answered(told: JsonObject, asked: PaymentRequest, terms: Terms) -> Observation | None:
    """Read the answer to what was sent with our id: what does not name that id is about something else.

    A capture and a cancellation are sent to an intent by its own name, which may not be of our making and then has no id of ours.
    """
    other = asked.type in INITIATING | {REFUND} and transaction_of(told) != asked.transaction_id
    if other or (asked.type is REFUND and named(told, "payment_intent") != asked.parent_reference):
        return seen_of(asked, Channel.ANSWER, _UNKNOWN, _UNREADABLE)
    return about(told, asked, terms, Channel.ANSWER)


def about(told: JsonObject, asked: PaymentRequest, terms: Terms, channel: Channel) -> Observation | None:
    """Read an object that should be about what was asked; nothing if it says that this has not been done."""
    if asked.type is REFUND:
        return _about_refund(told, asked, terms, channel)
    if told.get("object") == "checkout.session" and asked.type in INITIATING:
        return _about_session(told, asked, terms, channel)
    intent = read_intent(told)
    if intent is None or not is_about(intent, asked, terms):
        return seen_of(asked, channel, _UNKNOWN, _UNREADABLE)
    seen = _about_intent(intent, asked, terms, channel)
    if seen and intent.on_page and intent.status != "canceled" and asked.type in INITIATING and seen.status in _OPEN:
        return attrs.evolve(seen, status=_UNKNOWN, next_action=None, message="the shopper may still pay on the page")
    return seen


_UNREADABLE: Final = "the answer is unreadable or about something else"
_OPEN: Final = (TransactionStatus.DECLINED, TransactionStatus.REQUIRES_ACTION)
"""What a payment comes to on a page of Stripe's, on which the shopper may go on."""


def _about_refund(told: JsonObject, asked: PaymentRequest, terms: Terms, channel: Channel) -> Observation:
    refund = read_refund(told)
    if refund is None or told.get("livemode", terms.livemode) is not terms.livemode:
        return seen_of(asked, channel, _UNKNOWN, _UNREADABLE)
    other = refund.transaction not in ("", asked.transaction_id) or refund.intent not in ("", asked.parent_reference)
    nobodys = not refund.transaction and not refund.intent
    if other or nobodys or (asked.gateway_reference and refund.id != asked.gateway_reference):
        return seen_of(asked, channel, _UNKNOWN, _UNREADABLE)
    seen = attrs.evolve(seen_of(asked, channel, _UNKNOWN), gateway_reference=refund.id, account=terms.account)
    return concluded(seen, refunded(refund, at_once=channel is Channel.ANSWER), asked)


def _about_intent(intent: Intent, asked: PaymentRequest, terms: Terms, channel: Channel) -> Observation | None:
    if _is_too_coarse(intent, asked):
        seen = seen_of(asked, channel, _UNKNOWN, "the answer is about another amount")
        return attrs.evolve(seen, amount=intent.amount, gateway_reference=_reference(intent, asked))
    verdict = verdict_of(intent, asked, terms)
    if verdict is None:
        return None
    seen = attrs.evolve(
        seen_of(asked, channel, _UNKNOWN),
        gateway_reference=_reference(intent, asked),
        parent_reference=asked.parent_reference,
        account=terms.account,
        attributes=_attributes(intent, asked, terms),
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


def _reference(intent: Intent, asked: PaymentRequest) -> str:
    """One intent serves a hold, its capture and its reversal; their types tell them apart. A settlement is an entry in the balance."""
    if asked.type is SETTLED:
        return id_of(intent.charge.balance.get("id")) if intent.charge else ""
    return intent.id


def _attributes(intent: Intent, asked: PaymentRequest, terms: Terms) -> dict[str, str]:
    return attributes_of(intent.amount, intent.charge, terms, manual=asked.type is AUTHORIZE)


def attributes_of(amount: Money, charge: Charge | None, terms: Terms, *, manual: bool) -> dict[str, str]:
    """What a later call needs to know: of a hold also how much it is, and whether it may be captured several times."""
    told = charge.multicapture if charge and manual and terms.several_captures else ""
    held = {"held": str(amount.minor)} if manual else {}
    return {"currency": amount.currency.code, **held, **({MULTICAPTURE: told} if told else {})}


def next_action_of(intent: Intent, terms: Terms, *, complete: bool = False) -> NextAction:
    """What the shopper must do. Client secrets, which are never kept, are there only when it is ``complete``."""
    url = _address(nested(intent.action, "redirect_to_url"))
    if url:
        return NextAction(type="redirect", url=url if complete else _kept(url, intent.secret), reference=intent.id)
    secret = (("client_secret", intent.secret),) if complete else ()
    fields = (("payment_intent", intent.id), ("publishable_key", terms.publishable_key), *secret)
    return NextAction(type="challenge", reference=intent.id, fields=fields)


def page_of(told: JsonObject, *, complete: bool = False) -> NextAction | None:
    """The page that a session of Stripe's offers, as long as it is open."""
    session, url = own_id(told), _address(told)
    if told.get("object") != "checkout.session" or told.get("status") != "open" or not (session and url):
        return None
    return NextAction(type="hosted_page", url=url if complete else _kept(url), reference=session)


def _address(told: JsonObject) -> str:
    url = text(told, "url", 4_000)
    return url if url.startswith(("https://", "http://")) else ""


def _kept(url: str, secret: str = "") -> str:
    """An address as it may be kept: not at all if it carries a secret; it is asked for anew when it is handed out."""
    plain = unquote_plus(unquote_plus(url))
    return "" if "secret" in plain.lower() or (secret and secret in plain) else url


def _about_session(told: JsonObject, asked: PaymentRequest, terms: Terms, channel: Channel) -> Observation:
    """Read a hosted page: as long as it is open the shopper may try again; then the intent that came of it counts, if there is one."""
    session, unknown = own_id(told), seen_of(asked, channel, _UNKNOWN, _UNREADABLE)
    given, name = told.get("payment_intent"), named(told, "payment_intent")
    intent = read_intent(nested(told, "payment_intent"))
    if not session or session != asked.attributes.get("session", session) or name is None:
        return unknown
    if transaction_of(told) not in ("", asked.transaction_id) or told.get("livemode") is not terms.livemode:
        return unknown
    strange = asked.gateway_reference not in ("", name)
    if strange or (isinstance(given, dict) and (intent is None or not is_about(intent, asked, terms))):
        return unknown
    found = _about_intent(intent, asked, terms, channel) if intent else None
    unpaid = told.get("payment_status") in (None, "unpaid")
    over = told.get("status") == "expired" or (
        told.get("status") == "complete" and told.get("payment_status") == "unpaid"
    )
    seen = attrs.evolve(unknown, account=terms.account, attributes={"session": session}, message="")
    page = page_of(told)
    if page and unpaid and (found is None or _is_waiting(intent, found)):
        return attrs.evolve(seen, status=TransactionStatus.REQUIRES_ACTION, next_action=page)
    if told.get("status") == "expired" and unpaid and (not name or (found and _was_left(intent, found))):
        abandoned = FailureType.ABANDONED
        return attrs.evolve(seen, status=TransactionStatus.NOT_EXECUTED, failure_type=abandoned, code="expired")
    if found is None or found.status is TransactionStatus.REQUIRES_ACTION:
        return seen
    return seen if found.status in FAILED and not (unpaid and over) else found


def _is_waiting(intent: Intent | None, found: Observation) -> bool:
    return found.status in _OPEN or _was_left(intent, found)


def _was_left(intent: Intent | None, found: Observation) -> bool:
    """Nobody has tried to pay, or every attempt is over; what an intent says of another amount is no such thing."""
    if intent is None or intent.authorized or moves_money(intent):
        return False
    idle = intent.status in ("requires_payment_method", "requires_source")
    return idle and found.status is _UNKNOWN and found.amount is None


_WORDS: Final = ("object", "status", "currency", "type", "code", "decline_code")
_AMOUNTS: Final = ("amount", "amount_capturable", "amount_received", "amount_captured")
_WORD: Final = re.compile(r"[A-Za-z][a-z_.]{0,99}")


def _excerpt(status: int, told: JsonObject) -> str:
    """What of a raw answer may be kept: ids, amounts and codes; no secret, no address, nothing that a shopper wrote."""
    kept: dict[str, Any] = {"http": status, "id": own_id(told), "livemode": told.get("livemode") is True}
    kept |= {name: told.get(name) for name in _WORDS if _WORD.fullmatch(text(told, name))}
    kept |= {name: integer(told, name) for name in _AMOUNTS if integer(told, name) is not None}
    return mask_card_numbers(json.dumps(kept)[:500])
