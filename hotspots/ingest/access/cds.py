"""Jobs of the Climate Data Store: submit, wait, download, unpack; a token is required.

Routes, states and the header are those of ECMWF's own open client (ecmwf-datastores-client 0.4):
``POST retrieve/v1/processes/DATASET/execution`` with ``{"inputs": …}`` gives a job with a link
"monitor"; its ``status`` goes over accepted and running to successful or failed; ``/results`` then
gives ``asset.value.href``. Not confirmed against the live service: that a refused token is always
401, that a licence not accepted is 403 with the words "required licences not accepted" (seen in
reports of users), and whether `area` is honoured by every data set.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from hotspots.config import secret, settings
from hotspots.errors import FetchError, TokenError
from hotspots.ingest.access.download import Progress, locked, read_json, write_json
from hotspots.ingest.access.fetch import fetch, key_of, member_of, public
from hotspots.ingest.access.http import Client, client
from hotspots.ingest.access.windows import Box, split_boxes
from hotspots.ingest.regrid.source_raster import Origin
from hotspots.ingest.sources.model import Access, filled
from hotspots.io.atomic import file_hash
from hotspots.io.readers.texts import read_text

# A job of the store waits in a queue; most finish within minutes, some take a whole night.
LONGEST_WAIT_S = 3600.0
_LONGEST_PAUSE_S = 60.0
_RC = ".cdsapirc"
_HEADER = "PRIVATE-TOKEN"


@dataclass(frozen=True)
class Patience:
    """How long a job is waited for, in seconds.

    Attributes
    ----------
    longest_wait : float
        For the result; the job is kept after that.
    pause : float
        Before its status is asked for the first time; later pauses are longer.
    """

    longest_wait: float = LONGEST_WAIT_S
    pause: float = 1.0


@dataclass(frozen=True)
class CdsRequest:
    """What is requested of the store.

    Attributes
    ----------
    access : Access
        `extra` has ``dataset``, ``request`` (with placeholders) and ``area`` (whether the store
        can cut the data to a box).
    values : mapping
        Values of the placeholders.
    boxes : sequence of (west, south, east, north)
        Requested boxes, degrees (EPSG:4326).
    """

    access: Access
    values: Mapping[str, object]
    boxes: Sequence[Box]


def cds_file(
    request: CdsRequest,
    cache: Path,
    *,
    progress: Progress | None = None,
    with_client: Client | None = None,
    patience: Patience = Patience(),
) -> tuple[Path, Origin]:
    """Return the file of a job, from the cache if the same request was made before.

    Parameters
    ----------
    request : CdsRequest
        Access, values of its placeholders and boxes.
    cache : path
        Cache folder.
    progress : callable, optional
        Called with the bytes received and the bytes expected.
    with_client : Client, optional
        The HTTP client; that of the environment's settings by default.
    patience : Patience
        How long to wait for the result.

    Raises
    ------
    TokenError
        No token, or a refused one.
    FetchError
        A licence that must be accepted, a failed job, or one that isn't ready in time.
    """
    access, values = request.access, request.values
    dataset = filled(str(access.extra["dataset"]), values)
    inputs = _filled(access.extra["request"], values)
    if access.extra.get("area"):
        inputs["area"] = _area(request.boxes)
    address = access.address.rstrip("/")
    # Equal requests share one job, whatever the order of their keys.
    folder = cache / "cds" / key_of(address, dataset, json.dumps(inputs, sort_keys=True))
    member = filled(access.member, values)
    order = _Order(with_client or client(), access, address, dataset, inputs, folder, patience)
    with locked(folder / ".lock"):
        return _job_file(order, member, progress)


@dataclass(frozen=True)
class _Order:
    """A request to the store, and how long to wait for its result.

    `address` and `dataset` name the process of the store that `request` is for; `folder` is the
    request's own in the cache.
    """

    client: Client
    access: Access
    address: str
    dataset: str
    request: dict[str, Any]
    folder: Path
    patience: Patience

    @property
    def note(self) -> Path:
        """The file that records the job."""
        return self.folder / "order.json"

    def send(self, call: Callable[[Mapping[str, str]], Any]) -> Any:
        """Return the store's answer to `call(headers)`; refusals become clear errors."""
        try:
            return call({_HEADER: token(self.access)})
        except FetchError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: FetchError) -> Exception:
        if error.status in (401, 403) and "licence" in error.said.lower():
            return FetchError(
                f"The Climate Data Store requires that its licences of '{self.dataset}' are"
                f" accepted first ({_detail(error)}). Log in there, open the data set's download"
                " page, accept them below the form, and run this again.",
                status=error.status,
            )
        if error.status in (401, 403):
            return TokenError(
                f"The Climate Data Store refuses the token of {_token_place(self.access)}"
                f" ({error.status}). Get a valid one: {self.access.token_from}."
            )
        if error.status == 400:
            return FetchError(
                f"The Climate Data Store can't make '{self.dataset}' of {json.dumps(self.request)}"
                f" ({_detail(error)}). The source may have changed: report it to the project.",
                status=400,
            )
        return error


def token(access: Access) -> str:
    """Return the token of an access: from its environment variable, else from ``~/.cdsapirc``.

    Raises
    ------
    TokenError
        No token is set; the message says where to get one and how to set it.
    """
    given = secret(access.token)
    if not given:
        given = _of_rc(settings().cds_file.expanduser())
    if not given:
        raise TokenError(
            f"'{access.name}' needs a token of your own, and none is set. Get one:"
            f" {access.token_from}. Then set it: export {access.token}=TOKEN, or write the line"
            f" 'key: TOKEN' to ~/{_RC}."
        )
    return given


