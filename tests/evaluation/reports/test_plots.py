"""Plots: they hold the numbers, and no name lies on another."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
from made_results import KS, made_comparison, made_result, matrix

from lookalike.errors import MissingExtra, UsageError
from lookalike.evaluation.reports import cost_plots, plots
from lookalike.evaluation.reports.charts import Axis, Line, line_chart
from lookalike.evaluation.reports.figures import NARROW, WIDE, inline_svg, save_plot
from lookalike.evaluation.reports.plots import ceiling_of

pytest.importorskip("matplotlib")

DRAWN = [
    plots.plot_precision, plots.plot_false_positives, plots.plot_recall, plots.plot_tradeoff,
    plots.plot_speed, plots.plot_ann_recall, plots.plot_latency, plots.plot_memory,
    plots.plot_build_time, plots.plot_search_costs, plots.plot_quality_cost,
]  # fmt: skip
LOOKS = pytest.mark.parametrize("look", [WIDE, NARROW], ids=["wide", "narrow"])


def lines_of(figure, place: int):
    """The points of a series, of the first field that has them."""
    return [
        (list(line.get_xdata()), list(line.get_ydata()))
        for line in figure.axes[0].get_lines()
        if line.get_gid() == f"series:{place}" and line.get_marker() not in ("None", None, "")
    ]


def words(figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_precision_is_drawn_as_measured_with_its_interval():
    figure = plots.plot_precision([made_result(precision=0.7)])

    ((xs, ys),) = lines_of(figure, 0)
    assert xs == list(KS)
    assert ys == pytest.approx([0.72, 0.71, 0.70, 0.69, 0.68])
    (band,) = figure.axes[0].collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((0.66, 0.74))


def test_false_positives_are_one_minus_precision():
    ((_, ys),) = lines_of(plots.plot_false_positives([made_result(precision=0.7)]), 0)

    assert ys == pytest.approx([0.28, 0.29, 0.30, 0.31, 0.32])


def test_encoders_are_named_at_their_ends_the_best_first():
    figure = plots.plot_precision([made_result("weak", precision=0.5), made_result("strong")])

    assert [name for name in words(figure) if name in ("weak", "strong")] == ["strong", "weak"]
    assert lines_of(figure, 0)[0][1][0] == pytest.approx(0.72)


def test_on_a_phone_numbers_stand_for_names():
    figure = plots.plot_precision(matrix(3, ("flat",)), look=NARROW)

    found = words(figure)
    assert {"1", "2", "3"} <= set(found)
    assert "1  vit_base_patch0_224.augreg_in21k" in found


def test_the_trade_off_joins_the_indexes_of_an_encoder_by_time():
    results = [
        made_result("a", "flat", median_ms=8),
        made_result("a", "ivf", median_ms=0.5, precision=0.6),
        made_result("b", "flat", median_ms=8, precision=0.4),
    ]  # fmt: skip
    figure = plots.plot_tradeoff(results)

    marked = sorted(
        itertools.chain.from_iterable(zip(*line, strict=True) for line in lines_of(figure, 0))
    )
    assert marked == [pytest.approx((0.0005, 0.6)), pytest.approx((0.008, 0.7))]
    assert figure.axes[0].get_xscale() == "log"


def test_one_encoder_has_a_series_and_a_curve_for_each_index():
    figure = plots.plot_tradeoff([made_result(), made_result(index="ivf", median_ms=0.5)])

    assert {"flat", "ivf"} <= set(words(figure))
    trail = max(lines_of(figure, 1), key=lambda line: len(line[0]))
    assert trail[0] == pytest.approx([0.000125, 0.00025, 0.0005])
    assert trail[1] == pytest.approx([0.6, 0.65, 0.675])


def test_recall_against_exact_search_has_a_chart_for_each_index():
    figure = plots.plot_ann_recall(matrix(2))

    assert len(figure.axes) == 2
    assert {"ivf", "hnsw"} <= set(words(figure))
    assert lines_of(figure, 0)[0][0] == [1, *range(10, 101, 10)]


def test_latency_shows_the_median_and_writes_it():
    figure = plots.plot_latency([made_result(median_ms=8)])

    assert "8 ms" in words(figure)
    (line, tick, dot) = figure.axes[0].get_lines()[-3:]
    assert list(line.get_xdata()) == pytest.approx([0.008, 0.024])
    assert list(tick.get_xdata()) == pytest.approx([0.016])
    assert list(dot.get_xdata()) == pytest.approx([0.008])


def test_the_path_of_the_best_leaves_out_what_is_beaten_in_both_ways():
    results = [
        made_result("good", precision=0.7, speed=10), made_result("fast", precision=0.5, speed=90),
        made_result("beaten", precision=0.4, speed=5),
    ]  # fmt: skip
    figure = plots.plot_quality_cost(results)

    path = figure.axes[0].get_lines()[0]
    assert list(path.get_xdata()) == [10, 90]
    assert list(path.get_ydata()) == pytest.approx([0.7, 0.5])


def test_the_best_possible_precision_is_known_where_every_picture_is_a_query():
    # 150 apples and 50 kiwis: among 100 hits a kiwi finds at most 49 others.
    assert ceiling_of(made_result(), [10, 100]) == [
        (10, 1.0), (100, pytest.approx((150 * 1 + 50 * 0.49) / 200)),
    ]  # fmt: skip
    asked = made_result()
    asked["set"]["queries"], asked["set"]["is_leave_one_out"] = 20, False
    assert ceiling_of(asked, [100]) == []


def test_published_numbers_stand_beside_ours():
    published = [Line("the paper", [1, 10], [0.6, 0.5], is_published=True)]
    figure = plots.plot_precision([made_result()], published=published)

    assert "the paper" in words(figure)
    assert ([1, 10], [0.6, 0.5]) in lines_of(figure, 1)


@LOOKS
@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("count", [1, 13])
def test_no_words_lie_on_others_or_outside(draw, count, look):
    figure = draw(matrix(count), look=look)

    renderer = figure.canvas.get_renderer()
    ticks = [label for axes in figure.axes for label in axes.get_xticklabels()]
    boxes = [
        (text.get_text(), text.get_window_extent(renderer))
        for text in [*figure.texts, *ticks, *(text for axes in figure.axes for text in axes.texts)]
        if text.get_text()
    ]
    for name, box in boxes:
        assert box.x0 >= -1, name
        assert box.x1 <= look.width + 1, name
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        up = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 1 or up < 3, f"{one} lies on {other}"


def test_a_difference_is_drawn_on_the_line_of_none():
    figure = plots.plot_differences(made_comparison())

    assert {"ap", "+0.050", "+0.010"} <= set(words(figure))
    assert "@10" in words(figure)
    assert not any("fpr" in word for word in words(figure))


@pytest.mark.parametrize("name", ["plot.png", "plot.svg"])
def test_equal_figures_give_equal_files(tmp_path: Path, name):
    first = save_plot(plots.plot_precision(matrix(2)), tmp_path / name)
    second = save_plot(plots.plot_precision(matrix(2)), tmp_path / f"again-{name}")

    assert first.read_bytes() == second.read_bytes()


def test_a_plot_is_a_png_or_svg(tmp_path: Path):
    figure = plots.plot_precision([made_result()])

    with pytest.raises(UsageError, match=r"as \.png or \.svg, not as plot\.gif"):
        save_plot(figure, tmp_path / "plot.gif")
    with pytest.raises(UsageError, match="cannot be written"):
        save_plot(figure, tmp_path / "missing" / "plot.png")


def test_on_a_page_the_page_chooses_colours_and_names_are_kept_apart():
    figure = plots.plot_precision(matrix(2))

    one, other = inline_svg(figure, "one", "Precision & more"), inline_svg(figure, "other", "")

    assert 'aria-label="Precision &amp; more"' in one
    assert "var(--s0)" in one
    assert "#005bff" not in one
    assert 'class="series s1"' in one
    names = [{part.split('"')[0] for part in text.split(' id="')[1:]} for text in (one, other)]
    assert names[0]
    assert not names[0] & names[1]


def test_names_that_look_like_formulas_are_written_as_they_are():
    figure = line_chart(
        [Line("$a_1$ \\frac", [1, 2], [0.1, 0.2]), Line("b\n\udcff", [1, 2], [0.2, 0.3], place=1)],
        x=Axis("x"),
        y=Axis("y"),
    )

    assert "$a_1$ \\frac" in inline_svg(figure, "f", "")


def test_the_users_own_settings_change_nothing(tmp_path: Path):
    import matplotlib

    plain = save_plot(plots.plot_precision([made_result()]), tmp_path / "plain.png")
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "axes.grid": True}):
        odd = save_plot(plots.plot_precision([made_result()]), tmp_path / "odd.png")

    assert plain.read_bytes() == odd.read_bytes()


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(MissingExtra, match=r"pip install 'lookalike\[plot\]'"):
        plots.plot_precision([made_result()])


def test_what_was_not_measured_cannot_be_drawn():
    with pytest.raises(UsageError, match="No result has ndcg@K"):
        plots.plot_over_k([made_result()], "ndcg")
    with pytest.raises(UsageError, match="there is no ann_recall to draw"):
        plots.plot_ann_recall([made_result()])
    with pytest.raises(UsageError, match="has a curve of settings"):
        plots.plot_speed([made_result()])
    with pytest.raises(UsageError, match="No encoder's pictures_per_s is known"):
        plots.plot_quality_cost([made_result(speed=None)])


def test_what_was_not_built_took_no_time_that_could_be_drawn():
    assert cost_plots.build_dot({"build_s": 0.0}) is None
    assert cost_plots.build_dot({"build_s": 0.25}).value == 0.25
