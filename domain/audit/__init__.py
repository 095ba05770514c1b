"""The audit of a ledger at rest: rules, amounts, causes and history, computed independently of the code that let it in."""
