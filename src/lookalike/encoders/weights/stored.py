"""Weights that lie on this machine: those that Lookalike pulled, and those of the hub's cache.

Pulled weights are plain files, so that their folder can be copied to another machine::

    CACHE/weights/OWNER--NAME/revisions.json        which commit was got for which revision
    CACHE/weights/OWNER--NAME/COMMIT/pulled.json    sha256 of every file
    CACHE/weights/OWNER--NAME/COMMIT/...            the files
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lookalike.caching import cache_folder, read_object, replace_text
from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.families.transformers_cards import TEXT_MODELS
from lookalike.encoders.weights.digests import file_digest
from lookalike.encoders.weights.folders import (
    WeightsFolder,
    holds_weights,
    needed_files,
    open_folder,
)
from lookalike.errors import EncoderError

__all__ = [
    "Repository",
    "find_weights",
    "record_pull",
    "recorded_commit",
    "repository_folder",
    "repository_of",
    "size_on_disk",
]

MANIFEST = "pulled.json"
REVISIONS = "revisions.json"
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")
# Any of these is all of a tokenizer.
TOKENIZERS = (
    {"tokenizer.json"},
    {"vocab.json", "merges.txt"},
    {"spiece.model"},
    {"sentencepiece.bpe.model"},
    {"vocab.txt"},
)
PROCESSORS = {"preprocessor_config.json", "processor_config.json"}
CONFIG_NAMES = ("open_clip_config.json", "config.json")


@dataclass(frozen=True, slots=True)
class Repository:
    """What is looked for.

    Attributes:
        place: Owner and name, ``timm/resnet18.a1_in1k``.
        revision: A commit, branch or tag; empty for the newest there is when it
            is first pulled.
        family: Which form of it, where it may hold several; empty for any.
        name: What errors call the encoder.
    """

    place: str
    revision: str = ""
    family: str = ""
    name: str = ""

    def __str__(self) -> str:
        revision = self.revision[:12] if COMMIT.fullmatch(self.revision) else self.revision
        place = f"{self.place}@{revision}" if revision else self.place
        return f"of encoder {self.name!r} ({place})" if self.name else f"of {place}"


def repository_of(card: EncoderCard) -> Repository:
    """Say where a card's weights come from."""
    return Repository(card.repository, card.revision, card.family, card.name)


def find_weights(
    repository: Repository, *, is_checked: bool = True, is_whole: bool = False
) -> WeightsFolder | None:
    """Look for weights on this machine; nothing goes over the network.

    Args:
        repository: Which.
        is_checked: Compare every file with the hash it had when it came.
        is_whole: Pass over weights that another program fetched without the
            tokenizer or the preprocessing that belong to them.

    Returns:
        None if they are not here, or not all of them.

    Raises:
        EncoderError: They are here but are not what came from the hub.
    """
    if path := pulled_path(repository):
        if is_checked:
            check_pulled(path, repository)
        return open_folder(path, family=repository.family)
    if path := hub_cache_path(repository):
        folder = open_folder(path, family=repository.family)
        if is_whole and not has_small_files(folder):
            return None
        if is_checked:
            check_blobs(folder, repository)
        return folder
    return None


def size_on_disk(card: EncoderCard) -> int:
    """Say what a card's weights take on this machine, in bytes; 0 where they are not here."""
    if not card.repository:
        return 0
    try:
        folder = find_weights(repository_of(card), is_checked=False)
    except EncoderError:  # they are damaged: loading them says so
        return 0
    return folder.size_bytes() if folder else 0


def repository_folder(place: str) -> Path:
    """Return where a repository's commits are kept; it need not exist."""
    return cache_folder() / "weights" / place.replace("/", "--")


def pulled_path(repository: Repository) -> Path | None:
    """Find the folder of a pulled commit that holds all that the form needs."""
    commit = recorded_commit(repository)
    if not commit:
        return None
    path = repository_folder(repository.place) / commit
    files = manifest_of(path)
    needed = needed_files(files, repository.family)
    is_whole = bool(needed) and all((path / name).is_file() for name in needed)
    return path if is_whole else None


def recorded_commit(repository: Repository) -> str:
    """Return the commit that was got for a revision; empty if it was never pulled."""
    commit = repository.revision
    if not COMMIT.fullmatch(commit):
        commits = read_object(repository_folder(repository.place) / REVISIONS)
        commit = str(commits.get(commit) or "")
    return commit if COMMIT.fullmatch(commit) else ""


def hub_cache_path(repository: Repository) -> Path | None:
    """Find the snapshot that the hub's own library, or another program by it, has fetched."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    for name in CONFIG_NAMES:
        try:
            found = try_to_load_from_cache(
                repository.place, name, revision=repository.revision or None
            )
        except ValueError:  # no name that a repository could have
            return None
        if isinstance(found, str) and holds_weights(Path(found).parent, repository.family):
            return Path(found).parent
    return None


def has_small_files(folder: WeightsFolder) -> bool:
    """Tell whether the tokenizer and the preprocessing lie beside weights that need them."""
    names = {entry.name for entry in folder.path.iterdir()}
    has_tokenizer = any(form <= names for form in TOKENIZERS)
    config = folder.config()
    if folder.family == "openclip":
        text = (config.get("model_cfg") or {}).get("text_cfg") or {}
        # Towers of another library, which hf_model_name tells, are not used for texts.
        is_needed = bool(text.get("hf_tokenizer_name")) and not text.get("hf_model_name")
        return has_tokenizer or not is_needed
    if folder.family == "transformers":
        is_needed = config.get("model_type") in TEXT_MODELS
        return bool(names & PROCESSORS) and (has_tokenizer or not is_needed)
    return True


def manifest_of(path: Path) -> dict[str, str]:
    """Read the hashes of what was pulled into a folder; empty where nothing was."""
    files = read_object(path / MANIFEST).get("files")
    return dict(files) if isinstance(files, Mapping) else {}


def record_pull(path: Path, repository: Repository, files: Mapping[str, str]) -> None:
    """Write down what came, and under which revision it is found again.

    Raises:
        OSError: It cannot be written.
    """
    facts = {
        "repository": repository.place,
        "revision": path.name,
        "files": {**manifest_of(path), **files},
    }
    replace_text(path / MANIFEST, json.dumps(facts, indent=1))
    revisions = read_object(path.parent / REVISIONS) | {repository.revision: path.name}
    replace_text(path.parent / REVISIONS, json.dumps(revisions, indent=1))


def check_pulled(path: Path, repository: Repository) -> None:
    """Compare every file that the form needs with its hash."""
    files = manifest_of(path)
    for name in needed_files(files, repository.family):
        require_digest(path / name, files[name], repository)


def check_blobs(folder: WeightsFolder, repository: Repository) -> None:
    """Compare weights with the hash that the hub's cache names its files by."""
    for file in folder.weights:
        stated = file.resolve().name
        if SHA256.fullmatch(stated):
            require_digest(file, stated, repository)


def require_digest(file: Path, stated: str, repository: Repository) -> None:
    """Refuse a file that has another hash.

    Raises:
        EncoderError: It has.
    """
    found = file_digest(file)
    if found != stated:
        command = f": run `lookalike encoders pull {repository.name}`" if repository.name else ""
        raise EncoderError(
            f"The file {file} is not what the hub gave for the weights {repository} (sha256 "
            f"{found[:12]}, it was {stated[:12]}): delete it and let it be pulled again{command}."
        )
