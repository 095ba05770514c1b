"""``payports sandbox serve``: a sandbox bank behind HTTP, on this machine only."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path
from types import FrameType
from typing import Final

import click

from payports.adapters.command_line.presentation.errors import Refused
from payports.adapters.gateways.kit.webhook_secrets import MIN_SECRET
from payports.adapters.gateways.sandbox.server import serve
from payports.domain.secret import Secret

SECRET: Final = "PAYPORTS_SANDBOX_WEBHOOK_SECRET"  # noqa: S105 -- where it is, not what it is


def serve_sandbox(port: int, ledger: Path) -> None:
    """Serve until interrupted or told to end."""
    signal.signal(signal.SIGTERM, _end)
    try:
        serve(port, str(ledger), webhook_secret=webhook_secret(), announce=lambda url: _announce(url, ledger))
    except sqlite3.Error as error:
        reason = f"{ledger} is no ledger of a sandbox bank: {error}"
    except OSError as error:
        reason = f"port {port} cannot be used: {error.strerror}"
    else:
        click.echo("The sandbox bank is closed.")
        return
    raise Refused(reason)


def webhook_secret() -> Secret | None:
    """The secret of notifications from the environment, if there is one."""
    given = os.environ.get(SECRET)
    if given is not None and len(given.encode()) < MIN_SECRET:
        raise Refused(f"{SECRET} must have at least {MIN_SECRET} bytes")
    return Secret(given) if given else None


def _announce(url: str, ledger: Path) -> None:
    click.echo(f"The sandbox bank is at {url}")
    click.echo(f'Its ledger is {ledger}. A gateway finds it with  url = "{url}"')
    click.echo("Stop it with Ctrl-C.")


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
