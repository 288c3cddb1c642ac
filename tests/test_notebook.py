"""The notebooks, run from a clean state as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import hotspots as hs

REPO = Path(__file__).resolve().parents[1]
NOTEBOOK = REPO / "notebooks" / "01_world_hotspots.ipynb"
GAPS = REPO / "notebooks" / "02_gaps.ipynb"
TIMEOUT_S = 240


def read(path: Path = NOTEBOOK) -> Any:
    nbformat = pytest.importorskip("nbformat", reason="the extra 'notebooks' isn't installed")
    return nbformat.read(path, as_version=4)


# In a process of its own: the client's libraries leave sockets and event loops to be collected,
# which would count as warnings of whatever test runs next. A kernel named "python3" may be
# registered for another Python, so the kernel is given by its command.
RUN = """
import asyncio, sys
import nbclient, nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

source, target, folder, timeout = sys.argv[1:]
manager = AsyncKernelManager()
argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
manager._kernel_spec = KernelSpec(argv=argv, display_name="this Python", language="python")
notebook = nbformat.read(source, as_version=4)
resources = {"metadata": {"path": folder}}
client = nbclient.NotebookClient(notebook, km=manager, timeout=int(timeout), resources=resources)
asyncio.run(client.async_execute())
nbformat.write(notebook, target)
"""


def ran(notebook: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Return a notebook's cells after a run in a kernel of this interpreter, in an empty folder."""
    for name in ("nbclient", "nbformat", "ipykernel"):
        pytest.importorskip(name, reason="the extra 'notebooks' isn't installed")
    folder = tmp_path_factory.mktemp("notebook")
    target = folder.parent / f"{folder.name}.ipynb"
    path = os.pathsep.join(filter(None, [str(REPO), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(notebook), str(target), str(folder), str(TIMEOUT_S)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S + 30,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert list(folder.iterdir()) == [], "the notebook wrote files where it was run"
    return list(read(target).cells)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The first notebook's cells after a run."""
    return ran(NOTEBOOK, tmp_path_factory)


def text_of(cell: Any) -> str:
    """Return all plain text that a cell gave."""
    parts = []
    for output in cell.get("outputs", []):
        parts.append(output.get("text", "") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)


def test_no_cell_fails_or_warns(cells: list[Any]) -> None:
    outputs = [o for cell in cells for o in cell.get("outputs", [])]
    assert not [o for o in outputs if o["output_type"] == "error"]
    assert not [o["text"] for o in outputs if o.get("name") == "stderr"]


def test_five_lines_give_the_map(cells: list[Any]) -> None:
    first = next(cell for cell in cells if cell["cell_type"] == "code")
    assert len([line for line in first["source"].splitlines() if line.strip()]) <= 5
    html = first["outputs"][-1]["data"]["text/html"]
    assert "<iframe" in html
    assert "leaflet" in html
    assert "Recorded here" in html


def test_figures_are_those_of_the_package(cells: list[Any]) -> None:
    """The world's stock and the id on the screen are what the same calls give here."""
    edition = hs.analyze(hs.sample())
    shown = "\n".join(map(text_of, cells))
    assert f"{edition.summary['stock_pg']:,.3f}" in shown
    assert f"{edition.summary['potential_pg_yr']:,.3f}" in shown
    assert edition.id in shown


def test_adoption_lowers_the_potential_by_its_share(cells: list[Any]) -> None:
    """The last table: 30 % adopted leaves 70 % of the potential, the stock unmoved, a new id."""
    rows = {}
    for line in text_of([cell for cell in cells if cell["cell_type"] == "code"][-1]).splitlines():
        words = line.split()
        if len(words) == 3:
            rows[words[0]] = words[1:]
    before, after = (float(v) for v in rows["potential_pg_yr"])
    assert after == pytest.approx(0.7 * before, rel=1e-4)
    assert rows["stock_pg"][0] == rows["stock_pg"][1]
    assert rows["id"][0] != rows["id"][1]


@pytest.mark.slow
def test_gaps_notebook_shows_what_the_package_gives(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Nothing fails or warns; hotspots, statement and counts are those of the same calls here."""
    done = ran(GAPS, tmp_path_factory)
    outputs = [o for cell in done for o in cell.get("outputs", [])]
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    found = hs.gaps(hs.analyze(hs.sample()), hs.open_registry())
    shown = "\n".join(map(text_of, done))
    assert found.attrs["statement"] in shown
    assert all(id_ in shown for id_ in found["id"].head(10))


@pytest.mark.parametrize("notebook", [NOTEBOOK, GAPS], ids=lambda path: path.stem)
def test_no_output_is_committed(notebook: Path) -> None:
    for cell in read(notebook).cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
