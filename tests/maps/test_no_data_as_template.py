"""No module hands a text to a template engine, unless it is a constant of the package's own.

The rule is held by reading the code. A class or function that reads its argument as a template may
be called with literals only, the package's own templates are named by literals, and the classes of
Folium and Branca that do it for whatever they are given aren't imported at all.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from hotspots.io.templates import rendered

ENGINES = ("branca", "folium", "jinja2")
# From these modules nothing else is taken: `Element` only without an argument, as a base class.
ALLOWED = {
    "branca.element": {"CssLink", "Element", "Figure", "JavascriptLink", "Link"},
    "jinja2": {"Environment", "StrictUndefined", "Template"},
    "folium": {"Map"},
}
# What reads an argument as the source of a template, by the name it is called by.
READERS = {
    "Element",
    "MacroElement",
    "Template",
    "from_string",
    "compile_expression",
    "get_template",
    "select_template",
    "Html",
    "IFrame",
    "Popup",
    "Tooltip",
}
# What fills a packaged template, which its first arguments name; others are values.
FILLERS = {"rendered"}
# The one module that looks up a template by a name it is given.
HOME = "hotspots/io/templates.py"


def is_constant(node: ast.expr) -> bool:
    """Return whether a value is a literal."""
    return isinstance(node, ast.Constant)


def _called(node: ast.Call, names: dict[str, str]) -> str:
    """Return the name of what is called, as its own module has it."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return names.get(node.func.id, node.func.id) if isinstance(node.func, ast.Name) else ""


def _imports(node: ast.AST) -> list[tuple[str, str, str]]:
    """Return (module, name in it, name here) of what is imported from an engine."""
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ENGINES:
        return [(str(node.module), a.name, a.asname or a.name) for a in node.names]
    return []


def faults(code: str) -> list[str]:
    """Return where a text that is no constant is, or may be, read as a template."""
    tree = ast.parse(code)
    taken = [found for node in ast.walk(tree) for found in _imports(node)]
    names = {here: name for _, name, here in taken}
    told = [f"imports {m}.{n}" for m, n, _ in taken if n not in ALLOWED.get(m, set())]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [a.name for a in node.names if a.name.split(".")[0] in ENGINES]
            told += [f"imports {m}" for m in modules if m not in ("folium", "jinja2")]
        elif isinstance(node, ast.Attribute) and _is_folium(node.value):
            told += [f"uses folium.{node.attr}"] * (node.attr not in ALLOWED["folium"])
        elif isinstance(node, ast.Call) and (called := _called(node, names)) in READERS | FILLERS:
            values = [] if called in FILLERS else [k.value for k in node.keywords]
            if not all(is_constant(value) for value in [*node.args, *values]):
                told.append(f"line {node.lineno}: {ast.unparse(node)}")
    return told


def _is_folium(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "folium"


def test_no_text_from_data_is_read_as_a_template(repo: Path) -> None:
    found = {
        path.relative_to(repo).as_posix(): told
        for path in sorted((repo / "hotspots").rglob("*.py"))
        if path != repo / HOME and (told := faults(path.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "code",
    [
        "Element(panel)",
        "branca.element.Element(template=panel)",
        "from branca.element import Element as E\nE(panel)",
        "Element(f'<p>{name}</p>')",
        "Element('<p>' + name)",
        "Template('<p>{}</p>'.format(name))",
        "environment.from_string(text)",
        "environment.from_string(_asset('panel.html'))",
        "environment.get_template(name)",
        "rendered('hotspots.maps', name)",
        "rendered(package, 'panel.html.j2', name=name)",
        "jinja2.Template(source=text)",
        "from branca.element import MacroElement",
        "from folium.elements import JSCSSMixin",
        "from folium.plugins import Fullscreen",
        "import branca.element",
        "folium.Marker([0, 0], popup=name)",
        "from folium import Popup",
    ],
)
def test_a_text_that_is_no_constant_is_seen(code: str) -> None:
    assert faults(code)


@pytest.mark.parametrize(
    "code",
    [
        "from branca.element import Element\nclass Own(Element):\n    pass",
        "Element()",
        "from jinja2 import Template\nTemplate('<p>' '{{ name }}</p>')",
        "rendered('hotspots.maps', 'panel.html.j2', name=name)",
        "import folium\nfolium.Map(location=[0, 0])",
    ],
)
def test_constants_and_values_pass(code: str) -> None:
    assert faults(code) == []


def test_the_home_of_templates_reads_packaged_files_alone(repo: Path) -> None:
    """Its loader finds files in the package; a value is put in, not read as a template."""
    code = (repo / HOME).read_text(encoding="utf-8")
    assert faults(code) == ["line 25: _environment(package).get_template(template)"]
    assert "PackageLoader(package)" in code
    assert {c.func.attr for c in ast.walk(ast.parse(code)) if _is_method_call(c)} == {
        "Environment",
        "PackageLoader",
        "get_template",
        "render",
        "select_autoescape",
    }


def _is_method_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


def test_values_are_put_in_escaped_and_unread(tmp_path: Path, monkeypatch: Any) -> None:
    home = tmp_path / "given_templates" / "templates"
    home.mkdir(parents=True)
    (home.parent / "__init__.py").touch()
    for name in ("a.html.j2", "a.md.j2"):
        (home / name).write_text("[{{ text }}]\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = "<b>{{ 7 * 7 }}</b>"
    assert rendered("given_templates", "a.html.j2", text=text) == (
        "[&lt;b&gt;{{ 7 * 7 }}&lt;/b&gt;]"
    )
    assert rendered("given_templates", "a.md.j2", text=text) == f"[{text}]"
    with pytest.raises(UndefinedError, match="'text' is undefined"):
        rendered("given_templates", "a.html.j2")
