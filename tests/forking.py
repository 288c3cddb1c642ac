"""Runs many commands, each in a process of its own that has imported nothing anew.

Started as ``python tests/forking.py IN OUT``: IN is a JSON list of commands, a list of words each;
OUT becomes a list of what came of them. Forking spares the seconds that each start would take, and
each child's memory is its own.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sys
import tempfile
import time
import traceback
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any

GIVEN_UP = 240.0  # seconds; a hang, however busy the machine is


def main() -> None:
    import h5py  # noqa: F401  (once for all children)
    import rasterio  # noqa: F401

    from hotspots.cli import main as command

    given, made = map(Path, sys.argv[1:])
    # What commands import late is imported now, and the collector needn't look through it again.
    nowhere = "/no/such/raster.tif"
    for words in (
        ["analyze", "--data", nowhere, "--out", "/no/such"],
        ["add-layer", nowhere, "--as", "soc_stock", "--store", "/no/such"],
    ):
        with redirect_stderr(io.StringIO()), suppress(SystemExit):
            sys.argv = ["hotspots", *words]
            command()
    gc.freeze()
    commands = json.loads(given.read_text())
    made.write_text(json.dumps([forked(words) for words in commands]))


def forked(words: list[str]) -> dict[str, Any]:
    """Return exit code, both streams, greatest memory (MB) and seconds of a command."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            run(words)
        code, memory = waited(child, began)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return {
        "words": words,
        "code": code,
        "out": texts[0],
        "err": texts[1],
        "mb": memory,
        "seconds": time.monotonic() - began,
    }


def run(words: list[str]) -> None:
    """Run a command in this child, and end it as an interpreter would."""
    from hotspots.cli import main as command

    sys.argv = ["hotspots", *words]
    code = 70
    try:
        command()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        gc.collect()  # what is collected only now may still print
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def waited(child: int, began: float) -> tuple[int, float]:
    """Wait for a child; -9 of one that hangs. Memory is in MB."""
    while True:
        done, status, used = os.wait4(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), used.ru_maxrss / 1024
        if time.monotonic() - began > GIVEN_UP:
            os.kill(child, 9)
        time.sleep(0.01)


if __name__ == "__main__":
    main()
