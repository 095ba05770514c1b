"""How hypothesis looks at a mutant: briefly, and always at the same examples."""

from __future__ import annotations

from hypothesis import Phase, settings

# `make mutation` runs the tests once for every mutant. What fails need not be made small.
settings.register_profile("mutation", max_examples=25, derandomize=True, deadline=None, phases=[Phase.generate])
