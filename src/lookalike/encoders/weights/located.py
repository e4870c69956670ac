"""From a name to the folder that holds its weights."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from lookalike.caching import cache_folder, keep_facts, kept_facts
from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.known import card_of, known_card
from lookalike.encoders.names import EncoderName, repository_and_revision, written
from lookalike.encoders.weights.catalogues import openclip_repository, timm_repository
from lookalike.encoders.weights.folders import WeightsFolder, open_folder
from lookalike.encoders.weights.hub import Progress, pull
from lookalike.encoders.weights.reach import require_reach_for
from lookalike.encoders.weights.stored import Repository, find_weights, repository_of
from lookalike.errors import EncoderError, UsageError

__all__ = ["card_named", "located", "pulled", "resolved", "source_of"]

# Of the cache: what libraries answered, by name: its full form and its repository.
MEMORY = "catalogues.json"
LIBRARIES = {"timm": "timm", "openclip": "open_clip"}


def located(
    name: EncoderName, *, progress: Progress | None = None
) -> tuple[EncoderCard | None, WeightsFolder]:
    """Find an encoder's weights: on this machine, else from the hub.

    Args:
        name: Anything but ``builtin`` and ``onnx:``.
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
    full, _ = looked_up(name)
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
        return Repository(looked_up(name)[1], family="openclip", name=called)
    if name.kind == "timm":
        # Nearly all of timm's are kept under their own name: what is here is
        # found without importing timm.
        usual = Repository(f"timm/{name.place}", family="timm", name=called)
        if "." in name.place and find_weights(usual, is_checked=False):
            return usual
        return replace(usual, place=looked_up(name)[1])
    raise UsageError(f"The weights of encoder {called!r} come from no hub: name one that does.")


def looked_up(name: EncoderName) -> tuple[str, str]:
    """Ask a library for a name's full form and its repository, and remember them.

    Libraries take seconds to import: once answered, they are not asked again. They
    are not asked either where the answer could be of no use, because nothing like
    it is on this machine and no hub answers.

    Raises:
        MissingExtra: The library is not installed.
        EncoderNotFound: It has no such weights, or they are out of reach.
        EncoderError: The weights are no safetensors.
    """
    called = written(replace(name, options={}))
    remembered = kept_facts(MEMORY).get(called)
    if isinstance(remembered, list) and len(remembered) == 2:
        return str(remembered[0]), str(remembered[1])
    library = LIBRARIES[name.kind]
    is_slow = library not in sys.modules and find_spec(library) is not None
    if is_slow and not is_any_here(name):
        require_reach_for(called)
    if name.kind == "timm":
        found = timm_repository(name.place)
    else:
        found = name.place, openclip_repository(name.place)
    # The full name has the same answer: what a gallery stores is not looked up again.
    for form in {called, written(EncoderName(name.kind, found[0]))}:
        keep_facts(MEMORY, form, list(found))
    return found


def is_any_here(name: EncoderName) -> bool:
    """Whether weights lie here that could be those of a name, whatever their repository."""
    folders = [
        path
        for place in (cache_folder() / "weights", hub_cache())
        if place and place.is_dir()
        for path in place.iterdir()
    ]
    if name.kind == "timm":
        return any(name.place.partition(".")[0] in path.name for path in folders)
    config = "open_clip_config.json"
    return any(True for path in folders for _ in path.glob(f"*/{config}")) or any(
        True for path in folders for _ in path.glob(f"snapshots/*/{config}")
    )


def hub_cache() -> Path | None:
    """Return where the hub's own library keeps what it fetched; None where it is not installed."""
    try:
        from huggingface_hub import constants
    except ImportError:
        return None
    return Path(constants.HF_HUB_CACHE)


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
