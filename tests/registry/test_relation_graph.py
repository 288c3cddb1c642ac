"""The relation graph: nodes, edges, and files that other programs open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from hotspots.errors import RegistryError
from hotspots.registry.formats.relation_graph import graph, write_graph

RECORDS: list[dict[str, Any]] = [
    {
        "id": "a",
        "type": "project",
        "name": 'Test "station" & <5 ha é🌱',
        "country": "KEN",
        "relations": ("lead=b 2017-11/2021-02", "funder=b", "partner=gone /2020"),
    },
    {"id": "b", "type": "organisation", "name": "Test office"},
]
# A relation names its record's other: this project's lead is b.
EDGES = [
    {"source": "a", "target": "b", "role": "lead", "start": "2017-11", "end": "2021-02"},
    {"source": "a", "target": "b", "role": "funder", "start": "", "end": ""},
    {"source": "a", "target": "gone", "role": "partner", "start": "", "end": "2020"},
]


def test_records_are_nodes_and_relations_edges() -> None:
    found = graph(RECORDS)
    assert found["edges"] == EDGES
    assert [node["id"] for node in found["nodes"]] == ["a", "b", "gone"]
    assert found["nodes"][1] == {
        "id": "b",
        "type": "organisation",
        "name": "Test office",
        "country": "",
        "missing": False,
    }
    assert [node["missing"] for node in found["nodes"]] == [False, False, True]


def test_a_record_named_before_it_comes_is_not_missing() -> None:
    found = graph([{"id": "a", "relations": ("lead=z",)}, {"id": "z", "name": "Test office"}])
    assert [(n["id"], n["name"], n["missing"]) for n in found["nodes"]] == [
        ("a", "", False),
        ("z", "Test office", False),
    ]


def test_the_graph_is_written_as_json(tmp_path: Path) -> None:
    write_graph(tmp_path / "a.json", RECORDS)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == graph(RECORDS)


def test_the_graph_is_written_as_graphml(tmp_path: Path) -> None:
    """Two relations between the same records stay two."""
    write_graph(tmp_path / "a.graphml", RECORDS)
    read = nx.read_graphml(tmp_path / "a.graphml")
    assert isinstance(read, nx.MultiDiGraph)
    assert [{"id": node, **told} for node, told in read.nodes(data=True)] == graph(RECORDS)["nodes"]
    edges = [{"source": a, "target": b, **told} for a, b, told in read.edges(data=True)]
    assert edges == EDGES


def test_no_records_are_a_graph_too(tmp_path: Path) -> None:
    write_graph(tmp_path / "a.graphml", [])
    assert len(nx.read_graphml(tmp_path / "a.graphml")) == 0
    assert graph([]) == {"nodes": [], "edges": []}


def test_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"ends in one of \.graphml, \.json"):
        write_graph(tmp_path / "a.gexf", RECORDS)
