"""Children of this process: forked with all modules loaded, so that what they do between two system calls is the same every time."""

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
"""A child that hangs is ended by the kernel, and its run has no result."""
_SET_DEATH_SIGNAL: Final = 1
_SET_PTRACER: Final = 0x59616D61
_ANY: Final = -1
_GO: Final = signal.SIGUSR1


@attrs.frozen
class Child:
    """A process, and the reading end of the pipe that it tells its result through."""

    pid: int
    result: int

    def start(self) -> None:
        """Let it go on."""
        os.kill(self.pid, _GO)

    def read(self) -> bytes:
        """Read all that it told; nothing if it was killed before it could."""
        with os.fdopen(self.result, "rb") as pipe:
            return pipe.read()

    def end(self) -> int:
        """Wait until it is gone; gives its status: negative is the signal that killed it."""
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """End it now."""
        os.kill(self.pid, signal.SIGKILL)
        self.end()


def prepare() -> None:
    """Keep the starting signal of children from ending them, whenever it comes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {_GO})


def wait_for_the_start() -> None:
    """Wait until the parent says so; by a system call that nothing else makes, so that none is counted too often."""
    signal.sigwait({_GO})


def fork(work: Callable[[int], object]) -> Child:
    """Let a child do something; it gets the writing end of the pipe, and ends with this process at the latest."""
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
