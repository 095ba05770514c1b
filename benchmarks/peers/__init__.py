"""Other Python libraries for payments on the same flow, at the same durability. Runs in ``.venv-bench``, which holds them."""
