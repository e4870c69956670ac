"""Where exports lie, and what is known of each.

::

    CACHE/exports/FINGERPRINT/openvino-bf16/
        model.xml, model.bin    or model.onnx
        export.json             hashes of these files, and what was measured

The fingerprint is that of the space, so that another checkpoint, pooling or
precision has a folder of its own. A folder appears by one rename: what was
interrupted is never found.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lookalike.caching import cache_folder
from lookalike.encoders.cards import PRECISIONS, EncoderCard, weights_digest, with_precision
from lookalike.encoders.protocol import Runtime
from lookalike.encoders.runtimes import EXPORT_BACKENDS
from lookalike.encoders.runtimes.onnx import OnnxRuntime
from lookalike.encoders.runtimes.openvino import OpenVinoRuntime
from lookalike.encoders.weights.digests import file_digest
from lookalike.errors import EncoderError, StorageFull, UsageError

__all__ = [
    "Evidence",
    "Export",
    "exports_of",
    "find_export",
    "fingerprint_of",
    "folder_of",
    "hashes_of",
    "remove_export",
    "require_known",
    "runtime_for",
    "runtime_of",
    "write_manifest",
    "writing_export",
]

logger = logging.getLogger(__name__)

NETWORK_FILES = {"openvino": "model.xml", "onnx": "model.onnx"}

MANIFEST = "export.json"
FORMAT = 1
UNFINISHED = ".unfinished"
# Another process may be at work there: no export takes that long.
UNFINISHED_S = 6 * 3600
# A prefix keeps paths short enough for every system; the manifest has it whole.
FOLDER_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured before an export was accepted.

    Attributes:
        pictures: How many real pictures it was compared on.
        cosine_min, cosine_mean: Of its embeddings to those of float32 torch.
        overlap: Share of the ten nearest pictures, of each among the others,
            that stay the same; None where too few pictures were given.
        calibrated_on: Pictures that its ranges were taken from; not compared.
        torch_rate, rate: Pictures a second on ready batches, in that run.
        seconds: What the export took in all.
        made: Day, as YYYY-MM-DD.
        pictures_from: Whose pictures they were, for people.
        libraries: Versions of what made it.
    """

    pictures: int
    cosine_min: float
    cosine_mean: float
    overlap: float | None
    calibrated_on: int
    torch_rate: float
    rate: float
    seconds: float
    made: str
    pictures_from: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)

    @property
    def speed_ratio(self) -> float:
        """How many times faster than torch it was."""
        return self.rate / self.torch_rate


@dataclass(frozen=True, slots=True)
class Export:
    """A network in the form of another library, accepted and kept.

    Attributes:
        encoder: Name under which it was exported, for people.
        backend: ``onnx`` or ``openvino``.
        precision: ``exact``, ``bf16`` or ``int8``.
        fingerprint: Of its space.
        folder: Where it lies.
        files: sha256 of each of its files.
        evidence: Why it was accepted.
    """

    encoder: str
    backend: str
    precision: str
    fingerprint: str
    folder: Path
    files: Mapping[str, str]
    evidence: Evidence

    @property
    def size_bytes(self) -> int:
        """Size of those of its files that are there."""
        files = [self.folder / name for name in self.files]
        return sum(file.stat().st_size for file in files if file.is_file())


def find_export(card: EncoderCard, digest: str, backend: str = "auto") -> Export | None:
    """Find the export to run an encoder with: of its weights, pooling and precision.

    An export whose files were changed is not used, and the log says so.

    Args:
        card: What the encoder is; its precision is the one looked for.
        digest: sha256 of its weights.
        backend: ``openvino``, ``onnx``, or ``auto`` for the first of them that is
            there and installed; anything else finds nothing.
    """
    fingerprint = fingerprint_of(card, digest)
    for name in EXPORT_BACKENDS:
        if backend != name and (backend != "auto" or not is_installed(name)):
            continue
        export = read_export(folder_of(fingerprint, name, card.precision), fingerprint)
        if export is not None and is_intact(export):
            return export
    return None


def exports_of(card: EncoderCard, digest: str) -> tuple[Export, ...]:
    """List the exports of an encoder, in all precisions. Their files are not read."""
    found = []
    for precision in PRECISIONS:
        fingerprint = fingerprint_of(with_precision(card, precision), digest)
        for backend in EXPORT_BACKENDS:
            export = read_export(folder_of(fingerprint, backend, precision), fingerprint)
            if export is not None:
                found.append(export)
    return tuple(found)


def runtime_of(export: Export, card: EncoderCard, threads: int | None = None) -> Runtime:
    """Load what runs an export that was found intact.

    Raises:
        MissingExtra: Its library is not installed.
        EncoderError: The library refuses it.
    """
    card = with_precision(card, export.precision)
    return runtime_for(export.backend, export.folder, card, threads=threads)


