"""What one input may hold: regular files only, and amounts below limits that can be set."""

from __future__ import annotations

import os
import socket

import pytest

from hotspots.config import Limits
from hotspots.errors import BadInputError, shortened, with_short_words
from hotspots.io.limits import limits, require_regular, require_within
from hotspots.io.readers.texts import read_bytes, require_short_lines


def test_a_variable_of_the_environment_changes_a_limit(monkeypatch):
    monkeypatch.setenv("HOTSPOTS_MAX_ROWS", "12")
    assert limits() == Limits(rows=12)


@pytest.mark.parametrize("value", ["0", "-1", "many", "1e9", "1.5"])
def test_a_limit_that_is_no_whole_number_is_refused(monkeypatch, value):
    monkeypatch.setenv("HOTSPOTS_MAX_ROWS", value)
    with pytest.raises(BadInputError, match=r"HOTSPOTS_MAX_ROWS is '.*'\. Give a whole number"):
        limits()


def test_the_message_says_the_amount_the_limit_and_both_remedies(monkeypatch):
    monkeypatch.setenv("HOTSPOTS_MAX_RASTER_CELLS", "1000")
    require_within("'a.tif' has", 1000, "raster_cells", "cut it to your region")
    with pytest.raises(BadInputError) as raised:
        require_within("'a.tif' has", 1001, "raster_cells", "cut it to your region")
    assert str(raised.value) == (
        "'a.tif' has 1,001 raster cells; at most 1,000 are allowed. Cut it to your region, or"
        " raise the limit: HOTSPOTS_MAX_RASTER_CELLS=1001."
    )


def test_a_pipe_a_socket_and_a_device_are_refused_at_once(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.csv")
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.csv")
        for path, kind in (
            ("pipe.csv", "a named pipe"),
            ("socket.csv", "a socket"),
            ("/dev/zero", "a device"),
        ):
            with pytest.raises(BadInputError, match=f"'{path}' is {kind}; only files and folders"):
                require_regular(path)


def test_a_link_to_a_pipe_is_a_pipe_and_a_link_to_a_file_is_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("")
    (tmp_path / "to_pipe").symlink_to(tmp_path / "pipe")
    (tmp_path / "to_file").symlink_to(tmp_path / "file")
    require_regular(tmp_path / "to_file")
    with pytest.raises(BadInputError, match="named pipe"):
        require_regular(tmp_path / "to_pipe")


def test_an_overlong_path_is_refused_in_a_short_sentence():
    with pytest.raises(BadInputError, match="5,000 path letters; at most 4,096") as raised:
        require_regular("x" * 5000)
    assert len(str(raised.value)) < 400


def test_what_is_absent_is_left_to_the_reader(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "absent.csv")
    with pytest.raises(ValueError, match="null"):
        read_bytes("with\0zero")


def test_a_long_value_is_shortened_wherever_a_message_quotes_it(run):
    assert shortened("a" * 100) == "a" * 100
    assert shortened("a" * 101) == "a" * 100 + "…"
    message = with_short_words(f"The cell '{'9' * 10_000}' is too long; '{'8' * 900}' isn't.")
    assert message == f"The cell '{'9' * 99}… is too long; '{'8' * 900}' isn't."
    code, _, said = run("stock", "--store", "x", "--to", "9" * 10_000)
    assert (code, len(said) < 900) == (2, True)
    code, _, said = run("layers", "9" * 10_000)
    assert (code, len(said) < 900) == (2, True)


@pytest.mark.parametrize("most", [5, 7, 100])
def test_a_long_line_is_found_wherever_it_stands(tmp_path, most):
    path = tmp_path / "a.csv"
    for before in range(12):
        path.write_bytes(b"ab\n" * before + b"x" * most + b"\nabc\n" + b"y" * most)
        require_short_lines(path, most)
        path.write_bytes(b"ab\n" * before + b"x" * (most + 1) + b"\nabc\n")
        with pytest.raises(BadInputError, match=f"Line {before + 1} of 'a.csv' has more than"):
            require_short_lines(path, most)


@pytest.mark.parametrize("limit", [n for n in Limits.model_fields if n.endswith("_bytes")])
def test_bytes_are_called_bytes(limit: str) -> None:
    with pytest.raises(BadInputError) as told:
        require_within("'a' has", 10**15, limit, "split it")
    assert "'a' has 1,000,000,000,000,000 bytes; at most" in str(told.value)
