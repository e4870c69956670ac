"""One configuration's result: a JSON file with every number, its rankings beside it."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.judging.runs import Run
from lookalike.evaluation.judging.scoring import Scores
from lookalike.evaluation.matrix.shape import flaw_of
from lookalike.evaluation.writing import write_whole

__all__ = [
    "FORMAT",
    "Stored",
    "kept_result",
    "load_result",
    "located_result",
    "read_result",
    "save_result",
]

FORMAT = 1
HEADS = ("set", "encoder", "index")
LISTED = 6
# What a library raises over bytes that are not what they should be.
DAMAGES = (OSError, ValueError, TypeError, LookupError, EOFError, zlib.error, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A result as it lies on disk.

    Attributes:
        file: Its JSON file.
        facts: What that holds.
        run: What was found, as deep as the largest k.
        scores: Every metric of every query.
        positives: By protocol, how many images answer each query.
    """

    file: Path
    facts: dict[str, Any]
    run: Run
    scores: Scores
    positives: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)


def save_result(
    file: Path,
    facts: Mapping[str, Any],
    run: Run,
    scores: Scores,
    positives: Mapping[str, NDArray[np.int64]] | None = None,
) -> dict[str, Any]:
    """Write a result: rankings first, so that what the JSON file names is there.

    An older JSON file names other rankings by their hash, and so never takes these.

    Args:
        file: The JSON file.
        facts: What it holds.
        run: What was found.
        scores: Every metric of every query.
        positives: By protocol, how many images answer each query.

    Returns:
        The facts as they are read back.
    """
    beside = file.with_suffix(".npz")
    data = packed(run, scores, positives or {})
    write_whole(beside, data)
    whole = {**facts, "run": beside.name, "run_sha256": hashlib.sha256(data).hexdigest()}
    text = written(finite(whole))
    write_whole(file, text.encode("ascii"))
    stored: dict[str, Any] = json.loads(text)
    return stored


