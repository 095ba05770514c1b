"""Stripe's answers, read purely and totally. The default is *unknown*; success needs an answer that fits the request in every field."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote_plus

import attrs

from payports.adapters.gateways.kit.http_results import Answer, SendResult
from payports.adapters.gateways.kit.json_reading import JsonObject, integer, nested, text
from payports.adapters.gateways.kit.observations import NOT_ASKED, excerpt, interpret_execution, observation_of, unknown
from payports.adapters.gateways.stripe.errors import read_refusal
from payports.adapters.gateways.stripe.interpretation import (
    interpret,
    interpret_refund,
    is_about,
    moves_money,
    with_verdict,
)
from payports.adapters.gateways.stripe.json_objects import id_of, own_id, read_payload, reference_of
from payports.adapters.gateways.stripe.objects import Charge, Intent, read_intent, read_refund, transaction_of
from payports.adapters.gateways.stripe.requests import MULTICAPTURE, StripeSettings
from payports.domain.lifecycle import AUTHORIZE, INITIATING, REFUND, REVERSE_AUTH, SETTLED
from payports.domain.money import Money
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.transaction_types import FAILED, FailureType, TransactionStatus
from payports.ports.gateway import NotFoundYet, PaymentRequest, PaymentResponse

_UNKNOWN: Final = TransactionStatus.UNKNOWN


def read_answer(sent: SendResult, request: PaymentRequest, settings: StripeSettings) -> PaymentResponse:
    """Read the answer to executing a transaction."""

    def read(answer: Answer) -> PaymentResponse:
        payload = read_payload(answer)
        if answer.status != 200:
            seen, shown = read_refusal(answer.status, payload, request, settings), nested(payload, "error")
        else:
            seen, shown = observe_answer(payload, request, settings) or _nothing_done(request), payload
        return PaymentResponse(seen=seen, raw=_excerpt(answer.status, shown))

    return interpret_execution(sent, request, read)


def read_finding(
    sent: SendResult, request: PaymentRequest, settings: StripeSettings, channel: Channel
) -> Observation | NotFoundYet:
    """Read the answer to a query about a transaction; without a usable answer the result is unknown.

    404 is no usable answer either: the id came from Stripe, so another account has answered.
    """
    if not isinstance(sent, Answer) or sent.status != 200:
        return unknown(request, channel, why_unanswered(sent))
    return observe_object(read_payload(sent), request, settings, channel) or NotFoundYet("Stripe has not done it")


def why_unanswered(sent: SendResult) -> str:
    """Say why a query has no usable answer."""
    if not isinstance(sent, Answer):
        return NOT_ASKED
    if sent.status in (401, 403):
        return f"Stripe refuses the secret key (status {sent.status})"
    return "Stripe's answer cannot be used" if sent.status == 200 else f"Stripe answered with status {sent.status}"


def is_key_in_use(sent: SendResult) -> bool:
    """Tell whether Stripe says that the key was used with other content."""
    payload = read_payload(sent) if isinstance(sent, Answer) and sent.status == 400 else {}
    return text(nested(payload, "error"), "type") == "idempotency_error"


def _nothing_done(request: PaymentRequest) -> Observation:
    if request.type is SETTLED:
        return observation_of(request, Channel.ANSWER, TransactionStatus.NOT_EXECUTED, "nothing was captured")
    return unknown(request, Channel.ANSWER, "Stripe answers as if nothing had been asked")


def observe_answer(payload: JsonObject, request: PaymentRequest, settings: StripeSettings) -> Observation | None:
    """Read the answer to a request that carried our id: without that id it is about something else.

    A capture and a cancellation address an intent by its own id; one that was not created by us has no id of ours.
    """
    other = request.type in INITIATING | {REFUND} and transaction_of(payload) != request.transaction_id
    if other or (request.type is REFUND and reference_of(payload, "payment_intent") != request.parent_reference):
        return unknown(request, Channel.ANSWER, _UNREADABLE)
    return observe_object(payload, request, settings, Channel.ANSWER)


def observe_object(
    payload: JsonObject, request: PaymentRequest, settings: StripeSettings, channel: Channel
) -> Observation | None:
    """Read an object that should be about the request; nothing if it shows that the transaction was not done."""
    if request.type is REFUND:
        return _observe_refund(payload, request, settings, channel)
    if payload.get("object") == "checkout.session" and request.type in INITIATING:
        return _observe_session(payload, request, settings, channel)
    intent = read_intent(payload)
    if intent is None or not is_about(intent, request, settings):
        return unknown(request, channel, _UNREADABLE)
    seen = _observe_intent(intent, request, settings, channel)
    if seen and intent.on_page and intent.status != "canceled" and request.type in INITIATING and seen.status in _OPEN:
        return attrs.evolve(seen, status=_UNKNOWN, next_action=None, message="the shopper may still pay on the page")
    return seen


_UNREADABLE: Final = "the answer is unreadable or about something else"
_OPEN: Final = (TransactionStatus.DECLINED, TransactionStatus.REQUIRES_ACTION)
"""Statuses of a payment on a hosted page after which the shopper may still pay."""


def _observe_refund(
    payload: JsonObject, request: PaymentRequest, settings: StripeSettings, channel: Channel
) -> Observation:
    refund = read_refund(payload)
    if refund is None or payload.get("livemode", settings.livemode) is not settings.livemode:
        return unknown(request, channel, _UNREADABLE)
    other = refund.transaction not in ("", request.transaction_id) or refund.intent not in (
        "",
        request.parent_reference,
    )
    nobodys = not refund.transaction and not refund.intent
    if other or nobodys or (request.gateway_reference and refund.id != request.gateway_reference):
        return unknown(request, channel, _UNREADABLE)
    seen = attrs.evolve(unknown(request, channel), gateway_reference=refund.id, account=settings.account)
    return with_verdict(interpret_refund(refund, at_once=channel is Channel.ANSWER), seen)


def _observe_intent(
    intent: Intent, request: PaymentRequest, settings: StripeSettings, channel: Channel
) -> Observation | None:
    if _is_of_another_amount(intent, request):
        seen = unknown(request, channel, "the answer is about another amount")
        return attrs.evolve(seen, amount=intent.amount, gateway_reference=_reference(intent, request))
    verdict = interpret(intent, request, settings)
    if verdict is None:
        return None
    seen = attrs.evolve(
        unknown(request, channel),
        gateway_reference=_reference(intent, request),
        parent_reference=request.parent_reference,
        account=settings.account,
        attributes=_attributes(intent, request, settings),
        next_action=next_action_of(intent, settings) if verdict.status is TransactionStatus.REQUIRES_ACTION else None,
    )
    return with_verdict(verdict, seen)


def _is_of_another_amount(intent: Intent, request: PaymentRequest) -> bool:
    """Tell whether the intent's own amount does not fit: it equals that of the initiating transaction, and bounds later ones."""
    if intent.amount.currency != request.amount.currency:
        return True
    if request.type in INITIATING or request.type is REVERSE_AUTH:
        return intent.amount != request.amount
    return intent.amount < request.amount


