"""What a reader asks first, answered from the results: one sentence or two for each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lookalike.evaluation.reports.reading import (
    Result,
    by_encoder,
    estimated,
    has_one_positive,
    headline,
    index_title,
    is_exact,
    ks_of,
    main_judgement,
    nearest_k,
    reference,
    references,
    short_names,
)
from lookalike.evaluation.reports.tables import class_metric, resamples_of
from lookalike.evaluation.reports.wording import (
    bytes_text,
    count_text,
    interval_text,
    listed,
    p_text,
    seconds_text,
    share,
    signed,
)

__all__ = ["Answer", "answers", "comparison_answers"]

# An index that finds fewer of the exact neighbors is not recommended.
TARGET = 0.95
# Below it, one is not said to be faster than the other.
FASTER = 1.2
# An exact search that takes less than this many seconds needs no other index.
SHORT_S = 0.005
USUAL_K = 10
MANY_PICTURES = 100_000


@dataclass(frozen=True, slots=True)
class Answer:
    """One question with its answer.

    Attributes:
        question: Short.
        text: Plain, but for ``**`` around what stands out.
    """

    question: str
    text: str


def answers(results: Sequence[Result]) -> list[Answer]:
    """Answer which encoder, which index, how good, at what cost, and where it fails.

    Args:
        results: Of one set.
    """
    best = reference(next(iter(by_encoder(results).values())))
    found = [
        Answer("Which encoder?", which_encoder(results)),
        Answer("Which index?", which_index(results)),
        Answer("How good?", how_good(best, main_judgement(results))),
        Answer("At what cost?", at_what_cost(best)),
        Answer("Where does it fail?", where_it_fails(best, results)),
    ]
    return [answer for answer in found if answer.text]


def which_encoder(results: Sequence[Result]) -> str:
    """Name the best encoder, what is as good within the intervals, and the fastest of those."""
    metric, judgement = headline(results), main_judgement(results)
    chosen = references(results)
    first = estimated(chosen[0], metric, judgement)
    if first is None:
        return ""
    labels = short_names(str(result["encoder"]["name"]) for result in chosen)
    names = [labels[str(result["encoder"]["name"])] for result in chosen]
    named = f"{judgement} {metric}" if judgement else metric
    start = f"**{names[0]}**: {named} **{share(first.mean)}** ({interval_text(first)})"
    if len(chosen) == 1:
        return f"{start}. No other was measured beside it."
    others = [estimated(result, metric, judgement) for result in chosen[1:]]
    close = [
        place
        for place, other in enumerate(others, 1)
        if other is not None and other.high >= first.low
    ]
    if not close:
        second = others[0].mean if others[0] else 0.0
        return (
            f"{start}, ahead of {names[1]} by {share(first.mean - second)}, "
            "with no overlap of their intervals."
        )
    return f"{start}. {as_good(names, close)}{faster_and_as_good(chosen, names, close)}"


def as_good(names: Sequence[str], close: Sequence[int]) -> str:
    """Say whose intervals overlap with that of the best."""
    shown = [names[place] for place in close[:2]]
    if len(close) > len(shown):
        shown.append(f"{len(close) - len(shown)} more")
    whose = "that" if len(close) == 1 else "those"
    return f"Its interval overlaps with {whose} of {listed(shown)}: their order may be chance."


def faster_and_as_good(
    results: Sequence[Result], names: Sequence[str], close: Sequence[int]
) -> str:
    """Name the fastest of those that may be as good, if it is clearly faster."""
    speeds = [float(result["encoder"].get("pictures_per_s") or 0.0) for result in results]
    fastest = max(close, key=lambda place: speeds[place])
    if not speeds[0] or speeds[fastest] < FASTER * speeds[0]:
        return ""
    times = speeds[fastest] / speeds[0]
    return f" Of these **{names[fastest]}** is the fastest: it embeds {many(times)} times as fast."


def which_index(results: Sequence[Result]) -> str:
    """Name the fastest index that loses little, and what exact search takes."""
    group = [one for one in next(iter(by_encoder(results).values())) if median(one) > 0]
    if not group:
        return ""
    exact = [one for one in group if is_exact(one)]
    good = [one for one in group if not is_exact(one) and ann_recall(one) >= TARGET]
    fastest = min(good, key=median, default=None)
    if fastest is None:
        return without_good(exact, group)
    name, found = index_title(fastest["index"]), percent(ann_recall(fastest))
    time = seconds_text(median(fastest))
    if not exact:
        return (
            f"**{name}** answers in **{time}** (median) and finds {found} of the exact first "
            f"{USUAL_K}."
        )
    start, times = by_exact(exact[0]), median(exact[0]) / median(fastest)
    if times < FASTER:
        return f"{start}. No index that finds {percent(TARGET)} of what it finds is clearly faster."
    change = lost(fastest, exact[0], results)
    if median(exact[0]) < SHORT_S:
        return (
            f"{start}: fast enough at {exact[0]['set']['images']:,} pictures. For many more: "
            f"{name} takes {time}, finds {found} of its first {USUAL_K}{change}."
        )
    return (
        f"**{name}** answers in **{time}** (median), {many(times)} times as fast as exact search, "
        f"and finds {found} of its first {USUAL_K}{change}."
    )


def by_exact(exact: Result) -> str:
    """Say what exact search takes."""
    return (
        f"**{index_title(exact['index'])}** compares with every picture in "
        f"**{seconds_text(median(exact))}** (median)"
    )


def without_good(exact: Sequence[Result], group: Sequence[Result]) -> str:
    """Answer where no approximate index is good enough, or none was measured."""
    if not exact:
        best = max(group, key=ann_recall)
        return (
            f"None found {percent(TARGET)} of the exact neighbors: "
            f"**{index_title(best['index'])}** came nearest with {percent(ann_recall(best))}."
        )
    text = by_exact(exact[0])
    if len(group) == len(exact):
        return f"{text}; no approximate index was measured beside it."
    nearest = max((one for one in group if not is_exact(one)), key=ann_recall)
    return (
        f"{text}; of the approximate ones {index_title(nearest['index'])} came nearest, and finds "
        f"only {percent(ann_recall(nearest))} of its first {USUAL_K}."
    )


def lost(result: Result, exact: Result, results: Sequence[Result]) -> str:
    """Say how the main metric changes with an index."""
    metric, judgement = headline(results), main_judgement(results)
    now, before = estimated(result, metric, judgement), estimated(exact, metric, judgement)
    if now is None or before is None:
        return ""
    change = signed(now.mean - before.mean)
    return f"; {metric} stays the same" if change == "0.000" else f"; {metric} changes by {change}"


def median(result: Result) -> float:
    """Look the median time of a query up, in seconds."""
    return float((result["index"].get("latency_ms") or {}).get("p50") or 0.0) / 1000


def ann_recall(result: Result) -> float:
    """Look up which share of the exact first ten an index finds."""
    found = (result["index"].get("ann_recall") or {}).get(str(USUAL_K))
    return 0.0 if found is None else float(found)


def many(times: float) -> str:
    """Write a factor, to the digit that counts."""
    return f"{times:.0f}" if times >= 10 else f"{times:.1f}"


def percent(value: float) -> str:
    """Write a share in percent, never rounded up to all."""
    if 0.9995 <= value < 1:
        return "over 99.9 %"
    return f"{100 * value:.1f} %".replace(".0 %", " %")


def how_good(best: Result, judgement: str) -> str:
    """Say what a user sees: right pictures on the first page, the first one, any at all."""
    ks = ks_of([best], "precision", judgement)
    if not ks:
        return ""
    k = nearest_k(ks)
    if has_one_positive([best]):
        return one_positive(best, judgement, k)
    parts = []
    if (found := estimated(best, f"precision@{k}", judgement)) and k > 1:
        parts.append(f"Of the first {k} hits **{k * found.mean:.1f}** are right on average")
    if first := estimated(best, "precision@1", judgement):
        parts.append(f"the first hit is right for **{percent(first.mean)}** of the queries")
    if hits := estimated(best, f"hit_rate@{k}", judgement):
        parts.append(f"{percent(hits.mean)} find at least one right picture among {k}")
    text = ", ".join(parts[:-1]) + (f", and {parts[-1]}" if len(parts) > 1 else parts[0])
    return f"{text[:1].upper()}{text[1:]}."


def one_positive(best: Result, judgement: str, k: int) -> str:
    """Say how often the one right picture is found."""
    found, first = (estimated(best, f"recall@{each}", judgement) for each in (k, 1))
    if found is None:
        return ""
    text = f"The one right picture is among the first {k} for **{percent(found.mean)}** of queries"
    return f"{text}, and the first for **{percent(first.mean)}**." if first else f"{text}."


def at_what_cost(best: Result) -> str:
    """Say how long embedding takes, and what the index needs."""
    encoder, index = best["encoder"], best["index"]
    name = short_names([str(encoder["name"])])[str(encoder["name"])]
    parts = []
    if speed := float(encoder.get("pictures_per_s") or 0.0):
        parts.append(
            f"{name} embeds **{count_text(speed)} pictures a second** on this machine: "
            f"{MANY_PICTURES:,} take {seconds_text(MANY_PICTURES / speed)}."
        )
    if memory := float(index.get("memory_bytes") or 0.0):
        rows = int(index.get("rows") or best["set"]["images"])
        parts.append(
            f"The {index['name']} index takes {bytes_text(memory)}, "
            f"{bytes_text(memory / max(rows, 1))} a picture."
        )
    return " ".join(parts)


def where_it_fails(best: Result, results: Sequence[Result]) -> str:
    """Name the hardest and the easiest class, and count queries without a right hit."""
    parts = []
    classes = best.get("classes") or []
    metric = class_metric([best], headline(results)) if classes else ""
    known = [row for row in classes if row["metrics"].get(metric) is not None]
    if len(known) > 1:
        hardest = min(known, key=lambda row: row["metrics"][metric])
        easiest = max(known, key=lambda row: row["metrics"][metric])
        parts.append(
            f"Hardest class: **{hardest['label']}**, {metric} {share(hardest['metrics'][metric])}; "
            f"easiest: {easiest['label']}, {share(easiest['metrics'][metric])}."
        )
    judgement = main_judgement(results)
    hits = estimated(best, f"hit_rate@{USUAL_K}", judgement)
    if hits and hits.mean < 1:
        asked = int(best["set"]["queries"]) - int(best.get("left_out") or 0)
        count = round((1 - hits.mean) * asked)
        if count > 0:
            parts.append(f"{count:,} of {asked:,} queries find nothing right among the first 10.")
    return " ".join(parts)


def comparison_answers(comparison: Mapping[str, Any]) -> list[Answer]:
    """Answer which of two runs is better, how sure that is, and how many queries moved."""
    metric, counts = comparison["metric"], comparison["counts"]
    found, names = comparison["differences"][metric], run_names(comparison)
    is_second = found["mean"] > 0
    means = (found["second"], found["first"]) if is_second else (found["first"], found["second"])
    ends = sorted(abs(found[end]) for end in ("low", "high"))
    p, resamples = found.get("p"), resamples_of(comparison)
    if p is None:
        verdict = (
            f"**Too few queries to tell**: {metric} {share(found['first'])} against "
            f"{share(found['second'])}, over {comparison['queries']:,} that both answer."
        )
    elif found["low"] > 0 or found["high"] < 0:
        verdict = (
            f"**{names[int(is_second)]}**: {metric} **{share(means[0])}** against "
            f"{share(means[1])}, a difference of {share(abs(found['mean']))} "
            f"({share(ends[0])} to {share(ends[1])}, p {p_of(p, resamples)})."
        )
    else:
        verdict = (
            f"**Neither is shown to be better**: {metric} {share(found['first'])} against "
            f"{share(found['second'])}, a difference of {signed(found['mean'])} "
            f"({signed(found['low'])} to {signed(found['high'])}, p {p_of(p, resamples)})."
        )
    moved = (
        f"**{counts['rose']:,}** of {comparison['queries']:,} queries are answered better by "
        f"{names[1]}, **{counts['fell']:,}** worse, {counts['same']:,} as before."
    )
    return [Answer("Which is better?", verdict), Answer("What moved?", moved)]


def p_of(p: float, resamples: int) -> str:
    """Write a p-value with its sign of relation."""
    text = p_text(p, resamples)
    return text.replace(" ", "\u00a0") if text.startswith("<") else f"=\u00a0{text}"


def run_names(comparison: Mapping[str, Any]) -> tuple[str, str]:
    """Name two runs by what they differ in: encoder, index, or when they were measured."""
    runs = (comparison["first"], comparison["second"])
    encoders = [str(run["encoder"]["name"]) for run in runs]
    labels = short_names(encoders)
    indexes = [str(run["index"]["name"]) for run in runs]
    if encoders[0] != encoders[1] and indexes[0] == indexes[1]:
        return labels[encoders[0]], labels[encoders[1]]
    if encoders[0] == encoders[1] and indexes[0] != indexes[1]:
        return indexes[0], indexes[1]
    both = [f"{labels[name]}, {index}" for name, index in zip(encoders, indexes, strict=True)]
    if both[0] == both[1]:
        return f"{both[0]} (first)", f"{both[1]} (second)"
    return both[0], both[1]
