"""The map as one page that works from disk: script, style, data and small pictures in one file."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from itertools import accumulate
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.maps.columns import Categories, Quantities
from lookalike.evaluation.maps.palette import (
    NO_COLOUR,
    PALETTE,
    RAMP,
    colour_numbers,
    known_range,
)
from lookalike.evaluation.writing import shown_text

__all__ = ["MODULES", "MapPage", "map_facts", "map_page", "page_file", "places_of"]

# In the order in which they use each other.
MODULES = ("data", "grid", "raster", "view", "overlay", "map", "panel", "start")
IMPORT = re.compile(r'^import \{ ([^}]+) \} from "\./(\w+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:class|const|function) (\w+))", re.MULTILINE)
WORLD = 65535
# As the page's script knows it.
NO_CODE = 65535
KINDS = {"u16": "<u2", "u32": "<u4", "f32": "<f4", "f64": "<f8"}


@dataclass(frozen=True, slots=True, eq=False)
class MapPage:
    """What the page shows.

    Attributes:
        title: Of the page.
        remarks: Below it, one line each.
        points: ``(n, 2)``.
        paths: The file of each image, absolute.
        columns: What the points may be coloured by, the first one at first.
        shares: Of the column ``cluster``: how pure each cluster is, where that is known.
        outliers: Rows that get a ring, farthest first.
        thumbnails: JPEGs; None for an image that is read from its file.
    """

    title: str
    remarks: Sequence[str]
    points: NDArray[np.float32]
    paths: Sequence[str]
    columns: Sequence[Categories | Quantities]
    shares: Sequence[float | None]
    outliers: NDArray[np.int64]
    thumbnails: Sequence[bytes | None]


def map_page(page: MapPage) -> str:
    """Put the page together; nothing in it comes from elsewhere but the pictures' files."""
    letters = [
        "" if picture is None else base64.b64encode(picture).decode() for picture in page.thumbnails
    ]
    starts = np.array([0, *accumulate(map(len, letters))])
    facts = {**map_facts(page), "thumbnail_starts": packed(starts, "u32")}
    return Template(page_file("map.html")).substitute(
        title=escape(shown_text(page.title)),
        style=page_file("map.css"),
        # No "</script>" can come out of a name: every "<" is written as its code.
        facts=json.dumps(facts, separators=(",", ":")).replace("<", "\\u003c"),
        thumbnails="".join(letters),
        script=bundled(),
    )


def map_facts(page: MapPage) -> dict[str, Any]:
    """Turn a map into what the script reads, but for the small pictures.

    Returns:
        What JSON can hold; numbers packed as Base64.
    """
    x, y, width, height = on_grid(page.points)
    folders, folder_of, names, odd_names = parted_paths(page.paths)
    return {
        "format": 1,
        "title": shown_text(page.title),
        "remarks": [shown_text(remark) for remark in page.remarks],
        "count": len(page.paths),
        "x": packed(x, "u16"),
        "y": packed(y, "u16"),
        "width": width,
        "height": height,
        "separator": os.sep,
        "folders": folders,
        "folder": packed(folder_of, "u32"),
        "names": names,
        "odd_names": odd_names,
        "columns": [column_facts(column, page, x, y) for column in page.columns],
        "palette": PALETTE,
        "ramp": RAMP,
        "no_colour": NO_COLOUR,
        "outliers": packed(page.outliers, "u32"),
    }


