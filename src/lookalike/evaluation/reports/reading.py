"""Reading results: what was measured, which is the best, and how its parts are called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "Estimated",
    "Result",
    "by_encoder",
    "by_set",
    "estimate_of",
    "estimated",
    "has_one_positive",
    "headline",
    "index_names",
    "index_title",
    "is_exact",
    "judgements_of",
    "ks_of",
    "main_judgement",
    "nearest_k",
    "reference",
    "references",
    "short_names",
]

Result: TypeAlias = Mapping[str, Any]

# What is reported first where it was measured, the revisited Oxford and Paris apart.
USUAL_K = 10
EXACT_KINDS = frozenset({"exact", "flat"})
MIDDLE = "medium"
LONGEST = 34
ROUNDING = 1e-9
# The kind of an index whose name is all that there is to say.
FACTORY = "factory"


class Estimated(NamedTuple):
    """A mean over queries with its interval."""

    mean: float
    low: float
    high: float


def by_set(results: Iterable[Result]) -> dict[str, list[Result]]:
    """Put results of one state of one set together, in the order they came."""
    return grouped(results, lambda result: str(result["set"]["fingerprint"]))


def by_encoder(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Put results of one encoder together, the best encoder first."""
    groups = grouped(results, lambda result: str(result["encoder"]["fingerprint"]))
    metric, judgement = headline(results), main_judgement(results)

    def quality(results_of_one: list[Result]) -> float:
        found = estimated(reference(results_of_one), metric, judgement)
        return found.mean if found else -1.0

    return dict(sorted(groups.items(), key=lambda item: -quality(item[1])))


def grouped(results: Iterable[Result], key: Callable[[Result], str]) -> dict[str, list[Result]]:
    """Collect results by a key, in the order of first sight."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(key(result), []).append(result)
    return groups


def is_exact(result: Result) -> bool:
    """Tell whether an index compares with every row, and so loses nothing."""
    kind = str(result["index"].get("config", {}).get("kind", result["index"]["name"]))
    return kind.lower() in EXACT_KINDS or str(result["index"]["name"]).lower() in EXACT_KINDS


def index_title(index: Mapping[str, Any]) -> str:
    """Name an index, and what stands behind the name where that hides it, as ``auto`` does."""
    name, kind = str(index["name"]), str(index.get("config", {}).get("kind", ""))
    is_told = kind in name or kind == FACTORY or name in EXACT_KINDS
    return name if is_told else f"{name} ({kind})"


def reference(results: Sequence[Result]) -> Result:
    """Choose the result that shows an encoder without an index's losses."""

    def closeness(result: Result) -> tuple[bool, float]:
        recall = result["index"].get("ann_recall") or {}
        return is_exact(result), float(recall.get(str(USUAL_K), 0.0) or 0.0)

    return max(results, key=closeness)


def references(results: Sequence[Result]) -> list[Result]:
    """Choose one result for each encoder, the best encoder first."""
    return [reference(group) for group in by_encoder(results).values()]


def index_names(results: Iterable[Result]) -> list[str]:
    """List the indexes, exact ones first, else in the order they came."""
    names = {str(result["index"]["name"]): is_exact(result) for result in results}
    return sorted(names, key=lambda name: not names[name])


def judgements_of(results: Sequence[Result]) -> list[str]:
    """List the protocols; one nameless where metrics carry no prefix."""
    prefixes = {
        name.split(":", 1)[0]: None
        for result in results
        for name in result["metrics"]
        if ":" in name
    }
    return list(prefixes) or [""]


def main_judgement(results: Sequence[Result]) -> str:
    """Choose the protocol that is reported first: of the revisited sets, medium."""
    names = judgements_of(results)
    return MIDDLE if MIDDLE in names else names[0]


def estimated(result: Result, metric: str, judgement: str = "") -> Estimated | None:
    """Look a metric up; None where it was not measured or nothing could be found."""
    return estimate_of(result["metrics"].get(f"{judgement}:{metric}" if judgement else metric))


def estimate_of(found: Mapping[str, Any] | None) -> Estimated | None:
    """Read a mean with its interval; None where there is none."""
    if not found or found.get("mean") is None or found["mean"] != found["mean"]:
        return None
    mean = float(found["mean"])
    low, high = found.get("low"), found.get("high")
    return Estimated(mean, mean if low is None else low, mean if high is None else high)


def ks_of(results: Iterable[Result], family: str = "precision", judgement: str = "") -> list[int]:
    """List the K at which a family of metrics was measured."""
    start = f"{judgement}:{family}@" if judgement else f"{family}@"
    return sorted(
        {
            int(name.removeprefix(start))
            for result in results
            for name in result["metrics"]
            if name.startswith(start)
        }
    )


def headline(results: Sequence[Result]) -> str:
    """Name the metric that results are ordered by.

    The trapezoid AP where the set's protocol asks for it; recall at 10 where each query
    has one positive, as a caption has, since precision cannot pass 1 / K there; else
    precision at 10. Instead of 10 the K nearest to it, if 10 was not measured.
    """
    judgement = main_judgement(results)
    names = [name.removeprefix(f"{judgement}:") for result in results for name in result["metrics"]]
    if "ap_trapezoid" in names:
        return "ap_trapezoid"
    ks = ks_of(results, "precision", judgement)
    if ks:
        family = "recall" if has_one_positive(results) else "precision"
        return f"{family}@{nearest_k(ks)}"
    return names[0] if names else ""


def nearest_k(ks: Sequence[int]) -> int:
    """Choose 10, or the K nearest to it."""
    return min(ks, key=lambda k: (abs(k - USUAL_K), -k))


def has_one_positive(results: Sequence[Result]) -> bool:
    """Tell whether each query has one positive: what is found at all is found whole.

    Seen by recall@K, the share of the positives found, being the hit rate at every K,
    and precision@K a K-th of it.
    """
    judgement = main_judgement(results)
    for result in results:
        for k in ks_of([result], "recall", judgement):
            found, hit, precise = (
                estimated(result, f"{name}@{k}", judgement)
                for name in ("recall", "hit_rate", "precision")
            )
            if k < 2 or not (found and hit and precise):
                continue
            if abs(found.mean - hit.mean) > ROUNDING or abs(k * precise.mean - hit.mean) > ROUNDING:
                return False
            if hit.mean > 0:
                return True
    return False


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Shorten encoders' names for labels; where two would be alike, both stay whole."""
    whole = list(dict.fromkeys(names))
    short = {name: cut(short_name(name)) for name in whole}
    taken = list(short.values())
    return {name: brief if taken.count(brief) == 1 else name for name, brief in short.items()}


def short_name(name: str) -> str:
    """Leave out the library, the folders, the options and the file's ending."""
    brief = re.sub(r"^[a-z]\w*:(?=.)", "", name)
    brief = brief.split("?", 1)[0].rstrip("/\\")
    if name.startswith(("onnx:", "openvino:", "torch:")) or "\\" in brief:
        brief = re.split(r"[/\\]", brief)[-1]
        brief = re.sub(r"\.(onnx|xml|safetensors)$", "", brief)
    return brief or name


def cut(text: str, longest: int = LONGEST) -> str:
    """Shorten a text in the middle: both its ends tell one name from another."""
    if len(text) <= longest:
        return text
    ending = longest // 3
    return f"{text[: longest - ending - 1]}\u2026{text[-ending:]}"
