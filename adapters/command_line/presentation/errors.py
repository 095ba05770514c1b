"""What cannot go on ends in one line on standard error and exit code 2, never in a traceback."""

from __future__ import annotations

from typing import Any, NoReturn

import click

from payports.ports.adapter import ConfigurationError
from payports.ports.store import StoreFailed


class Refused(click.ClickException):
    """Something must be put right before the command can run; the message says what."""

    exit_code = 2


class Orderly(click.Group):
    """A group whose commands may fail for reasons that people understand."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; say in one line what is wrong with configuration, store or files."""
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            reason = f"configuration: {error}"
        except StoreFailed as error:
            reason = f"store: {error}"
        except BrokenPipeError:
            raise  # whoever read our output has seen enough
        except OSError as error:
            reason = f"{error.strerror or type(error).__name__}{f': {error.filename}' if error.filename else ''}"
        raise Refused(reason)


def refuse(problem: object) -> NoReturn:
    """End the command with a failure of the library."""
    raise Refused(getattr(problem, "message", None) or str(problem))
