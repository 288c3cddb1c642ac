"""Tables, texts and vector files that somebody else sent: damaged, huge, endless or ambiguous.

Each maker takes a folder and the address of a listener, which stands in the files wherever a format
could name one, and returns the path that a command is given. None of them harms the machine.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import struct
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import sheets

from hotspots.registry.formats.compound_file import compound_file

Maker = Callable[[Path, str], Path]
SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
_LONG = "a" * 5_000
_LARGE = 4_000_000  # bytes or letters; well above what a person writes
_RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def content(name: str, data: str | bytes) -> Maker:
    """Return a maker of one file; {url} in a text becomes the listener's address."""

    def make(folder: Path, url: str) -> Path:
        path = folder / name
        path.write_bytes(data if isinstance(data, bytes) else data.replace("{url}", url).encode())
        path.chmod(0o600)  # a command warns of a backup that others may read
        return path

    return make


def fifo(name: str) -> Maker:
    def make(folder: Path, _: str) -> Path:
        os.mkfifo(folder / name)
        return folder / name

    return make


def in_a_folder(name: str) -> Maker:
    """Return a maker of a folder that holds a named pipe."""

    def make(folder: Path, _: str) -> Path:
        (folder / "held").mkdir()
        os.mkfifo(folder / "held" / name)
        return folder / "held"

    return make


def listening(name: str) -> Maker:
    def make(folder: Path, _: str) -> Path:
        path = folder / name
        at = os.getcwd()
        os.chdir(folder)  # a socket's path may be no longer than some hundred letters
        try:
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(name)
        finally:
            os.chdir(at)
        return path

    return make


def device(name: str) -> Maker:
    def make(folder: Path, _: str) -> Path:
        (folder / name).symlink_to("/dev/zero")
        return folder / name

    return make


def geojson(file: str, geometry: Any, /, **properties: Any) -> Maker:
    feature = {"type": "Feature", "properties": properties, "geometry": geometry}
    return content(file, json.dumps({"type": "FeatureCollection", "features": [feature]}))


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def comb(lines: int) -> list[list[float]]:
    """Return a ring whose edges cross lines x lines times."""
    points: list[list[float]] = []
    for at in range(lines):
        y = 10 * at / lines
        points += [[-0.5, y], [10.5, y]][:: 1 if at % 2 else -1]
    for at in range(lines):
        x = 10 * at / lines + 0.01
        points += [[x, -0.5], [x, 10.5]][:: 1 if at % 2 else -1]
    return [*points, points[0]]


def hatch(lines: int) -> list[list[float]]:
    """Return a sound ring of long diagonals, whose boxes all meet each other."""
    points: list[list[float]] = []
    for at in range(lines):
        points += [[at / lines, -at / lines], [10 + at / lines, 10 - at / lines]]
    return [*points, [11.5, -1.5], points[0]]


def base(*statements: str, name: str = "x.gpkg") -> Maker:
    """Return a maker of a GeoPackage with one table of records, changed by statements."""

    def make(folder: Path, _: str) -> Path:
        import geopandas as gpd
        from shapely.geometry import box

        path = folder / name
        made = gpd.GeoDataFrame({"name": ["A"]}, geometry=[box(0, 0, 1, 1)], crs="EPSG:4326")
        made.to_file(path.with_suffix(".gpkg"), layer="records", driver="GPKG")
        path.with_suffix(".gpkg").rename(path)
        with closing(sqlite3.connect(path)) as opened:
            for statement in statements:
                opened.execute(statement)
            opened.commit()
        path.chmod(0o600)
        return path

    return make


_ENDLESS = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n"
ENDLESS_LAYER = (
    f"CREATE VIEW more AS {_ENDLESS} AS fid, 'A' AS name FROM c",
    "INSERT INTO gpkg_contents (table_name, data_type, identifier)"
    " VALUES ('more', 'attributes', 'more')",
    "UPDATE gpkg_contents SET table_name = 'gone' WHERE table_name = 'records'",
)


def bent(name: str, at: int, by: bytes) -> Maker:
    """Return a maker of a GeoPackage with other bytes somewhere."""

    def make(folder: Path, url: str) -> Path:
        path = base(name=name)(folder, url)
        data = bytearray(path.read_bytes())
        data[at : at + len(by)] = by
        path.write_bytes(bytes(data))
        return path

    return make