def written(facts: Mapping[str, Any]) -> str:
    """Write JSON with a line for each part: indenting the table of many classes takes a second."""
    lines = [
        f"{json.dumps(name)}: {json.dumps(part, default=float)}" for name, part in facts.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def packed(run: Run, scores: Scores, positives: Mapping[str, NDArray[np.int64]]) -> bytes:
    """Turn a run and its scores into the bytes of an ``.npz`` file."""
    arrays: dict[str, NDArray[Any]] = {
        "queries": names_as_bytes(run.queries),
        "image_ids": run.image_ids.astype(np.int32),
        "scores": run.scores,
        "positives": scores.positives,
        "protocols": names_as_bytes(tuple(positives)),
        "protocol_positives": np.array([*positives.values()], np.int64).reshape(-1, len(run)),
        "groups": names_as_bytes(scores.groups or ()),
        "metrics": names_as_bytes(tuple(scores.values)),
        "values": np.array([*scores.values.values()], np.float64).reshape(-1, len(run)),
    }
    out = io.BytesIO()
    # NumPy's own compression takes five times as long, for files a tenth smaller.
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
    return out.getvalue()


def names_as_bytes(names: Sequence[str]) -> NDArray[np.uint8]:
    """Keep any file name, also one whose bytes are no text."""
    data = json.dumps(list(names)).encode("ascii")
    return np.frombuffer(data, dtype=np.uint8)


def names_from_bytes(data: NDArray[np.uint8]) -> tuple[str, ...]:
    """Undo ``names_as_bytes``."""
    return tuple(json.loads(data.tobytes()))


def kept_result(file: Path, asked: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Find a result that need not be measured again.

    Args:
        file: Where it would be.
        asked: What it has to be of.

    Returns:
        The result, or None; and why there is none, empty where there is nothing at all.
    """
    if not file.exists():
        return None, ""
    try:
        facts = read_result(file)
    except UsageError:
        return None, f"{file} cannot be read"
    wanted = json.loads(json.dumps(asked))
    if facts["asked"] != wanted:
        return None, f"{file} is of other parameters ({differences(facts['asked'], wanted)})"
    try:
        read_rankings(file, facts)
    except OSError:
        return None, f"{file} has lost the rankings beside it"
    except ValueError:
        return None, f"The rankings beside {file} are damaged"
    return facts, ""


def read_rankings(file: Path, facts: Mapping[str, Any]) -> bytes:
    """Read the file beside a result.

    Raises:
        OSError: It is not there, or cannot be read.
        ValueError: It is not the one that was written.
    """
    data = file.with_name(facts["run"]).read_bytes()
    if hashlib.sha256(data).hexdigest() != facts.get("run_sha256"):
        raise ValueError("other bytes than were written")
    return data


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Say in what two sets of parameters differ."""
    names = [name for name in wanted if found.get(name) != wanted[name]]
    return "; ".join(
        f"{name} {spoken(found.get(name))}, now {spoken(wanted[name])}" for name in names
    )


def spoken(value: object) -> str:
    """Write a parameter."""
    if isinstance(value, list):
        more = f",... {len(value)} in all" if len(value) > LISTED else ""
        return ",".join(map(str, value[:LISTED])) + more
    return "all" if value is None else str(value)


def read_result(file: Path) -> dict[str, Any]:
    """Read a result's JSON file.

    Raises:
        UsageError: It is not there, or no result, or of a newer Lookalike.
    """
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The result {file} cannot be read ({error.strerror}): name the .json file of one "
            "configuration, as lookalike eval writes it."
        ) from error
    except ValueError as error:
        raise UsageError(
            f"The result {file} is no JSON file: name one that lookalike eval wrote."
        ) from error
    if not isinstance(facts, dict) or not {"format", *HEADS} <= set(facts):
        raise UsageError(
            f"{file} is not the result of one configuration: name a file such as "
            "OUT/SET/ENCODER/flat.json, which lookalike eval writes."
        )
    if facts["format"] != FORMAT:
        raise UsageError(
            f"The result {file} has format {facts['format']}, and this Lookalike reads "
            f"{FORMAT}: measure it again, or use the Lookalike that wrote it."
        )
    if flaw := flaw_of(facts):
        raise UsageError(
            f"The result {file} is damaged, in {flaw}: measure it again with lookalike eval."
        )
    return facts


def located_result(place: Path) -> Path:
    """Find the one result in a folder, at any depth; a file is taken as it is.

    Raises:
        UsageError: There is none in it, or there are several.
    """
    if not place.is_dir():
        return place
    rankings = [*place.glob("*.npz"), *place.glob("*/*.npz"), *place.glob("*/*/*.npz")]
    found = sorted(file.with_suffix(".json") for file in rankings)
    found = [file for file in found if file.exists()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            f"There is no result in {place}: name a folder that lookalike eval wrote, or the "
            ".json file of one configuration."
        )
    listed = ", ".join(str(file.relative_to(place)) for file in found[:LISTED])
    more = f", and {len(found) - LISTED} more" if len(found) > LISTED else ""
    raise UsageError(
        f"There are {len(found)} results in {place}, and two are compared: name one of them, "
        f"{listed}{more}."
    )


def load_result(file: Path) -> Stored:
    """Read a result with its rankings.

    Raises:
        UsageError: One of its files is missing or damaged.
    """
    facts = read_result(file)
    try:
        return unpacked(file, facts, read_rankings(file, facts))
    except DAMAGES as error:
        raise UsageError(
            f"The rankings {file.with_name(facts['run'])} of the result {file} are missing or "
            "damaged: measure it again with lookalike eval."
        ) from error


def unpacked(file: Path, facts: dict[str, Any], data: bytes) -> Stored:
    """Undo ``packed``."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    queries = names_from_bytes(arrays["queries"])
    metrics = names_from_bytes(arrays["metrics"])
    run = Run(queries, arrays["image_ids"].astype(np.int64), arrays["scores"])
    values = dict(zip(metrics, arrays["values"], strict=True))
    groups = names_from_bytes(arrays["groups"]) or None
    protocols = names_from_bytes(arrays["protocols"])
    positives = dict(zip(protocols, arrays["protocol_positives"], strict=True))
    scores = Scores(queries, values, arrays["positives"], groups)
    return Stored(file, facts, run, scores, positives)


def finite(value: Any) -> Any:
    """Put null where there is no number: JSON has neither NaN nor infinity."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