def _reference(intent: Intent, request: PaymentRequest) -> str:
    """The gateway reference: a hold, its capture and its reversal share the intent's id; a settlement is an entry in the balance."""
    if request.type is SETTLED:
        return id_of(intent.charge.balance.get("id")) if intent.charge else ""
    return intent.id


def _attributes(intent: Intent, request: PaymentRequest, settings: StripeSettings) -> dict[str, str]:
    return attributes_of(intent.amount, intent.charge, settings, manual=request.type is AUTHORIZE)


def attributes_of(amount: Money, charge: Charge | None, settings: StripeSettings, *, manual: bool) -> dict[str, str]:
    """Attributes that later calls need: the currency; of a hold also its amount, and whether it may be captured several times."""
    payload = charge.multicapture if charge and manual and settings.several_captures else ""
    held = {"held": str(amount.minor)} if manual else {}
    return {"currency": amount.currency.code, **held, **({MULTICAPTURE: payload} if payload else {})}


def next_action_of(intent: Intent, settings: StripeSettings, *, complete: bool = False) -> NextAction:
    """What the shopper must do. Client secrets, which are never stored, are included only if ``complete``."""
    url = _address(nested(intent.action, "redirect_to_url"))
    if url:
        return NextAction(type="redirect", url=url if complete else _kept(url, intent.secret), reference=intent.id)
    secret = (("client_secret", intent.secret),) if complete else ()
    fields = (("payment_intent", intent.id), ("publishable_key", settings.publishable_key), *secret)
    return NextAction(type="challenge", reference=intent.id, fields=fields)


