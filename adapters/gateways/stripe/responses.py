"""Reading Stripe's answers: pure and total. The default is *unknown*; success needs an answer that fits the request in all it tells."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote_plus

import attrs

from payports.adapters.gateways.kit.http_results import Answer, Sent
from payports.adapters.gateways.kit.json_reading import JsonObject, integer, nested, text
from payports.adapters.gateways.kit.observations import NOT_ASKED, excerpt, interpret_execution, observation_of, unknown
from payports.adapters.gateways.stripe.errors import read_refusal
from payports.adapters.gateways.stripe.interpretation import is_about, moves_money, observed, refunded, verdict_of
from payports.adapters.gateways.stripe.json_objects import id_of, named, own_id, read_payload
from payports.adapters.gateways.stripe.objects import Charge, Intent, read_intent, read_refund, transaction_of
from payports.adapters.gateways.stripe.requests import MULTICAPTURE, StripeSettings
from payports.domain.lifecycle import AUTHORIZE, INITIATING, REFUND, REVERSE_AUTH, SETTLED
from payports.domain.money import Money
from payports.domain.observation import Channel, NextAction, Observation
from payports.domain.transaction_types import FAILED, FailureType, TransactionStatus
from payports.ports.gateway import NotFoundYet, PaymentRequest, PaymentResponse

_UNKNOWN: Final = TransactionStatus.UNKNOWN


def read_answer(sent: Sent, request: PaymentRequest, settings: StripeSettings) -> PaymentResponse:
    """Read what came of executing a transaction."""

    def read(answer: Answer) -> PaymentResponse:
        payload = read_payload(answer)
        if answer.status != 200:
            seen, shown = read_refusal(answer.status, payload, request, settings), nested(payload, "error")
        else:
            seen, shown = answered(payload, request, settings) or _nothing_done(request), payload
        return PaymentResponse(seen=seen, raw=_excerpt(answer.status, shown))

    return interpret_execution(sent, request, read)


def read_finding(
    sent: Sent, request: PaymentRequest, settings: StripeSettings, channel: Channel
) -> Observation | NotFoundYet:
    """Read what came of asking about a transaction; what is no usable answer is an unknown result.

    That is true of 404 too: the name that was asked for is Stripe's own, so it is another account that answers.
    """
    if not isinstance(sent, Answer) or sent.status != 200:
        return unknown(request, channel, unasked(sent))
    return about(read_payload(sent), request, settings, channel) or NotFoundYet("Stripe has not done it")


def unasked(sent: Sent) -> str:
    """Say why Stripe could not be asked, or that its answer to a question cannot be used."""
    if not isinstance(sent, Answer):
        return NOT_ASKED
    if sent.status in (401, 403):
        return f"Stripe refuses the secret key (status {sent.status})"
    return "Stripe's answer cannot be used" if sent.status == 200 else f"Stripe answered with status {sent.status}"


def is_key_in_use(sent: Sent) -> bool:
    """Tell whether Stripe says that the key was sent with something else."""
    payload = read_payload(sent) if isinstance(sent, Answer) and sent.status == 400 else {}
    return text(nested(payload, "error"), "type") == "idempotency_error"


def _nothing_done(request: PaymentRequest) -> Observation:
    if request.type is SETTLED:
        return observation_of(request, Channel.ANSWER, TransactionStatus.NOT_EXECUTED, "nothing was captured")
    return unknown(request, Channel.ANSWER, "Stripe answers as if nothing had been asked")


def answered(payload: JsonObject, request: PaymentRequest, settings: StripeSettings) -> Observation | None:
    """Read the answer to what was sent with our id: what does not name that id is about something else.

    A capture and a cancellation are sent to an intent by its own name, which may not be of our making and then has no id of ours.
    """
    other = request.type in INITIATING | {REFUND} and transaction_of(payload) != request.transaction_id
    if other or (request.type is REFUND and named(payload, "payment_intent") != request.parent_reference):
        return unknown(request, Channel.ANSWER, _UNREADABLE)
    return about(payload, request, settings, Channel.ANSWER)


def about(
    payload: JsonObject, request: PaymentRequest, settings: StripeSettings, channel: Channel
) -> Observation | None:
    """Read an object that should be about what was asked; nothing if it says that this has not been done."""
    if request.type is REFUND:
        return _about_refund(payload, request, settings, channel)
    if payload.get("object") == "checkout.session" and request.type in INITIATING:
        return _about_session(payload, request, settings, channel)
    intent = read_intent(payload)
    if intent is None or not is_about(intent, request, settings):
        return unknown(request, channel, _UNREADABLE)
    seen = _about_intent(intent, request, settings, channel)
    if seen and intent.on_page and intent.status != "canceled" and request.type in INITIATING and seen.status in _OPEN:
        return attrs.evolve(seen, status=_UNKNOWN, next_action=None, message="the shopper may still pay on the page")
    return seen


_UNREADABLE: Final = "the answer is unreadable or about something else"
_OPEN: Final = (TransactionStatus.DECLINED, TransactionStatus.REQUIRES_ACTION)
"""What a payment comes to on a page of Stripe's, on which the shopper may go on."""


