"""One set's part of a report: the answers, then quality, search, cost, classes, pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.reports import plots
from lookalike.evaluation.reports.answers import answers
from lookalike.evaluation.reports.markup import (
    LEGEND,
    answers_html,
    facts_html,
    figure_html,
    plain,
    table_html,
)
from lookalike.evaluation.reports.pictures import Thumbnails, strip
from lookalike.evaluation.reports.reading import (
    Result,
    by_encoder,
    has_one_positive,
    headline,
    is_exact,
    judgements_of,
    ks_of,
    main_judgement,
    references,
    short_names,
)
from lookalike.evaluation.reports.tables import (
    FAMILIES,
    class_table,
    encoder_table,
    index_table,
    k_table,
    level_of,
    whole_table,
)
from lookalike.evaluation.reports.wording import count_text, seconds_text, share

__all__ = ["SECTIONS", "Chapter", "counted", "set_in_words"]

# The best look alike: they are all of the easiest class.
MOST_STRIPS = {"worst": 10, "best": 4}
LEAST_LOAD_S = 1e-3
BEST_POSSIBLE = " The dotted line is the best possible: small classes run out of pictures."
SECTIONS = (
    ("quality", "Quality"),
    ("search", "Search"),
    ("cost", "Cost"),
    ("classes", "Classes"),
    ("pictures", "Pictures"),
    ("measured", "How it was measured"),
)


def set_in_words(facts: Mapping[str, Any]) -> str:
    """Count a set's pictures, classes and queries."""
    parts = [counted(int(facts["images"]), "picture")]
    if facts.get("classes"):
        parts.append(counted(int(facts["classes"]), "class", "classes"))
    if facts.get("is_leave_one_out") and facts["queries"] == facts["images"]:
        return f"{', '.join(parts)}, each picture the query once"
    return f"{', '.join([*parts, counted(int(facts['queries']), 'query', 'queries')])}"