def page_of(payload: JsonObject, *, complete: bool = False) -> NextAction | None:
    """The hosted page of a checkout session, as long as it is open."""
    session, url = own_id(payload), _address(payload)
    if payload.get("object") != "checkout.session" or payload.get("status") != "open" or not (session and url):
        return None
    return NextAction(type="hosted_page", url=url if complete else _kept(url), reference=session)


def _address(payload: JsonObject) -> str:
    url = text(payload, "url", 4_000)
    return url if url.startswith(("https://", "http://")) else ""


def _kept(url: str, secret: str = "") -> str:
    """An address as it may be stored: empty if it carries a secret; then it is fetched anew when it is handed out."""
    plain = unquote_plus(unquote_plus(url))
    return "" if "secret" in plain.lower() or (secret and secret in plain) else url


def _observe_session(
    payload: JsonObject, request: PaymentRequest, settings: StripeSettings, channel: Channel
) -> Observation:
    """Read a hosted page: while it is open the shopper may try again; afterwards its intent counts, if there is one."""
    session, unreadable = own_id(payload), unknown(request, channel, _UNREADABLE)
    given, name = payload.get("payment_intent"), reference_of(payload, "payment_intent")
    intent = read_intent(nested(payload, "payment_intent"))
    if not session or session != request.attributes.get("session", session) or name is None:
        return unreadable
    if transaction_of(payload) not in ("", request.transaction_id) or payload.get("livemode") is not settings.livemode:
        return unreadable
    mismatch = request.gateway_reference not in ("", name)
    if mismatch or (isinstance(given, dict) and (intent is None or not is_about(intent, request, settings))):
        return unreadable
    found = _observe_intent(intent, request, settings, channel) if intent else None
    unpaid = payload.get("payment_status") in (None, "unpaid")
    over = payload.get("status") == "expired" or (
        payload.get("status") == "complete" and payload.get("payment_status") == "unpaid"
    )
    seen = attrs.evolve(unreadable, account=settings.account, attributes={"session": session}, message="")
    page = page_of(payload)
    if page and unpaid and (found is None or _is_waiting(intent, found)):
        return attrs.evolve(seen, status=TransactionStatus.REQUIRES_ACTION, next_action=page)
    if payload.get("status") == "expired" and unpaid and (not name or (found and _was_left(intent, found))):
        abandoned = FailureType.ABANDONED
        return attrs.evolve(seen, status=TransactionStatus.NOT_EXECUTED, failure_type=abandoned, code="expired")
    if found is None or found.status is TransactionStatus.REQUIRES_ACTION:
        return seen
    return seen if found.status in FAILED and not (unpaid and over) else found


def _is_waiting(intent: Intent | None, found: Observation) -> bool:
    return found.status in _OPEN or _was_left(intent, found)


def _was_left(intent: Intent | None, found: Observation) -> bool:
    """Tell whether nobody has tried to pay, or every attempt is over; an intent of another amount does not count."""
    if intent is None or intent.authorized or moves_money(intent):
        return False
    idle = intent.status in ("requires_payment_method", "requires_source")
    return idle and found.status is _UNKNOWN and found.amount is None


_WORDS: Final = ("object", "status", "currency", "type", "code", "decline_code")
_AMOUNTS: Final = ("amount", "amount_capturable", "amount_received", "amount_captured")
_WORD: Final = re.compile(r"[A-Za-z][a-z_.]{0,99}")


def _excerpt(status: int, payload: JsonObject) -> str:
    """The part of a raw answer that may be stored: ids, amounts and codes; no secret, no address, nothing that a shopper wrote."""
    fields: dict[str, Any] = {"http": status, "id": own_id(payload), "livemode": payload.get("livemode") is True}
    fields |= {name: payload.get(name) for name in _WORDS if _WORD.fullmatch(text(payload, name))}
    fields |= {name: integer(payload, name) for name in _AMOUNTS if integer(payload, name) is not None}
    return excerpt(fields)
