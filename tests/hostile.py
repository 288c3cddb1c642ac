"""Makes raster files that are damaged, huge, or lead elsewhere: harmless, and made by the test.

`made(folder, url)` gives a file (or folder) by name; `url` is an address that must never be asked.
"""

from __future__ import annotations

import json
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import rasterio
from affine import Affine

NAME = "soc_stock.tif"
SIDE = 20


def geotiff(
    path: Path, *, tags: dict[str, dict[str, str]] | None = None, **profile: object
) -> Path:
    """Write a sound `soc_stock` of some cells in East Africa."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "driver": "GTiff",
        "width": SIDE,
        "height": SIDE,
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:4326",
        "transform": Affine(0.5, 0, 34, 0, -0.5, 5),
        "nodata": float("nan"),
    } | profile
    with rasterio.open(path, "w", **told) as file:
        if told["width"] == SIDE:
            values = np.linspace(20, 90, SIDE * SIDE, dtype="float32").reshape(1, SIDE, SIDE)
            file.write(np.repeat(values, told["count"], axis=0).astype(told["dtype"]))
        file.units = ("t ha-1",) * told["count"]
        file.update_tags(depth_cm="0-30", source="x", citation="x", licence="CC BY 4.0")
        for domain, pairs in (tags or {}).items():
            file.update_tags(ns=domain, **pairs)
    return path


def vrt(url: str) -> str:
    """Return a virtual raster that stands for one at an address."""
    return (
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>EPSG:4326</SRS>'
        "<GeoTransform>34,0.5,0,5,0,-0.5</GeoTransform>"
        '<VRTRasterBand dataType="Float32" band="1"><Description>soc_stock</Description>'
        f'<SimpleSource><SourceFilename relativeToVRT="0">/vsicurl/{url}/x.tif</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )


def wms(url: str) -> str:
    """Return the description of a map service, which GDAL's WMS driver opens."""
    return (
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/${{z}}/${{x}}/${{y}}.png</ServerUrl>'
        "</Service><DataWindow><UpperLeftX>-180</UpperLeftX><UpperLeftY>90</UpperLeftY>"
        "<LowerRightX>180</LowerRightX><LowerRightY>-90</LowerRightY><TileLevel>2</TileLevel>"
        "</DataWindow><Projection>EPSG:4326</Projection><BandsCount>1</BandsCount></GDAL_WMS>"
    )


def netcdf4(path: Path, side: int = SIDE) -> Path:
    """Write a sound NetCDF-4 file of `soc_stock`."""
    import hotspots.layers.grid  # noqa: F401  (the .rio accessor)

    data = _dataset(side)
    data.to_netcdf(path, engine="h5netcdf", encoding={"soc_stock": {"zlib": True}})
    return path


def netcdf3(path: Path) -> Path:
    """Write a sound file of classic NetCDF."""
    _dataset(SIDE).to_netcdf(path, engine="scipy", format="NETCDF3_CLASSIC")
    return path


def _dataset(side: int):
    import xarray as xr

    values = np.linspace(20, 90, side * side, dtype="float32").reshape(side, side)
    data = xr.Dataset(
        {
            "soc_stock": (
                ("lat", "lon"),
                values,
                {
                    "units": "t ha-1",
                    "depth_cm": "0-30",
                    "source": "x",
                    "citation": "x",
                    "licence": "CC BY 4.0",
                },
            )
        },
        coords={
            "lat": ("lat", 4.75 - 0.5 * np.arange(side), {"units": "degrees_north"}),
            "lon": ("lon", 34.25 + 0.5 * np.arange(side), {"units": "degrees_east"}),
        },
    )
    return data.rio.write_crs(4326)