def parquet(rows: int, letters: int, name: str = "x.parquet") -> Maker:
    """Return a maker of a Parquet file in which one long text stands for every row."""

    def make(folder: Path, _: str) -> Path:
        import pyarrow as pa
        import pyarrow.parquet as pq

        texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows), pa.array(["x" * letters]))
        pq.write_table(pa.table({"name": texts}), folder / name, compression="zstd")
        return folder / name

    return make


def workbook(
    sheet: str | bytes, *, strings: str | bytes = b"", packed: bool = True, more: int = 0
) -> Maker:
    """Return a maker of an XLSX file of given parts."""
    parts: Mapping[str, str | bytes] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Default Extension="xml" ContentType="application/xml"/><Override'
        ' PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        'spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        f'relationships"><Relationship Id="r1" Type="{_RELS}/officeDocument"'
        ' Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_SHEETS}" xmlns:r="{_RELS}"><sheets><sheet name="a"'
        ' sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/'
        f'package/2006/relationships"><Relationship Id="r1" Type="{_RELS}/worksheet"'
        f' Target="worksheets/a.xml"/><Relationship Id="r2" Type="{_RELS}/sharedStrings"'
        ' Target="sharedStrings.xml"/></Relationships>',
        "xl/sharedStrings.xml": strings or f'<sst xmlns="{_SHEETS}"/>',
        "xl/worksheets/a.xml": sheet,
    }

    def make(folder: Path, url: str) -> Path:
        path = folder / "x.xlsx"
        packing = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", packing) as out:
            for name, text in parts.items():
                raw = text if isinstance(text, bytes) else text.replace("{url}", url).encode()
                out.writestr(name, raw)
            for at in range(more):
                out.writestr(f"xl/more{at}.xml", "")
        return path

    return make


def sheet(rows: str, before: str = "") -> str:
    data = f"<sheetData>{rows}</sheetData>"
    return f'<?xml version="1.0"?>{before}<worksheet xmlns="{_SHEETS}">{data}</worksheet>'


def cell(text: str, at: str = "A1") -> str:
    return f'<row r="{at[1:]}"><c r="{at}" t="inlineStr"><is><t>{text}</t></is></c></row>'


def shared_cells(rows: int) -> str:
    """Return rows of cells that all share the first text."""
    return "".join(
        f'<row r="{at}"><c r="A{at}" t="s"><v>0</v></c></row>' for at in range(1, rows + 1)
    )


def _strings(text: str) -> str:
    return f'<sst xmlns="{_SHEETS}"><si><t>{text}</t></si></sst>'


def open_documents() -> dict[str, Maker]:
    """Return ODS files, in which a cell or a row can stand for any number of them."""

    def repeated(columns: int, rows: int, count: int = 1) -> Maker:
        count_of = f'table:number-columns-repeated="{columns}"'
        text = "><text:p>type</text:p></table:table-cell>"
        cell = f'<table:table-cell {count_of} office:value-type="string"{text}'
        row = f'<table:table-row table:number-rows-repeated="{rows}">{cell}</table:table-row>'
        return _ods(sheets.ods_table("a", row * count))

    line = '<table:table-row><table:table-cell office:value-type="string"><text:p>{}</text:p>'
    end = "</table:table-cell></table:table-row>"
    blanks = sheets.ods_table("a", line.format('<text:s text:c="4000000000"/>') + end)
    return {
        "ods-pipe": fifo("x.ods"),
        "ods-socket": listening("x.ods"),
        "ods-columns": repeated(16_384, 1),
        "ods-rows": repeated(1, 1_048_576),
        "ods-cells": repeated(1_000, 1_000, count=30),
        "ods-endless": repeated(999_999_999_999, 999_999_999_999),
        "ods-blanks": _ods(blanks),
        "ods-deep": _ods("<a>" * 50_000),
        "ods-cut": _ods("<table:table>"),
        "ods-bomb": _ods(sheets.ods_table("a", " " * 60_000_000)),
        "ods-entities": lambda folder, _: _zipped(
            folder / "x.ods", {"content.xml": f"{_ENTITIES}<a>&c;</a>".encode()}
        ),
        "ods-outer": lambda folder, url: _zipped(
            folder / "x.ods", {"content.xml": f"{_OUTER}<a>&a;</a>".replace("{url}", url).encode()}
        ),
        "ods-linked": _ods(
            '<table:table table:name="a"><table:table-source xmlns:xlink="http://www.w3.org/1999/'
            'xlink" xlink:href="{url}/a.ods"/></table:table>'
        ),
        "ods-empty": _ods(""),
    }


