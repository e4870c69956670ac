"""Numbers as people read them: shares, times, sizes, counts."""

from __future__ import annotations

from collections.abc import Sequence

from lookalike.evaluation.reports.reading import Estimated

__all__ = [
    "bytes_text",
    "count_text",
    "interval_text",
    "listed",
    "metric_title",
    "p_text",
    "seconds_text",
    "share",
    "signed",
]

SIZES = ("B", "kB", "MB", "GB", "TB")
METRICS = {
    "ap": "mean average precision",
    "ap_trapezoid": "mean average precision (Oxford/Paris)",
    "mrr": "mean reciprocal rank",
    "r_precision": "R-precision",
}
COUNTS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def share(value: float) -> str:
    """Write a value from 0 to 1 to three digits."""
    return f"{value:.3f}"


def interval_text(found: Estimated) -> str:
    """Write an interval."""
    return f"{found.low:.3f}\u2013{found.high:.3f}"


def metric_title(name: str) -> str:
    """Write a metric's name in words, where it is short for something."""
    return METRICS.get(name, name)


def signed(value: float, digits: int = 3) -> str:
    """Write a difference with its sign; a true minus, as wide as a plus."""
    text = f"{value:+.{digits}f}"
    if float(text) == 0:
        return f"{0:.{digits}f}"
    return text.replace("-", "\u2212")


def p_text(p: float | None, resamples: int) -> str:
    """Write a p-value; the smallest that so many resamples can give as a bound.

    Args:
        p: None where too few queries were compared.
        resamples: How many there were: no p is below one of ``resamples + 1``.
    """
    if p is None:
        return "\u2013"
    if p * (resamples + 1) < 1.5:
        return f"< {2 / (resamples + 1):.1g}"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def seconds_text(seconds: float) -> str:
    """Write a time in the unit that suits it, to three digits."""
    if seconds >= 120:
        return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "\u00b5s")):
        if seconds >= size * 0.9995:
            return f"{plain(seconds / size)} {unit}"
    return f"{seconds * 1e9:.0f} ns" if seconds > 0 else "0 s"


def bytes_text(size_bytes: float) -> str:
    """Write a size in decimal units, to three digits."""
    step = 0
    while size_bytes >= 999.5 and step < len(SIZES) - 1:
        size_bytes /= 1000
        step += 1
    return f"{plain(size_bytes)} {SIZES[step]}"


def count_text(count: float) -> str:
    """Write a count with thousands set apart, from a million on in millions."""
    if count >= 1e6:
        for size, unit in COUNTS:
            if count >= size:
                return f"{plain(count / size)} {unit}"
    return f"{count:,.0f}" if count >= 100 or count == int(count) else plain(count)


def plain(value: float) -> str:
    """Write three digits that count, never in powers of ten."""
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    whole, _, rest = f"{value:.{digits}f}".partition(".")
    return f"{whole}.{rest}" if rest.strip("0") else whole


def listed(parts: Sequence[str]) -> str:
    """Join words as a sentence does."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
