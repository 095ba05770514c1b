"""The ledger of the sandbox bank and of stored value: pure rules about entries, and their storage in SQLite.

The rules repeat those of ``payports.domain`` on purpose: a bank that shared our arithmetic could not find our mistakes.
"""
