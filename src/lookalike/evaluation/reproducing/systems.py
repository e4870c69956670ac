"""The five systems: what each one's experiment is made of, as data."""

from __future__ import annotations

from dataclasses import dataclass

from lookalike.errors import UsageError

__all__ = ["SYSTEMS", "Scale", "System", "WantedEncoder", "system_of"]


@dataclass(frozen=True, slots=True)
class WantedEncoder:
    """One encoder of a system.

    Attributes:
        title: As the system calls it.
        name: As ``load_encoder`` takes it.
        column: Its column among the published figures, if it has one.
    """

    title: str
    name: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of an experiment is run.

    Attributes:
        per_class: Pictures of each class, at most; None takes all.
        queries: Queries, at most; None asks all.
        rows: Rows of the smaller gallery (B); None takes as many as there are pictures.
        shards: Shards that the pictures are divided among (D).
        rendered: Pictures that are drawn where there is no data set at all.
    """

    per_class: int | None = None
    queries: int | None = None
    rows: int | None = None
    shards: int = 10
    rendered: int = 2400


@dataclass(frozen=True, slots=True)
class System:
    """One system's experiment.

    Attributes:
        letter: What it is called here.
        title: What it does, in a line.
        set_name: Its data set, as ``open_set`` takes it; empty where any folder will do.
        set_title: The data set as people call it.
        set_images: How many pictures the system searched in.
        stand_ins: What takes the data set's place, the nearest first.
        encoders: Its encoders.
        ks: Its K's.
        whole, small: How much is run, without and with ``--small``.
    """

    letter: str
    title: str
    set_name: str
    set_title: str
    set_images: int
    stand_ins: tuple[str, ...]
    encoders: tuple[WantedEncoder, ...]
    ks: tuple[int, ...]
    whole: Scale
    small: Scale


# Nearest first: photographs of many classes, then what any machine can draw.
STAND_INS = ("tiny-imagenet", "rendered")

# System A took the mean of the patch tokens; a convolutional network has none, and
# pools its last map as it was trained to. It did not say which Swin, DenseNet and
# ConvNeXt: these are the smallest of each that are known by name.
THIRTEEN = (
    WantedEncoder("EVA-02", "eva02-b?pooling=mean"),
    WantedEncoder("CLIP ViT-B/32", "clip-vit-b-32?pooling=mean"),
    WantedEncoder("DINO ViT-S", "dino-vit-s-16?pooling=mean"),
    WantedEncoder("ViT-B/16", "vit-b-16?pooling=mean"),
    WantedEncoder("Swin", "swin-t?pooling=mean"),
    WantedEncoder("ResNet-18", "resnet18"),
    WantedEncoder("ResNet-50", "resnet50"),
    WantedEncoder("EfficientNet-B3", "efficientnet-b3"),
    WantedEncoder("MobileNetV3", "mobilenetv3-l"),
    WantedEncoder("DenseNet", "densenet121"),
    WantedEncoder("ConvNeXt", "convnext-t"),
    WantedEncoder("RegNetX-032", "regnetx-032"),
    # It says RegNetY_042, which does not exist.
    WantedEncoder("RegNetY-040", "regnety-040"),
)

SYSTEMS = (
    System(
        letter="A",
        title="Vision-transformer retrieval: precision over K of thirteen encoders",
        set_name="cifar-100",
        set_title="CIFAR-100",
        set_images=50_000,
        stand_ins=STAND_INS,
        encoders=THIRTEEN,
        ks=(1, 5, 10, 20, 30, 40, 50),
        whole=Scale(),
        small=Scale(per_class=20, queries=400, rendered=480),
    ),
    System(
        letter="B",
        title="Search strategies: brute force, FAISS flat and FAISS IVF, at N and at 10 N",
        set_name="tiny-imagenet",
        set_title="tiny-ImageNet",
        set_images=100_000,
        stand_ins=("rendered",),
        encoders=(
            WantedEncoder("ResNet-18", "resnet18", "resnet18"),
            WantedEncoder("MobileNet", "mobilenetv2", "mobilenet"),
            WantedEncoder("CLIP ViT-B/32", "clip-vit-b-32", "clip"),
        ),
        ks=(5,),
        whole=Scale(queries=1000),
        small=Scale(per_class=20, queries=200, rows=1200, rendered=480),
    ),
    System(
        letter="C",
        title="Folder indexer: index a folder, add pictures, search",
        set_name="",
        set_title="any folder",
        set_images=0,
        stand_ins=("caltech-101", *STAND_INS),
        encoders=(WantedEncoder("ViT-B/16", "vit-b-16"),),
        ks=(5,),
        whole=Scale(),
        small=Scale(per_class=20, rendered=480),
    ),
    System(
        letter="D",
        title="A million captioned pictures: shards, merged; Recall@K and latency",
        set_name="sbu-captions",
        set_title="SBU Captions",
        set_images=1_000_000,
        stand_ins=STAND_INS,
        encoders=(WantedEncoder("SigLIP", "siglip-b-16"),),
        ks=(1, *range(10, 101, 10)),
        whole=Scale(queries=1000, shards=10),
        small=Scale(per_class=40, queries=200, shards=4, rendered=960),
    ),
    System(
        letter="E",
        title="Unsupervised search: precision by label, k-means and t-SNE",
        set_name="cifar-10",
        set_title="CIFAR-10",
        set_images=50_000,
        stand_ins=STAND_INS,
        encoders=(WantedEncoder("ResNet-18", "resnet18", "resnet18"),),
        ks=(1, 3, 5, 10),
        whole=Scale(),
        small=Scale(per_class=60, rendered=960),
    ),
)


def system_of(letter: str) -> System:
    """Find a system by its letter.

    Raises:
        UsageError: There is none.
    """
    for system in SYSTEMS:
        if system.letter == letter.upper():
            return system
    raise UsageError(f"There is no system {letter!r}: use A, B, C, D or E.")
