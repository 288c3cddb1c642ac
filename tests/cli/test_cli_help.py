"""Help of the command line: it is the contract of each command's options and arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from hotspots.cli import app

# Added by Typer to every command, with its own text.
OF_TYPER = {"help"}


def commands(command: Any, path: str = "hotspots") -> Iterator[tuple[str, Any]]:
    """Yield each command of a tree with the words that call it, groups included."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{path} {name}")


def without_help(command: Any) -> list[str]:
    """Return the parameters of a command that have no help."""
    named = [param for param in command.params if param.name not in OF_TYPER]
    return [param.name for param in named if not (getattr(param, "help", "") or "").strip()]


ALL = dict(commands(typer.main.get_command(app)))


def test_the_whole_tree_is_walked() -> None:
    assert {"hotspots analyze", "hotspots registry token create", "hotspots gaps"} <= set(ALL)


@pytest.mark.parametrize("path", ALL)
def test_every_option_and_argument_has_help(path: str) -> None:
    assert without_help(ALL[path]) == []


@pytest.mark.parametrize("path", ALL)
def test_every_command_says_what_it_does(path: str) -> None:
    assert (ALL[path].help or "").strip()


def test_an_option_without_help_is_seen() -> None:
    bare = typer.Typer()

    @bare.command()
    def run(name: str, where: str = "", known: str = typer.Option("", help="A name.")) -> None:
        """Run."""

    assert without_help(typer.main.get_command(bare)) == ["name", "where"]
