"""``shop.checkout``: an attempt to pay for a cart, from the claim to its end."""
