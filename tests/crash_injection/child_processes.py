"""Forked child processes with all modules loaded, so that every child makes the same system calls."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Final, NoReturn

import attrs

_PATIENCE_S: Final = 120
"""The kernel ends a child that hangs for longer; its run has no result."""
_SET_DEATH_SIGNAL: Final = 1
_SET_PTRACER: Final = 0x59616D61
_ANY: Final = -1
_GO: Final = signal.SIGUSR1


@attrs.frozen
class Child:
    """A child process, and the reading end of the pipe for its result."""

    pid: int
    result: int

    def start(self) -> None:
        """Send the start signal."""
        os.kill(self.pid, _GO)

    def read(self) -> bytes:
        """Read the whole result; empty if the child was killed before it wrote one."""
        with os.fdopen(self.result, "rb") as pipe:
            return pipe.read()

    def end(self) -> int:
        """Wait for the end; return the exit code, negative for a signal."""
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """Kill the child now."""
        os.kill(self.pid, signal.SIGKILL)
        self.end()


def block_start_signal() -> None:
    """Block the start signal, so that it ends no child whenever it arrives."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {_GO})


def wait_for_start() -> None:
    """Wait for the start signal. Nothing else makes this system call, so the count of the others stays exact."""
    signal.sigwait({_GO})


def fork(work: Callable[[int], object]) -> Child:
    """Fork a child that runs ``work`` with the writing end of the pipe. It dies with this process at the latest."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _live(work, writing)
    os.close(writing)
    os.read(reading, 1)  # it is ready, and may be traced
    return Child(pid, reading)


def _live(work: Callable[[int], object], writing: int) -> NoReturn:
    try:
        signal.alarm(_PATIENCE_S)
        control = ctypes.CDLL(None).prctl
        control(_SET_DEATH_SIGNAL, ctypes.c_ulong(signal.SIGKILL))
        control(_SET_PTRACER, ctypes.c_ulong(_ANY))  # where only parents may trace: strace is none
        os.write(writing, b".")
        work(writing)
        sys.stderr.flush()
        os._exit(0)
    except BaseException:  # noqa: BLE001 -- nothing may come back into the code of the parent
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(1)
