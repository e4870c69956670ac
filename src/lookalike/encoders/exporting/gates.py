"""What an export has to show before it is accepted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EncoderError
from lookalike.vectors import unit_rows

__all__ = [
    "Agreement",
    "FEWEST_PICTURES",
    "agreement_of",
    "cosines",
    "neighbor_overlap",
    "passes",
    "require_agreement",
    "require_pictures",
    "share_out",
]

LOWEST_COSINE = 0.9999
LOWEST_MEAN_COSINE = 0.999
LOWEST_OVERLAP = 0.95
NEIGHBORS = 10

# What decides, and what to do instead.
WORDS = {
    "exact": ("lowest cosine", "run it with --backend torch"),
    "bf16": ("mean cosine", "use precision exact"),
    "int8": (
        f"share of the {NEIGHBORS} nearest pictures that stay the same",
        "use precision bf16 or exact",
    ),
}

# Among fewer pictures, the ten nearest are a good part of all: any two
# rankings agree.
FEWEST_COMPARED = 50
MOST_CALIBRATED = 300
FEWEST_PICTURES = 75
# Exact numbers show on any picture; a few of them show that it was no accident.
FEWEST_EXACT = 8


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the embeddings of an export are those of torch.

    Attributes:
        cosine_min, cosine_mean: Over the pictures compared.
        overlap: Mean share of the nearest pictures that stay the same; None
            where too few were compared.
    """

    cosine_min: float
    cosine_mean: float
    overlap: float | None


def agreement_of(exact: NDArray[np.floating], other: NDArray[np.floating]) -> Agreement:
    """Compare two embeddings ``(n, dim)`` of the same pictures."""
    each = cosines(exact, other)
    overlap = neighbor_overlap(exact, other) if len(exact) >= FEWEST_COMPARED else None
    return Agreement(float(each.min()), float(each.mean()), overlap)


def cosines(exact: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute the cosine of each pair of rows; -1 where one of them is not finite.

    Two rows of zeros agree: both say nothing of their picture.
    """
    finite = np.isfinite(exact).all(axis=1) & np.isfinite(other).all(axis=1)
    left, right = (
        unit_rows(np.where(finite[:, None], rows, 0)).astype(np.float64) for rows in (exact, other)
    )
    same: NDArray[np.float64] = np.einsum("ij,ij->i", left, right)
    same[~left.any(axis=1) & ~right.any(axis=1)] = 1
    same[~finite] = -1
    return same


def neighbor_overlap(
    exact: NDArray[np.floating], other: NDArray[np.floating], k: int = NEIGHBORS
) -> float:
    """Rank all other pictures for each picture, twice, and compare the first k.

    Returns:
        Mean share of the first k by ``exact`` that are among the first k by ``other``.
    """
    left, right = nearest(exact, k), nearest(other, k)
    shared = [len(set(a) & set(b)) for a, b in zip(left.tolist(), right.tolist(), strict=True)]
    return float(np.mean(shared)) / k


def nearest(rows: NDArray[np.floating], k: int) -> NDArray[np.intp]:
    """Return the rows nearest to each row, itself left out: ``(n, k)``."""
    unit = unit_rows(np.nan_to_num(rows))
    scores = unit @ unit.T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def require_pictures(count: int, *, precision: str) -> None:
    """Refuse to judge by too few pictures.

    Raises:
        EncoderError: Too few.
    """
    fewest = FEWEST_PICTURES if precision == "int8" else FEWEST_EXACT
    if count < fewest:
        raise EncoderError(
            f"An export in {precision} is judged on real pictures, at least {fewest} of them, "
            f"better 300; {count} were given: give a folder or a gallery with more."
        )


def share_out(count: int, *, precision: str) -> int:
    """Say how many pictures to calibrate on: they must not judge what they shaped."""
    return min(MOST_CALIBRATED, count // 3) if precision == "int8" else 0


def require_agreement(found: Agreement, *, precision: str, what: str, pictures: int) -> None:
    """Let an export pass, or refuse it with the number.

    Args:
        found: How far it agrees with torch.
        precision: What was promised.
        what: The export, for the message.
        pictures: How many were compared.

    Raises:
        EncoderError: Its embeddings are not close enough.
    """
    shown, lowest = judged_by(found, precision)
    told, instead = WORDS[precision]
    if not passes(found, precision=precision):
        raise EncoderError(
            f"{what} is refused: against float32 torch on {pictures} pictures, the {told} is "
            f"{rounded_down(shown, lowest)}, and at least {lowest:g} is asked for: {instead}."
        )


def passes(found: Agreement, *, precision: str) -> bool:
    """Tell whether an export agrees as its precision promises; what is no number does not."""
    shown, lowest = judged_by(found, precision)
    return shown >= lowest


def judged_by(found: Agreement, precision: str) -> tuple[float, float]:
    """Choose the number that decides, and what it has to reach."""
    if precision == "exact":
        return found.cosine_min, LOWEST_COSINE
    if precision == "bf16":
        return found.cosine_mean, LOWEST_MEAN_COSINE
    return found.overlap or 0.0, LOWEST_OVERLAP


def rounded_down(shown: float, lowest: float) -> str:
    """Write a number that is too low so that it cannot be read as high enough."""
    digits = 4 if lowest < 0.999 else 6
    return f"{np.floor(shown * 10**digits) / 10**digits:.{digits}f}"
