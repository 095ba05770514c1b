"""``shop.maintenance``: recovery of unknown results, reversals, time-outs, and what needs a person."""
