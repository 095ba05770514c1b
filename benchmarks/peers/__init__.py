"""Other Python payment libraries on the same flow with the same durability. Runs in ``.venv-bench``, which has them."""
