"""The objects that a host hands to ``connect``: each must be able to do what will be asked of it, said before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from payports.adapters.option_reading import ConfigurationError
from payports.domain.input_checks import check_identifier
from payports.ports.gateway import Gateway


def check_given(*, bank: object, clock: object, ids: object, gateways: object, observer: object) -> None:
    """Raise ``ConfigurationError`` naming the first argument that is none of its kind; ``None`` stands for the usual one."""
    if bank is not None and not _is_bank(bank):
        raise ConfigurationError("bank", "must be a SandboxBank or a RemoteSandboxBank")
    if clock is not None and not _can(clock, "now"):
        raise ConfigurationError("clock", "must be a Clock: an object with now()")
    if ids is not None and not _can(ids, "new", "token"):
        raise ConfigurationError("ids", "must be Ids: an object with new() and token()")
    if observer is not None and not _can(observer, "began"):
        raise ConfigurationError("observer", "must be an Observer: an object with began()")
    _check_gateways({} if gateways is None else gateways)


def _check_gateways(gateways: object) -> None:
    if not isinstance(gateways, Mapping):
        raise ConfigurationError("gateways", "must be a mapping of names to gateways")
    for name, gateway in cast("Mapping[object, object]", gateways).items():
        if problem := check_identifier("name", name):
            raise ConfigurationError("gateways", f"a name {problem.reason}")
        if not _can(gateway.transactions if isinstance(gateway, Gateway) else gateway, "execute", "look_up"):
            raise ConfigurationError(f"gateways.{name}", "must be a Gateway, or an object with execute() and look_up()")


def _can(given: object, *verbs: str) -> bool:
    """Tell whether an object has these methods; a class is no object of its own."""
    return not isinstance(given, type) and all(callable(getattr(given, verb, None)) for verb in verbs)


def _is_bank(given: object) -> bool:
    from payports.adapters.gateways.sandbox.bank import SandboxBank
    from payports.adapters.gateways.sandbox.remote import RemoteSandboxBank

    return isinstance(given, SandboxBank | RemoteSandboxBank)