def _token_place(access: Access) -> str:
    return access.token if secret(access.token) else f"~/{_RC}"


def _of_rc(path: Path) -> str:
    try:
        lines = read_text(path, "json_bytes").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    pairs = [line.partition(":") for line in lines]
    return next((value.strip() for key, _, value in pairs if key.strip() == "key"), "")


def _filled(template: Any, values: Mapping[str, object]) -> Any:
    if isinstance(template, Mapping):
        return {key: _filled(value, values) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [_filled(value, values) for value in template]
    return filled(template, values) if isinstance(template, str) else template


def _area(boxes: Sequence[Box]) -> list[float]:
    """Return (north, west, south, east) around all boxes, in whole degrees, so neighbours share."""
    # Across the antimeridian it spans all longitudes, because `area` is a single box.
    around = split_boxes(boxes)
    wests, souths, easts, norths = zip(*around, strict=True)
    return [
        float(min(90, -(-max(norths) // 1))),
        float(max(-180, min(wests) // 1)),
        float(max(-90, min(souths) // 1)),
        float(min(180, -(-max(easts) // 1))),
    ]


def _job_file(order: _Order, member: str, progress: Progress | None) -> tuple[Path, Origin]:
    note = read_json(order.note)
    if note.get("done"):
        return order.folder / str(note["done"]), _origin(order, note)
    href = _ready(order, note)
    # The link is signed and short-lived, so the file is cached in the folder of this job.
    path, origin = fetch(href, order.folder, progress=progress, with_client=order.client)
    # By its first bytes: the signed link needn't end in .zip.
    if _is_zip(path):
        path = member_of(path, member or "*.nc", origin, path.parent)
        origin = replace(origin, sha256=file_hash(path))
    note = {
        "done": str(path.relative_to(order.folder)),
        "retrieved": origin.retrieved,
        "sha256": origin.sha256,
    }
    write_json(order.note, note)
    return path, _origin(order, note)


def _origin(order: _Order, note: Mapping[str, object]) -> Origin:
    address = f"{public(order.address)}/retrieve/v1/processes/{order.dataset}"
    request = json.dumps(order.request, sort_keys=True)
    return Origin(address, str(note["retrieved"]), request, str(note["sha256"]))


def _is_zip(path: Path) -> bool:
    with path.open("rb") as opened:
        return opened.read(4) == b"PK\x03\x04"


def _ready(order: _Order, note: Mapping[str, object]) -> str:
    """Return the address of a job's result once it is ready; the job of a killed run continues."""
    job = str(note.get("job", ""))
    if job:
        try:
            return _awaited(order, job)
        except FetchError as error:
            # 404 or 410: the store no longer knows the job, so it is submitted again.
            if error.status not in (404, 410):
                raise
    return _awaited(order, _submitted(order))


def _submitted(order: _Order) -> str:
    url = f"{order.address}/retrieve/v1/processes/{order.dataset}/execution"
    reply = order.send(
        lambda headers: order.client.post_json(url, {"inputs": order.request}, headers=headers)
    )
    links = {link.get("rel"): link.get("href") for link in reply.get("links", [])}
    job = links.get("monitor") or f"{order.address}/retrieve/v1/jobs/{reply.get('jobID', '')}"
    job = urljoin(url, str(job))
    write_json(order.note, {"job": job})
    return job


def _awaited(order: _Order, job: str) -> str:
    ends, pause = time.monotonic() + order.patience.longest_wait, order.patience.pause
    while True:
        reply = order.send(lambda headers: order.client.json(job, headers=headers))
        status = reply.get("status")
        if status == "successful":
            return _result(order, job)
        if status not in ("accepted", "running"):
            # Forgotten, so that the next run submits a new job.
            order.note.unlink(missing_ok=True)
            raise FetchError(
                f"The Climate Data Store couldn't make '{order.dataset}' ({status}:"
                f" {_why(order, job)}). Try again later, or look at the order on its own page."
            )
        if time.monotonic() + pause > ends:
            minutes = f"{order.patience.longest_wait / 60:.0f}"
            raise FetchError(
                f"The order of '{order.dataset}' isn't ready after {minutes}"
                f" minutes ({status}). It stays in the queue: run this again later to go on."
            )
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)


def _result(order: _Order, job: str) -> str:
    reply = order.send(lambda headers: order.client.json(f"{job}/results", headers=headers))
    try:
        return urljoin(f"{job}/results", str(reply["asset"]["value"]["href"]))
    except (KeyError, TypeError) as error:
        raise FetchError(
            f"The Climate Data Store names no file for '{order.dataset}'. Try again later, then"
            " report it to the project."
        ) from error


def _why(order: _Order, job: str) -> str:
    try:
        # The store answers 400 with the reason here, which isn't a refusal.
        order.client.json(f"{job}/results", headers={_HEADER: token(order.access)})
    except FetchError as error:
        return _detail(error)
    return "no reason given"


def _detail(error: FetchError) -> str:
    """Return the store's own description of a fault, in one line."""
    try:
        reply = json.loads(error.said)
    except ValueError:
        return f"status {error.status}"
    words = [str(reply[key]) for key in ("title", "detail", "traceback") if reply.get(key)]
    return " – ".join(words).replace("\n", " ")[:300].rstrip(".") or f"status {error.status}"
