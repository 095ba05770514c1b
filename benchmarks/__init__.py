"""Benchmarks: the cost of the library, compared with the same work by hand. ``make bench`` runs them; see ``docs/benchmarks.md``."""
