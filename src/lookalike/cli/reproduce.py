"""``lookalike reproduce``."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.encoder_options import EncoderChoice, backend_option, device_option
from lookalike.cli.examples import ExampleCommand
from lookalike.cli.interrupts import Interrupted
from lookalike.cli.options import absolute, expanded, logging_options
from lookalike.cli.output import note, printable, say, shown_path
from lookalike.cli.progress import step_bar
from lookalike.errors import UsageError

if TYPE_CHECKING:
    from lookalike.encoders import Encoder
    from lookalike.evaluation.reproducing import ReproduceWish, Reproduction

EXAMPLES = (
    (
        "lookalike reproduce E --small",
        "Precision by label, k-means and t-SNE in a few minutes, on pictures drawn for it if "
        "there is no data set.",
    ),
    (
        "lookalike reproduce B --data ~/downloads",
        "Brute force, FAISS flat and FAISS IVF, at N and at 10 N, on the archive that lies there.",
    ),
    (
        "lookalike reproduce A --encoders builtin,resnet18,dinov2-s",
        "Other encoders than the system's own.",
    ),
)
LETTERS = ("A", "B", "C", "D", "E")


class Letter(click.ParamType):  # type: ignore[type-arg]
    """A system's letter, in either case."""

    name = "letter"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take one of the letters."""
        if value.upper() not in LETTERS:
            self.fail(f"there is no system {value!r}, use {', '.join(LETTERS)}", param, ctx)
        return value.upper()


@click.command("reproduce", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("letter", metavar="A|B|C|D|E", type=Letter())
@click.option(
    "--small",
    "is_small",
    is_flag=True,
    help="Run a few thousand embeddings: some minutes on two cores with the encoder in the box.",
)
@click.option(
    "--data",
    metavar="DIR",
    multiple=True,
    help="Another folder to look for the archives of data sets in; C indexes its pictures.",
)
@click.option(
    "--encoders",
    metavar="NAMES",
    multiple=True,
    help="Encoders to take in place of the system's own, parted by commas. Default: those of the "
    "system's that are on this machine, else builtin.",
)
@click.option(
    "--out",
    metavar="DIR",
    default="reproduce",
    show_default=True,
    help="Where to: each system gets a folder of its letter inside. An interrupted run goes on.",
)
@click.option(
    "--fresh",
    "is_fresh",
    is_flag=True,
    help="Measure again what was measured before.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@device_option
@backend_option
@logging_options
def command(
    letter: str,
    is_small: bool,
    data: tuple[str, ...],
    encoders: tuple[str, ...],
    out: str,
    is_fresh: bool,
    as_json: bool,
    device: str,
    backend: str,
) -> None:
    """Run the experiment of one of five published systems, end to end.

    A: precision and false positives over K, thirteen encoders, CIFAR-100.

    B: brute force, FAISS flat and FAISS IVF, at N and 10 N, tiny-ImageNet.

    C: index a folder, add new pictures to it, search.

    D: a million captioned pictures in shards, merged; Recall@K and latency.

    E: precision by label, k-means and t-SNE, CIFAR-10.

    Each runs on whatever of the system's data and encoders is on this machine,
    and says what stands in for the rest: numbers measured on a stand-in are not
    comparable with the published ones, which are set beside them. Nothing is
    downloaded: 'lookalike datasets pull' and 'lookalike encoders pull' do that.
    """
    folder = writable_folder(out)
    wish = wished(is_small, data, encoders, device, backend)
    found = run(letter.upper(), replace(wish, is_fresh=is_fresh), folder)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    else:
        say(printable_lines(found.markdown()))
    note(f"Written to {shown_path(found.folder)}: table.md, results.json and what is named above.")


def wished(
    is_small: bool,
    data: tuple[str, ...],
    encoders: tuple[str, ...],
    device: str,
    backend: str,
) -> ReproduceWish:
    """Read what is asked for, before anything is loaded.

    Raises:
        UsageError: A folder of data is not there, or an encoder's name has no meaning.
    """
    from lookalike.encoders.names import parse_name
    from lookalike.evaluation.matrix.names import split_encoders
    from lookalike.evaluation.reproducing import ReproduceWish

    folders = tuple(Path(absolute(folder)) for folder in data)
    for folder, typed in zip(folders, data, strict=True):
        if not folder.is_dir():
            raise UsageError(f"There is no folder {typed}: check the spelling of --data.")
    names = tuple(expanded(name) for text in encoders for name in split_encoders(text))
    for name in names:
        parse_name(name)

    def load(name: str) -> Encoder:
        is_own = name == "builtin" or name.startswith("onnx:")
        choice = EncoderChoice(name) if is_own else EncoderChoice(name, device, backend)
        return choice.load()

    return ReproduceWish(is_small=is_small, data_folders=folders, encoders=names, load=load)


def writable_folder(out: str) -> Path:
    """Make the folder of results, or find out that it cannot be, before the long work.

    Raises:
        UsageError: It cannot be written.
    """
    folder = Path(absolute(out))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The folder {folder} cannot be made ({error.strerror}): name another with --out."
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"The folder {folder} cannot be written to: name another with --out.")
    return folder


def run(letter: str, wish: ReproduceWish, folder: Path) -> Reproduction:
    """Run with a progress bar; say what is kept if that is interrupted."""
    from lookalike.evaluation.reproducing import reproduce

    try:
        with step_bar(f"Reproducing {letter}") as tell:
            return reproduce(
                letter,
                wish,
                folder=folder,
                say=lambda text: note(printable(text)),
                on_progress=tell,
            )
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted: what was embedded and measured so far is safe in "
            f"{shown_path(folder / letter)}, and the same command goes on from there."
        ) from None


def printable_lines(text: str) -> str:
    """Write a text of several lines so that a file name in it cannot break the terminal."""
    return "\n".join(printable(line) for line in text.rstrip("\n").split("\n"))
