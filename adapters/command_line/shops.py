"""Opening a shop for a command: the configuration that is named, the one that lies here, or the library's own."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeVar

import payports
from payports.adapters.command_line.presentation.errors import Refused
from payports.application.shop import Payports
from payports.domain.input_checks import check_identifier
from payports.ports.store import RecordSet, StoreFailed

_Found = TypeVar("_Found")

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


def shops_of(shop: Payports, merchants: tuple[str, ...] = ()) -> dict[str, Payports]:
    """The shops of the merchants that were named on the command line, else of all that the configuration names.

    ``Refused`` if one of them is no merchant: neither the configuration names it nor is anything stored for it.
    """
    for merchant in merchants:
        if problem := check_identifier("--merchant", merchant):
            raise Refused(problem.message)
        if not _is_known(shop, merchant):
            known = ", ".join(_configured(shop))
            raise Refused(
                f"--merchant: the configuration names no {merchant!r}, and the store holds nothing of it (there are: {known})"
            )
    return {merchant: shop.merchant(merchant) for merchant in merchants or _configured(shop)}


def the_one(found: list[_Found], kind: str, name: str) -> _Found:
    """What was found at one merchant; ``Refused`` if it was found nowhere or at several."""
    if len(found) == 1:
        return found[0]
    raise Refused(
        f"{kind}: {'several merchants have' if found else 'there is no'} {name}{'; say --merchant' if found else ''}"
    )


def _configured(shop: Payports) -> tuple[str, ...]:
    """The merchant of the configuration, and every other that it names."""
    return tuple(dict.fromkeys((shop.merchant_id, *shop.merchants)))


def _is_known(shop: Payports, merchant: str) -> bool:
    """Tell whether a merchant is configured, or has left anything in the store: a host may have more than are configured."""
    if merchant in _configured(shop):
        return True
    store = shop.store.of(merchant)
    try:
        return bool(store.payment_ids("", 1)) or any(store.keys(kept, (), 1) for kept in RecordSet)
    except StoreFailed:
        return True  # the command itself will say, or wait until it is over