def _about_refund(
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
    return observed(refunded(refund, at_once=channel is Channel.ANSWER), seen)


def _about_intent(
    intent: Intent, request: PaymentRequest, settings: StripeSettings, channel: Channel
) -> Observation | None:
    if _is_too_coarse(intent, request):
        seen = unknown(request, channel, "the answer is about another amount")
        return attrs.evolve(seen, amount=intent.amount, gateway_reference=_reference(intent, request))
    verdict = verdict_of(intent, request, settings)
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
    return observed(verdict, seen)


def _is_too_coarse(intent: Intent, request: PaymentRequest) -> bool:
    """The intent's amount itself must fit: equal to what it was made for, and at least what is asked of it later."""
    if intent.amount.currency != request.amount.currency:
        return True
    if request.type in INITIATING or request.type is REVERSE_AUTH:
        return intent.amount != request.amount
    return intent.amount < request.amount


def _reference(intent: Intent, request: PaymentRequest) -> str:
    """One intent serves a hold, its capture and its reversal; their types tell them apart. A settlement is an entry in the balance."""
    if request.type is SETTLED:
        return id_of(intent.charge.balance.get("id")) if intent.charge else ""
    return intent.id


def _attributes(intent: Intent, request: PaymentRequest, settings: StripeSettings) -> dict[str, str]:
    return attributes_of(intent.amount, intent.charge, settings, manual=request.type is AUTHORIZE)


def attributes_of(amount: Money, charge: Charge | None, settings: StripeSettings, *, manual: bool) -> dict[str, str]:
    """What a later call needs to know: of a hold also how much it is, and whether it may be captured several times."""
    payload = charge.multicapture if charge and manual and settings.several_captures else ""
    held = {"held": str(amount.minor)} if manual else {}
    return {"currency": amount.currency.code, **held, **({MULTICAPTURE: payload} if payload else {})}


def next_action_of(intent: Intent, settings: StripeSettings, *, complete: bool = False) -> NextAction:
    """What the shopper must do. Client secrets, which are never kept, are there only when it is ``complete``."""
    url = _address(nested(intent.action, "redirect_to_url"))
    if url:
        return NextAction(type="redirect", url=url if complete else _kept(url, intent.secret), reference=intent.id)
    secret = (("client_secret", intent.secret),) if complete else ()
    fields = (("payment_intent", intent.id), ("publishable_key", settings.publishable_key), *secret)
    return NextAction(type="challenge", reference=intent.id, fields=fields)


def page_of(payload: JsonObject, *, complete: bool = False) -> NextAction | None:
    """The page that a session of Stripe's offers, as long as it is open."""
    session, url = own_id(payload), _address(payload)
    if payload.get("object") != "checkout.session" or payload.get("status") != "open" or not (session and url):
        return None
    return NextAction(type="hosted_page", url=url if complete else _kept(url), reference=session)


def _address(payload: JsonObject) -> str:
    url = text(payload, "url", 4_000)
    return url if url.startswith(("https://", "http://")) else ""


def _kept(url: str, secret: str = "") -> str:
    """An address as it may be kept: not at all if it carries a secret; it is asked for anew when it is handed out."""
    plain = unquote_plus(unquote_plus(url))
    return "" if "secret" in plain.lower() or (secret and secret in plain) else url


def _about_session(
    payload: JsonObject, request: PaymentRequest, settings: StripeSettings, channel: Channel
) -> Observation:
    """Read a hosted page: as long as it is open the shopper may try again; then the intent that came of it counts, if there is one."""
    session, unreadable = own_id(payload), unknown(request, channel, _UNREADABLE)
    given, name = payload.get("payment_intent"), named(payload, "payment_intent")
    intent = read_intent(nested(payload, "payment_intent"))
    if not session or session != request.attributes.get("session", session) or name is None:
        return unreadable
    if transaction_of(payload) not in ("", request.transaction_id) or payload.get("livemode") is not settings.livemode:
        return unreadable
    strange = request.gateway_reference not in ("", name)
    if strange or (isinstance(given, dict) and (intent is None or not is_about(intent, request, settings))):
        return unreadable
    found = _about_intent(intent, request, settings, channel) if intent else None
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
    """Nobody has tried to pay, or every attempt is over; what an intent says of another amount is no such thing."""
    if intent is None or intent.authorized or moves_money(intent):
        return False
    idle = intent.status in ("requires_payment_method", "requires_source")
    return idle and found.status is _UNKNOWN and found.amount is None


_WORDS: Final = ("object", "status", "currency", "type", "code", "decline_code")
_AMOUNTS: Final = ("amount", "amount_capturable", "amount_received", "amount_captured")
_WORD: Final = re.compile(r"[A-Za-z][a-z_.]{0,99}")


def _excerpt(status: int, payload: JsonObject) -> str:
    """What of a raw answer may be kept: ids, amounts and codes; no secret, no address, nothing that a shopper wrote."""
    kept: dict[str, Any] = {"http": status, "id": own_id(payload), "livemode": payload.get("livemode") is True}
    kept |= {name: payload.get(name) for name in _WORDS if _WORD.fullmatch(text(payload, name))}
    kept |= {name: integer(payload, name) for name in _AMOUNTS if integer(payload, name) is not None}
    return excerpt(kept)
