"""The wiring: reads the configuration, finds the adapters it names, and connects a shop. Only this part knows all the others."""

from __future__ import annotations
