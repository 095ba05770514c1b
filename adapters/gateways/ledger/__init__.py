"""The books of our own offline gateways: pure rules about entries, and their keeping in SQLite.

The rules are written a second time on purpose, apart from ``payports.domain``: a bank that shared our arithmetic could not
find our mistakes.
"""
