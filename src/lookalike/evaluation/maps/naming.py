"""Names for clusters: from labels, from words that a text tower knows, from file names."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np

from lookalike.encoders import Encoder, load_encoder
from lookalike.encoders.known import require_text_tower
from lookalike.encoders.names import parse_name
from lookalike.encoders.weights.located import resolved, source_of
from lookalike.encoders.weights.stored import find_weights
from lookalike.errors import EncoderError, EncoderNotFound, MissingExtra, UsageError
from lookalike.evaluation.maps.clustering import Clusters
from lookalike.evaluation.maps.columns import Categories
from lookalike.vectors import FloatRows

__all__ = [
    "ClusterName",
    "cluster_names",
    "file_names",
    "label_names",
    "most_central",
    "word_names",
    "words",
]

logger = logging.getLogger(__name__)

NOT_BY_WORDS = "Clusters are named after files: the encoder could not be had to find words."
# A cluster of many labels is named by those that make up so much of it, at most so many.
ENOUGH = 0.5
MOST_LABELS = 3
TEMPLATE = "a photo of {}"
ARTICLE = re.compile(r"^(a|an|the) ")

EncodeTexts = Callable[[Sequence[str]], FloatRows]


@dataclass(frozen=True, slots=True)
class ClusterName:
    """What a cluster is called.

    Attributes:
        name: Unique among the clusters of a map.
        source: ``label``, ``word`` or ``file``.
        share: Of the cluster's labelled images, how many have its most frequent label;
            None where the name comes from elsewhere.
    """

    name: str
    source: str
    share: float | None = None


def cluster_names(
    clusters: Clusters,
    encoder_name: str,
    *,
    labels: Categories | None,
    paths: Sequence[str],
    by: str = "auto",
    encoder: Encoder | None = None,
) -> tuple[list[ClusterName], tuple[str, ...]]:
    """Name clusters by labels, else by words, else by files.

    Args:
        clusters: Of embeddings of the encoder.
        encoder_name: Where to find the encoder, for words.
        labels: Of the images, if there are any.
        paths: The images' files.
        by: One of ``NAMINGS``; ``labels`` needs labels.
        encoder: Used as it is; loaded by its name if None.

    Returns:
        The names, and what a reader has to know of them.

    Raises:
        UsageError, EncoderError, MissingExtra: Words were asked for, and there is no
            text tower, or it cannot be had.
    """
    if labels is not None and by in {"auto", "labels"}:
        return label_names(clusters, labels), ()
    if by == "files":
        return file_names(clusters, paths), ()
    try:
        texts = text_tower(encoder_name, encoder, is_pulling=by == "words")
        return word_names(clusters, texts, words()), ()
    except (EncoderError, MissingExtra, UsageError) as error:
        if by == "words":
            raise
        logger.info("Clusters are not named by words: %s", error)
        # An encoder without a text tower is no surprise.
        remarks = () if isinstance(error, UsageError) else (NOT_BY_WORDS,)
        return file_names(clusters, paths), remarks


def text_tower(name: str, encoder: Encoder | None, *, is_pulling: bool) -> EncodeTexts:
    """Find what embeds texts into the space of pictures.

    Args:
        name: Of the encoder.
        encoder: Used as it is; loaded by its name if None.
        is_pulling: Whether weights may come over the network.

    Raises:
        UsageError: It has no text tower.
        EncoderError, MissingExtra: It cannot be had.
    """
    if encoder is not None:
        return encoder.encode_texts
    if name == "builtin" or name.startswith("onnx:"):
        raise UsageError(f"Encoder {name!r} knows pictures only: name clusters otherwise.")
    require_text_tower(name)
    parsed = parse_name(name)
    is_here = parsed.kind == "folder" or find_weights(source_of(resolved(parsed)))
    if not (is_here or is_pulling):
        raise EncoderNotFound(
            f"The weights of encoder {name!r} are not on this machine: fetch them with "
            f"'lookalike encoders pull {name}'."
        )
    return load_encoder(name).encode_texts


def label_names(clusters: Clusters, labels: Categories) -> list[ClusterName]:
    """Name each cluster by its most frequent label, or by up to three that make up half of it."""
    names: list[ClusterName] = []
    for number in range(len(clusters)):
        codes = labels.codes[clusters.assigned == number]
        counts = np.bincount(codes[codes >= 0], minlength=len(labels.values))
        total = int(counts.sum())
        if not total:
            names.append(ClusterName("without label", "label"))
            continue
        order = np.argsort(-counts, kind="stable")[:MOST_LABELS]
        reached = np.cumsum(counts[order]) / total
        used = order[: 1 + int((reached[:-1] < ENOUGH).sum())]
        text = ", ".join(labels.values[code] for code in used if counts[code])
        names.append(ClusterName(text, "label", float(counts[order[0]] / total)))
    return numbered(names)


def word_names(
    clusters: Clusters, encode_texts: EncodeTexts, vocabulary: Sequence[str]
) -> list[ClusterName]:
    """Name each cluster by the word that fits its center best.

    The mean over all clusters is taken away from each word's cosines first: some words
    are near to every picture.
    """
    embedded = encode_texts([TEMPLATE.format(word) for word in vocabulary])
    fits = clusters.centers.astype(np.float64) @ np.asarray(embedded, dtype=np.float64).T
    if len(clusters) > 1:
        fits = fits - fits.mean(axis=0)
    chosen = [vocabulary[best] for best in fits.argmax(axis=1)]
    return numbered([ClusterName(ARTICLE.sub("", word), "word") for word in chosen])


def file_names(clusters: Clusters, paths: Sequence[str]) -> list[ClusterName]:
    """Name each cluster after its most central image's file: ``like IMG_1234``."""
    central = most_central(clusters)
    stems = [os.path.splitext(os.path.basename(paths[row]))[0] for row in central]
    return numbered([ClusterName(f"like {stem}", "file") for stem in stems])


def most_central(clusters: Clusters) -> list[int]:
    """Find the row that is nearest to each cluster's center; of equals the first."""
    found = []
    for number in range(len(clusters)):
        rows = np.flatnonzero(clusters.assigned == number)
        found.append(int(rows[np.argmax(clusters.scores[rows])]))
    return found


def numbered(names: Sequence[ClusterName]) -> list[ClusterName]:
    """Tell clusters of one name apart: the second is called ``cat (2)``."""
    seen: Counter[str] = Counter()
    unique = []
    for each in names:
        seen[each.name] += 1
        name = each.name if seen[each.name] == 1 else f"{each.name} ({seen[each.name]})"
        unique.append(ClusterName(name, each.source, each.share))
    return unique


@lru_cache(maxsize=1)
def words() -> tuple[str, ...]:
    """Read the words that clusters may be named by: what photographs often show."""
    text = (resources.files(__package__) / "words.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))
