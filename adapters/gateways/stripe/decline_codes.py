"""Stripe's decline codes: why a payment was declined, and whether the same card may be tried again.

Source: docs.stripe.com/declines/codes and docs.stripe.com/error-codes. Stripe names no hard and soft; the split is ours: hard is what the
issuer will answer again, whenever it is asked.
"""

from __future__ import annotations

from typing import Final

from payports.adapters.gateways.kit.codes import DeclineCodes
from payports.domain.transaction_types import FailureType

CODES: Final = DeclineCodes(
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
    },
    hard=(
        "card_not_supported currency_not_supported expired_card fraudulent incorrect_number invalid_account "
        "invalid_card_type invalid_expiry_month invalid_expiry_year invalid_number lost_card "
        "merchant_blacklist new_account_information_available pickup_card restricted_card "
        "revocation_of_all_authorizations revocation_of_authorization security_violation stolen_card "
        "stop_payment_order testmode_decline"
    ),
)

_NEVER_AGAIN: Final = "do_not_try_again"
"""The advice of newer versions, from the card schemes: it outweighs every code."""

DECLINES: Final = frozenset(CODES.failures) - {"resource_missing"} | CODES.hard | {"card_declined", "processing_error"}
"""The codes that speak of the card and so make an error a decline, whatever its type says."""


def meaning_of(code: str, decline_code: str, advice: str) -> tuple[FailureType, bool]:
    """Say why, and whether it is hard. The issuer's ``decline_code`` tells more than the error's ``code``.

    >>> meaning_of("card_declined", "insufficient_funds", "")
    (<FailureType.DECLINED: 'DECLINED'>, False)
    >>> meaning_of("card_declined", "stolen_card", "")
    (<FailureType.FRAUD: 'FRAUD'>, True)
    """
    failure, hard = CODES.meaning_of(decline_code, code)
    return failure, hard or advice == _NEVER_AGAIN
