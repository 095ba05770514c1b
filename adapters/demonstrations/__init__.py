"""Demonstrations at the command line: ``demo``, ``replay``, ``simulate`` and the sandbox bank's server."""
