"""What the services of one merchant work with: its gateways, its policy, its unit of work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

import attrs
from returns.result import Failure

from payports.application.kernel.policy import MerchantGateways, Policy
from payports.application.kernel.unit_of_work import UnitOfWork
from payports.domain.failures import StoreUnavailable
from payports.domain.outcome import Outcome
from payports.ports.clock import Ids
from payports.ports.store import PaymentRepository, StoreFailed

_Value = TypeVar("_Value")
_Error = TypeVar("_Error")
_Arguments = ParamSpec("_Arguments")


@attrs.frozen(kw_only=True)
class Environment:
    """The parts that every service of a merchant is given."""

    merchant: str
    gateways: MerchantGateways
    policy: Policy
    work: UnitOfWork
    ids: Ids

    @property
    def store(self) -> PaymentRepository:
        """The merchant's repository. A change of a payment is built by ``work.change``, which adds its dates and facts."""
        return self.work.store

    def now(self) -> datetime:
        """The time now."""
        return self.work.clock.now()


def store_errors_as_failures(
    service: Callable[_Arguments, Outcome[_Value, _Error]],
) -> Callable[_Arguments, Outcome[_Value, _Error | StoreUnavailable]]:
    """Return ``StoreUnavailable`` where the store fails."""

    @wraps(service)
    def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Outcome[_Value, _Error | StoreUnavailable]:
        try:
            return service(*args, **kwargs)
        except StoreFailed as failed:
            reason = str(failed)
        return Failure(StoreUnavailable(reason))

    return call
