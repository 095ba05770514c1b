"""What the library costs, beside the same work by hand. ``make bench`` runs it, ``docs/benchmarks.md`` reads it."""
