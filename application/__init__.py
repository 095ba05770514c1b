"""Services that load, decide, record, call and record again."""
