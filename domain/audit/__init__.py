"""The audit of a stored ledger: lifecycle, amounts, causes and history, computed independently of the code that wrote it."""
