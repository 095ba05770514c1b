"""Opening a shop for a command: the configuration that is named, the one that lies here, or the library's own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import payports
from payports.adapters.command_line.refusing import Refused
from payports.application.shop import Payports
from payports.domain.screening import check_identifier

USUAL: Final = "payports.toml"
_USUAL_STORE: Final = "payports.db"


def open_shop(config: Path | None) -> Payports:
    """Connect. Raises ``ConfigurationError``, or ``Refused`` if nothing here says where payments are kept."""
    return payports.connect(find_config(config))


def find_config(config: Path | None) -> Path | None:
    """Find the configuration; ``None``: the library's own, where its database lies here already."""
    found = config or (Path(USUAL) if Path(USUAL).exists() else None)
    if found is None and not Path(_USUAL_STORE).exists():
        raise Refused(f"there is no {USUAL} and no {_USUAL_STORE} in this folder; name a configuration with --config")
    return found


def merchants_of(shop: Payports) -> tuple[str, ...]:
    """The merchant of the configuration, and every other that it names."""
    return tuple(dict.fromkeys((shop.merchant_id, *shop.merchants)))


def merchant_of(shop: Payports, merchant: str) -> Payports:
    """The shop of a merchant that was named on the command line."""
    if problem := check_identifier("--merchant", merchant):
        raise Refused(problem.message)
    return shop.merchant(merchant)
