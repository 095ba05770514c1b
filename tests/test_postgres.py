"""The tests' PostgreSQL server stops with the test process, even if that is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import psutil

ROOT: Final = Path(__file__).parents[1]
RUNS: Final = """
import sys
from tests.postgres import own_server
with own_server() as server:
    print(server.get_pid(), server.pgdata, flush=True)
    sys.stdin.read()
"""
LIMIT_S: Final = 20


def test_a_server_stops_with_the_process_that_started_it() -> None:
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}){RUNS}"]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    pid, folder = running.stdout.readline().split()
    server = psutil.Process(int(pid))
    guard = next(child for child in psutil.Process(running.pid).children() if folder in child.cmdline())
    running.kill()
    running.communicate()
    assert psutil.wait_procs([server, guard], LIMIT_S)[1] == []
    assert not Path(folder).exists()
