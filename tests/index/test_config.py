"""What a config means to FAISS, by hand, and what is refused."""

from __future__ import annotations

import pytest

from lookalike.errors import UsageError
from lookalike.index import IndexConfig, SearchParams
from lookalike.index.config import training_rows_needed


@pytest.mark.parametrize(
    ("config", "rows", "dim", "factory"),
    [
        (IndexConfig("flat"), 10, 512, "Flat"),
        (IndexConfig("flat", codes="int8"), 10, 512, "SQ8"),
        (IndexConfig("ivf"), 10_000, 512, "IVF100,Flat"),
        (IndexConfig("ivf"), 390, 512, "IVF10,Flat"),
        (IndexConfig("ivf", codes="float16", nlist=7), 10_000, 512, "IVF7,SQfp16"),
        (IndexConfig("ivf-pq", reduced_dim=64), 10_000, 512, "PCA64,IVF100,PQ64x4fsr"),
        (IndexConfig("ivf-pq", pq_m=16), 10_000, 32, "IVF100,PQ16x4fsr"),
        (IndexConfig("ivf-pq", reduction="none"), 10_000, 256, "IVF100,PQ256x4fsr"),
        (
            IndexConfig("ivf-pq", reduction="opq", reduced_dim=64, pq_m=32),
            10_000,
            512,
            "OPQ32_64,IVF100,PQ32x4fsr",
        ),
        (IndexConfig("ivf-rabitq"), 10_000, 64, "RR64,IVF100,RaBitQfs"),
        (IndexConfig("ivf-rabitq", rabitq_bits=4), 10_000, 64, "RR64,IVF100,RaBitQfs4"),
        (IndexConfig("hnsw", codes="int8", hnsw_m=16), 10, 64, "HNSW16,SQ8"),
        (IndexConfig("factory", factory="IVF9,SQ4"), 10, 64, "IVF9,SQ4"),
    ],
)
def test_the_factory_string_says_the_same(config, rows, dim, factory):
    assert config.to_factory(rows, dim) == factory


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kind": "quantum"}, "'quantum' is unknown: use one of exact, flat, ivf"),
        ({"codes": "int4"}, "Codes 'int4' is unknown"),
        ({"metric": "hamming"}, "Metric 'hamming' is unknown"),
        ({"reduction": "umap"}, "Reduction 'umap' is unknown"),
        ({"refine": "int4"}, "Refine 'int4' is unknown"),
        ({"device": "tpu"}, "Device 'tpu' is unknown: use one of auto, cpu, gpu"),
        ({"kind": "ivf", "nlist": 0}, "nlist is 0: give a number of at least 1"),
        ({"kind": "hnsw", "hnsw_m": 1}, "needs at least 2 links"),
        ({"kind": "ivf-rabitq", "rabitq_bits": 10}, "rabitq_bits is 10: give 1 to 9"),
        ({"kind": "factory"}, "goes with the index kind 'factory'"),
        ({"kind": "ivf", "factory": "Flat"}, "goes with the index kind 'factory'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, sentence):
    with pytest.raises(UsageError, match=sentence):
        IndexConfig(**settings)


def test_codes_that_do_not_divide_the_dim_are_refused():
    with pytest.raises(UsageError, match="pq_m is 48, which does not divide the dim 64"):
        IndexConfig("ivf-pq", reduced_dim=64, pq_m=48).to_factory(10_000, 512)


@pytest.mark.parametrize(
    ("config", "needed"),
    [
        (IndexConfig("exact"), 0),
        (IndexConfig("flat", codes="float16"), 0),
        (IndexConfig("hnsw"), 0),
        (IndexConfig("ivf"), 3900),
        (IndexConfig("ivf", nlist=50), 1950),
        (IndexConfig("ivf-pq", nlist=1), 624),
        (IndexConfig("ivf-rabitq", nlist=1), 39),
    ],
)
def test_training_needs_39_rows_a_centroid(config, needed):
    assert training_rows_needed(config, 10_000) == needed


@pytest.mark.parametrize(
    ("config", "is_exact"),
    [
        (IndexConfig("exact"), True),
        (IndexConfig("flat"), True),
        (IndexConfig("flat", reduction="pca"), False),
        (IndexConfig("flat", codes="float16"), False),
        (IndexConfig("ivf"), False),
    ],
)
def test_only_full_comparisons_count_as_exact(config, is_exact):
    assert config.is_exact is is_exact


def test_both_survive_json_and_refuse_fields_they_do_not_know():
    config = IndexConfig("ivf-pq", nlist=12, device="cpu")
    assert IndexConfig.from_dict(config.to_dict()) == config
    params = SearchParams(nprobe=3)
    assert params.to_dict() == {"nprobe": 3}
    assert SearchParams.from_dict({"nprobe": 3}) == params
    with pytest.raises(UsageError, match="IndexConfig has no field 'colour'"):
        IndexConfig.from_dict({"kind": "flat", "colour": "red"})


def test_a_query_chooses_what_it_names_and_takes_the_rest_as_tuned():
    tuned = SearchParams(nprobe=8, k_factor=4)
    assert SearchParams(nprobe=2).over(tuned) == SearchParams(nprobe=2, k_factor=4)
    with pytest.raises(UsageError, match="nprobe is 0: give a number of at least 1"):
        SearchParams(nprobe=0)
    with pytest.raises(UsageError, match="k_factor is nan"):
        SearchParams(k_factor=float("nan"))
