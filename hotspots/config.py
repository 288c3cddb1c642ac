"""Every setting that is read from the environment, and the paths of installed files.

Nothing is read at import; each function reads the environment when it is called. pydantic takes a
while to load, so the modules that `import hotspots` loads import this one within functions.
"""

from __future__ import annotations

import os
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from hotspots.errors import BadInputError, MissingAssetError, shortened

PACKAGE_DIR = Path(__file__).resolve().parent
_CONFIG = SettingsConfigDict(
    env_ignore_empty=True,
    extra="ignore",
    frozen=True,  # all callers share one cached object
    populate_by_name=True,
    use_attribute_docstrings=True,
)
_LIMITS = SettingsConfigDict(**_CONFIG, env_prefix="HOTSPOTS_MAX_")
Amount = Annotated[int, Field(gt=0)]


class Settings(BaseSettings):
    """Folders, addresses and secrets; an empty variable counts as unset."""

    model_config = SettingsConfigDict(**_CONFIG, env_prefix="HOTSPOTS_")

    data: Path | None = None
    """Folder of the data that a user may edit (sample registry, regions), a copy of the packaged
    one"""
    cache: Path = Path("~/.cache/hotspots")
    """Folder of downloads"""
    store: str = ""
    """Store of the commands without `--store` (of `analyze`, also without `--data`): a folder or
    `s3://NAME/PREFIX`"""
    registry: str = ""
    """Registry that is opened without `--registry`: a file or the address of a database"""
    token: SecretStr = SecretStr("")
    """Secret of a token of the registry"""
    sources: Path | None = None
    """Folder of further TOML files that describe sources"""
    outlines: Path | None = None
    """File of finer outlines of countries, which take the place of the packaged ones"""
    mirrors: str = ""
    """`ADDRESS=ADDRESS` pairs with `;` between them: the second is contacted for the first"""
    http_timeout: Annotated[float, Field(ge=0.05, le=3600)] = 20
    """Seconds without a byte after which a download is interrupted and tried again"""
    http_tries: Annotated[float, Field(ge=1, le=20)] = 4
    """Attempts of one request"""
    s3_endpoint: str = Field(
        "",
        validation_alias=AliasChoices(
            "HOTSPOTS_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"
        ),
    )
    """Address of an S3-compatible server; by default Amazon's"""
    s3_anonymous: bool = False
    """Whether a public bucket is read without credentials (1 or 0)"""
    s3_region: str = Field("", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))
    """Region of a bucket; by default it is looked up"""
    cds_file: Path = Field(Path("~/.cdsapirc"), validation_alias="CDSAPI_RC")
    """File with the token of the Climate Data Store, if the source's own variable isn't set"""


class Limits(BaseSettings):
    """Limits of one input, checked before memory is allocated for it."""

    model_config = _LIMITS

    grid_cells: Amount = 100_000_000
    """Cells of the grid of an analysis, which needs about 450 bytes per cell"""
    raster_cells: Amount = 1_000_000_000
    """Cells of all layers of an analysis or an edition, or of one raster that is added to a
    store"""
    raster_bands: Amount = 20_000
    """Bands of a raster, or steps along the dimensions other than its rows and columns"""
    raster_blocks: Amount = 1_000_000
    """Tiles or strips that a raster is stored in"""
    block_bytes: Amount = 200_000_000
    """Bytes of one tile, strip or chunk of a raster after unpacking; it is read as a whole"""
    file_bytes: Amount = 2_000_000_000
    """Bytes of a table of points or a vector file"""
    toml_bytes: Amount = 1_000_000
    """Bytes of a recipe or another file in TOML"""
    json_bytes: Amount = 50_000_000
    """Bytes of a manifest or another description in JSON"""
    records_bytes: Amount = 300_000_000
    """Bytes of a file of records in CSV or GeoJSON, which is read whole"""
    unpacked_bytes: Amount = 4_000_000_000
    """Bytes that a compressed file may unpack to"""
    workbook_bytes: Amount = 600_000_000  # 100,000 long records take about half
    """Bytes that a workbook (XLSX, ODS) may unpack to, or that texts shared by its cells (XLSX,
    XLS) take"""
    rows: Amount = 2_000_000
    """Rows of a table of records, points or polygons"""
    columns: Amount = 2_000
    """Columns of such a table"""
    vertices: Amount = 20_000_000
    """Vertices of all the geometries of a file, or of a GeoJSON given as text"""
    edge_pairs: Amount = 50_000_000
    """Pairs of an outline's edges whose bounding boxes intersect"""
    crossings: Amount = 50_000
    """Pairs of an outline's edges that cross"""
    path_letters: Amount = 4_096
    """Characters of a path"""
    read_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 600
    """Seconds that reading one table, recipe or vector file may take"""


class ServiceLimits(BaseSettings):
    """Limits of the service; what happens beyond each is in docs/service.md."""

    model_config = _LIMITS

    connections: Amount = 512
    """Open connections; keep it about 64 below the number of files that the process may open"""
    head_bytes: Amount = 16_384
    """Bytes of a request's address and headers"""
    body_bytes: Amount = 65_536
    """Bytes of a request's body according to Content-Length"""
    request_seconds: Amount = 20
    """Seconds for a request to be complete, head and body, from its first byte (for the first
    request, from the connection)"""
    idle_seconds: Amount = 5
    """Seconds that a connection may wait for its next request"""
    unread_seconds: Amount = 60
    """Seconds that an answer may wait without its client reading any of it"""
    stop_seconds: Amount = 10
    """Seconds that requests in progress are given when the service is stopped"""
    registry_seconds: Amount = 1
    """Seconds between checks of the registry for changes"""


