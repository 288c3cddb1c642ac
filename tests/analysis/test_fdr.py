"""False discovery rates, against published and hand-worked figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hotspots.analysis.hotspots.fdr import false_discovery_rate
from hotspots.errors import BadInputError


@pytest.mark.parametrize("method", ["bh", "by"])
def test_vectors(vectors: Path, method: str) -> None:
    table = pd.read_csv(vectors / "fdr_bh.csv")
    adjusted = false_discovery_rate(table["p"].to_numpy(), method=method)
    np.testing.assert_allclose(adjusted, table[f"{method}_adjusted"], rtol=0, atol=1e-12)
    if method == "bh":
        np.testing.assert_array_equal(adjusted <= table["alpha"], table["reject_bh"])


def test_by_hand() -> None:
    """p·m/rank = 0.04, 0.04, 0.053, 0.5; then the smallest from there upwards."""
    p = np.array([0.5, 0.01, 0.04, 0.02])
    np.testing.assert_allclose(false_discovery_rate(p), [0.5, 0.04, 0.04 * 4 / 3, 0.04], rtol=1e-14)


def test_missing_cells_are_no_tests_and_the_kind_is_kept() -> None:
    p = np.array([[0.5, 0.01, np.nan], [0.04, np.nan, 0.02]])
    layer = xr.DataArray(p, dims=("y", "x"), coords={"y": [1, 0], "x": [0, 1, 2]})
    out = false_discovery_rate(layer)
    assert isinstance(out, xr.DataArray)
    assert out.dims == ("y", "x")
    expected = [[0.5, 0.04, np.nan], [0.04 * 4 / 3, np.nan, 0.04]]
    np.testing.assert_allclose(out, expected, rtol=1e-14)
    assert isinstance(false_discovery_rate(p), np.ndarray)
    assert np.isnan(false_discovery_rate(np.full(3, np.nan))).all()


def test_bad_input() -> None:
    with pytest.raises(BadInputError, match="allowed are 'bh' and 'by'"):
        false_discovery_rate(np.array([0.1]), method="bonferroni")
    with pytest.raises(BadInputError, match=r"1\.2 isn't a p value"):
        false_discovery_rate(np.array([0.1, 1.2]))
    with pytest.raises(BadInputError, match=r"-0\.1 isn't a p value"):
        false_discovery_rate(np.array([-0.1, np.nan]))
