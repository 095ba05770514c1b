"""Take and move money for a shop through any payment gateway: never twice, never lost."""
