"""One configuration's result: a JSON file with every number, its rankings beside it."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.judging.runs import Run
from lookalike.evaluation.judging.scoring import Scores
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
LISTED = 6


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A result as it lies on disk.

    Attributes:
        file: Its JSON file.
        facts: What that holds.
        run: What was found, as deep as the largest k.
        scores: Every metric of every query.
    """

    file: Path
    facts: dict[str, Any]
    run: Run
    scores: Scores


def save_result(file: Path, facts: Mapping[str, Any], run: Run, scores: Scores) -> dict[str, Any]:
    """Write a result: rankings first, so that what the JSON file names is there.

    Returns:
        The facts as they are read back.
    """
    beside = file.with_suffix(".npz")
    # An older result must not name the new rankings.
    if file.exists():
        file.unlink()
    write_whole(beside, packed(run, scores))
    whole = {**facts, "run": beside.name}
    text = json.dumps(finite(whole), indent=1, default=float)
    write_whole(file, f"{text}\n".encode("ascii"))
    stored: dict[str, Any] = json.loads(text)
    return stored


def packed(run: Run, scores: Scores) -> bytes:
    """Turn a run and its scores into the bytes of an ``.npz`` file."""
    out = io.BytesIO()
    np.savez_compressed(
        out,
        queries=names_as_bytes(run.queries),
        image_ids=run.image_ids.astype(np.int32),
        scores=run.scores,
        positives=scores.positives,
        groups=names_as_bytes(scores.groups or ()),
        metrics=names_as_bytes(tuple(scores.values)),
        values=np.stack([*scores.values.values()]) if scores.values else np.empty((0, len(run))),
    )
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
    if not file.with_suffix(".npz").exists():
        return None, f"{file} has lost the rankings beside it"
    wanted = json.loads(json.dumps(asked))
    found = facts.get("asked", {})
    if found == wanted:
        return facts, ""
    return None, f"{file} is of other parameters ({differences(found, wanted)})"


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Say in what two sets of parameters differ."""
    names = [name for name in wanted if found.get(name) != wanted[name]]
    return "; ".join(
        f"{name} {spoken(found.get(name))}, now {spoken(wanted[name])}" for name in names
    )


def spoken(value: object) -> str:
    """Write a parameter."""
    if isinstance(value, list):
        return ",".join(map(str, value))
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
    if not isinstance(facts, dict) or not {"format", "set", "encoder", "index"} <= set(facts):
        raise UsageError(
            f"{file} is not the result of one configuration: name a file such as "
            "OUT/SET/ENCODER/flat.json, which lookalike eval writes."
        )
    if facts["format"] != FORMAT:
        raise UsageError(
            f"The result {file} has format {facts['format']}, and this Lookalike reads "
            f"{FORMAT}: measure it again, or use the Lookalike that wrote it."
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
    beside = file.with_name(str(facts.get("run")))
    try:
        with np.load(beside, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        queries = names_from_bytes(arrays["queries"])
        metrics = names_from_bytes(arrays["metrics"])
        run = Run(queries, arrays["image_ids"].astype(np.int64), arrays["scores"])
        values = dict(zip(metrics, arrays["values"], strict=True))
        groups = names_from_bytes(arrays["groups"]) or None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"The rankings {beside} of the result {file} are missing or damaged: measure it "
            "again with lookalike eval."
        ) from error
    return Stored(file, facts, run, Scores(queries, values, arrays["positives"], groups))


def finite(value: Any) -> Any:
    """Put null where there is no number: JSON has neither NaN nor infinity."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
