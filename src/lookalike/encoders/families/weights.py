"""Reading safetensors, and refusing weights that do not fit their network."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.encoders.families.importing import library
from lookalike.errors import EncoderError, first_line

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

__all__ = ["fit", "misfit", "read_tensors", "refused_weights"]


def read_tensors(files: Sequence[Path], renamed: Callable[[str], str | None]) -> dict[str, Tensor]:
    """Read tensors from safetensors files.

    Args:
        files: One, or all shards.
        renamed: The name under which to keep a tensor; None leaves it in the file.

    Raises:
        EncoderError: A file is damaged.
    """
    safetensors = library("safetensors", extra="hub", purpose="Reading weights")
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            with safetensors.safe_open(file, framework="pt") as stored:
                for key in stored.keys():  # noqa: SIM118 - it is no mapping
                    if (name := renamed(key)) is not None:
                        tensors[name] = stored.get_tensor(key)
        except (OSError, safetensors.SafetensorError) as error:
            raise EncoderError(
                f"The weights {file} cannot be read ({first_line(error)}): fetch them again."
            ) from error
    return tensors


def fit(module: Module, tensors: Mapping[str, Any], place: Path) -> None:
    """Load tensors into a module, each exactly where it belongs.

    Raises:
        EncoderError: One is missing, too many, or of another shape.
    """
    wanted = module.state_dict()
    missing = [key for key in wanted if key not in tensors]
    unexpected = [key for key in tensors if key not in wanted]
    reshaped = [
        f"{key} is {tuple(tensors[key].shape)} and not {tuple(wanted[key].shape)}"
        for key in wanted
        if key in tensors and tensors[key].shape != wanted[key].shape
    ]
    if missing or unexpected or reshaped:
        raise misfit(place, missing=missing, unexpected=unexpected, reshaped=reshaped)
    module.load_state_dict(tensors)


def misfit(
    place: Path,
    *,
    missing: Collection[str] = (),
    unexpected: Collection[str] = (),
    reshaped: Collection[str] = (),
) -> EncoderError:
    """Write the error of weights that belong to another network, with a few of the differences."""
    parts = [
        f"{words} {few(names)}"
        for words, names in (
            ("missing:", missing),
            ("not part of the network:", unexpected),
            ("of another shape:", reshaped),
        )
        if names
    ]
    return EncoderError(
        f"The weights in {place} do not fit the network that its configuration describes "
        f"({'; '.join(parts)}): bring back the files that belong together."
    )


def refused_weights(place: Path, error: Exception) -> EncoderError:
    """Turn torch's many lines about weights that do not fit into one sentence."""
    text = str(error)
    listed = {
        "missing": r"Missing key\(s\) in state_dict: ([^\n]*)",
        "unexpected": r"Unexpected key\(s\) in state_dict: ([^\n]*)",
    }
    found = {
        name: re.findall(r'"([^"]+)"', match.group(1))
        for name, pattern in listed.items()
        if (match := re.search(pattern, text))
    }
    shapes = re.findall(r"size mismatch for (\S+):", text)
    if found or shapes:
        return misfit(place, **found, reshaped=shapes)
    return EncoderError(
        f"The weights in {place} cannot be loaded ({first_line(error)}): "
        "bring back the files that belong together."
    )


def few(names: Collection[str]) -> str:
    """List the first names, and how many more there are."""
    listed = sorted(names)
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return ", ".join(listed[:3]) + more
