"""Tables of text, as spreadsheets of several countries and scripts write them."""

from __future__ import annotations

import pytest

from lookalike.errors import UsageError
from lookalike.ingest import load_metadata

UMLAUTS = 'path;title\r\nü.png;"Müller; ""Söhne"""\r\n'

READ_RIGHT = {
    "commas": ("m.csv", "path,n\na.png,1\n", "a.png", {"n": 1}),
    "semicolons": ("m.csv", "path;n\na.png;1\n", "a.png", {"n": 1}),
    "tabs in a CSV": ("m.csv", "path\tn\na.png\t1\n", "a.png", {"n": 1}),
    "bars": ("m.csv", "path|n\na.png|1\n", "a.png", {"n": 1}),
    "commas in a TSV": ("m.tsv", "path,n\na.png,1\n", "a.png", {"n": 1}),
    "commas in the header of a TSV": (
        "m.tsv", "file_name\tx, y, z\na.png\t1\n", "a.png", {"x, y, z": 1},
    ),
    "a mark, CRLF and quotes": (
        "m.csv", b"\xef\xbb\xbf" + UMLAUTS.encode(), "ü.png", {"title": 'Müller; "Söhne"'},
    ),
    "UTF-16 with its mark": ("m.csv", UMLAUTS.encode("utf-16"), "ü.png",
                             {"title": 'Müller; "Söhne"'}),
    "UTF-16 the other way round": (
        "m.csv", b"\xfe\xff" + UMLAUTS.encode("utf-16-be"), "ü.png", {"title": 'Müller; "Söhne"'},
    ),
    "UTF-16 without a mark": (
        "m.csv", "path;n\r\nü.png;1\r\n".encode("utf-16-le"), "ü.png", {"n": 1},
    ),
    "Excel's Unicode text": (
        "m.txt", "path\ttitle\r\na.png\tGrüße\r\n".encode("utf-16"), "a.png", {"title": "Grüße"},
    ),
    "a quoted delimiter in the header": (
        "m.csv", '"a, b, and c";path\nx;a.png\n', "a.png", {"a, b, and c": "x"},
    ),
    "more columns by another delimiter": (
        "m.csv", "path;one, two, three\na.png;x\n", "a.png", {"one, two, three": "x"},
    ),
    "one column": ("m.csv", "path\na, b; c.png\n", "a, b; c.png", {}),
    "one column in quotes": ("m.csv", '"path"\n"a, b.png"\n', "a, b.png", {}),
    "blanks after the delimiters of the header": (
        "m.csv", "path, n\na.png,1\n", "a.png", {"n": 1},
    ),
    "blank lines": ("m.csv", "\r\n\r\npath;n\r\n\r\na.png;1\r\n", "a.png", {"n": 1}),
    "a line that names the delimiter": ("m.csv", "sep=|\npath|a;b;c\na.png|1\n", "a.png",
                                        {"a;b;c": 1}),
    "a line that names the tab": ("m.csv", '"sep=\t"\r\npath\tn\r\na.png\t1\r\n', "a.png",
                                  {"n": 1}),
    "empty cells beyond the header": ("m.csv", "path;n\na.png;1;;\n", "a.png", {"n": 1}),
    "too few cells": ("m.csv", "path;n;m\na.png;1\n", "a.png", {"n": 1, "m": None}),
    "a line break in a cell": ("m.csv", 'path;t\r\na.png;"x\ny"\r\n', "a.png", {"t": "x\ny"}),
    "line ends of old": ("m.csv", "path;n\ra.png;1\r", "a.png", {"n": 1}),
    "a decimal comma stays text": ("m.csv", "path;n\na.png;1,5\n", "a.png", {"n": "1,5"}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "written", "picture", "row"), READ_RIGHT.values(), ids=READ_RIGHT.keys()
)
def test_a_table_is_read_however_it_is_written(tmp_path, name, written, picture, row):
    file = tmp_path / name
    file.write_bytes(written if isinstance(written, bytes) else written.encode())
    table = load_metadata(file)
    assert len(table) == 1
    assert table.row(picture) == row


REFUSED = {
    "no column that names files": (
        "Titel;Preis\nx;1\n", r"no column that names the pictures.*\(Titel, Preis\) 'path'",
    ),
    "a header only, and no such column": ("Titel;Preis\n", "no column that names the pictures"),
    "another encoding": (
        "path;t\na.png;Müller\n".encode("cp1252"), "neither UTF-8 nor UTF-16.*'CSV UTF-8'",
    ),
    "a text without its quotes": (
        "path,t\na.png,b\nb.png,one, two\n",
        "line 3 has 3 cells, and the header 2: put double quotes .* holds ','",
    ),
    "a text without its quotes, below other lines": (
        "sep=;\n\npath;t\nb.png;one;two\n", "line 4 has 3 cells.*holds ';'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("written", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_read_is_told_in_one_sentence(tmp_path, written, says):
    file = tmp_path / "m.csv"
    file.write_bytes(written if isinstance(written, bytes) else written.encode())
    with pytest.raises(UsageError, match=says) as caught:
        load_metadata(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("written", ["", "\n\n", "path;n\n"])
def test_a_table_without_rows_is_refused(tmp_path, written):
    (tmp_path / "m.csv").write_text(written)
    with pytest.raises(UsageError, match="has no rows: write one for each picture"):
        load_metadata(tmp_path / "m.csv")
