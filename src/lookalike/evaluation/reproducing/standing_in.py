"""What of a system's data and encoders is on this machine, and what stands in for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lookalike.encoders import Encoder
from lookalike.encoders.names import parse_name
from lookalike.encoders.weights.located import source_of
from lookalike.encoders.weights.stored import find_weights
from lookalike.errors import DatasetNotFound, EncoderError, MissingExtra, UsageError, first_line
from lookalike.evaluation.datasets import datasets_folder, open_set
from lookalike.evaluation.datasets.listing import digest_of
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.matrix.places import short_encoder_name
from lookalike.evaluation.reports.wording import listed
from lookalike.evaluation.reproducing.means import Means
from lookalike.evaluation.reproducing.subsets import fewer_pictures
from lookalike.evaluation.reproducing.systems import System, WantedEncoder
from lookalike.images import open_source

__all__ = ["found_set", "require_pictures", "tell_of_training", "usable_encoders"]

BUILTIN = "builtin"
RENDERED = "rendered"
# Its pictures have captions and no classes to take a few of.
CAPTIONED = "sbu-captions"
# Files of a data set that are not the ones its authors published: parts, repacked ones.
OTHER_FORMS = {
    "tiny-imagenet": ("tiny-imagenet-200", "tiny-imagenet-200.tar", "tiny-imagenet-200.tar.gz",
                      "tiny-imagenet-200.zip"),
    "caltech-101": ("101_ObjectCategories", "caltech101-eval.tar", "caltech-101.zip"),
    "cifar-10": ("cifar-10-batches-py", "cifar-10-python.tar.gz"),
    "cifar-100": ("cifar-100-python", "cifar-100-python.tar.gz"),
}  # fmt: skip
# When a fifth is held out, a list of an inverted file has what it is learned from.
FEWEST_PICTURES = 60
# Of pictures without classes, with --small.
MOST_IN_SMALL = 2000


def found_set(means: Means) -> ImageSet:
    """Open the system's data set, or the nearest that is here.

    Raises:
        DatasetError: One is here and cannot be read.
    """
    system = means.system
    if system.set_name:
        found = opened(means, system.set_name)
        if found is not None:
            if len(found.images) < system.set_images:
                means.remark(
                    f"Of {system.set_title}, {len(found.images):,} pictures are searched; the "
                    f"system searched {system.set_images:,}."
                )
            return found
    elif (own := pictures_of_the_user(means)) is not None:
        return own
    for name in system.stand_ins:
        found = opened(means, name)
        if found is not None:
            if system.set_name:
                means.remark(
                    f"{system.set_title} is not on this machine: {found.name} stands in for it, "
                    f"with {len(found.images):,} pictures and {found.class_count} classes."
                )
            return found
    raise DatasetNotFound(
        f"Neither {system.set_title} nor anything that could stand in for it is on this machine: "
        "name the folder that holds one with --data."
    )


def pictures_of_the_user(means: Means) -> ImageSet | None:
    """Take the first folder of data that holds pictures, whatever they show."""
    for folder in means.wish.data_folders:
        refs = sorted(open_source(folder).scan(), key=lambda ref: ref.path)
        images = tuple(ref.path for ref in refs)
        if len(images) > 1:
            found = ImageSet(
                name=folder.name,
                root=folder,
                images=images,
                queries=images,
                judgements={},
                labels=None,
                fingerprint=digest_of(
                    [folder],
                    images,
                    (ref.size_bytes for ref in refs),
                    (ref.mtime_ns for ref in refs),
                ),
            )
            return within_scale(means, found)
    return None


def within_scale(means: Means, image_set: ImageSet) -> ImageSet:
    """Take a part of many pictures without classes, with --small."""
    if means.wish.is_small and len(image_set.images) > MOST_IN_SMALL:
        return fewer_pictures(image_set, MOST_IN_SMALL, seed=means.wish.seed)
    return image_set


def require_pictures(means: Means, image_set: ImageSet) -> None:
    """Refuse a set that is too small for indexes to be compared on it.

    Raises:
        UsageError: It is.
    """
    if len(image_set.images) < FEWEST_PICTURES:
        raise UsageError(
            f"Experiment {means.system.letter} compares indexes, and {image_set.name} has "
            f"{len(image_set.images)} pictures: take a set of {FEWEST_PICTURES} at least, or "
            "leave --data out."
        )


def opened(means: Means, name: str) -> ImageSet | None:
    """Open a set by its name, or by another form of its files; None where there is neither."""
    wish = means.wish
    limit = None if name == CAPTIONED else means.scale.per_class

    def tell(done: int, total: int) -> None:
        means.tell(f"preparing {name}", done, total)

    asked = f"{name}:{means.scale.rendered}" if name == RENDERED else name
    locations = [asked, *other_forms(name, (*wish.data_folders, datasets_folder()))]
    for location in locations:
        try:
            found = open_set(
                location, data_folders=wish.data_folders, limit_per_class=limit, on_progress=tell
            )
        except DatasetNotFound:
            continue
        return found if found.labels is not None else within_scale(means, found)
    return None


def other_forms(name: str, folders: Sequence[Path]) -> list[str]:
    """List files and folders that hold a data set in another form than its authors gave it."""
    places = [folder / form for folder in folders for form in OTHER_FORMS.get(name, ())]
    return [str(place) for place in places if place.exists()]


def usable_encoders(means: Means) -> Iterator[tuple[WantedEncoder, Encoder]]:
    """Load the encoders one after the other, those that are here.

    Where none of the system's is, the encoder in the box takes their place. One that
    the user named is loaded whatever it takes, and an error with it is an error.

    Yields:
        What is wanted, and the encoder.
    """
    named = means.wish.encoders
    if named:
        if own := [wanted.title for wanted in means.system.encoders if wanted.name not in named]:
            asked = [short_encoder_name(name) for name in named]
            means.remark(f"As was asked, {listed(asked)} instead of the system's {listed(own)}.")
        for name in named:
            yield as_wanted(means.system, name), means.wish.load(name)
        return
    missing: dict[str, list[str]] = {}
    used = 0
    for wanted in means.system.encoders:
        encoder, reason = here(wanted.name, means.wish.load)
        if encoder is None:
            place = wanted.name.partition("?")[0]
            missing.setdefault(reason, []).append(f"{wanted.title} ({place})")
            continue
        used += 1
        yield wanted, encoder
    for reason, names in missing.items():
        means.remark(f"{reason} for {listed(names)}.")
    if not used:
        means.remark("The encoder in the box stands in for the system's.")
        yield WantedEncoder("builtin", BUILTIN), means.wish.load(BUILTIN)


def as_wanted(system: System, name: str) -> WantedEncoder:
    """Find an encoder that a user named among the system's, or take it as it is."""
    known = [wanted for wanted in system.encoders if wanted.name == name]
    return known[0] if known else WantedEncoder(short_encoder_name(name), name)


def here(name: str, load: Callable[[str], Encoder]) -> tuple[Encoder | None, str]:
    """Load an encoder if its weights are on this machine; nothing is pulled.

    Returns:
        The encoder; or None, and why not.
    """
    try:
        if find_weights(source_of(parse_name(name)), is_checked=False) is None:
            return None, "No weights are on this machine"
        return load(name), ""
    except MissingExtra as error:
        return None, f"An optional library is missing (lookalike[{error.extra}])"
    except EncoderError as error:
        return None, f"Unusable weights ({first_line(error)})"


def tell_of_training(means: Means, encoder: Encoder, image_set: ImageSet) -> None:
    """Note where an encoder has learned from what is searched: it knows these pictures."""
    if encoder.card.name == BUILTIN and image_set.name.startswith("tiny-imagenet"):
        means.remark(
            "The encoder in the box has learned from training pictures of tiny-ImageNet, which "
            "are searched here."
        )
