"""``shop.payments``, ``shop.transactions``, ``shop.saved_methods``, ``shop.tokenization``, ``shop.options``: payments one at a time."""
