"""The frame that gateway adapters share; public as ``payports.gateway_kit``."""
