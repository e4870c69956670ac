"""What an encoder can be called, and what such a name says.

::

    builtin                     the encoder in the box
    dinov2-b                    one that is known by name
    timm:NAME                   any of timm's, as timm names it
    openclip:ARCH/TAG           any of OpenCLIP's
    hf:REPOSITORY[@REVISION]    a repository of the hub
    onnx:FILE                   a network of one's own
    DIR                         a directory that holds what a repository holds

Options can follow as in an address, ``dinov2-b?pooling=mean&size=224``, so that
one string, kept with a gallery, always finds its encoder again.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

from lookalike.encoders.cards import POOLINGS, PRECISIONS
from lookalike.encoders.known import canonical_name, known_names, nearest_names
from lookalike.encoders.weights.catalogues import does_timm_know
from lookalike.errors import EncoderNotFound, UsageError

__all__ = [
    "HUB_OPTIONS",
    "ONNX_OPTIONS",
    "EncoderName",
    "encoder_name",
    "export_command",
    "parse_name",
    "repository_and_revision",
    "side",
    "split_options",
    "with_stored_options",
    "written",
]

ONNX_PREFIX = "onnx:"
ONNX_OPTIONS = ("size", "resize", "interpolation", "mean", "std", "output")
HUB_OPTIONS = ("pooling", "precision", "size")
# What is so without a word.
USUAL = {"pooling": "own", "precision": "exact"}

# What stands before the colon, and the kind it means.
PREFIXES = {"timm": "timm", "openclip": "openclip", "hf": "transformers", "onnx": "onnx"}
# What stands after it, as errors show it and as it has to look.
FORMS = {
    "timm": ("timm:NAME", re.compile(r"[\w-]+(\.[\w-]+)?")),
    "openclip": ("openclip:ARCH/TAG", re.compile(r"[\w.-]+/[\w.-]+")),
    "hf": ("hf:REPOSITORY", re.compile(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?")),
}
# A side that any network could have; int() refuses thousands of digits in its own way.
SIDE = re.compile(r"0*[1-9][0-9]{0,8}")
PATH_STARTS = ("/", "./", "../", "~", ".\\", "..\\")


@dataclass(frozen=True, slots=True)
class EncoderName:
    """A name, taken apart.

    Attributes:
        kind: ``builtin``, ``known``, ``timm``, ``openclip``, ``transformers``,
            ``onnx`` or ``folder``.
        place: What the kind looks for: a name, a repository, an absolute path.
        options: What followed it.
    """

    kind: str
    place: str
    options: Mapping[str, str] = field(default_factory=dict)


def parse_name(name: str | os.PathLike[str]) -> EncoderName:
    """Take an encoder's name apart, without looking at any weights.

    Raises:
        EncoderNotFound: Nothing is called that; the nearest names are said.
        UsageError: The name or an option has no meaning.
    """
    text = os.fspath(name).strip()
    prefix, colon, rest = text.partition(":")
    if colon and prefix == "onnx":
        file, options = split_options(rest)
        require_something(file, "onnx:FILE")
        return EncoderName("onnx", absolute(file), options)
    place, options = split_options(text, HUB_OPTIONS)
    if place == "builtin":
        refuse_options(place, options)
        return EncoderName("builtin", place)
    check_hub_options(options)
    if colon and prefix in PREFIXES:
        return EncoderName(PREFIXES[prefix], well_formed(prefix, place[len(prefix) + 1 :]), options)
    if known := canonical_name(place):
        return EncoderName("known", known, options)
    if place.startswith(PATH_STARTS) or os.path.isabs(place) or os.path.isdir(place):
        return EncoderName("folder", absolute(place), options)
    raise unknown(place)


def written(name: EncoderName) -> str:
    """Write the one string that ``parse_name`` reads as this name."""
    prefix = {kind: prefix for prefix, kind in PREFIXES.items()}.get(name.kind)
    order = ONNX_OPTIONS if name.kind == "onnx" else HUB_OPTIONS
    query = "&".join(
        f"{key}={name.options[key]}"
        for key in order
        if name.options.get(key, "") not in {"", USUAL.get(key)}
    )
    return (f"{prefix}:" if prefix else "") + name.place + (f"?{query}" if query else "")


def repository_and_revision(place: str) -> tuple[str, str]:
    """Part ``REPOSITORY@REVISION``; the revision is empty where none was asked for."""
    repository, _, revision = place.partition("@")
    return repository, revision


def encoder_name(weights: str | Path, options: Mapping[str, str]) -> str:
    """Write the one string that finds an ONNX encoder and its options again."""
    return written(EncoderName("onnx", str(weights), options))


def with_stored_options(name: str, stored: str) -> str:
    """Give an ONNX file that was named alone the options that a gallery stored with its encoder.

    A file that was moved is then found again by its new place; whether it is the
    same network is for the fingerprint to say.
    """
    if not (name.startswith(ONNX_PREFIX) and stored.startswith(ONNX_PREFIX)):
        return name
    _, options = split_options(stored.removeprefix(ONNX_PREFIX))
    file, own = split_options(name.removeprefix(ONNX_PREFIX))
    has_card = Path(os.path.expanduser(file)).with_suffix(".json").is_file()
    return name if own or has_card or not options else encoder_name(file, options)


def split_options(place: str, allowed: Sequence[str] = ONNX_OPTIONS) -> tuple[str, dict[str, str]]:
    """Part a place from its options; a question mark in a file's own name stays there.

    Raises:
        UsageError: An option is unknown, or given twice.
    """
    file, mark, tail = place.rpartition("?")
    if not mark or "=" not in tail:
        return place, {}
    pairs = parse_qsl(tail, keep_blank_values=True)
    options = dict(pairs)
    for key in sorted(set(options) - set(allowed)):
        near = difflib.get_close_matches(key, allowed, 1)
        hint = f"did you mean {near[0]!r}? Options are" if near else "use"
        raise UsageError(f"Encoder option {key!r} is unknown: {hint} {', '.join(allowed)}.")
    if len(pairs) != len(options):
        raise UsageError(f"An encoder option is given twice in {place!r}: give each once.")
    return file, options


def check_hub_options(options: Mapping[str, str]) -> None:
    """Refuse values that no encoder could follow."""
    for key, allowed in (("pooling", POOLINGS), ("precision", PRECISIONS)):
        if options.get(key, allowed[0]) not in allowed:
            raise UsageError(f"Encoder option {key} is {options[key]!r}: use {', '.join(allowed)}.")
    side("size", options.get("size", "1"))


def side(option: str, text: str) -> int:
    """Read a side in pixels.

    Raises:
        UsageError: It is no whole number above 0.
    """
    if not SIDE.fullmatch(text):
        what = "the side of its input" if option == "size" else "a side"
        raise UsageError(
            f"Encoder option {option} is {text!r}, which is not a number of pixels that is whole "
            f"and above 0: give {what} in pixels, as in 224."
        )
    return int(text)


def export_command(name: str, to: str, precision: str) -> str:
    """Write the command that exports an encoder, ready for a shell.

    Args:
        name: The encoder's full name; its own precision is left out.
        to: ``openvino`` or ``onnx``.
        precision: The one wanted.
    """
    place, options = split_options(name, HUB_OPTIONS)
    query = "&".join(f"{key}={options[key]}" for key in options if key != "precision")
    full = f"{place}?{query}" if query else place
    command = f"lookalike encoders export {shlex.quote(full)} --to {to}"
    return command if precision == "exact" else f"{command} --precision {precision}"


def refuse_options(place: str, options: Mapping[str, str]) -> None:
    """Refuse options where none have a meaning."""
    if options:
        raise UsageError(
            f"Encoder {place!r} takes no options, and {next(iter(options))!r} was given."
        )


def well_formed(prefix: str, place: str) -> str:
    """Return what follows a prefix, if it looks like what the prefix takes."""
    form, pattern = FORMS[prefix]
    require_something(place, form)
    if not pattern.fullmatch(place):
        raise UsageError(f"The encoder name '{prefix}:{place}' is none of the form {form}.")
    return place


def require_something(place: str, form: str) -> None:
    """Refuse a prefix that stands alone."""
    if not place:
        prefix, _, _ = form.partition(":")
        raise UsageError(f"The encoder name '{prefix}:' says too little: use {form}.")


def absolute(path: str) -> str:
    """Write a path so that it means the same from every folder."""
    return os.path.abspath(os.path.expanduser(path))


def unknown(place: str) -> Exception:
    """Say that nothing is called that, and what comes near."""
    everything = "`lookalike encoders` lists those known by name"
    prefix, colon, rest = place.partition(":")
    if not place:
        return UsageError(f"An encoder's name is empty: {everything}.")
    if colon and rest and prefix.isidentifier() and len(prefix) > 1:  # not a drive of Windows
        forms = ", ".join([*(form for form, _ in FORMS.values()), "onnx:FILE"])
        return EncoderNotFound(f"There is no kind of encoder {prefix!r}: use {forms}.")
    if place.lower().endswith(".onnx"):
        return EncoderNotFound(f"There is no encoder {place!r}: for a file, use 'onnx:{place}'.")
    near = nearest_names(place)
    # timm's names are written like this; asking timm takes seconds.
    if (not near or "_" in place) and does_timm_know(place):
        return EncoderNotFound(
            f"No encoder is known as {place!r}, but timm has it: use 'timm:{place}'."
        )
    if near:
        return EncoderNotFound(
            f"There is no encoder {place!r}: did you mean {listed(near)}? {everything}."
        )
    if place.count("/") == 1:
        return EncoderNotFound(
            f"There is no encoder {place!r} and no such directory: for a repository of the hub "
            f"use 'hf:{place}', for a directory './{place}'."
        )
    return EncoderNotFound(
        f"There is no encoder {place!r}: use 'builtin', a name such as "
        f"{listed(known_names()[:3])}, or 'onnx:FILE' for a network of your own; {everything}."
    )


def listed(names: Sequence[str]) -> str:
    """Write names in quotes, parted by commas and an ``or``."""
    *most, last = [repr(name) for name in names]
    return f"{', '.join(most)} or {last}" if most else last
