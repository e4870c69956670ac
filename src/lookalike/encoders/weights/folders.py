"""A directory that holds an encoder's weights, as a hub's repository would.

Three forms are known, by the library that builds the network:

- timm: ``config.json`` with an ``architecture``, and ``model.safetensors``;
- OpenCLIP: ``open_clip_config.json``, and ``open_clip_model.safetensors``;
- Transformers: ``config.json`` with a ``model_type``, and ``model.safetensors``,
  whole or in shards that ``model.safetensors.index.json`` names.

Some repositories hold two of them at once. Weights are safetensors: a pickle runs
whatever program its maker put into it, and is never loaded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike.encoders.weights.digests import file_digest
from lookalike.errors import EncoderError, EncoderNotFound

__all__ = [
    "PICKLES",
    "WeightsFolder",
    "holds_weights",
    "needed_files",
    "open_folder",
]

CONFIGS = {
    "openclip": "open_clip_config.json",
    "timm": "config.json",
    "transformers": "config.json",
}
# The key of a config.json that says whose it is.
MARKS = {"timm": "architecture", "transformers": "model_type"}
OPENCLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
# Of the small files, what tokenizers and preprocessing are made of.
SMALL_FILES = (".json", ".txt", ".model")
# A header longer than this is no header: the format's own limit.
MAX_HEADER_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class WeightsFolder:
    """Where an encoder's weights lie, and whose they are.

    Attributes:
        path: The directory.
        family: What builds the network: ``timm``, ``openclip`` or ``transformers``.
        weights: The safetensors, all shards, in order.
    """

    path: Path
    family: str
    weights: tuple[Path, ...]

    def config(self) -> dict[str, Any]:
        """Read the JSON that describes the network.

        Raises:
            EncoderError: It is damaged.
        """
        return read_json(self.path / CONFIGS[self.family])

    def digest(self) -> str:
        """Hash the weights: sha256 of the file, or of its shards' hashes in order."""
        digests = [file_digest(file) for file in self.weights]
        if len(digests) == 1:
            return digests[0]
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    def size_bytes(self) -> int:
        """Add up what the weights take on the disk."""
        return sum(file.stat().st_size for file in self.weights)


def open_folder(path: Path, *, family: str = "") -> WeightsFolder:
    """Look at a directory of weights; nothing heavy is loaded.

    Args:
        path: The directory.
        family: Which form to look for, where it may hold several; if empty, that
            of OpenCLIP comes first, because it has both towers.

    Raises:
        EncoderNotFound: There is no such directory.
        EncoderError: It holds no weights that can be used.
    """
    path = path.absolute()
    if not path.is_dir():
        raise not_a_directory(path)
    names = {entry.name for entry in path.iterdir() if entry.is_file()}
    found = family_of(path, names, family)
    weights = tuple(path / name for name in weights_of(path, found, names))
    for file in weights:
        check_safetensors(file)
    return WeightsFolder(path, found, weights)


def holds_weights(path: Path, family: str = "") -> bool:
    """Whether a directory can be used."""
    try:
        open_folder(path, family=family)
    except EncoderError:
        return False
    return True


def needed_files(names: Iterable[str], family: str = "") -> list[str]:
    """Choose what has to be fetched of a repository: small files first, weights last.

    Args:
        names: All files of the repository.
        family: Which form is wanted; if empty, as in ``open_folder``.

    Returns:
        Names; without any weights if it has none that are safetensors.
    """
    # No name may lead out of its directory, by either system's separator.
    top = sorted(name for name in names if not {"/", "\\"} & set(name))
    if not family and CONFIGS["openclip"] in top:
        family = "openclip"
    small = [name for name in top if name.endswith(SMALL_FILES) and ".bin." not in name]
    if family == "openclip":
        weights = openclip_weights(top)
    else:
        weights = [WEIGHTS] if WEIGHTS in top else [name for name in top if SHARD.fullmatch(name)]
    if family == "timm":
        small = [name for name in small if name == CONFIGS["timm"]]
    if weights == [WEIGHTS]:
        small = [name for name in small if name != INDEX]
    return [*small, *weights]


