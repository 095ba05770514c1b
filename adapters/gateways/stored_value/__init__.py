"""Stored value, such as gift cards and store credit: a ledger with balances, as an ordinary gateway.

The account number is the method's ``token``. The host issues value and reads balances through ``gateway.transactions.ledger``, or
attaches a ``StoredValueLedger`` of its own under the gateway's name.
"""

from __future__ import annotations

from payports.adapters.gateways.stored_value.gateway import StoredValueGateway, connect
from payports.adapters.gateways.stored_value.ledger import StatementLine, StoredValueLedger

__all__ = ["StatementLine", "StoredValueGateway", "StoredValueLedger", "connect"]