def column_facts(
    column: Categories | Quantities,
    page: MapPage,
    x: NDArray[np.int64],
    y: NDArray[np.int64],
) -> dict[str, Any]:
    """Turn a column into what the script reads."""
    facts: dict[str, Any] = {"name": shown_text(column.name), "title": shown_text(column.name)}
    if isinstance(column, Quantities):
        low, high = known_range(column.numbers)
        known = column.numbers[np.isfinite(column.numbers)]
        least, most = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        kind = "moment" if column.is_moment else "number"
        numbers = packed(column.numbers, "f64" if column.is_moment else "f32")
        return {
            **facts, "kind": kind, "numbers": numbers,
            "low": low, "high": high, "least": least, "most": most,
        }  # fmt: skip
    places = places_of(column, np.stack([x, y], axis=1).astype(np.float32))
    return {
        **facts,
        "kind": "category",
        "values": [shown_text(value) for value in column.values],
        "codes": packed(np.where(column.codes < 0, NO_CODE, column.codes), "u16"),
        "counts": packed(column.counts, "u32"),
        "colours": colour_numbers(column, page.points),
        "place_x": packed(places[:, 0], "u16"),
        "place_y": packed(places[:, 1], "u16"),
        **({"shares": list(page.shares)} if column.name == "cluster" and page.shares else {}),
    }


def places_of(column: Categories, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Find where each value's name goes: the image nearest to the median of its images.

    Returns:
        ``(values, 2)``.
    """
    places = np.zeros((len(column.values), 2), dtype=np.float32)
    order = np.argsort(column.codes, kind="stable")
    ends = np.searchsorted(column.codes[order], np.arange(len(column.values) + 1))
    for value in range(len(column.values)):
        own = points[order[ends[value] : ends[value + 1]]]
        if not len(own):
            continue
        gaps = np.abs(own - np.median(own, axis=0)).sum(axis=1)
        places[value] = own[np.argmin(gaps)]
    return places


def on_grid(
    points: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int]:
    """Bring points on a grid of 65,536 steps, one scale for both directions, y downwards.

    Returns:
        x, y, and how far each of them goes.
    """
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    scale = WORLD / (float((high - low).max()) or 1.0)
    x = np.rint((points[:, 0] - low[0]) * scale).astype(np.int64)
    y = np.rint((high[1] - points[:, 1]) * scale).astype(np.int64)
    return x, y, int(x.max()), int(y.max())


def parted_paths(
    paths: Sequence[str],
) -> tuple[list[dict[str, str]], NDArray[np.int64], list[str], dict[int, str]]:
    """Write each folder once.

    Returns:
        The folders with their addresses, the folder of each path, the names, and the
        addresses of names that are no Unicode, by their number.
    """
    numbers: dict[str, int] = {}
    parts = [os.path.split(path) for path in paths]
    folder_of = [numbers.setdefault(folder, len(numbers)) for folder, _ in parts]
    folders = [{"path": shown_text(folder), "url": folder_address(folder)} for folder in numbers]
    names = [shown_text(name) for _, name in parts]
    odd = {
        number: quote(os.fsencode(name))
        for number, (_, name) in enumerate(parts)
        if shown_text(name) != name
    }
    return folders, np.array(folder_of), names, odd


def folder_address(folder: str) -> str:
    """Write the address of a folder, bytes that are no Unicode included."""
    if os.sep == "/":
        return "file://" + quote(os.fsencode(folder)).rstrip("/") + "/"
    return Path(folder).as_uri().rstrip("/") + "/"


def packed(numbers: NDArray[Any], kind: str) -> dict[str, str]:
    """Write numbers as Base64 of their bytes, little endian."""
    data = np.ascontiguousarray(numbers, dtype=KINDS[kind]).tobytes()
    return {"kind": kind, "data": base64.b64encode(data).decode()}


def bundled() -> str:
    """Join the script's modules into one: pages on a disk may not load modules."""
    return "\n".join(wrapped(name, page_file(f"{name}.js")) for name in MODULES) + (
        "\nconst { start } = start_js;"
    )


def wrapped(name: str, source: str) -> str:
    """Make a module an expression that gives what it exports."""
    exported = ", ".join(EXPORT.findall(source))
    inside = IMPORT.sub(r"const { \1 } = \2_js;", EXPORT.sub("", source))
    return f"const {name}_js = (() => {{\n{inside}\nreturn {{ {exported} }};\n}})();"


def page_file(name: str) -> str:
    """Read a file of the folder ``page``."""
    return (resources.files("lookalike.evaluation.maps") / "page" / name).read_text("utf-8")
