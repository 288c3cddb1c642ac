"""The graph of relations between records: leads, funders, partners, parts, and their dates."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from hotspots.locale.escaping import xml_text
from hotspots.registry.formats.write import replacing, require_suffix
from hotspots.registry.schema.records import Record, id_of, list_of, text_of
from hotspots.registry.schema.values import Relation, relation

SUFFIXES = (".graphml", ".json")


class Node(TypedDict):
    """A record, or (`missing`) the target of a relation that is not among the records."""

    id: str
    type: str
    name: str
    country: str
    missing: bool


class Edge(TypedDict):
    """A relation: the record that states it, its target, and "" for a date that isn't known."""

    source: str
    target: str
    role: str
    start: str
    end: str


class Graph(TypedDict):
    """The nodes and edges of `graph`."""

    nodes: list[Node]
    edges: list[Edge]


def graph(records: Iterable[Record]) -> Graph:
    """Return the records and the relations between them.

    Parameters
    ----------
    records : iterable of mapping
        Values by field name; ``id`` is required.

    Returns
    -------
    Graph
        ``nodes``: id, type, name, country ("" if not recorded) and missing, true for
        targets of relations that are not among the records. ``edges``: source (the record that
        states the relation), target, role, start and end ("" if not known). A project's edge with
        the role "lead" points to its lead. Both are in the order of the records.
    """
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for record in records:
        nodes[id_of(record)] = _node(record, missing=False)
        edges += [_edge(id_of(record), relation(text)) for text in list_of(record, "relations")]
    for edge in edges:
        nodes.setdefault(edge["target"], _node({"id": edge["target"]}, missing=True))
    return {"nodes": list(nodes.values()), "edges": edges}


def _node(record: Record, *, missing: bool) -> Node:
    return {
        "id": id_of(record),
        "type": text_of(record, "type"),
        "name": text_of(record, "name"),
        "country": text_of(record, "country"),
        "missing": missing,
    }


def _edge(source: str, stated: Relation) -> Edge:
    return {
        "source": source,
        "target": stated.other,
        "role": stated.role,
        "start": stated.start or "",
        "end": stated.end or "",
    }


def write_graph(path: str | Path, records: Iterable[Record], *, force: bool = False) -> None:
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
    with replacing(target, force=force) as part:
        if suffix == ".json":
            text = json.dumps(found, ensure_ascii=False, indent=1)
            part.write_text(text + "\n", encoding="utf-8")
        else:
            _write_graphml(part, found)


def _write_graphml(path: Path, found: Graph) -> None:
    import networkx as nx

    # Two records may have several relations, by role or period.
    made: nx.MultiDiGraph = nx.MultiDiGraph()
    for node in found["nodes"]:
        made.add_node(node["id"], **{k: _held(v) for k, v in node.items() if k != "id"})
    for edge in found["edges"]:
        attributes = {k: _held(v) for k, v in edge.items() if k not in ("source", "target")}
        made.add_edge(edge["source"], edge["target"], **attributes)
    nx.write_graphml_xml(made, path)


def _held(value: object) -> object:
    return xml_text(value) if isinstance(value, str) else value
