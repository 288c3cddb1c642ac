"""The graph of relations between records: leads, funders, partners, parts, and their dates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hotspots.locale.escaping import xml_text
from hotspots.registry.formats.write import require_suffix, whole
from hotspots.registry.schema.values import relation

SUFFIXES = (".graphml", ".json")
_SHOWN = ("type", "name", "country")


def graph(records: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the records and the relations between them.

    Parameters
    ----------
    records : iterable of mapping
        Values by field name; ``id`` is required.

    Returns
    -------
    dict
        ``nodes``: id, type, name, country ("" if not recorded) and missing, true for
        targets of relations that are not among the records. ``edges``: source (the record that
        states the relation), target, role, start and end ("" if not known). A project's edge with
        the role "lead" points to its lead. Both are in the order of the records.
    """
    nodes: dict[str, dict[str, Any]] = {}
    edges: list[dict[str, Any]] = []
    for record in records:
        shown = {name: record.get(name, "") for name in _SHOWN}
        nodes[record["id"]] = {"id": record["id"], **shown, "missing": False}
        for text in record.get("relations", ()):
            role, target, start, end = relation(text)
            dates = {"start": start or "", "end": end or ""}
            edges.append({"source": record["id"], "target": target, "role": role, **dates})
    blank = dict.fromkeys(_SHOWN, "")
    for edge in edges:
        target = edge["target"]
        nodes.setdefault(target, {"id": target, **blank, "missing": True})
    return {"nodes": list(nodes.values()), "edges": edges}


def write_graph(
    path: str | Path, records: Iterable[Mapping[str, Any]], *, force: bool = False
) -> None:
    """Write the graph of relations as GraphML or JSON, by the file's suffix.

    Raises
    ------
    RegistryError
        Unsupported suffix, or the file exists and `force` is false.
    WriteError
        The disk fails.
    """
    target = Path(path)
    suffix = require_suffix(target, SUFFIXES, "A graph")
    found = graph(records)
    with whole(target, force=force) as part:
        if suffix == ".json":
            text = json.dumps(found, ensure_ascii=False, indent=1)
            part.write_text(text + "\n", encoding="utf-8")
        else:
            _write_graphml(part, found)


def _write_graphml(path: Path, found: Mapping[str, list[dict[str, Any]]]) -> None:
    import networkx as nx

    # Two records may have several relations, by role or period.
    made: nx.MultiDiGraph = nx.MultiDiGraph()
    for node in found["nodes"]:
        made.add_node(node["id"], **{k: _held(v) for k, v in node.items() if k != "id"})
    for edge in found["edges"]:
        attributes = {k: _held(v) for k, v in edge.items() if k not in ("source", "target")}
        made.add_edge(edge["source"], edge["target"], **attributes)
    nx.write_graphml_xml(made, path)


def _held(value: Any) -> Any:
    return xml_text(value) if isinstance(value, str) else value