def _ods(tables: str) -> Maker:
    return lambda folder, url: sheets.ods_of(folder / "x.ods", tables.replace("{url}", url))


def old_workbooks() -> dict[str, Maker]:
    """Return XLS files: chains of sectors without end, wrong extents, texts without measure."""

    def old(stream: bytes, name: str = "Workbook") -> Maker:
        return content("x.xls", compound_file(name, stream))

    def changed(at: int, raw: bytes) -> Maker:
        data = bytearray(compound_file("Workbook", sheets.xls_stream([["type"]])))
        data[at : at + len(raw)] = raw
        return content("x.xls", bytes(data))

    stream = sheets.xls_stream([["type"], ["project"]])
    place = stream.index(b"\x85\0") + 4
    shared = sheets.xls_stream([["a" * 3_900] * 3] * 60_000)
    return {
        "xls-pipe": fifo("x.xls"),
        "xls-socket": listening("x.xls"),
        "xls-header": content("x.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 600),
        "xls-list-of-sectors": changed(68, struct.pack("<II", 0, 1)),
        "xls-directory": changed(48, struct.pack("<I", 0)),
        "xls-sectors": changed(512 * 10, struct.pack("<128I", *[0] * 128)),
        "xls-document": old(stream, "WordDocument"),
        "xls-sheet-far": old(stream[:place] + b"\xff\xff\xff\x7f" + stream[place + 4 :]),
        "xls-sheet-within": old(stream[:place] + b"\x05\0\0\0" + stream[place + 4 :]),
        "xls-cut": old(stream[:-30]),
        "xls-record": old(stream[:60] + b"\xff\xff\xff\xff" + stream[60:]),
        "xls-one-text-in-each-cell": old(shared),
        "xls-old": old(b"\x09\x04\x06\0\0\0\x10\0\0\0" + sheets.END),
    }


_WIDE = [f"c{at}" for at in range(4_000)]
_ENTITIES = (
    '<!DOCTYPE worksheet [<!ENTITY a "name"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>'  # harmless
)
_OUTER = '<!DOCTYPE worksheet [<!ENTITY a SYSTEM "{url}/entity">]>'


# --------------------------------------------------------------------------------------- recipes


def recipes() -> dict[str, Maker]:
    """Return the files given to ``recipe check`` and as --recipe."""
    deep = "[" * 3_000 + "]" * 3_000
    return {
        "pipe": fifo("x.toml"),
        "socket": listening("x.toml"),
        "device": device("x.toml"),
        "folder": lambda folder, _: folder,
        "absent": lambda folder, _: folder / "absent.toml",
        "long-path": lambda folder, _: folder / _LONG,
        "long-name": lambda folder, _: folder / ("a" * 300),
        "many-parts": lambda folder, _: Path(str(folder) + "/." * 2_600 + "/x.toml"),
        "no-toml": content("x.toml", "this is no TOML"),
        "nul": content("x.toml", b"[potential]\nadoption = 0.5\x00\n"),
        "latin-1": content("x.toml", "[potential]\n# h\xe9\n".encode("latin-1")),
        "utf-16": content("x.toml", "[potential]\n".encode("utf-16")),
        "surrogate": content("x.toml", b"[potential]\n# \xed\xa0\x80\n"),
        "twice": content("x.toml", "[potential]\nadoption = 0.5\nadoption = 0.6\n"),
        "unclosed": content("x.toml", '[potential]\nguidelines = "2019\n'),
        "deep": content("x.toml", f"a = {deep}"),
        "digits": content("x.toml", "[potential]\nadoption = " + "9" * 10_000),
        "hex": content("x.toml", "[potential]\nadoption = 0x" + "f" * 10_000),
        "exponent": content("x.toml", "[potential]\nadoption = 1e999"),
        "nan": content("x.toml", "[potential]\nadoption = nan"),
        "dotted": content("x.toml", "a." * 30_000 + "a = 1"),
        "quoted-dots": content("x.toml", '"a" . ' * 30_000 + "a = 1"),
        "large": content("x.toml", "# " + "a" * _LARGE),
        "long-key": content("x.toml", "a" * 500_000 + " = 1"),
        "long-value": content("x.toml", '[potential]\nguidelines = "' + "a" * 500_000 + '"'),
        "long-list": content("x.toml", "[potential]\nadoption = [" + "1," * 200_000 + "]"),
        "sections": content("x.toml", "".join(f"[s{at}]\n" for at in range(50_000))),
    }


# --------------------------------------------------------------------------------------- regions


def regions() -> dict[str, Maker]:
    """Return the files given as --region."""
    huge = "9" * 10_000
    return {
        "pipe": fifo("x.geojson"),
        "socket": listening("x.gpkg"),
        "device": device("x.geojson"),
        "long-path": lambda folder, _: folder / f"{_LONG}.geojson",
        "long-name": lambda folder, _: folder / f"{'a' * 300}.geojson",
        "empty": content("x.geojson", ""),
        "cut": content("x.geojson", '{"type": "Polygon", "coordinates": [[[0, 0], [1'),
        "nul": content("x.geojson", b'{"type": "Polygon"\x00, "coordinates": []}'),
        "not-utf-8": content("x.geojson", b'{"type": "Polygon", "coordinates": "\xff\xfe"}'),
        "digits": content("x.geojson", f'{{"type": "Polygon", "coordinates": [[[{huge}, 0]]]}}'),
        "exponent": content(
            "x.geojson", '{"type": "Polygon", "coordinates": [[[1e999, 0], [1, 0], [1, 1]]]}'
        ),
        "far": geojson("x.geojson", polygon([[1e308, 0], [1, 1e308], [1, 1], [1e308, 0]])),
        "point": geojson("x.geojson", {"type": "Point", "coordinates": [0, 0]}),
        "deep": content("x.geojson", '{"type": "Polygon", "coordinates": ' + "[" * 100_000),
        "nothing": content("x.geojson", '{"type": "FeatureCollection", "features": []}'),
        "comb": geojson("x.geojson", polygon(comb(600))),
        "hatch": geojson("x.geojson", polygon(hatch(20_000))),
        "bars": geojson("x.geojson", {"type": "MultiPolygon", "coordinates": _bars(300)}),
        "virtual": content(
            "x.geojson",
            "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>/vsicurl/{url}/a.geojson"
            "</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>",
        ),
        "service": content("x.kml", "<?xml version='1.0'?><OGRWFSDataSource><URL>{url}/</URL>"),
        "entities": content(
            "x.kml", "<?xml version='1.0'?><!DOCTYPE kml [<!ENTITY a 'x'>]><kml>&a;</kml>"
        ),
        "linked": content(
            "x.kml",
            "<?xml version='1.0'?><kml xmlns='http://www.opengis.net/kml/2.2'><NetworkLink><Link>"
            "<href>{url}/a.kml</href></Link></NetworkLink></kml>",
        ),
        "view": base(*ENDLESS_LAYER),
        "generated": base(
            "ALTER TABLE records ADD COLUMN large BLOB"
            " GENERATED ALWAYS AS (zeroblob(900000000)) VIRTUAL"
        ),
        "bent-header": bent("x.gpkg", 16, b"\xff\xff\xff\xff"),
        "bent-page": bent("x.gpkg", 100, b"\xff" * 400),
        "no-gpkg": content("x.gpkg", b"SQLite format 3\x00" + b"\0" * 4_000),
        "parquet": content("x.parquet", b"PAR1" + b"\xff" * 100 + b"PAR1"),
        "parquet-bomb": parquet(1_500_000, 5_000),
        "parquet-plain": parquet(3, 3),
        "shape": content("x.shp", struct.pack(">i", 9994) + b"\xff" * 200),
        "flatgeobuf": content("x.fgb", b"fgb\x03fgb\x00" + b"\xff" * 200),
    }


def _bars(count: int) -> list[Any]:
    """Return polygons that lie across each other like a lattice."""
    bars = []
    for at in range(count):
        low, high = 10 * at / count, 10 * at / count + 5 / count
        for west, south, east, north in ((-0.5, low, 10.5, high), (low, -0.5, high, 10.5)):
            ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
            bars.append([ring])
    return bars


# ---------------------------------------------------------------------------------------- tables


def tables() -> dict[str, Maker]:
    """Return the tables of points and of polygons given to ``add-layer``."""
    head = "lat,lon,soc_stock\n"
    return {
        "pipe": fifo("x.csv"),
        "socket": listening("x.tsv"),
        "device": device("x.csv"),
        "pipe-of-polygons": fifo("x.gpkg"),
        "long-name": lambda folder, _: folder / f"{'a' * 300}.csv",
        "empty": content("x.csv", ""),
        "headings": content("x.csv", head),
        "far": content("x.csv", f"{head}1e308,0,1\n-1e308,1,2\n0,2,3\n"),
        "infinite": content("x.csv", f"{head}inf,0,1\n1,1,2\n"),
        "nan": content("x.csv", f"{head}nan,0,1\n1,1,2\n"),
        "digits": content("x.csv", head + "9" * 10_000 + ",0,1\n1,1,2\n"),
        "sparse": content("x.csv", f"{head}0,0,1\n0.0000001,0.0000001,2\n10,10,3\n"),
        "tiny-step": content("x.csv", f"{head}0,0,1\n1e-300,1,2\n10,10,3\n"),
        "text": content("x.csv", f"{head}a,b,c\n"),
        "nul": content("x.csv", b"lat,lon\x00,soc_stock\n0,0,1\n"),
        "not-utf-8": content("x.csv", b"lat,lon,h\xe9\n0,0,1\n"),
        "bad-row": content("x.csv", head.encode() + b"0,0,\xff\xfe\n"),
        "unclosed": content("x.csv", f'{head}"0,0,1\n1,1,2\n'),
        "columns": content("x.csv", ",".join(f"c{at}" for at in range(150_000)) + "\n0\n"),
        "long-line": content("x.csv", "a" * _LARGE),
        "long-cell": content("x.csv", f"{head}0,0,{'9' * _LARGE}\n1,1,1\n"),
        "twice": content("x.csv", f"{head}0,0,1\n0,0,2\n1,1,1\n"),
        "polygons-far": geojson(
            "x.geojson", polygon([[0, 0], [1e300, 0], [1e300, 1], [0, 0]]), soc_stock=1.0
        ),
        "polygons-empty": geojson("x.geojson", polygon(), soc_stock=1.0),
        "polygons-none": geojson("x.geojson", None, soc_stock=1.0),
        "polygons-text": geojson("x.geojson", polygon(SQUARE), soc_stock="a" * 100_000),
        "polygons-wide": geojson("x.geojson", polygon(SQUARE), **dict.fromkeys(_WIDE, 1)),
        "polygons-view": base(*ENDLESS_LAYER),
        "parquet-bomb": parquet(1_500_000, 5_000),
    }


# --------------------------------------------------------------------------------------- records


def records() -> dict[str, Maker]:
    """Return the files given to ``registry import`` and ``validate``."""
    head = "type,name,country\n"
    deep = '{"a": ' * 3_000 + "1" + "}" * 3_000
    return {
        "pipe": fifo("x.csv"),
        "socket": listening("x.xlsx"),
        "device": device("x.csv"),
        "long-path": lambda folder, _: folder / f"{_LONG}.csv",
        "long-name": lambda folder, _: folder / f"{'a' * 300}.csv",
        "empty": content("x.csv", ""),
        "blank": content("x.csv", " \n\n"),
        "nul": content("x.csv", b"type,na\x00me\nproject,A\n"),
        "not-utf-8": content("x.csv", head.encode() + b"project,h\xe9,FRA\n"),
        "half-utf-16": content("x.csv", b"\xff\xfea\x00b"),
        "columns": content("x.csv", ",".join(f"c{at}" for at in range(200_000))),
        "commas": content("x.csv", "," * 1_000_000),
        "heading-twice": content("x.csv", "type,name,name\nproject,A,B\n"),
        "long-heading": content("x.csv", "a" * _LARGE + "\nproject\n"),
        "web-page": content("x.csv", "<!doctype html><p>{url}"),
        "renamed": content("x.csv", b"PK\x03\x04" + b"\0" * 600),
        "old-excel": content("x.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600),
        "entities": workbook(sheet(cell("&c;"), _ENTITIES)),
        "outer-entity": workbook(sheet(cell("&a;"), _OUTER)),
        "entity-in-strings": workbook(
            sheet(""), strings=f'<?xml version="1.0"?>{_ENTITIES}<sst xmlns="{_SHEETS}"/>'
        ),
        "odd-encoding": workbook('<?xml version="1.0" encoding="utf-7"?><worksheet/>'),
        "zip-bomb": workbook(b"<worksheet>" + b" " * 60_000_000),
        "many-parts": workbook(sheet(cell("type")), more=3_000),
        "cut-xml": workbook(sheet(cell("type"))[:-30]),
        "deep-xml": workbook(sheet("<a>" * 50_000)),
        "far-cell": workbook(sheet(cell("type", "XFD1") + cell("project", "XFD1048576"))),
        "far-row": workbook(sheet('<row r="99999999999999999999"><c r="A1"/></row>')),
        "no-workbook": lambda folder, _: _zipped(folder / "x.xlsx", {"a.txt": b"a"}),
        "open-document": lambda folder, _: _zipped(folder / "x.xlsx", {"content.xml": b"<a/>"}),
        "two-kinds": lambda folder, _: _zipped(
            folder / "x.xlsx", {"content.xml": b"<a/>", "xl/workbook.xml": b"<a/>"}
        ),
        "one-text-in-each-cell": workbook(
            sheet(shared_cells(300)), strings=_strings("a" * 3_000_000)
        ),
        "binary-workbook": lambda folder, _: _zipped(folder / "x.xlsx", {"xl/workbook.bin": b""}),
        **open_documents(),
        **old_workbooks(),
        "cut-zip": content("x.xlsx", b"PK\x03\x04" + b"\xff" * 500),
        "json-cut": content("x.geojson", '{"type": "FeatureCollection", "features": ['),
        "json-deep": content("x.geojson", deep),
        "json-digits": content("x.geojson", '{"type": ' + "9" * 10_000 + "}"),
        "json-twice": content(
            "x.geojson", '{"type": "FeatureCollection", "features": [], "features": [{}]}'
        ),
        "json-list": content("x.json", "[" + "1," * 1_000 + "1]"),
        "json-nul": content("x.geojson", b'{"type"\x00: 1}'),
        "json-latin-1": content("x.geojson", b'{"type": "\xe9"}'),
        "json-properties": geojson("x.geojson", None, **{f"c{at}": 1 for at in range(50_000)}),
        "view": base(*ENDLESS_LAYER),
        "bent-page": bent("x.gpkg", 100, b"\xff" * 400),
        "no-gpkg": content("x.gpkg", b"SQLite format 3\x00" + b"\0" * 4_000),
    }


def faulty_records() -> dict[str, Maker]:
    """Return files of which each row is a fault that is listed with its row and remedy."""
    head = "type,name,latitude,longitude,footprint\n"
    ring = ", ".join(f"{x} {y}" for x, y in comb(300))
    circle = json.dumps(polygon([[1e308, 0], [1, 1e308], [1, 1], [1e308, 0]])).replace('"', '""')
    return {
        "far": content("x.csv", f"{head}project,A,1e308,1e999,\n"),
        "digits": content("x.csv", f"{head}project,A,{'9' * 10_000},0,\n"),
        "unclosed": content("x.csv", f'{head}project,"A,,,\nproject,B,,,\n'),
        "nul": content("x.csv", f"{head}project,A\0,,,\n"),
        "long-cell": content("x.csv", f"{head}project,{'a' * _LARGE},,,\n"),
        "longer-cell": content("x.csv", f'{head}project,"{"a" * 12_000_000}",,,\n'),
        "comb": content("x.csv", f'{head}project,A,,,"POLYGON(({ring}))"\n'),
        "far-footprint": content("x.csv", f'{head}project,A,,,"{circle}"\n'),
        "half-character": geojson("x.geojson", None, type="project", name="\ud800"),
        "far-point": geojson(
            "x.geojson", {"type": "Point", "coordinates": [1e308, 1e308]}, type="project", name="A"
        ),
        "line": geojson(
            "x.geojson", {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, name="A"
        ),
        "object": geojson("x.geojson", None, type="project", name={"a": 1}),
    }


def _zipped(path: Path, parts: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        for name, data in parts.items():
            out.writestr(name, data)
    return path


# ---------------------------------------------------------------------------------------- others


def backups() -> dict[str, Maker]:
    """Return the files given to ``registry restore``."""
    return {
        "pipe": fifo("x.sqlite"),
        "device": device("x.sqlite"),
        "long-name": lambda folder, _: folder / ("a" * 300),
        "text": content("x.sqlite", "no database"),
        "zeros": content("x.sqlite", b"SQLite format 3\x00" + b"\0" * 4_000),
        "other": base(name="x.sqlite"),
    }


def editions() -> dict[str, Maker]:
    """Return what is given to ``map`` as an edition."""
    return {
        "pipe": fifo("x"),
        "pipe-within": in_a_folder("manifest.json"),
        "long-name": lambda folder, _: folder / ("a" * 300),
        "text": lambda folder, url: content("manifest.json", "no JSON")(folder, url).parent,
        "deep": lambda folder, url: content("manifest.json", "[" * 100_000)(folder, url).parent,
    }
