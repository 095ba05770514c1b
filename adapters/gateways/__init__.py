"""Payment gateways: our own offline ones, and the sender that all HTTP gateways share."""