def family_of(path: Path, names: set[str], wanted: str) -> str:
    """Say whose form a directory has."""
    forms = [CONFIGS["openclip"]] if CONFIGS["openclip"] in names else []
    families = ["openclip"] if forms else []
    if "config.json" in names:
        config = read_json(path / "config.json")
        families += [family for family, key in MARKS.items() if key in config]
    if wanted in families:
        return wanted
    if families and not wanted:
        return families[0]
    refuse_pickles(path, names)
    asked = f"of the form of {wanted}" if wanted else "that says what its network is"
    raise EncoderError(
        f"The directory {path} holds no configuration {asked}: an encoder's directory has a "
        "config.json of timm or Transformers, or an open_clip_config.json, beside its safetensors."
    )


def weights_of(path: Path, family: str, names: set[str]) -> list[str]:
    """Choose the safetensors of a form."""
    if family == "openclip":
        chosen = openclip_weights(names)
    elif WEIGHTS in names:
        chosen = [WEIGHTS]
    else:
        chosen = shards_of(path) if INDEX in names else []
    if missing := sorted(set(chosen) - names):
        raise EncoderError(
            f"The weights in {path} are not complete: {missing[0]} is missing; bring it, or all "
            "of them, again."
        )
    if chosen:
        return chosen
    refuse_pickles(path, names)
    expected = OPENCLIP_WEIGHTS[0] if family == "openclip" else WEIGHTS
    there = ", ".join(sorted(name for name in names if name.endswith(".safetensors"))) or "none"
    raise EncoderError(
        f"The directory {path} has no weights {expected} (safetensors there: {there}): "
        "bring them, or give their file this name."
    )


def openclip_weights(names: Iterable[str]) -> list[str]:
    """Choose OpenCLIP's weights; a ``model.safetensors`` beside a timm config is timm's."""
    names = set(names)
    for name in OPENCLIP_WEIGHTS:
        if name in names:
            return [name]
    return [WEIGHTS] if WEIGHTS in names and CONFIGS["timm"] not in names else []


def shards_of(path: Path) -> list[str]:
    """Read which shards there are."""
    placed = read_json(path / INDEX).get("weight_map")
    if not isinstance(placed, Mapping) or not placed:
        raise EncoderError(f"{path / INDEX} names no shards: bring the weights again.")
    shards = sorted({str(name) for name in placed.values()})
    if any(Path(name).name != name for name in shards):
        raise EncoderError(f"{path / INDEX} names shards outside its directory: do not trust it.")
    return shards


def check_safetensors(file: Path) -> None:
    """Refuse a file that is cut off or was never safetensors, by its header.

    The format: eight bytes with the header's length, a header in JSON, the numbers.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        try:
            if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
                raise ValueError("it has no header")
            header = json.loads(stream.read(length))
            ends = [item["data_offsets"][1] for key, item in header.items() if key[:2] != "__"]
            if max(ends, default=0) != size - 8 - length:
                raise ValueError("it is cut off, or longer than its header says")
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise EncoderError(
                f"The weights {file} are no whole safetensors file ({reason(error)}): "
                "bring them again."
            ) from error


def reason(error: Exception) -> str:
    """Say what is wrong with a header: in words where there are some."""
    is_worded = type(error) is ValueError
    return str(error) if is_worded else "its header makes no sense"


def refuse_pickles(path: Path, names: Iterable[str]) -> None:
    """Say that pickles are never loaded, where there are only pickles."""
    pickles = sorted(name for name in names if name.endswith(PICKLES))
    if pickles:
        raise EncoderError(
            f"{path} holds its weights only as pickles ({pickles[0]}), and those are never "
            "loaded, because a pickle can run any program: use a version of the weights in "
            "safetensors, or turn them into safetensors where you trust them."
        )


def not_a_directory(path: Path) -> EncoderError:
    """Say what is there in place of a directory."""
    if path.suffix in PICKLES:
        return EncoderError(
            f"{path} is a pickle, and those are never loaded, because a pickle can run any "
            "program: give a directory with safetensors."
        )
    if path.exists():
        return EncoderError(
            f"{path} is a file: give the directory that holds the weights and their config.json."
        )
    return EncoderNotFound(f"There is no directory of weights at {path}: check the path.")


def read_json(file: Path) -> dict[str, Any]:
    """Read an object from a file."""
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderError(f"{file} cannot be read ({error}): bring it again.") from error
    if not isinstance(facts, dict):
        raise EncoderError(f"{file} holds no object: bring it again.")
    return facts
