"""The pure core: values, lifecycle rules and decisions, without I/O, clock or randomness."""
