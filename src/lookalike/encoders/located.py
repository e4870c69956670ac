"""From a name to the folder that holds its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.catalogues import openclip_repository, timm_repository
from lookalike.encoders.folders import WeightsFolder, open_folder
from lookalike.encoders.hub import Progress, pull
from lookalike.encoders.known import card_of, known_card
from lookalike.encoders.names import EncoderName, repository_and_revision, written
from lookalike.encoders.reach import weights_missing
from lookalike.encoders.stored import Repository, find_weights, repository_of
from lookalike.errors import EncoderError, UsageError

__all__ = ["card_named", "located", "pulled", "resolved", "source_of"]


def located(
    name: EncoderName, *, is_allowed_to_pull: bool = True, progress: Progress | None = None
) -> tuple[EncoderCard | None, WeightsFolder]:
    """Find an encoder's weights: on this machine, else from the hub.

    Args:
        name: Anything but ``builtin`` and ``onnx:``.
        is_allowed_to_pull: Whether the hub may be asked.
        progress: Told of bytes that are here, and of all there will be.

    Returns:
        Its card, if it is known by name and is to be used as it is; None where the
        folder itself has to tell, and where pooling or size are asked for that may
        change what the card says. And its folder.

    Raises:
        EncoderNotFound: There are no such weights, or they are out of reach.
        EncoderError: They cannot be used, or are not the card's.
        MissingExtra: A library is needed to find them.
        StorageFull: There is no room for them.
    """
    if name.kind == "folder":
        return None, open_folder(Path(name.place))
    name = resolved(name)
    card = card_named(name)
    repository = source_of(name)
    folder = find_weights(repository)
    if folder is None and not is_allowed_to_pull:
        raise weights_missing(repository, "they were never pulled")
    if folder is None:
        folder = pulled(name, progress=progress)
    elif card and card.sha256:
        require_card(card, folder)
    is_changed = name.options.get("pooling", "own") != "own" or "size" in name.options
    return (None if is_changed else card), folder


def pulled(name: EncoderName, *, progress: Progress | None = None) -> WeightsFolder:
    """Bring an encoder's weights to this machine; where they are damaged, bring them again.

    Args:
        name: A hub's: neither ``builtin`` nor a file or directory.
        progress: Told of bytes that are here, and of all there will be.

    Raises:
        EncoderNotFound: There are no such weights, or they are out of reach.
        EncoderError: They cannot be used, or are not the card's.
        MissingExtra: A library is needed to find or pull them.
        StorageFull: There is no room for them.
        UsageError: The name is none of a hub's.
    """
    name = resolved(name)
    repository = source_of(name)
    folder = pull(repository, progress=progress)
    card = card_named(name)
    if card and card.sha256:
        require_card(card, folder)
    return folder


def resolved(name: EncoderName) -> EncoderName:
    """Write a timm name in full: without its tag it moves from one release to the next.

    Raises:
        MissingExtra: timm is needed to tell, and not installed.
        EncoderNotFound: timm has no such network.
    """
    if name.kind != "timm" or "." in name.place:
        return name
    full, _ = timm_repository(name.place)
    return replace(name, place=full)


def source_of(name: EncoderName) -> Repository:
    """Say in which repository the weights of a name are kept.

    Raises:
        MissingExtra: A library is needed to tell, and not installed.
        EncoderNotFound: It has no such weights.
        UsageError: The name is none of a hub's.
    """
    called = written(name)
    if card := card_named(name):
        return replace(repository_of(card), name=called)
    if name.kind == "transformers":
        place, revision = repository_and_revision(name.place)
        return Repository(place, revision, name=called)
    if name.kind == "openclip":
        return Repository(openclip_repository(name.place), family="openclip", name=called)
    if name.kind == "timm":
        # Nearly all of timm's are kept under their own name: what is here is
        # found without importing timm.
        usual = Repository(f"timm/{name.place}", family="timm", name=called)
        if "." in name.place and find_weights(usual, is_checked=False):
            return usual
        return replace(usual, place=timm_repository(name.place)[1])
    raise UsageError(f"The weights of encoder {called!r} come from no hub: name one that does.")


def card_named(name: EncoderName) -> EncoderCard | None:
    """Find the card of a name, under that name and with its precision; None if it has none."""
    card = known_card(name.place) if name.kind == "known" else card_of(name.kind, name.place)
    if card is None:
        return None
    precision = name.options.get("precision", card.precision)
    return replace(card, name=written(name), precision=precision)


def require_card(card: EncoderCard, folder: WeightsFolder) -> None:
    """Refuse weights that are not the ones the card names."""
    digest = folder.digest()
    if digest != card.sha256:
        raise EncoderError(
            f"The weights in {folder.path} are not the ones of encoder {card.name!r} (sha256 "
            f"{digest[:12]}, its card says {card.sha256[:12]}): delete the directory, and pull "
            "them again."
        )
