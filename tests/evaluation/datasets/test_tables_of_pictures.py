"""Opening tables: labels, parts and queries by column, and pairs of query and answer."""

from __future__ import annotations

import pytest
from published_forms import labelled, write_files
from table_forms import positives, write_csv, write_table

from lookalike.errors import UsageError
from lookalike.evaluation.datasets import open_set
from lookalike.evaluation.datasets.checking import check_set


def test_a_table_names_labels(tmp_path):
    write_files(tmp_path, labelled())
    rows = [
        {"path": "dog/dog-0.png", "label": "woof", "colour": "red"},
        {"path": "./cat/cat-0.png", "label": "miaow", "colour": "blue"},
        {"path": "cat\\cat-1.png", "label": "miaow", "colour": "red"},
        {"path": "dog/dog-1.png", "label": "woof", "colour": ""},
    ]
    found = open_set(str(write_csv(tmp_path / "pets.csv", rows)))
    assert (found.name, found.root) == ("pets", tmp_path)
    assert found.images == ("cat/cat-0.png", "cat/cat-1.png", "dog/dog-0.png", "dog/dog-1.png")
    assert found.labels == ("miaow", "miaow", "woof", "woof")
    by_colour = open_set(str(tmp_path / "pets.csv"), labels="colour")
    assert by_colour.labels == ("blue", "red", "red")
    assert by_colour.remarks == ("Left out for want of a colour: 1 picture.",)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_a_table_of_any_kind_names_parts(tmp_path, kind):
    write_files(tmp_path, labelled())
    rows = [
        {"file_name": f"{name}/{name}-{n}.png", "class": n_class, "split": "test" if n else "train"}
        for n_class, name in enumerate(("cat", "dog"))
        for n in range(2)
    ]
    file = tmp_path / f"pets.{kind}"
    write_table(file, rows)
    found = open_set(str(file))
    assert found.images == ("cat/cat-0.png", "dog/dog-0.png")
    assert found.queries == ("cat/cat-1.png", "dog/dog-1.png")
    assert found.labels == ("0", "1")
    assert positives(found) == [1, 1]


def test_a_table_can_say_which_pictures_are_queries(tmp_path):
    write_files(tmp_path, labelled())
    rows = [
        {"path": f"{name}/{name}-{n}.png", "label": name, "query": n == 0}
        for name in ("cat", "dog")
        for n in range(3)
    ]
    found = open_set(str(write_csv(tmp_path / "pets.csv", rows)))
    assert found.queries == ("cat/cat-0.png", "dog/dog-0.png")
    assert len(found.images) == 4


def test_pictures_of_a_table_that_are_gone_are_left_out_and_said(tmp_path):
    write_files(tmp_path, labelled())
    rows = [{"path": f"{name}/{name}-{n}.png", "what": name}
            for name in ("cat", "dog") for n in range(4)]  # fmt: skip
    found = open_set(str(write_csv(tmp_path / "pets.csv", rows)))
    assert len(found.images) == 6
    assert found.remarks == ("Left out, not being there: 2 pictures of the table.",)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([{"title": "a", "label": "b"}], "no column that names the pictures"),
        ([{"path": "nowhere.png", "label": "b"}], "None of the 1 pictures .* is there"),
        ([{"path": "cat/cat-0.png", "a": "1", "b": "2"}], "could be meant \\(a, b\\)"),
        ([{"path": "cat/cat-0.png", "label": "a"}] * 2, "names 'cat/cat-0.png' twice"),
        ([{"path": "cat/cat-0.png"}], "has no labels"),
    ],
)
def test_a_table_that_says_too_little_is_refused(tmp_path, rows, why):
    write_files(tmp_path, labelled())
    with pytest.raises(UsageError, match=why):
        open_set(str(write_csv(tmp_path / "pets.csv", rows)))


def test_a_broken_table_is_one_sentence(tmp_path):
    (tmp_path / "pets.jsonl").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        open_set(str(tmp_path / "pets.jsonl"))
    (tmp_path / "pets.csv").write_text("path,label\n")
    with pytest.raises(UsageError, match="is empty"):
        open_set(str(tmp_path / "pets.csv"))


def test_a_table_without_usual_labels_is_judged_by_those_that_are_named(tmp_path):
    write_files(tmp_path, labelled())
    rows = [
        {"path": f"{name}/{name}-{n}.png", "species": name, "colour": ("red", "blue", "red")[n]}
        for name in ("cat", "dog")
        for n in range(3)
    ]
    file = str(write_csv(tmp_path / "pets.csv", rows))
    assert open_set(file, labels="species").labels == ("cat",) * 3 + ("dog",) * 3
    assert open_set(file, labels="colour").labels == ("red", "blue", "red") * 2
    with pytest.raises(
        UsageError, match=r"could be meant \(species, colour\): name one with --lab"
    ):
        open_set(file)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_nan_is_no_label(tmp_path, kind):
    write_files(tmp_path, labelled())
    rows = [
        {"path": f"{name}/{name}-{n}.png", "label": float("nan") if n == 2 else year}
        for year, name in ((1990.0, "cat"), (1991.5, "dog"))
        for n in range(3)
    ]
    found = open_set(str(write_table(tmp_path / f"pets.{kind}", rows)))
    assert found.labels == ("1990", "1990", "1991.5", "1991.5")
    assert found.remarks == ("Left out for want of a label: 2 pictures.",)


