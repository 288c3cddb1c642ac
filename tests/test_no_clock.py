"""No test depends on how fast the machine is: work is counted, and clocks only end what hangs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = sorted(Path(__file__).parent.rglob("*.py"))
CLOCKS = {"time", "monotonic", "perf_counter", "process_time", "thread_time", "default_timer"}
CLOCKS |= {f"{name}_ns" for name in CLOCKS}
# A limit below this may end what is only slow.
SHORTEST_S = 30
LIMITS = {"timeout", "timeout_seconds", "connect", "stall", "reach"}
# For servers that never answer, whom nobody waits for longer than need be: (file, value).
NEVER_ANSWERED = {
    ("serving.py", 0.5),
    ("serving.py", 0.6),
    ("serving.py", 1.0),
    ("test_fetch.py", 2.8),
    ("test_fetch.py", 5.0),
}


def functions(tree: ast.AST) -> Iterator[ast.AST]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def reads_a_clock(node: ast.AST, names: set[str]) -> bool:
    """Return whether an expression calls a clock, or uses one of `names`, which did."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            called = getattr(part.func, "attr", getattr(part.func, "id", ""))
            if called in CLOCKS and not part.args:
                return True
        if isinstance(part, ast.Name) and part.id in names:
            return True
    return False


def measured(function: ast.AST) -> set[str]:
    """Return the names of a function whose values come from a clock, directly or not."""
    names: set[str] = set()
    for _ in range(3):
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and reads_a_clock(node.value, names):
                parts = [p for target in node.targets for p in ast.walk(target)]
                names |= {p.id for p in parts if isinstance(p, ast.Name)}
    return names


def asserted_times(tree: ast.AST) -> list[int]:
    """Return the lines that assert something of a measured time."""
    lines = set()
    for function in functions(tree):
        if not reads_a_clock(function, set()):
            continue
        names = measured(function)
        for node in ast.walk(function):
            if isinstance(node, ast.Assert) and reads_a_clock(node.test, names):
                lines.add(node.lineno)
    return sorted(lines)


def short_limits(tree: ast.AST) -> list[tuple[int, float]]:
    """Return line and value of each limit of time that a busy machine may pass."""
    found = []
    for node in ast.walk(tree):
        pairs: list[tuple[object, ast.AST]] = []
        if isinstance(node, ast.Call):
            pairs = [(k.arg, k.value) for k in node.keywords]
            if getattr(node.func, "attr", "") == "timeout":  # pytest.mark.timeout(60)
                pairs += [("timeout", a) for a in node.args]
        elif isinstance(node, ast.Dict):
            pairs = [
                (getattr(k, "value", None), v) for k, v in zip(node.keys, node.values, strict=True)
            ]
        for name, value in pairs:
            limits = name in LIMITS or str(name).endswith("_TIMEOUT")
            if limits and 0 < (given := seconds(value)) < SHORTEST_S:
                found.append((value.lineno, given))
    return found


def seconds(node: ast.AST) -> float:
    """Return the number that a constant is, or 0 for anything else."""
    try:
        return float(getattr(node, "value", 0))
    except (TypeError, ValueError):
        return 0.0


def hurried(tree: ast.AST) -> list[int]:
    """Return the lines on which Hypothesis is given a deadline."""
    return [
        keyword.value.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "deadline" and getattr(keyword.value, "value", 0) is not None
    ]


@pytest.mark.parametrize("path", TESTS, ids=lambda p: p.name)
def test_no_test_asserts_a_time(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert asserted_times(tree) == [], "count the work (bytes, requests, calls), not the time"
    assert hurried(tree) == [], "how long an example takes is no property of the code"
    short = [one for one in short_limits(tree) if (path.name, one[1]) not in NEVER_ANSWERED]
    assert short == [], f"a limit may only end what hangs: give {SHORTEST_S} s or more"


BAD = """
def test_a():
    began = time.monotonic()
    work()
    took = time.monotonic() - began
    assert took < 2
    assert perf_counter() - began < 100
    subprocess.run([], timeout=10)

@pytest.mark.timeout(5)
@settings(deadline=200)
def test_b():
    env = {"HOTSPOTS_HTTP_TIMEOUT": "2"}
    assert entry["time"] > 1
"""


def test_what_is_refused_is_seen() -> None:
    tree = ast.parse(BAD)
    assert asserted_times(tree) == [6, 7]
    assert sorted(short_limits(tree)) == [(8, 10), (10, 5), (13, 2)]
    assert hurried(tree) == [11]


def test_every_exception_is_needed() -> None:
    there = {
        (path.name, value)
        for path in TESTS
        for _, value in short_limits(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert there == NEVER_ANSWERED
