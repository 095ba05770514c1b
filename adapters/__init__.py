"""The outside: gateways, stores, bridges, configuration and command line."""
