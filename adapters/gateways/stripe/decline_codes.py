"""What a decline of Stripe means: why, and whether the same card may be tried again.

Source: docs.stripe.com/declines/codes and docs.stripe.com/error-codes. Stripe names no hard and soft; the split is ours: hard is what the
issuer will answer again, whenever it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from payports.domain.transaction_types import FailureType

_TYPES: Final[Mapping[FailureType, str]] = MappingProxyType(
    {
        FailureType.FRAUD: "fraudulent lost_card merchant_blacklist pickup_card security_violation stolen_card",
        FailureType.EXPIRED: "expired_card",
        FailureType.AUTHENTICATION_REQUIRED: (
            "authentication_not_handled authentication_required offline_pin_required online_or_offline_pin_required "
            "payment_intent_authentication_failure setup_intent_authentication_failure"
        ),
        FailureType.INVALID_PAYMENT_METHOD: (
            "card_not_supported currency_not_supported incorrect_address incorrect_cvc incorrect_number incorrect_pin "
            "incorrect_zip invalid_account invalid_card_type invalid_cvc invalid_expiry_month invalid_expiry_year "
            "invalid_number invalid_pin new_account_information_available payment_method_invalid_parameter "
            "payment_method_not_available resource_missing testmode_decline"
        ),
    }
)
_FAILURES: Final = {code: kind for kind, codes in _TYPES.items() for code in codes.split()}

_HARD: Final = frozenset(
    [
        "card_not_supported",
        "currency_not_supported",
        "expired_card",
        "fraudulent",
        "incorrect_number",
        "invalid_account",
        "invalid_card_type",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "invalid_number",
        "lost_card",
        "merchant_blacklist",
        "new_account_information_available",
        "pickup_card",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "security_violation",
        "stolen_card",
        "stop_payment_order",
        "testmode_decline",
    ]
)

_NEVER_AGAIN: Final = "do_not_try_again"
"""The advice of newer versions, from the card schemes: it outweighs every code."""

DECLINE_CODES: Final = frozenset(_FAILURES) - {"resource_missing"} | _HARD | {"card_declined", "processing_error"}
"""The codes that speak of the card and so make an error a decline, whatever its type says."""


def meaning_of(code: str, decline_code: str, advice: str) -> tuple[FailureType, bool]:
    """Say why, and whether it is hard. The issuer's ``decline_code`` tells more than the error's ``code``.

    >>> meaning_of("card_declined", "insufficient_funds", "")
    (<FailureType.DECLINED: 'DECLINED'>, False)
    >>> meaning_of("card_declined", "stolen_card", "")
    (<FailureType.FRAUD: 'FRAUD'>, True)
    """
    told = [one for one in (decline_code, code) if one]
    kind = next((_FAILURES[one] for one in told if one in _FAILURES), FailureType.DECLINED)
    return kind, advice == _NEVER_AGAIN or any(one in _HARD for one in told)
