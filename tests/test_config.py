"""Settings: each is read from its variable when it is used, and nothing else reads variables."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings
from typer.testing import CliRunner

from hotspots import config
from hotspots.cli import app
from hotspots.errors import BadInputError

CASES = [(group, name) for group in config.GROUPS for name in group.model_fields]
NUMBERS = [
    (group, name)
    for group, name in CASES
    if group.model_fields[name].annotation in (int, float, bool)
]
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "envvar", "auto_envvar_prefix"}


def readers(path: Path) -> list[str]:
    """Return where a module uses the environment, under whatever name."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        used = {node.attr} if isinstance(node, ast.Attribute) else set()
        if isinstance(node, ast.ImportFrom):
            used = {alias.name for alias in node.names}
        if isinstance(node, ast.keyword) and node.arg:  # `envvar` of Typer and Click
            used = {node.arg}
        found += [f"{path.name}:{node.lineno}" for _ in used & ENVIRONMENT]  # type: ignore[attr-defined]
    return found


def test_only_config_reads_the_environment(repo: Path) -> None:
    modules = sorted((repo / "hotspots").rglob("*.py"))
    assert [path for path in modules if readers(path)] == [repo / "hotspots" / "config.py"]


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.environ['A']",
        "from os import getenv",
        "import os as o\no.getenv('A')",
        "typer.Option('--store', envvar='A')",
    ],
)
def test_a_reader_is_found(tmp_path: Path, code: str) -> None:
    (tmp_path / "a.py").write_text(code)
    assert readers(tmp_path / "a.py")


def another(default: Any) -> tuple[str, Any]:
    """Return a text for the environment that differs from a default, and its value."""
    if isinstance(default, bool):
        return ("0", False) if default else ("1", True)
    if isinstance(default, int | float):
        return str(int(default) + 1), default + 1
    if isinstance(default, SecretStr):
        return "hidden", SecretStr("hidden")
    return "/some/where", "/some/where"


@pytest.mark.parametrize(("group", "name"), CASES)
def test_each_variable_sets_its_setting(
    monkeypatch: pytest.MonkeyPatch, group: type[BaseSettings], name: str
) -> None:
    default = group.model_fields[name].default
    text, value = another(default)
    names = config.variables(group, name)
    for variable in names:
        monkeypatch.delenv(variable, raising=False)
    for variable in names:
        monkeypatch.setenv(variable, text)
        found = getattr(config.in_force(group), name)
        assert (str(found) if isinstance(value, str) else found) == value
        monkeypatch.setenv(variable, "")
        assert getattr(config.in_force(group), name) == default
    assert group.model_fields[name].description


def test_the_first_of_several_variables_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in config.variables(config.Settings, "s3_endpoint"):
        monkeypatch.setenv(variable, f"https://{variable}.example")
    assert config.settings().s3_endpoint == "https://HOTSPOTS_S3_ENDPOINT.example"


@pytest.mark.parametrize("given", ["many", "-1", "9" * 5_000])
@pytest.mark.parametrize(("group", "name"), NUMBERS)
def test_a_number_that_is_not_allowed_is_refused_in_one_short_sentence(
    monkeypatch: pytest.MonkeyPatch, group: type[BaseSettings], name: str, given: str
) -> None:
    variable = config.variables(group, name)[0]
    monkeypatch.setenv(variable, given)
    with pytest.raises(BadInputError) as raised:
        config.in_force(group)
    message = str(raised.value)
    assert message.startswith(f"{variable} is '{given[:100]}")
    assert message.endswith(", or unset it.")
    assert len(message) < 250


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTSPOTS_TOKEN", "hidden")
    assert "hidden" not in repr(config.settings())
    assert config.settings().token.get_secret_value() == "hidden"


def test_a_secret_that_data_name_is_read_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", " abc\n")
    assert config.secret("SOME_TOKEN") == "abc"
    assert config.secret("NO_SUCH_TOKEN") == config.secret("") == ""


def test_commands_take_the_store_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runner = CliRunner()
    monkeypatch.delenv("HOTSPOTS_STORE", raising=False)
    assert isinstance(runner.invoke(app, ["layers"]).exception, BadInputError)
    monkeypatch.setenv("HOTSPOTS_STORE", str(tmp_path / "here"))
    found = runner.invoke(app, ["layers"])
    assert (found.exit_code, "here' holds no layer" in found.output) == (0, True)
    found = runner.invoke(app, ["layers", "--store", str(tmp_path / "there")])
    assert (found.exit_code, "there' holds no layer" in found.output) == (0, True)
