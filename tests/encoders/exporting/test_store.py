"""Exports on disk: found, preferred, refused when changed, removed."""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lookalike.encoders import EncoderCard
from lookalike.encoders.exporting import (
    Evidence,
    Export,
    exports_of,
    find_export,
    remove_export,
    runtime_of,
    store,
)
from lookalike.encoders.weights import digests
from lookalike.errors import EncoderError, StorageFull, UsageError
from lookalike.images import Preprocessing

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from networks import write_mean_colour

CARD = EncoderCard(
    name="timm:mean",
    weights="",
    dim=0,
    preprocessing=Preprocessing(size=8, resize=8),
    output="embedding",
    family="timm",
    architecture="mean.hand",
)
DIGEST = "ab" * 32
EVIDENCE = Evidence(
    pictures=200,
    cosine_min=0.99999,
    cosine_mean=1.0,
    overlap=0.99,
    calibrated_on=0,
    torch_rate=10.0,
    rate=25.0,
    seconds=12.5,
    made="2026-11-21",
    libraries={"torch": "2.13.0"},
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def both_installed(monkeypatch) -> None:
    monkeypatch.setattr(store, "is_installed", lambda backend: True)


def keep(backend: str = "onnx", card: EncoderCard = CARD) -> Export:
    """Keep the mean-colour network as if it had been exported and accepted."""
    fingerprint = store.fingerprint_of(card, DIGEST)
    with store.writing_export(fingerprint, backend, card.precision) as folder:
        write_mean_colour(folder / store.NETWORK_FILES[backend], pixels=True)
        place = store.folder_of(fingerprint, backend, card.precision)
        files = store.hashes_of(folder)
        export = Export(card.name, backend, card.precision, fingerprint, place, files, EVIDENCE)
        store.write_manifest(export, folder)
    return export


def test_nothing_is_found_before_anything_was_exported():
    assert find_export(CARD, DIGEST) is None
    assert exports_of(CARD, DIGEST) == ()


def test_an_export_is_found_as_it_was_kept():
    kept = keep()
    assert find_export(CARD, DIGEST, "onnx") == kept
    assert kept.evidence.speed_ratio == 2.5
    assert kept.size_bytes == (kept.folder / "model.onnx").stat().st_size


def test_openvino_comes_first_where_it_is_installed(monkeypatch, both_installed):
    keep("onnx")
    keep("openvino")
    assert find_export(CARD, DIGEST).backend == "openvino"
    assert find_export(CARD, DIGEST, "onnx").backend == "onnx"
    monkeypatch.setattr(store, "is_installed", lambda backend: backend == "onnx")
    assert find_export(CARD, DIGEST).backend == "onnx"
    # Asked for by name, it is found: whoever loads it says what is missing.
    assert find_export(CARD, DIGEST, "openvino").backend == "openvino"
    assert find_export(CARD, DIGEST, "torch") is None


def test_another_precision_pooling_or_checkpoint_has_exports_of_its_own(both_installed):
    exact = keep()
    rough = keep("openvino", replace(CARD, precision="bf16"))
    assert find_export(replace(CARD, precision="bf16"), DIGEST) == rough
    assert find_export(replace(CARD, precision="int8"), DIGEST) is None
    assert find_export(replace(CARD, pooling="gem"), DIGEST) is None
    assert find_export(CARD, "cd" * 32) is None
    assert exports_of(CARD, DIGEST) == (exact, rough)
    assert exports_of(replace(CARD, precision="bf16"), DIGEST) == (exact, rough)


def test_the_dim_of_a_card_does_not_matter():
    kept = keep()
    assert find_export(replace(CARD, dim=3), DIGEST, "onnx") == kept


def test_an_export_is_of_the_space_that_its_encoder_embeds_into():
    assert keep().fingerprint == replace(CARD, dim=3).space(DIGEST).fingerprint


def test_a_found_export_runs():
    found = find_export(CARD, DIGEST, "onnx") or keep()
    runtime = runtime_of(found, CARD, threads=1)
    pixels = np.full((2, 8, 8, 3), 10, np.uint8)
    np.testing.assert_allclose(runtime.run(pixels), [[10, 20, 40]] * 2, atol=1e-5)
    assert runtime.workers == 1


def test_integers_are_said_to_be_integers():
    card = replace(CARD, precision="int8")
    assert runtime_of(keep(card=card), CARD).description == "ONNX Runtime, int8, cpu"


def test_a_changed_file_is_told_and_not_used(caplog):
    network = keep().folder / "model.onnx"
    network.write_bytes(network.read_bytes() + b"!")
    assert find_export(CARD, DIGEST, "onnx") is None
    assert "its model.onnx was changed since it was accepted; export again" in caplog.text


def test_files_that_did_not_change_are_read_once(monkeypatch):
    kept = keep()
    os.utime(kept.folder / "model.onnx", (1e9, 1e9))
    assert find_export(CARD, DIGEST, "onnx") == kept
    monkeypatch.setattr(digests, "weights_digest", lambda path: pytest.fail("it was read again"))
    assert find_export(CARD, DIGEST, "onnx") == kept


def test_a_missing_file_is_told_and_not_used(caplog):
    (keep().folder / "model.onnx").unlink()
    assert find_export(CARD, DIGEST, "onnx") is None
    assert "its model.onnx cannot be read" in caplog.text


def test_the_next_best_takes_the_place_of_a_changed_one(both_installed, caplog):
    onnx = keep("onnx")
    (keep("openvino").folder / "model.xml").write_bytes(b"")
    assert find_export(CARD, DIGEST) == onnx


@pytest.mark.parametrize(
    "damage",
    [
        lambda facts: "{",
        lambda facts: "[]",
        lambda facts: json.dumps({**facts, "evidence": {}}),
        lambda facts: json.dumps({**facts, "files": {}}),
        lambda facts: json.dumps({key: facts[key] for key in facts if key != "encoder"}),
    ],
)
def test_a_damaged_manifest_is_told_and_not_used(damage, caplog):
    manifest = keep().folder / "export.json"
    manifest.write_text(damage(json.loads(manifest.read_text())))
    assert find_export(CARD, DIGEST, "onnx") is None
    assert "its export.json is damaged" in caplog.text


def test_a_manifest_of_another_format_or_space_is_passed_over(caplog):
    manifest = keep().folder / "export.json"
    facts = json.loads(manifest.read_text())
    for change in ({"format": 2}, {"fingerprint": "ef" * 32}):
        manifest.write_text(json.dumps({**facts, **change}))
        assert find_export(CARD, DIGEST, "onnx") is None
    assert not caplog.records


def fail_halfway(error: BaseException) -> None:
    """Begin an export, and end it by an error."""
    fingerprint = store.fingerprint_of(CARD, DIGEST)
    with store.writing_export(fingerprint, "onnx", "exact") as folder:
        write_mean_colour(folder / "model.onnx")
        raise error


def test_an_interrupted_export_leaves_nothing(cache):
    with pytest.raises(KeyboardInterrupt):
        fail_halfway(KeyboardInterrupt())
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    assert find_export(CARD, DIGEST, "onnx") is None


def test_what_a_killed_export_left_is_ignored_and_swept_later(cache):
    kept = keep()
    left = kept.folder.with_name("onnx-exact.0123abcd.unfinished")
    os.rename(kept.folder, left)
    assert exports_of(CARD, DIGEST) == ()
    keep()
    assert left.is_dir()  # it may be another process's, at work
    os.utime(left, (0, 0))
    keep()
    assert not left.exists()


def test_exporting_again_takes_the_place_of_the_old(cache):
    keep()
    again = keep()
    assert exports_of(CARD, DIGEST) == (again,)
    assert [path.name for path in again.folder.parent.iterdir()] == ["onnx-exact"]


def test_a_full_disk_leaves_nothing(cache):
    with pytest.raises(StorageFull, match="set LOOKALIKE_CACHE"):
        fail_halfway(OSError(errno.ENOSPC, "No space left on device"))
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_cache_that_cannot_be_written_is_told(cache):
    cache.write_text("a file where the folder should be")
    with pytest.raises(UsageError, match="set LOOKALIKE_CACHE to a folder that can"):
        keep()


def test_a_removed_export_is_gone_with_its_folder(cache):
    keep("onnx")
    remove_export(keep("openvino"))
    assert [export.backend for export in exports_of(CARD, DIGEST)] == ["onnx"]
    remove_export(exports_of(CARD, DIGEST)[0])
    assert list((cache / "exports").iterdir()) == []


def test_impossible_exports_are_refused():
    with pytest.raises(UsageError, match="Cannot export to 'tensorrt'"):
        store.require_known("tensorrt", "exact")
    with pytest.raises(UsageError, match="Precision 'fp8' is unknown"):
        store.require_known("onnx", "fp8")
    with pytest.raises(EncoderError, match="ONNX Runtime has no bfloat16"):
        store.require_known("onnx", "bf16")


def test_finding_says_nothing_while_all_is_well(caplog):
    caplog.set_level(logging.INFO)
    keep()
    find_export(CARD, DIGEST, "onnx")
    assert not caplog.records