def counted(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def told_of(paths: Sequence[str], words: Sequence[str] | None) -> dict[str, str]:
    """Name what is told of each picture, where the set tells it."""
    return dict(zip(paths, words, strict=True)) if words is not None else {}


class Chapter:
    """The results of one set."""

    def __init__(
        self,
        results: Sequence[Result],
        image_set: ImageSet | None,
        thumbnails: Thumbnails,
        key: str,
    ) -> None:
        self.results, self.image_set, self.thumbnails, self.key = (
            results,
            image_set,
            thumbnails,
            key,
        )
        self.groups = by_encoder(results)
        self.chosen = references(results)
        self.metric = headline(results)
        self.labels = told_of(image_set.images, image_set.labels) if image_set else {}
        self.captions = told_of(image_set.queries, image_set.captions) if image_set else {}

    def written(self, *, is_alone: bool) -> str:
        """Write the answers and then every section that has something to show."""
        facts = self.results[0]["set"]
        start = answers_html(answers(self.results))
        if not is_alone:
            name = plain(str(facts["name"]))
            start = (
                f'<h2 class="set" id="{self.key}">{name}</h2>'
                f'<p class="intro">{plain(set_in_words(facts))}.</p>{start}'
            )
        sections = [
            self.quality, self.search, self.cost, self.classes, self.pictures, self.measured,
        ]  # fmt: skip
        body = "".join(section() for section in sections)
        return f'<div class="chapter">{start}{body}</div>'

    def heading(self, key: str) -> str:
        """Write a section's heading."""
        return f'<h2 id="{self.key}-{key}">{plain(dict(SECTIONS)[key])}</h2>'

    def figure(
        self, name: str, title: str, caption: str, draw: Callable[..., Any], **more: Any
    ) -> str:
        """Draw a figure of this set."""
        return figure_html(
            f"{self.key}-{name}", title, caption, partial(draw, self.results), **more
        )

    def encoder_series(self) -> list[int] | None:
        """Number the encoders as the plots do, where they are what series stand for."""
        return list(range(len(self.chosen))) if len(self.chosen) > 1 else None

    def quality(self) -> str:
        """Show how good encoders are."""
        if not self.metric:
            return ""
        parts = [self.heading("quality"), f'<p class="intro">{plain(self.level_words())}</p>']
        series = self.encoder_series()
        for judgement in judgements_of(self.results):
            table = encoder_table(self.results, judgement=judgement)
            name = f'<h3 class="apart">{plain(judgement)}</h3>' if judgement else ""
            order = series if judgement in ("", main_judgement(self.results)) else None
            parts.append(name + table_html(table, series=order, has_bars=True))
        ks = ks_of(self.chosen, "precision", main_judgement(self.results))
        families = ["recall"] if has_one_positive(self.results) else ["precision", "fpr"]
        if len(ks) > 1:
            parts += [self.over_k(family) for family in families]
        parts.append(self.other_families())
        return "".join(parts)

    def over_k(self, family: str) -> str:
        """Draw and list a family of metrics over K."""
        title, caption = {
            "precision": (
                "Precision over K",
                "How many of the first K hits are right. The bands are the intervals."
                + (BEST_POSSIBLE if self.has_ceiling() else ""),
            ),
            "recall": (
                "Recall over K",
                "For how many queries the one right picture is among the first K.",
            ),
            "fpr": (
                "False-positive rate over K",
                "How many of the first K hits have another label: 1 \u2212 precision. Lower is "
                "better.",
            ),
        }[family]
        judgements = judgements_of(self.results)
        if family != "precision":
            judgements = [main_judgement(self.results)]
        return "".join(
            self.figure(
                f"{family}{number}",
                f"{title}, {judgement}" if judgement else title,
                caption,
                partial(plots.plot_over_k, family=family, judgement=judgement),
            )
            for number, judgement in enumerate(judgements)
            if ks_of(self.chosen, family, judgement)
        )

    def has_ceiling(self) -> bool:
        """Tell whether small classes keep precision from reaching 1."""
        ks = ks_of(self.chosen, "precision", main_judgement(self.results))
        return bool(plots.ceiling_of(self.chosen[0], ks))

    def other_families(self) -> str:
        """List every family at every K, folded away."""
        judgement = main_judgement(self.results)
        families = [name for name in FAMILIES if ks_of(self.chosen, name, judgement)]
        tables = [k_table(self.results, family) for family in families]
        blocks = [
            f'<details class="block"><summary>{plain(table.title)}</summary>'
            f"{table_html(table, series=self.encoder_series())}</details>"
            for table in [*tables, whole_table(self.results)]
            if table.rows
        ]
        if not blocks:
            return ""
        return f'<div class="more"><h3>Every metric</h3>{"".join(blocks)}</div>'

    def level_words(self) -> str:
        """Say what the intervals are."""
        count = self.results[0]["parameters"].get("resamples", 1000)
        return (
            f"Encoders are compared by exact search, so that no index stands between. Below each "
            f"number: its {level_of(self.results)} interval, by drawing the queries anew "
            f"{count:,} times."
        )

    def places(self) -> list[int] | None:
        """Number the rows of indexes as the plots do: by encoder, or by index if there is one."""
        if len(self.groups) > 1:
            return [place for place, group in enumerate(self.groups.values()) for _ in group]
        return list(range(len(self.results))) if len(self.results) > 1 else None

    def search(self) -> str:
        """Show what indexes lose and what they cost."""
        parts = [
            self.heading("search"),
            table_html(index_table(self.results), series=self.places()),
        ]
        has_time = any((one["index"].get("latency_ms") or {}).get("p50") for one in self.results)
        if self.metric and has_time and len(self.results) > 1:
            parts.append(
                self.figure(
                    "tradeoff",
                    "Quality against the time of a query",
                    "Up is better, left is faster. "
                    + (
                        "Each line joins what one encoder reaches with each index."
                        if len(self.groups) > 1
                        else "Thin curves show the other settings of an index."
                    ),
                    plots.plot_tradeoff,
                )
            )
        approximate = [one for one in self.results if not is_exact(one)]
        if any(len(one["index"].get("ann_recall") or {}) > 1 for one in approximate):
            parts.append(
                self.figure(
                    "recall",
                    "Recall@K against exact search",
                    "How many of the K neighbors that exact search finds an index finds too. "
                    "It says nothing about labels.",
                    plots.plot_ann_recall,
                )
            )
        if any(len(one["index"].get("curve") or ()) > 1 for one in approximate):
            parts.append(
                self.figure(
                    "speed",
                    "Recall against queries per second",
                    "Every setting of an index that was tried: right is faster, up finds more.",
                    plots.plot_speed,
                )
            )
        if has_time:
            parts.append(
                self.figure(
                    "costs",
                    "Latency, memory and build time",
                    "The dot is the median time of a query, the tick 95 %, the end of the line "
                    "99 %. Memory and build time are in the table too.",
                    plots.plot_search_costs,
                    narrow=partial(plots.plot_latency, self.results),
                )
            )
        return "".join(parts)

    def cost(self) -> str:
        """Show quality against what an encoder costs."""
        known = [
            key
            for key in ("pictures_per_s", "parameters")
            if sum(bool(one["encoder"].get(key)) for one in self.chosen) > 1
        ]
        if not self.metric or not known:
            return self.embedding_facts()
        titles = {
            "pictures_per_s": ("Quality against speed", "Up is better, right is faster. "),
            "parameters": ("Quality against size", "Up is better, left is smaller. "),
        }
        best = "No encoder beats in both ways those on the grey path."
        return self.heading("cost") + "".join(
            self.figure(
                f"cost-{key}",
                titles[key][0],
                titles[key][1] + best,
                partial(plots.plot_quality_cost, cost=key),
            )
            for key in known
        )

    def embedding_facts(self) -> str:
        """Say what one encoder costs, where there is nothing to compare it with."""
        encoder = self.chosen[0]["encoder"]
        # An encoder that was in memory already took no time worth telling.
        load_s = encoder.get("load_s") or 0
        facts = {
            "pictures that were timed": (encoder.get("pictures"), count_text),
            "time they took": (encoder.get("extraction_s"), seconds_text),
            "pictures per second": (encoder.get("pictures_per_s"), count_text),
            "time to load it": (load_s if load_s > LEAST_LOAD_S else None, seconds_text),
            "parameters": (encoder.get("parameters"), count_text),
            "numbers of an embedding": (encoder.get("dim"), count_text),
        }
        return self.heading("cost") + facts_html(
            {name: written(value) for name, (value, written) in facts.items() if value is not None}
        )

    def classes(self) -> str:
        """Show every class."""
        table = class_table(self.results)
        if not table.rows:
            return ""
        return self.heading("classes") + table_html(table, is_shaded=True)

    def pictures(self) -> str:
        """Show best and worst queries of each encoder, the first one's unfolded."""
        blocks = [
            self.strips(result, is_open=place == 0)
            for place, result in enumerate(self.chosen)
            if result.get("worst") or result.get("best")
        ]
        return f"{self.heading('pictures')}{LEGEND}{''.join(blocks)}" if blocks else ""

    def strips(self, result: Result, *, is_open: bool) -> str:
        """Show one encoder's best and worst queries."""
        parts = []
        for key, heading in (("worst", "Answered worst"), ("best", "Answered best")):
            entries = (result.get(key) or [])[: MOST_STRIPS[key]]
            if entries:
                parts.append(f"<h4>{heading}</h4>")
            parts += [self.strip(entry, result) for entry in entries]
        name = str(result["encoder"]["name"])
        label = plain(short_names([name])[name])
        state = " open" if is_open else ""
        return (
            f'<details class="block strips"{state}><summary>{label}, '
            f"{plain(str(result['index']['name']))}</summary>{''.join(parts)}</details>"
        )

    def strip(self, entry: Mapping[str, Any], result: Result) -> str:
        """Show one query; one of words by its words, beside the picture that answers it."""
        root = self.image_set.root if self.image_set else Path(str(result["set"].get("root", "")))
        value = entry.get("value")
        measured = f"{entry.get('metric', '')} {share(value)}" if value is not None else ""
        query = str(entry["query"])
        words = self.captions.get(query)
        return strip(
            query,
            entry["hits"],
            root=root,
            thumbnails=self.thumbnails,
            labels=self.labels,
            title=f"{plain(measured)} <span>{plain(words or query)}</span>",
            query_word="query" if words is None else "its picture",
        )

    def measured(self) -> str:
        """Say on what, with what and under which conditions."""
        first = self.chosen[0]
        facts, asked = first["set"], first["parameters"]
        machines = dict.fromkeys(str(one.get("machine", "")) for one in self.results)
        left_out = int(self.chosen[0].get("left_out") or 0)
        rows = {
            "set": f"{facts['name']}: {set_in_words(facts)}",
            "licence": facts.get("licence"),
            "remarks": " ".join(facts.get("remarks") or ()),
            "left out": f"{left_out:,} queries that have nothing to find" if left_out else "",
            "ranking": (
                "all pictures ranked for each query"
                if asked.get("ranking") == "whole"
                else f"the first {asked.get('depth', '')} hits of each query"
            ),
            "intervals": f"{level_of(self.results)}, {asked.get('resamples')} draws of the "
            f"queries, seed {asked.get('seed')}",
            "K": ", ".join(map(str, asked.get("ks") or ())),
            "queries timed": str((first["index"].get("latency_ms") or {}).get("count") or ""),
            "machine": "; ".join(machines),
            "fingerprint": facts.get("fingerprint"),
            **self.encoders_in_full(),
            **self.index_remarks(),
        }
        return self.heading("measured") + facts_html(
            {name: str(value) for name, value in rows.items() if value}
        )

    def encoders_in_full(self) -> dict[str, str]:
        """Say exactly which encoders these are, and on what they ran."""
        return {
            f"encoder {place}": ", ".join(
                filter(
                    None,
                    [
                        str(one["encoder"]["name"]),
                        str(one["encoder"].get("runs_on") or ""),
                        f"fingerprint {str(one['encoder']['fingerprint'])[:16]}",
                    ],
                )
            )
            for place, one in enumerate(self.chosen, 1)
        }

    def index_remarks(self) -> dict[str, str]:
        """Collect what indexes have to say, each remark once."""
        remarks: dict[str, dict[str, None]] = {}
        for one in self.results:
            for remark in one["index"].get("remarks") or ():
                remarks.setdefault(f"index {one['index']['name']}", {})[str(remark)] = None
        return {name: " ".join(each) for name, each in remarks.items()}