GROUPS: tuple[type[BaseSettings], ...] = (Settings, Limits, ServiceLimits)
_Group = TypeVar("_Group", bound=BaseSettings)


def settings() -> Settings:
    """Return the folders, addresses and secrets in force (see `in_force`)."""
    return in_force(Settings)


def in_force(group: type[_Group]) -> _Group:
    """Return a group of settings: its defaults, overridden by the environment.

    Raises
    ------
    BadInputError
        A variable's value isn't allowed.
    """
    # The values are the key of the cache: building takes time, and a changed variable must count.
    built: _Group = _built(group, tuple(os.environ.get(name, "") for name in _names(group)))
    return built


@cache
def _names(group: type[BaseSettings]) -> tuple[str, ...]:
    return tuple(name for field in group.model_fields for name in variables(group, field))


@lru_cache(maxsize=64)
def _built(group: type[_Group], values: tuple[str, ...]) -> _Group:
    """Return the settings read from the environment; `values` are the key of the cache."""
    try:
        return group()
    except ValidationError as error:
        raise BadInputError(_sentence(group, error)) from None


def _sentence(group: type[BaseSettings], error: ValidationError) -> str:
    """Return what is wrong with the first variable; a location is a field or its variable."""
    fault = error.errors(include_url=False, include_context=False)[0]
    at = str(fault["loc"][0])
    name = at if at in group.model_fields else _field_of(group, at)
    # Of several names of one setting, pydantic read the first that isn't empty.
    given = next(v for v in variables(group, name) if os.environ.get(v))
    value = shortened(os.environ[given])
    return f"{given} is '{value}'. {_allowed(group.model_fields[name])}, or unset it."


def _field_of(group: type[BaseSettings], variable: str) -> str:
    return next(name for name in group.model_fields if variable in variables(group, name))


def _allowed(field: FieldInfo) -> str:
    least = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    most = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    if field.annotation is bool:
        return "Give 1 or 0"
    if least is None:
        return f"Give a {'whole ' if field.annotation is int else ''}number above 0"
    return f"Set it to a number between {least:g} and {most:g}"


def variables(group: type[BaseSettings], name: str) -> tuple[str, ...]:
    """Return the environment variables of a setting; the first that isn't empty counts.

    Parameters
    ----------
    group : type
        `Settings`, `Limits` or `ServiceLimits`.
    name : str
        The name of the setting's attribute.
    """
    alias = group.model_fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(map(str, alias.choices))
    return (str(alias) if alias else f"{group.model_config['env_prefix']}{name.upper()}",)


def variable(name: str) -> str:
    """Return the environment variable that sets a folder, address or secret (see `Settings`)."""
    return variables(Settings, name)[0]


def secret(name: str) -> str:
    """Return the secret in an environment variable that data name, such as a source's token.

    Parameters
    ----------
    name : str
        The variable; "" for none.

    Returns
    -------
    str
        Its value without blanks around it; "" if it isn't set.
    """
    return os.environ.get(name, "").strip() if name else ""


def vendor_file(name: str) -> Path:
    """Return the path of one vendored file.

    Parameters
    ----------
    name : str
        ``package/file`` as placed by the build hook, e.g. ``"world-atlas/countries-10m.json"``.

    Raises
    ------
    MissingAssetError
        If this installation lacks the file.
    """
    path = vendor_dir() / name
    if not path.is_file():
        raise _not_built(f"the file '{name}'")
    return path


def vendor_dir() -> Path:
    """Return the folder of web assets and country outlines that the build hook fills.

    Raises
    ------
    MissingAssetError
        If the package was installed without its build step.
    """
    path = PACKAGE_DIR / "vendor"
    if not path.is_dir():
        raise _not_built("its folder of web assets and country shapes")
    return path


def data_dir() -> Path:
    """Return the folder of data that a user may read and edit (sample registry, region groups).

    It is the folder named by the environment variable ``HOTSPOTS_DATA`` if set, else the copy
    inside an installed package, else ``data/`` of the working copy.

    Raises
    ------
    BadInputError
        If ``HOTSPOTS_DATA`` doesn't name a folder.
    MissingAssetError
        If the installation holds no data.
    """
    given = settings().data
    if given:
        if not given.is_dir():
            raise BadInputError(
                f"{variable('data')} is '{shortened(given)}', which isn't a folder. Set it to a"
                " copy of the project's data folder, or unset it to use the packaged one."
            )
        return given
    for path in (PACKAGE_DIR / "_data", PACKAGE_DIR.parent / "data"):
        if path.is_dir():
            return path
    raise _not_built("its data folder")


def cache_dir() -> Path:
    """Return the folder of downloads: ``HOTSPOTS_CACHE``, else ``~/.cache/hotspots``."""
    return settings().cache.expanduser()


def _not_built(what: str) -> MissingAssetError:
    return MissingAssetError(
        f"This installation lacks {what}, which is put in place when the package is installed."
        " Install it again: 'pip install -e .' in a working copy, else"
        " 'pip install --force-reinstall hotspots'."
    )