def runtime_for(
    backend: str, folder: Path, card: EncoderCard, *, threads: int | None = None
) -> Runtime:
    """Load what runs the network in a folder, in its card's precision."""
    file = folder / NETWORK_FILES[backend]
    if backend == "onnx":
        return OnnxRuntime(card, file, threads=threads)
    return OpenVinoRuntime(card, file, precision=card.precision, threads=threads)


def remove_export(export: Export) -> None:
    """Delete an export; the folder of its space too, where it was the last."""
    shutil.rmtree(export.folder, ignore_errors=True)
    try:
        export.folder.parent.rmdir()
    except OSError:  # another export is left
        return


def fingerprint_of(card: EncoderCard, digest: str) -> str:
    """Name the space of a card, though its dim may not be known yet: it is no part of it."""
    return replace(card, dim=card.dim or 1).space(digest).fingerprint


def folder_of(fingerprint: str, backend: str, precision: str) -> Path:
    """Say where an export lies."""
    place = cache_folder() / "exports" / fingerprint[:FOLDER_DIGITS]
    return place / f"{backend}-{precision}"


@contextmanager
def writing_export(fingerprint: str, backend: str, precision: str) -> Iterator[Path]:
    """Give a folder to write into; it takes the export's place when all went well.

    Raises:
        StorageFull: The disk is full; nothing is left.
        UsageError: The cache cannot be written; nothing is left.
    """
    place = folder_of(fingerprint, backend, precision)
    unfinished = place.with_name(f"{place.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        sweep(place)
        unfinished.mkdir(parents=True)
        yield unfinished
        shutil.rmtree(place, ignore_errors=True)
        os.rename(unfinished, place)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}:
            raise StorageFull(
                f"The disk is full, so nothing was exported to {place}: make room, or set "
                "LOOKALIKE_CACHE to a folder elsewhere."
            ) from error
        raise UsageError(
            f"The export {place} cannot be written ({error.strerror or error}): set "
            "LOOKALIKE_CACHE to a folder that can."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def sweep(place: Path) -> None:
    """Remove what exports to this place that were killed have left."""
    for folder in place.parent.glob(f"{place.name}.*{UNFINISHED}"):
        if time.time() - folder.stat().st_mtime > UNFINISHED_S:
            shutil.rmtree(folder, ignore_errors=True)


def hashes_of(folder: Path) -> dict[str, str]:
    """Hash each file of a folder."""
    return {file.name: weights_digest(file) for file in sorted(folder.iterdir())}


def write_manifest(export: Export, folder: Path) -> None:
    """Write what is known of an export into the folder that will be its own."""
    facts = {"format": FORMAT, **asdict(export)}
    del facts["folder"]
    text = json.dumps(facts, indent=2)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_export(folder: Path, fingerprint: str) -> Export | None:
    """Read a manifest; None where there is none that this version can read."""
    try:
        facts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if facts.pop("format") != FORMAT or facts["fingerprint"] != fingerprint:
            return None
        return exported(facts, folder)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("the export %s is not used: its %s is damaged (%s)", folder, MANIFEST, error)
        return None


def exported(facts: dict[str, Any], folder: Path) -> Export:
    """Build an export from its parsed manifest."""
    evidence = Evidence(**facts.pop("evidence"))
    export = Export(folder=folder, evidence=evidence, **facts)
    if NETWORK_FILES[export.backend] not in export.files:
        raise ValueError("it names no network")
    return export


def is_intact(export: Export) -> bool:
    """Compare an export's files with their hashes; say in the log what differs.

    Files that did not change since they were last read are not read again.
    """
    for name, expected in export.files.items():
        try:
            if file_digest(export.folder / name) == expected:
                continue
            reason = "was changed since it was accepted"
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
        logger.warning(
            "the export %s is not used: its %s %s; export again", export.folder, name, reason
        )
        return False
    return True


def is_installed(backend: str) -> bool:
    """Look for a back-end's library without importing it."""
    return backend == "onnx" or find_spec(backend) is not None


def require_known(backend: str, precision: str) -> None:
    """Refuse what cannot be exported to.

    Raises:
        UsageError: No such back-end or precision.
        EncoderError: The back-end cannot compute in that precision.
    """
    if backend not in EXPORT_BACKENDS:
        raise UsageError(f"Cannot export to {backend!r}: use {' or '.join(EXPORT_BACKENDS)}.")
    if precision not in PRECISIONS:
        raise UsageError(f"Precision {precision!r} is unknown: use {', '.join(PRECISIONS)}.")
    if (backend, precision) == ("onnx", "bf16"):
        raise EncoderError(
            "ONNX Runtime has no bfloat16 networks on processors: export to openvino, "
            "or ask for precision exact or int8."
        )
