"""What the test server speaks beside files: the Climate Data Store's routes, and a STAC search.

Written after the open clients' source, not after a live service.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

# Token -> what becomes of an order.
TOKENS = {"good", "unlicensed", "failing", "endless"}


def answer(handler: Any, kind: str, rest: str) -> None:
    """Answer a request below /cds/ or /stac/."""
    host = f"http://{handler.headers['Host']}"
    status, told = cds(handler, rest, host) if kind == "cds" else stac(handler, rest, host)
    handler.say(status, json.dumps(told).encode(), "application/json")


def cds(handler: Any, rest: str, host: str) -> tuple[int, Any]:
    token = handler.headers.get("PRIVATE-TOKEN", "")
    if token not in TOKENS:
        return 401, {"title": "Authentication failed", "detail": "operation not allowed"}
    if rest.endswith("/execution"):
        if token == "unlicensed":
            detail = "please accept the following licences to proceed: [{'id': 'satellite-lc'}]"
            return 403, {"title": "required licences not accepted", "detail": detail}
        handler.seen.orders = [*getattr(handler.seen, "orders", []), handler.body]
        job = f"{host}/cds/api/retrieve/v1/jobs/job-1"
        return 201, {
            "jobID": "job-1",
            "status": "accepted",
            "links": [{"rel": "monitor", "href": job}],
        }
    if rest.endswith("/results"):
        if token == "failing":
            return 400, {"title": "The job failed", "traceback": "no data for this\nrequest"}
        return 200, {"asset": {"value": {"href": f"{host}/made.zip", "file:size": 1}}}
    asked = handler.seen.time_of(f"cds {token}")
    last = {"failing": "failed", "endless": "running"}.get(token, "successful")
    return 200, {"jobID": "job-1", "status": ["accepted", "running"][asked] if asked < 2 else last}


ITEMS = {
    "2015-west": ((30, -5, 35, 5), "2015-01-01T00:00:00Z", "west.tif"),
    "2015-east": ((35, -5, 40, 5), "2015-01-01T00:00:00Z", "east.tif"),
    "2016-west": ((30, -5, 35, 5), "2016-01-01T00:00:00Z", "other.tif"),
}


def item(name: str, host: str, collection: str = "lc") -> dict[str, Any]:
    """Return a STAC item of `ITEMS`."""
    (west, south, east, north), when, file = ITEMS[name]
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {"datetime": when},
        "links": [],
        "assets": {
            "map": {"href": f"{host}/stacfiles/{file}", "type": "image/tiff; application=geotiff"},
            "thumbnail": {"href": f"{host}/stacfiles/thumb.png", "type": "image/png"},
        },
    }


def stac(handler: Any, rest: str, host: str) -> tuple[int, Any]:
    root = f"{host}/stac"
    if rest == "search":
        query = parse_qs(urlsplit(handler.path).query)
        body = handler.body or {key: value[0] for key, value in query.items()}
        box = body["bbox"] if isinstance(body["bbox"], list) else body["bbox"].split(",")
        west, south, east, north = map(float, box)
        year = str(body.get("datetime", ""))[:4]
        found = [
            item(name, host)
            for name, (b, when, _) in ITEMS.items()
            if b[0] < east
            and b[2] > west
            and b[1] < north
            and b[3] > south
            and when.startswith(year)
        ]
        return 200, {"type": "FeatureCollection", "features": found, "links": []}
    conforms = [
        "https://api.stacspec.org/v1.0.0/core",
        "https://api.stacspec.org/v1.0.0/item-search",
    ]
    return 200, {
        "type": "Catalog",
        "id": "api",
        "stac_version": "1.0.0",
        "description": "of tests",
        "conformsTo": conforms,
        "links": [
            {"rel": "self", "href": root, "type": "application/json"},
            {"rel": "root", "href": root, "type": "application/json"},
            {
                "rel": "search",
                "href": f"{root}/search",
                "type": "application/geo+json",
                "method": "POST",
            },
        ],
    }
