"""Small file systems in memory, on which a disk really fills up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted file system of a few MB.

    Attributes
    ----------
    folder : Path
        Where it is mounted.
    ballast : Path
        The file that fills it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ballast = folder / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Write until not one more byte can be written, or until so many bytes are free."""
        if leave:
            self.ballast.write_bytes(bytes(max(0, self._free() - leave)))
            return
        descriptor = os.open(self.ballast, os.O_WRONLY | os.O_CREAT)
        try:
            for size in (65_536, 4_096, 1):
                with suppress(OSError):
                    while True:
                        os.write(descriptor, b"x" * size)
        finally:
            os.close(descriptor)
        assert self._free() == 0

    def make_room(self) -> None:
        """Remove what fills it."""
        self.ballast.unlink()

    def _free(self) -> int:
        return shutil.disk_usage(self.folder).free


@contextmanager
def small_disk(size: str, folder: Path) -> Iterator[SmallDisk]:
    """Mount a file system in memory; skip the test if this user may not mount one.

    Parameters
    ----------
    size : str
        In the notation of ``mount``, such as "512k" or "1m".
    folder : Path
        Where it is mounted; made here.
    """
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here (only root may, on Linux)")
    try:
        yield SmallDisk(folder)
    finally:
        # Lazily, since a file on it may still be open after a failure.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
