"""Errors as ``application/problem+json`` (RFC 9457): one table from class to status."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from hotspots.api.middleware import ANY_ORIGIN, READS
from hotspots.api.security import HEADERS
from hotspots.errors import (
    BadInputError,
    ConflictError,
    EditionError,
    EmptyRegionError,
    FetchError,
    GridMismatchError,
    HotspotsError,
    MissingAssetError,
    NotAllowedError,
    RasterError,
    RecipeError,
    RegistryError,
    TokenError,
    UnknownEditionError,
    UnknownMethodError,
    UnknownRegionError,
    WriteError,
)
from hotspots.locale.escaping import one_line

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """Status, slug and title that a class of errors has over HTTP."""

    status: int
    slug: str
    title: str


# Editions, rasters and registries belong to the server: their failure isn't the client's fault.
KINDS: dict[type[HotspotsError], Kind] = {
    UnknownEditionError: Kind(404, "unknown-edition", "Unknown edition"),
    UnknownMethodError: Kind(404, "unknown-method", "Unknown method"),
    UnknownRegionError: Kind(404, "unknown-region", "Unknown region"),
    EmptyRegionError: Kind(422, "empty-region", "Region without land"),
    RecipeError: Kind(422, "bad-recipe", "Recipe can't be used"),
    BadInputError: Kind(400, "bad-input", "Input can't be used"),
    EditionError: Kind(500, "edition", "The edition can't be read"),
    RasterError: Kind(500, "raster", "The edition's rasters can't be read"),
    GridMismatchError: Kind(500, "grid-mismatch", "The edition's rasters don't match"),
    NotAllowedError: Kind(403, "not-allowed", "Not allowed"),
    ConflictError: Kind(409, "conflict", "Changed by somebody else meanwhile"),
    RegistryError: Kind(500, "registry", "The registry can't be read"),
    MissingAssetError: Kind(500, "missing-asset", "The installation is incomplete"),
    WriteError: Kind(500, "write", "The server can't write"),
    # Nothing is downloaded while a request is served; listed so that the table is complete.
    FetchError: Kind(502, "fetch", "Another server didn't answer"),
    TokenError: Kind(500, "token", "A token of the server's own is missing"),
    HotspotsError: Kind(500, "failed", "The request failed"),
}
_OWN_FAULT = "The fault is the server's and was logged; try again later or contact its operator."


class NotDrawnError(HotspotsError):
    """The map can't be drawn, or its data can't be read; the message contains no file name."""


def kind_of(error: HotspotsError) -> Kind:
    """Return the entry of the nearest class in `KINDS`."""
    return next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)


def problem(
    request: Request,
    status: int,
    slug: str,
    title: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem+json response.

    Parameters
    ----------
    request : Request
        Its path becomes the member ``instance``.
    status : int
        HTTP status.
    slug : str
        Last part of the member ``type``.
    title, detail : str
        Short name of the problem; what was given, what is allowed and what to do.
    headers : mapping of str to str, optional
        Further headers.
    """
    body = problem_body(status, slug, title, detail, request.url.path)
    # Here as well, since a crash is answered outside of the middleware that adds them.
    all_headers = HEADERS | {"Content-Language": "en"} | dict(headers or {})
    return Response(body, status, headers=all_headers, media_type=MEDIA_TYPE)


def problem_body(status: int, slug: str, title: str, detail: str, path: str = "") -> bytes:
    """Return the members of a problem as UTF-8 JSON.

    Parameters
    ----------
    status : int
        HTTP status.
    slug : str
        Last part of the member ``type``.
    title, detail : str
        Short name of the problem; what was given, what is allowed and what to do.
    path : str
        Path of the request; empty where the request couldn't be read.
    """
    content = {
        "type": f"urn:problem-type:hotspots:{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": path,
    }
    # A text from the request may hold lone surrogates, which UTF-8 can't encode.
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def add_handlers(app: FastAPI) -> None:
    """Answer every error of `app` with a problem+json."""
    app.add_exception_handler(NotDrawnError, _on_not_drawn)
    app.add_exception_handler(HotspotsError, _on_hotspots_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_anything_else)


def _on_hotspots_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HotspotsError)
    kind = kind_of(error)
    detail = str(error)
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # Its message may contain names of files on the server.
        _log.error("%s: %s", one_line(request.url.path), one_line(error))
        detail = _OWN_FAULT
    return problem(request, kind.status, kind.slug, kind.title, detail)


def _on_not_drawn(request: Request, error: Exception) -> Response:
    """Answer 503: the map is unavailable; the cause was logged when it occurred."""
    assert isinstance(error, NotDrawnError)
    return problem(
        request, 503, "not-ready", "The map can't be shown", str(error), {"Retry-After": "10"}
    )


def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = "; ".join(_parameter_fault(fault) for fault in error.errors())
    return problem(request, 422, "bad-parameter", "A parameter can't be used", f"{faults}.")


def _parameter_fault(fault: Mapping[str, Any]) -> str:
    # The last part of the location; the first says where parameters are read from.
    name = fault["loc"][-1]
    expected = fault.get("ctx", {}).get("expected")
    allowed = f"use {expected}" if expected else fault["msg"]
    return f"Parameter '{name}' was given as '{fault.get('input')}'; {allowed}"


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    slug = title.lower().replace(" ", "-")
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"There is nothing at '{request.url.path}'; /api lists what there is."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not allowed at '{request.url.path}'; use GET or HEAD."
        return problem(request, error.status_code, slug, title, detail, {"Allow": READS})
    return problem(request, error.status_code, slug, title, detail, error.headers)


def _on_anything_else(request: Request, error: Exception) -> Response:
    return problem(request, 500, "failed", "The request failed", _OWN_FAULT, ANY_ORIGIN)