# -- pairs ---------------------------------------------------------------------------------


def pair_rows(*pairs):
    return [dict(zip(("query", "image", "grade"), pair, strict=True)) for pair in pairs]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_table_of_pairs_says_what_answers_what(tmp_path, kind):
    write_files(tmp_path, labelled())
    rows = pair_rows(
        ("cat/cat-0.png", "cat/cat-1.png", 2),
        ("cat/cat-0.png", "dog/dog-0.png", 1),
        ("./dog/dog-1.png", "dog\\dog-0.png", 3),
        ("dog/dog-1.png", "cat/cat-1.png", 0),
        ("", "dog/dog-2.png", None),
    )
    found = open_set(str(write_table(tmp_path / f"pairs.{kind}", rows)))
    assert found.images == ("cat/cat-1.png", "dog/dog-0.png", "dog/dog-2.png")
    assert found.queries == ("cat/cat-0.png", "dog/dog-1.png")
    assert found.labels is None
    judged = found.judgements["pairs"]
    assert judged.answers_to("cat/cat-0.png") == {0: 2, 1: 1}
    assert judged.answers_to("dog/dog-1.png") == {0: 0, 1: 3}
    assert positives(found, "pairs") == [2, 1]


def test_pairs_without_grades_among_the_same_pictures(tmp_path):
    write_files(tmp_path, labelled())
    rows = [
        {"query": "cat/cat-0.png", "path": "cat/cat-1.png", "note": "the same cat"},
        {"query": "cat/cat-1.png", "path": "cat/cat-0.png", "note": ""},
    ]
    found = open_set(str(write_csv(tmp_path / "pairs.csv", rows)))
    assert found.is_leave_one_out
    # A query that is an image of the set is left out of its own ranking.
    assert found.judgements["pairs"].answers_to("cat/cat-0.png") == {0: -1, 1: 1}


def test_pictures_of_pairs_that_are_gone_are_left_out_and_said(tmp_path):
    write_files(tmp_path, labelled())
    rows = pair_rows(
        ("cat/cat-0.png", "cat/cat-1.png", 1),
        ("cat/cat-0.png", "cat/gone.png", 1),
        ("cat/lost.png", "cat/cat-2.png", 1),
    )
    found = open_set(str(write_csv(tmp_path / "pairs.csv", rows)))
    assert (found.images, found.queries) == (("cat/cat-1.png", "cat/cat-2.png"), ("cat/cat-0.png",))
    assert found.remarks == (
        "Left out, not being there: 2 pictures of the table, and 2 pairs with them.",
    )


def test_other_pairs_are_another_set(tmp_path):
    write_files(tmp_path, labelled())
    fingerprints = {
        open_set(
            str(write_csv(tmp_path / "pairs.csv", pair_rows(("cat/cat-0.png", image, grade))))
        ).fingerprint
        for image, grade in (("cat/cat-1.png", 1), ("cat/cat-1.png", 2), ("cat/cat-2.png", 1))
    }
    assert len(fingerprints) == 3


@pytest.mark.parametrize(
    ("pairs", "why"),
    [
        ([("cat/cat-0.png", "", 1)], "Row 1 of the table .* has no image: name the picture"),
        ([("cat/cat-0.png", "cat/cat-1.png", "good")], "Row 1 of .* has the grade 'good': give"),
        ([("cat/cat-0.png", "cat/cat-1.png", 128)], "the grade '128'"),
        ([("cat/cat-0.png", "cat/cat-1.png", 1.5)], "the grade '1.5'"),
        ([("cat/cat-0.png", "cat/cat-1.png", 1)] * 2, "names the pair of .* twice"),
        ([("cat/cat-0.png", "cat/gone.png", 1)], "No pair of the table .* has both"),
        ([("cat/cat-0.png", "cat/cat-1.png", 0)], "No pair of the table .* has a grade above 0"),
        ([("cat/cat-0.png", "cat/cat-0.png", 1)], "None of the 1 queries has anything to find"),
    ],
)
def test_a_table_of_pairs_that_says_too_little_is_refused(tmp_path, pairs, why):
    write_files(tmp_path, labelled())
    with pytest.raises(UsageError, match=why):
        open_set(str(write_csv(tmp_path / "pairs.csv", pair_rows(*pairs))))


def test_tables_that_no_label_is_usual_in_can_be_counted(tmp_path):
    write_files(tmp_path, labelled())
    pairs = write_csv(tmp_path / "pairs.csv", pair_rows(("cat/cat-0.png", "cat/cat-1.png", 1)))
    rows = [{"path": "cat/cat-0.png", "species": "cat", "colour": "red"}]
    for file, columns in (
        (pairs, {}),
        (write_csv(tmp_path / "pets.csv", rows), {"species": 1, "colour": 1}),
    ):
        found = check_set(str(file))
        assert found.columns == columns
        assert [part.classes for part in found.parts] == [0]


def test_pairs_have_neither_labels_nor_parts(tmp_path):
    write_files(tmp_path, labelled())
    file = write_csv(tmp_path / "pairs.csv", pair_rows(("cat/cat-0.png", "cat/cat-1.png", 1)))
    with pytest.raises(UsageError, match="is judged by its own pairs"):
        open_set(str(file), labels="grade")
