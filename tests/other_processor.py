"""Work done as if on another kind of processor: a script, and how a test runs it.

numpy's vector code is switched off, OpenBLAS and numba take an old processor, or numpy's elementary
functions answer with the last digit changed, as those of wider vector units do.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

AS_IT_IS, PLAIN, OTHER_DIGITS = "as it is", "plain", "other digits"
KINDS = (AS_IT_IS, PLAIN, OTHER_DIGITS)
_FUNCTIONS = (
    "exp",
    "log",
    "log1p",
    "expm1",
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arctan2",
    "power",
    "cbrt",
    "hypot",
)
_PATIENCE_S = 1800  # to notice a hang, not to measure


def run(kind: str, work: str, *words: object) -> Any:
    """Return what a function of this module gives in a process of its own."""
    env = dict(os.environ) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if kind == PLAIN:
        env |= _plain()
    done = subprocess.run(
        [sys.executable, __file__, kind, work, *map(str, words)],
        capture_output=True,
        check=False,
        timeout=_PATIENCE_S,
        env=env,
    )
    assert done.returncode == 0, done.stderr.decode()
    return pickle.loads(done.stdout)


def _plain() -> dict[str, str]:
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    here = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    if not here:
        pytest.skip("numpy has no vector code for this processor that could be switched off")
    plain = {"NPY_DISABLE_CPU_FEATURES": " ".join(here), "NUMBA_CPU_NAME": "generic"}
    return plain | ({"OPENBLAS_CORETYPE": "Prescott"} if __cpu_features__.get("SSE3") else {})


def change_last_digits() -> None:
    """Let numpy's elementary functions err by one last digit, up and down."""
    import exactextract  # noqa: F401  (what takes functions of numpy is to be there before)
    import geopandas  # noqa: F401
    import numba  # noqa: F401
    import scipy.special
    import scipy.stats
    from numba.np import npyimpl  # noqa: F401

    import hotspots.analysis.hotspots.kernel
    import hotspots.analysis.uncertainty.waves
    import hotspots.ingest.regrid.overlap  # noqa: F401

    for name in _FUNCTIONS:
        setattr(np, name, _erring(getattr(np, name)))
    for name in ("erfc", "ndtri"):
        setattr(scipy.special, name, _erring(getattr(scipy.special, name)))


def _erring(real: Any) -> Any:
    def call(*given: Any, **options: Any) -> Any:
        found = real(*given, **options)
        values = np.asarray(found)
        if values.dtype.kind != "f":
            return found
        way = (np.arange(values.size) % 3 - 1).reshape(values.shape)
        off = values * (1 + way * np.finfo(values.dtype).eps).astype(values.dtype)
        return found.copy(data=off) if hasattr(found, "dims") else off[()]

    return call


def sample(originals: str, out: str) -> str:
    """Build the sample; return the hash of its file."""
    from hotspots.ingest.sample_build import build_world, write_sample

    return hashlib.sha256(write_sample(build_world(originals), out).read_bytes()).hexdigest()


def edition(folder: str) -> Any:
    """Analyse the Congo basin; return the id, the rasters and the tables, as they are saved."""
    import geopandas as gpd
    import shapely

    import hotspots as hs
    from hotspots.edition.inputs import clip

    boxes = [shapely.box(8, -14, 24, 16), shapely.box(24, -14, 40, 16)]
    own = gpd.GeoDataFrame({"id": ["a", "b"], "name": ["a", "b"]}, geometry=boxes, crs=4326)
    data = clip(hs.sample(), hs.region("8,-14,40,16"))
    made = hs.open_edition(hs.analyze(data, regions=own).save(Path(folder) / "edition"))
    tables = {
        "regions": made.table,
        "units": made.units,
        "land_use": made.land_use,
        "hotspots": made.hotspots.drop(columns="geometry"),
    }
    rasters = {str(name): layer.values for name, layer in made.rasters.items()}
    return {"id": made.id, "rasters": rasters, "tables": tables}


def regridded() -> Any:
    """Return means of unlike cells on a coarser grid: float32 values, half-way between two."""
    from affine import Affine
    from pyproj import CRS

    from hotspots.ingest.regrid import overlap
    from hotspots.layers.grid import Grid

    crs = CRS.from_epsg(4326)
    fine = Grid(Affine(0.5, 0, -180, 0, -0.5, 60), (240, 720), crs)
    coarse = Grid(Affine(1, 0, -180, 0, -1, 60), (120, 360), crs)
    values = np.random.default_rng(0).uniform(0, 100, fine.shape).astype("float32")
    values = values[:, ::2].repeat(2, axis=1)[::2].repeat(2, axis=0)
    values[:, 1::2] = np.nextafter(values[:, 1::2], np.float32(np.inf))
    rows, columns = overlap.overlaps(fine, coarse)
    return overlap.mean(values, rows, columns)


if __name__ == "__main__":
    sys.path.pop(0)
    if sys.argv[1] == OTHER_DIGITS:
        change_last_digits()
    sys.stdout.buffer.write(pickle.dumps(globals()[sys.argv[2]](*sys.argv[3:])))
