"""Networks of the OpenCLIP library, from a folder as the hub keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from lookalike.encoders.cards import EncoderCard, per_channel
from lookalike.encoders.families.importing import library
from lookalike.encoders.families.network import TorchNetwork, adapted, torch_network
from lookalike.encoders.families.pooling import Layout, pool_of
from lookalike.encoders.families.preprocessings import at_size, square
from lookalike.encoders.families.texts import TokenTower
from lookalike.encoders.families.timm_networks import timm_layout
from lookalike.encoders.families.weights import fit, read_tensors
from lookalike.errors import EncoderError, first_line
from lookalike.images.preprocessing import Preprocessing

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from lookalike.encoders.weights.folders import WeightsFolder

__all__ = ["describe_openclip", "load_openclip", "load_openclip_texts"]

CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
FITS = {"shortest": "crop", "squash": "squash"}

# Where the text tower of the first CLIP models lies: not under "text.".
OLD_TEXT = (
    "text_projection", "positional_embedding", "token_embedding.", "transformer.", "ln_final.",
)  # fmt: skip
# What old files carry that networks make for themselves.
MADE = ("attn_mask", "position_ids")


def describe_openclip(
    config: Mapping[str, Any], name: str, pooling: str, size: int | None
) -> EncoderCard:
    """Read a card off ``open_clip_config.json``.

    Raises:
        KeyError, TypeError, ValueError: The configuration lacks something, or makes no sense.
    """
    model = config["model_cfg"]
    own = pooling == "own"
    return EncoderCard(
        name=name,
        weights="",
        dim=int(model["embed_dim"]) if own else 0,
        preprocessing=openclip_preprocessing(config, size),
        family="openclip",
        pooling=pooling,
        # Texts meet pictures behind the projection, which other poolings leave out.
        has_text=own and has_own_text(model),
    )


def has_own_text(model: Mapping[str, Any]) -> bool:
    """Tell whether there is a text tower of OpenCLIP itself, and not of a third library."""
    text = model.get("text_cfg")
    return text is not None and not text.get("hf_model_name")


def load_openclip(folder: WeightsFolder, card: EncoderCard) -> TorchNetwork:
    """Build the image tower alone and load its weights, all of them.

    Raises:
        MissingExtra: OpenCLIP is not installed.
        EncoderError: It cannot build the tower, or the weights do not fit.
        UsageError: The tower has no such pooling.
    """
    tower = image_tower(folder, card)
    if card.pooling == "own":
        return torch_network(tower, card)
    features, layout = features_of(tower, card)
    pool = pool_of(card.pooling, layout, name=card.name)
    return torch_network(adapted(tower, lambda model, x: pool(features(model, x))), card)


def image_tower(folder: WeightsFolder, card: EncoderCard) -> Any:
    """Build the image tower at the card's size, with its weights."""
    config = folder.config()
    size = card.preprocessing.size
    facts = {**config["model_cfg"]["vision_cfg"], "output_tokens": False}
    is_resized = size != openclip_preprocessing(config, None).size
    if "timm_model_name" in facts:
        facts["timm_model_pretrained"] = False  # it would be fetched
    elif is_resized:
        facts["image_size"] = size
    tower = built(folder, "vision", facts, card.name)
    tensors = read_tensors(folder.weights, image_name)
    if is_resized:
        stretch(tensors, tower)
    fit(tower, tensors, folder.path)
    if is_resized and hasattr(tower, "set_input_size"):
        tower.set_input_size(size)
    return tower


def stretch(tensors: dict[str, Tensor], tower: Module) -> None:
    """Bring position embeddings to the size of the tower, as the library does."""
    resize = library("open_clip.model", extra="clip", purpose="Another input size").resize_pos_embed
    named = {f"visual.{key}": value for key, value in tensors.items()}
    resize(named, SimpleNamespace(visual=tower))
    tensors.update({key.removeprefix("visual."): value for key, value in named.items()})


def load_openclip_texts(folder: WeightsFolder, card: EncoderCard, device: str) -> TokenTower:
    """Build the text tower alone, with its weights and its tokenizer.

    Raises:
        MissingExtra: OpenCLIP, or what its tokenizer needs, is not installed.
        EncoderError: The tower cannot be built, weights do not fit, or files of
            the tokenizer are missing.
    """
    facts = {**folder.config()["model_cfg"]["text_cfg"], "output_tokens": False}
    tower = built(folder, "text", facts, card.name)
    fit(tower, read_tensors(folder.weights, text_name), folder.path)
    tokenize = tokenizer(folder, facts, card.name)
    return TokenTower(tower, lambda texts: {"text": tokenize(texts)}, device=device)


