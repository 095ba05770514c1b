"""``shop.webhooks``: notifications of gateways, verified, deduplicated and applied."""
