"""``lookalike encoders export``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import click
import numpy as np
from numpy.typing import NDArray

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import expanded, logging_options
from lookalike.cli.output import counted, note, printable, shown_path
from lookalike.cli.progress import step_bar
from lookalike.encoders.assembling import card_and_folder
from lookalike.encoders.exporting import Export, export_network
from lookalike.encoders.exporting.gates import FEWEST_PICTURES
from lookalike.encoders.families import load_network
from lookalike.encoders.names import parse_name
from lookalike.errors import ImageError, NoImagesFound, UsageError
from lookalike.gallery import Gallery, find_gallery
from lookalike.images import Preprocessing, crop, decode, open_source

EXAMPLES = (
    (
        "lookalike encoders export resnet18 --to openvino --images ~/photos",
        "The same numbers, several times faster; used from then on.",
    ),
    (
        "lookalike encoders export resnet18 --to openvino --precision int8 --images ~/photos",
        "Faster still, accepted only if it ranks these pictures as the exact one does.",
    ),
)
SEED = 0


@click.command("export", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("name", metavar="NAME")
@click.option(
    "--to",
    type=click.Choice(["openvino", "onnx"]),
    default="openvino",
    show_default=True,
    help="For which runtime: OpenVINO is the faster one on most processors.",
)
@click.option(
    "--precision",
    type=click.Choice(["exact", "bf16", "int8"]),
    default="exact",
    show_default=True,
    help="exact keeps torch's numbers; bf16 moves scores by about 0.001; int8 by more, and has "
    "to prove itself.",
)
@click.option(
    "--images",
    metavar="SOURCE",
    help="Real pictures to compare on, and to calibrate int8 with: a folder, a pattern or a list. "
    "Default: those of the gallery here. Where there is none, exact and bf16 are compared on "
    "rendered ones; int8 needs real ones.",
)
@click.option(
    "--count",
    type=WholeNumber(1, 10_000),
    default=300,
    show_default=True,
    metavar="N",
    help="How many of them to take.",
)
@logging_options
def export(name: str, to: str, precision: str, images: str | None, count: int) -> None:
    """Write an encoder for a faster runtime, and prove that it is still the same.

    The export is compared with torch on real pictures before it is accepted:
    exact needs a cosine of 0.9999 for each of them, bf16 0.999 on average, int8
    95 % of the same ten nearest neighbors. From then on the encoder is run by
    it, on the CPU, without torch.
    """
    parsed = parse_name(expanded(name))
    if parsed.kind in {"builtin", "onnx"}:
        raise UsageError(
            f"Encoder {name!r} is an ONNX network already: only encoders of timm, OpenCLIP and "
            "Transformers are exported."
        )
    parsed = replace(parsed, options={**parsed.options, "precision": precision})
    chosen = chosen_pictures(images, precision)
    card, folder = card_and_folder(parsed)
    pictures = sample(chosen, card.preprocessing, count)
    note(f"Loading {printable(card.name)} with torch ...")
    network = load_network(folder, card)
    with step_bar("Exporting") as tell:
        made = export_network(
            network, card, folder.digest(), to=to, precision=precision, pictures=pictures,
            pictures_from=chosen.origin, on_progress=tell,
        )  # fmt: skip
    click.echo(as_text(made))


def as_text(made: Export) -> str:
    """Lay out for people."""
    proof = made.evidence
    overlap = "" if proof.overlap is None else f", {proof.overlap:.1%} of the same ten neighbors"
    return (
        f"accepted: {printable(made.encoder)} for {made.backend} in {made.precision}, "
        f"{made.size_bytes / 1e6:,.1f} MB\n"
        f"  compared   with torch on {counted(proof.pictures, 'picture')}, "
        f"{printable(proof.pictures_from)}: cosine "
        f"{proof.cosine_min:.6f} at least, {proof.cosine_mean:.6f} on average{overlap}\n"
        f"  speed      {proof.rate:,.1f} pictures/s, torch {proof.torch_rate:,.1f}: "
        f"{proof.speed_ratio:.1f} times as fast\n"
        f"  kept in    {shown_path(made.folder)}"
    )


@dataclass(frozen=True, slots=True)
class Chosen:
    """Pictures to compare on.

    Attributes:
        paths: Of all there are; none where they are to be rendered.
        origin: Whose they are, for people.
    """

    paths: tuple[str, ...]
    origin: str


def chosen_pictures(images: str | None, precision: str) -> Chosen:
    """List the pictures of a source, else of the gallery here; else they are to be rendered.

    Raises:
        NoImagesFound: The source holds none.
        UsageError: Rendered pictures would have to judge integers.
    """
    if images is not None:
        source = open_source(images)
        paths = tuple(source.absolute(ref.path) for ref in source.scan())
        if not paths:
            raise NoImagesFound(f"{images} holds no pictures: name another source.")
        return Chosen(paths, f"from {images}")
    if paths := tuple(gallery_paths()):
        return Chosen(paths, "from the gallery here")
    # Integers get their ranges from pictures, and ten neighbors among drawn shapes say
    # nothing of those among photographs.
    if precision == "int8":
        raise UsageError(
            "An export in int8 is judged on real pictures, and there is no gallery here: name at "
            f"least {FEWEST_PICTURES} of the kind that will be searched with --images."
        )
    return Chosen((), "rendered and not yours (--images names some of yours)")


def sample(chosen: Chosen, preprocessing: Preprocessing, count: int) -> NDArray[np.uint8]:
    """Prepare pictures, picked evenly at random and always the same ones.

    Raises:
        NoImagesFound: Not one can be read.
    """
    found: list[NDArray[np.uint8]] = []
    with tempfile.TemporaryDirectory(prefix="lookalike-") as scratch:
        paths = list(chosen.paths) or rendered(scratch, count)
        Random(SEED).shuffle(paths)
        for path in paths:
            try:
                picture = decode(path, shortest_side=preprocessing.resize)
            except ImageError:
                continue
            found.append(crop(picture, preprocessing))
            if len(found) == count:
                break
    if not found:
        raise NoImagesFound(
            f"Of the pictures {chosen.origin}, none can be read: name others with --images."
        )
    note(f"Comparing on {counted(len(found), 'picture')}, {printable(chosen.origin)}.")
    return np.stack(found)


def rendered(folder: str, count: int) -> list[str]:
    """Render pictures into a folder."""
    from lookalike.demonstration import render_collection

    note("There are no pictures of yours here: rendering some ...")
    render_collection(folder, pictures=count)
    return [str(file) for file in sorted(Path(folder).rglob("*")) if file.is_file()]


def gallery_paths() -> Iterator[str]:
    """List the pictures of the gallery of the current folder, if there is one."""
    here = find_gallery(Path.cwd())
    if here is None:
        return
    with Gallery.open(here) as gallery:
        for record in gallery.images():
            yield gallery.absolute_path(record)
