"""Names of indexes and encoders on one line."""

from __future__ import annotations

import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.matrix import parse_index, split_encoders, split_indexes
from lookalike.evaluation.matrix.names import slug
from lookalike.evaluation.matrix.places import short_encoder_name
from lookalike.index import IndexConfig, SearchParams
from lookalike.index.tuning import TuneWish


def test_a_kind_alone_is_as_usual():
    assert parse_index("hnsw").config == IndexConfig(kind="hnsw")
    assert parse_index("hnsw").params == SearchParams()


def test_options_go_to_the_build_or_to_the_search():
    wish = parse_index("ivf-pq:nlist=64,nprobe=8,k_factor=2.5,refine=int8")
    assert wish.config == IndexConfig(kind="ivf-pq", nlist=64, refine="int8")
    assert wish.params == SearchParams(nprobe=8, k_factor=2.5)


def test_a_capital_begins_a_factory_string():
    wish = parse_index("IVF256,SQ8:nprobe=4")
    assert wish.config == IndexConfig(kind="factory", factory="IVF256,SQ8")
    assert wish.params == SearchParams(nprobe=4)


def test_auto_is_the_tuners_with_its_wishes():
    assert parse_index("auto").tuning == TuneWish()
    assert parse_index("auto:recall=.99,traffic=batch").tuning == TuneWish(
        recall=0.99, traffic="batch"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("falt", "There is no index 'falt'"),
        ("ivf:lists=4", "no option 'lists'"),
        ("ivf:nlist=many", "nlist=many: give a number"),
        ("ivf:nlist", "options that cannot be read"),
        ("IVF4,Flat:nlist=4", "no option 'nlist'"),
        ("auto:speed=9", "no option 'speed'"),
        ("flat:codes=float8", "Codes 'float8' is unknown"),
    ],
)
def test_what_has_no_meaning_is_refused(name, said):
    with pytest.raises(UsageError, match=said):
        parse_index(name)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("flat,auto", ("flat", "auto")),
        ("flat, ivf:nlist=64,nprobe=8,hnsw", ("flat", "ivf:nlist=64,nprobe=8", "hnsw")),
        ("IVF256,SQ8,flat", ("IVF256,SQ8", "flat")),
        ("OPQ16_64,IVF256,PQ16x4fs:nprobe=4", ("OPQ16_64,IVF256,PQ16x4fs:nprobe=4",)),
        ("flat,", ("flat",)),
    ],
)
def test_commas_within_a_name_stay(line, names):
    assert split_indexes(line) == names


def test_commas_within_an_encoder_stay():
    line = "builtin,onnx:a,b.onnx"
    assert split_encoders(line) == ("builtin", "onnx:a", "b.onnx")
    line = "onnx:net.onnx?mean=.5,.5,.5&std=.2,.2,.2&size=64,dinov2-s"
    assert split_encoders(line) == (
        "onnx:net.onnx?mean=.5,.5,.5&std=.2,.2,.2&size=64",
        "dinov2-s",
    )


def test_two_names_never_share_a_file():
    names = ["flat", "Flat", "IVF256,SQ8", "IVF256;SQ8", "ivf256-sq8", "ivf/256", "\udcff", "é"]
    assert len({slug(name) for name in names}) == len(names)
    assert slug("flat") == "flat"
    assert "/" not in slug("../x/" * 100)
    assert len(slug("x" * 1000)) < 100


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("builtin", "builtin"),
        ("onnx:/a/b/net.onnx?size=8&mean=.5,.5,.5", "net"),
        ("timm:resnet18.a1_in1k", "timm:resnet18.a1_in1k"),
        ("/models/dino/", "dino"),
    ],
)
def test_an_encoder_is_called_by_its_file(name, short):
    assert short_encoder_name(name) == short
