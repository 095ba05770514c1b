"""A copy of the files that git tracks, as after a clone."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]


@functools.cache  # one answer a run, whoever commits meanwhile
def tracked() -> tuple[PurePosixPath, ...]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    names = (name for name in listing.stdout.split("\0") if name)
    return tuple(PurePosixPath(name) for name in names if os.path.lexists(ROOT / name))


def copy_checkout(destination: Path) -> Path:
    for name in tracked():
        target = destination / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    return destination
