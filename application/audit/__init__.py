"""``shop.audit``: the stored ledger checked against the rules, its history and the gateways; changes nothing."""
