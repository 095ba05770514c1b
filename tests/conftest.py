"""What every test shares: how hypothesis looks for counter-examples."""

from __future__ import annotations

from hypothesis import settings

# The default finds the same examples every time. `pytest --hypothesis-profile=random` goes further.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("random", max_examples=1_000, deadline=None, print_blob=True)
settings.load_profile("ci")