def tokenizer(folder: WeightsFolder, facts: Mapping[str, Any], name: str) -> Any:
    """Load the tokenizer: OpenCLIP's own, or the one whose files are in the folder."""
    tokenizers = library("open_clip", extra="clip", purpose=f"The text tower of {name!r}").tokenizer
    options = dict(facts.get("tokenizer_kwargs") or {})
    options["context_length"] = facts.get("context_length", tokenizers.DEFAULT_CONTEXT_LENGTH)
    if not facts.get("hf_tokenizer_name"):
        return tokenizers.SimpleTokenizer(**options)
    library("transformers", extra="clip", purpose=f"The tokenizer of {name!r}")
    options["tokenizer_mode"] = facts.get("tokenizer_mode")
    options |= {"local_files_only": True, "trust_remote_code": False}
    try:
        return tokenizers.HFTokenizer(str(folder.path), **options)
    except (OSError, ValueError, ImportError) as error:
        raise EncoderError(
            f"Encoder {name!r} has no usable tokenizer in {folder.path} ({first_line(error)}): "
            "fetch tokenizer.json and tokenizer_config.json of its repository."
        ) from error


def built(folder: WeightsFolder, kind: str, facts: Mapping[str, Any], name: str) -> Any:
    """Create one tower as its configuration says, with weights yet to come."""
    for key in ("timm_model_name", "hf_model_name"):
        if facts.get(key):
            check_place(str(facts[key]), key, folder)
    open_clip = library("open_clip", extra="clip", purpose=f"Encoder {name!r}")
    model = folder.config()["model_cfg"]
    build = getattr(open_clip.model, f"_build_{kind}_tower")
    try:
        tower = build(model["embed_dim"], dict(facts), bool(model.get("quick_gelu")))
    except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise EncoderError(
            f"OpenCLIP {open_clip.__version__} cannot build the {kind} tower that the "
            f"configuration of {folder.path} describes ({first_line(error)}): upgrade "
            "open_clip_torch and timm."
        ) from error
    return tower.eval()


def check_place(network: str, key: str, folder: WeightsFolder) -> None:
    """Refuse a tower that would be fetched: only what the libraries build themselves is built.

    Raises:
        EncoderError: It names a repository or a directory, such as ``hf-hub:...``.
    """
    if ":" in network or key == "hf_model_name":
        raise EncoderError(
            f"The configuration of {folder.path} takes a tower from elsewhere ({key} "
            f"{network!r}), which is never fetched: use another encoder."
        )


def features_of(tower: Any, card: EncoderCard) -> tuple[Any, Layout]:
    """Learn how to get a tower's last features, before its pooling and projection."""
    if hasattr(tower, "trunk"):
        return (lambda model, x: model.trunk.forward_features(x)), timm_layout(tower.trunk)
    if hasattr(tower, "layer4"):
        return last_map, Layout("channels_first")
    return last_tokens, Layout("tokens", 1, True)


def last_map(tower: Any, pictures: Tensor) -> Tensor:
    """Run a ResNet up to its last map."""
    answer = tower.forward_intermediates(pictures, indices=1, intermediates_only=True)
    features: Tensor = answer["image_intermediates"][0]
    return features


def last_tokens(tower: Any, pictures: Tensor) -> Tensor:
    """Run a transformer up to its last tokens, the class token first, normalised as its own."""
    import torch

    answer = tower.forward_intermediates(
        pictures,
        indices=1,
        # An attention pool stands before the norm, which then has another width.
        normalize_intermediates=tower.attn_pool is None and not tower.final_ln_after_pool,
        intermediates_only=True,
        output_fmt="NLC",
        output_extra_tokens=True,
    )
    prefix, patches = answer["image_intermediates_prefix"], answer["image_intermediates"]
    return torch.cat([prefix[0], patches[0]], dim=1)


def image_name(key: str) -> str | None:
    """Name a tensor as the image tower does; None if it is none of its own."""
    return key.removeprefix("visual.") if key.startswith("visual.") else None


def text_name(key: str) -> str | None:
    """Name a tensor as the text tower does; None if it is none of its own."""
    if key.endswith(MADE) or not key.startswith(("text.", *OLD_TEXT)):
        return None
    return key.removeprefix("text.")


def openclip_preprocessing(config: Mapping[str, Any], size: int | None) -> Preprocessing:
    """Read preprocessing as OpenCLIP's ``image_transform`` does for inference."""
    facts = config.get("preprocess_cfg") or {}
    mode = facts.get("resize_mode") or "shortest"
    if mode not in FITS:
        raise ValueError(f"its resize mode is {mode!r}, and only {', '.join(FITS)} are supported")
    side = square(config["model_cfg"]["vision_cfg"].get("image_size", 224))
    own = Preprocessing(
        size=side,
        resize=side,
        interpolation="bilinear" if facts.get("interpolation") == "bilinear" else "bicubic",
        mean=per_channel(facts.get("mean") or CLIP_MEAN),
        std=per_channel(facts.get("std") or CLIP_STD),
        fit=FITS[mode],
        middle="rounded",
    )
    return at_size(own, size)
