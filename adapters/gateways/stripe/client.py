"""Client for Stripe's API: adds address and headers to a call and hands it to the shared sender."""

from __future__ import annotations

from typing import Final

import attrs

from payports.adapters.gateways.kit.http_results import NotSent, SendResult
from payports.adapters.gateways.kit.http_sender import Sender
from payports.adapters.gateways.stripe.form import Call, Unsendable, checked
from payports.domain.secret import Secret

_FORM: Final = "application/x-www-form-urlencoded"


@attrs.frozen(kw_only=True)
class StripeClient:
    """Sends calls. ``connected_account``: on whose behalf, if not our own."""

    base_url: str = attrs.field(repr=False)
    secret_key: Secret
    version: str
    sender: Sender
    connected_account: str = ""

    def send(self, call: Call | Unsendable) -> SendResult:
        """Send one call, once."""
        call = call if isinstance(call, Unsendable) else checked(call)
        if isinstance(call, Unsendable):
            return NotSent(call.reason)
        headers = {"Authorization": f"Bearer {self.secret_key.reveal()}", "Stripe-Version": self.version}
        if self.connected_account:
            headers["Stripe-Account"] = self.connected_account
        url = self.base_url + call.path
        if call.method == "GET":
            return self.sender.send("GET", f"{url}?{call.encoded}" if call.form else url, headers)
        headers["Content-Type"] = _FORM
        if call.key:
            headers["Idempotency-Key"] = call.key
        return self.sender.send(call.method, url, headers, call.encoded.encode())