def zarr(path: Path, **metadata: object) -> Path:
    """Write a sound Zarr store of version 2, its array's metadata changed."""
    path.mkdir(parents=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    axes = {"lat": 4.75 - 0.5 * np.arange(SIDE), "lon": 34.25 + 0.5 * np.arange(SIDE)}
    values = np.linspace(20, 90, SIDE * SIDE, dtype="<f4").reshape(SIDE, SIDE)
    for name, array in {**axes, "soc_stock": values}.items():
        there = path / name
        there.mkdir()
        told = {
            "zarr_format": 2,
            "shape": array.shape,
            "chunks": array.shape,
            "order": "C",
            "dtype": array.dtype.str,
            "compressor": None,
            "filters": None,
            "fill_value": None,
        }
        told |= metadata if name == "soc_stock" else {}
        (there / ".zarray").write_text(json.dumps(told))
        dims = ["lat", "lon"] if array.ndim == 2 else [name]
        attrs = {"_ARRAY_DIMENSIONS": dims, "units": "t ha-1" if array.ndim == 2 else "degrees"}
        (there / ".zattrs").write_text(json.dumps(attrs))
        (there / ".".join("0" * array.ndim)).write_bytes(array.tobytes())
    return path


def cut(path: Path, share: float) -> Path:
    """Cut a file short."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def flipped(path: Path, seed: int, bytes_: int = 12, part: tuple[float, float] = (0, 1)) -> Path:
    """Flip some bytes in a part of a file, the same ones for a seed."""
    content = bytearray(path.read_bytes())
    rng = random.Random(seed)
    for _ in range(bytes_):
        where = rng.uniform(*part)
        content[min(len(content) - 1, int(where * len(content)))] ^= rng.randrange(1, 256)
    path.write_bytes(content)
    return path


def lying(path: Path, tag: int, value: int) -> Path:
    """Set a tag of a little-endian classic TIFF's first directory: its header then lies."""
    content = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    for i in range(count):
        entry = at + 2 + 12 * i
        if struct.unpack_from("<H", content, entry)[0] == tag:
            struct.pack_into("<HII", content, entry + 2, 4, 1, value)
    path.write_bytes(content)
    return path


def _h5(path: Path, change: Callable[[h5py.File], None]) -> Path:
    netcdf4(path)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def _beside(path: Path, name: str, text: str) -> Path:
    path.with_name(name).write_text(text)
    return path


def _linked(path: Path, name: str, text: str = "") -> Path:
    """Lay a symbolic link beside a file, to a file of another folder."""
    elsewhere = path.parent.parent / f"elsewhere-{name}"
    elsewhere.write_text(text)
    path.with_name(name).symlink_to(elsewhere)
    return path


def _pipe(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    return path


def _text(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _swap_external(file: h5py.File) -> None:
    del file["soc_stock"]
    file["soc_stock"] = h5py.ExternalLink("other.h5", "/x")


def _raw_storage(file: h5py.File) -> None:
    del file["soc_stock"]
    file.create_dataset(
        "soc_stock", (SIDE, SIDE), "u1", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)]
    )


def _virtual(file: h5py.File) -> None:
    del file["soc_stock"]
    layout = h5py.VirtualLayout((SIDE, SIDE), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "/x", (SIDE, SIDE))
    file.create_virtual_dataset("soc_stock", layout)


def _huge_chunk(file: h5py.File) -> None:
    del file["soc_stock"]
    file.create_dataset("soc_stock", (30_000, 60_000), "f4", chunks=(30_000, 30_000))


def _huge(file: h5py.File) -> None:
    for name in ("soc_stock", "lat", "lon"):
        del file[name]
    lat = file.create_dataset("lat", data=90 - 0.003 - 0.006 * np.arange(30_000))
    lon = file.create_dataset("lon", data=-180 + 0.003 + 0.006 * np.arange(60_000))
    made = file.create_dataset("soc_stock", (30_000, 60_000), "f4", chunks=(500, 500))
    for axis, name in ((lat, "lat"), (lon, "lon")):
        axis.make_scale(name)
        axis.attrs["units"] = "degrees_north" if name == "lat" else "degrees_east"
    made.dims[0].attach_scale(lat)
    made.dims[1].attach_scale(lon)
    made.attrs["units"], made.attrs["depth_cm"] = "t ha-1", "0-30"
    made.attrs["grid_mapping"] = "spatial_ref"


def _huge_axis(file: h5py.File) -> None:
    del file["lat"]
    file.create_dataset("lat", (2_000_000_000,), "f8", chunks=(1_000,))


def _many_steps(file: h5py.File) -> None:
    del file["soc_stock"]
    file.create_dataset("soc_stock", (3_000_000, SIDE, SIDE), "f4", chunks=(1, SIDE, SIDE))


def _group_twice(file: h5py.File) -> None:
    file["again"] = file.create_group("g")


Maker = Callable[[Path, str], Path]


def makers() -> dict[str, Maker]:
    """Return the files that must be refused, by name; each is made in a folder of its own."""
    tif: dict[str, Maker] = {
        "vrt named tif": lambda d, u: _text(d / NAME, vrt(u)),
        "vrt named tiff": lambda d, u: _text(d / "soc_stock.tiff", vrt(u)),
        "map service named tif": lambda d, u: _text(d / NAME, wms(u)),
        "json of stac named tif": lambda d, u: _text(
            d / NAME,
            json.dumps(
                {
                    "type": "Feature",
                    "stac_version": "1.0.0",
                    "assets": {"x": {"href": f"{u}/x.tif", "type": "image/tiff"}},
                }
            ),
        ),
        "overviews elsewhere": lambda d, u: geotiff(
            d / NAME, tags={"OVERVIEWS": {"OVERVIEW_FILE": f"/vsicurl/{u}/o.tif"}}
        ),
        "coordinates elsewhere": lambda d, u: geotiff(
            d / NAME,
            tags={
                "GEOLOCATION": {
                    "X_DATASET": f"/vsicurl/{u}/g.tif",
                    "X_BAND": "1",
                    "Y_DATASET": f"/vsicurl/{u}/g.tif",
                    "Y_BAND": "1",
                }
            },
        ),
        "overviews that are a vrt": lambda d, u: _beside(geotiff(d / NAME), f"{NAME}.ovr", vrt(u)),
        "mask that is a vrt": lambda d, u: _beside(geotiff(d / NAME), f"{NAME}.msk", vrt(u)),
        "linked mask": lambda d, u: _linked(geotiff(d / NAME), f"{NAME}.msk"),
        "linked overviews": lambda d, u: _linked(geotiff(d / NAME), f"{NAME}.ovr"),
        "linked tags": lambda d, u: _linked(geotiff(d / NAME), f"{NAME}.aux.xml"),
        "linked world file": lambda d, u: _linked(geotiff(d / NAME), "soc_stock.tfw"),
        "overviews named by tags beside": lambda d, u: _beside(
            geotiff(d / NAME),
            f"{NAME}.aux.xml",
            '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">'
            f"/vsicurl/{u}/p.tif</MDI></Metadata></PAMDataset>",
        ),
        "pipe as mask": lambda d, u: (geotiff(d / NAME), _pipe(d / f"{NAME}.msk"))[0],
        "pipe as world file": lambda d, u: (geotiff(d / NAME), _pipe(d / "soc_stock.tfw"))[0],
        "pipe named tif": lambda d, u: _pipe(d / NAME),
        "empty tif": lambda d, u: _text(d / NAME, b""),
        "text named tif": lambda d, u: _text(d / NAME, "soc_stock\n1\n"),
        "netcdf named tif": lambda d, u: netcdf4(d / NAME),
        "png named tif": lambda d, u: _text(d / NAME, b"\x89PNG\r\n\x1a\n" + b"\0" * 100),
        "one huge strip": lambda d, u: lying(
            geotiff(d / NAME, width=20_000, height=20_000, sparse_ok=True), 278, 20_000
        ),
        "huge tiles": lambda d, u: geotiff(
            d / NAME,
            width=16_384,
            height=16_384,
            tiled=True,
            blockxsize=16_384,
            blockysize=8_192,
            sparse_ok=True,
        ),
        "many bands in a pixel": lambda d, u: geotiff(
            d / NAME,
            width=4_096,
            height=4_096,
            count=200,
            dtype="uint8",
            nodata=0,
            tiled=True,
            interleave="pixel",
            blockxsize=4_096,
            blockysize=4_096,
            sparse_ok=True,
        ),
        "sparse bomb": lambda d, u: geotiff(
            d / NAME,
            width=60_000,
            height=30_000,
            tiled=True,
            blockxsize=512,
            blockysize=512,
            transform=Affine(0.006, 0, -180, 0, -0.006, 90),
            sparse_ok=True,
        ),
        "width that lies": lambda d, u: lying(geotiff(d / NAME), 256, 2**31 - 1),
        "height that lies": lambda d, u: lying(geotiff(d / NAME), 257, 2**31 - 1),
        "strip that lies": lambda d, u: lying(geotiff(d / NAME), 273, 2**32 - 9),
        "bits that lie": lambda d, u: lying(geotiff(d / NAME), 258, 4_000_000),
        "rotated": lambda d, u: geotiff(d / NAME, transform=Affine(0.5, 0.1, 34, 0.1, -0.5, 5)),
        "no crs": lambda d, u: geotiff(d / NAME, crs=None),
    }
    tif |= {
        f"tif cut to {s:.0%}": lambda d, u, s=s: cut(geotiff(d / NAME), s)
        for s in (0.02, 0.2, 0.5, 0.7, 0.8)
    }
    nc: dict[str, Maker] = {
        "vrt named nc": lambda d, u: _text(d / "a.nc", vrt(u)),
        "tif named nc": lambda d, u: _text(d / "a.nc", geotiff(d / "t" / NAME).read_bytes()),
        "references named nc": lambda d, u: _text(
            d / "a.nc", json.dumps({"version": 1, "refs": {"soc_stock/0.0": [f"{u}/a", 0, 9]}})
        ),
        "link to another file": lambda d, u: _h5(d / "a.nc", _swap_external),
        "storage in another file": lambda d, u: _h5(d / "a.nc", _raw_storage),
        "virtual dataset": lambda d, u: _h5(d / "a.nc", _virtual),
        "huge chunk": lambda d, u: _h5(d / "a.nc", _huge_chunk),
        "huge variable": lambda d, u: _h5(d / "a.nc", _huge),
        "huge axis": lambda d, u: _h5(d / "a.nc", _huge_axis),
        "many steps": lambda d, u: _h5(d / "a.nc", _many_steps),
        "group in two places": lambda d, u: _h5(d / "a.nc", _group_twice),
        "pipe named nc": lambda d, u: _pipe(d / "a.nc"),
        "empty nc": lambda d, u: _text(d / "a.nc", b""),
        "classic of the fifth kind": lambda d, u: _text(d / "a.nc", b"CDF\x05" + b"\0" * 60),
        "classic with a record count that lies": lambda d, u: _text(
            d / "a.nc", b"CDF\x01" + b"\x7f\xff\xff\xff" + netcdf3(d / "b.nc").read_bytes()[8:40]
        ),
    }
    nc |= {
        f"netcdf-4 cut to {s:.0%}": lambda d, u, s=s: cut(netcdf4(d / "a.nc"), s)
        for s in (0.1, 0.5, 0.9)
    }
    nc |= {
        f"classic cut to {s:.0%}": lambda d, u, s=s: cut(netcdf3(d / "a.nc"), s)
        for s in (0.05, 0.2, 0.9)
    }
    return tif | nc


def stores() -> dict[str, Maker]:
    """Return Zarr stores that must be refused."""

    def link(d: Path, u: str) -> Path:
        made = zarr(d / "a.zarr")
        (made / "soc_stock" / "0.0").rename(d / "elsewhere")
        (made / "soc_stock" / "0.0").symlink_to(d / "elsewhere")
        return made

    def told(d: Path, text: str) -> Path:
        made = zarr(d / "a.zarr")
        (made / "soc_stock" / ".zarray").write_text(text)
        return made

    return {
        "linked chunk": link,
        "codec that runs code": lambda d, u: zarr(
            d / "a.zarr", dtype="|O", filters=[{"id": "pickle", "protocol": 5}]
        ),
        "unknown codec": lambda d, u: zarr(d / "a.zarr", compressor={"id": "imagecodecs_jpeg"}),
        "huge chunk": lambda d, u: zarr(
            d / "a.zarr", shape=[30_000, 60_000], chunks=[30_000, 60_000], fill_value=1
        ),
        "huge array": lambda d, u: zarr(
            d / "a.zarr", shape=[30_000, 60_000], chunks=[500, 500], fill_value=1
        ),
        "metadata that are none": lambda d, u: told(d, "{"),
        "metadata of nothing": lambda d, u: told(d, "[]"),
        "metadata without a shape": lambda d, u: told(d, "{}"),
        "metadata nested too deep": lambda d, u: told(d, "[" * 100_000),
        "pipe as a chunk": lambda d, u: (
            zarr(d / "a.zarr"),
            (d / "a.zarr/soc_stock/0.0").unlink(),
            _pipe(d / "a.zarr/soc_stock/0.0"),
        )[0],
    }


def damaged() -> dict[str, Maker]:
    """Return files with flipped bytes: refused, or read where the bytes don't matter."""
    out: dict[str, Maker] = {}
    for seed in range(8):
        out[f"tif flipped {seed}"] = lambda d, u, s=seed: flipped(
            geotiff(d / NAME), s, 6, (0.77, 1)
        )  # its directory and tags
        out[f"netcdf-4 flipped {seed}"] = lambda d, u, s=seed: flipped(netcdf4(d / "a.nc"), s)
        out[f"netcdf-4 flipped much {seed}"] = lambda d, u, s=seed: flipped(
            netcdf4(d / "a.nc"), s, 200
        )
        out[f"classic flipped {seed}"] = lambda d, u, s=seed: flipped(
            netcdf3(d / "a.nc"), s, 12, (0, 0.3)
        )
    return out
