"""Pulling weights from a hub, finding them again, and being told when that is not possible."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from local_hub import COMMIT, Hub, running_hub, write_safetensors, write_timm_form

hub_library = pytest.importorskip("huggingface_hub")
pytest.importorskip("huggingface_hub.constants")

from lookalike.encoders import known, load_encoder  # noqa: E402
from lookalike.encoders.names import EncoderName, parse_name  # noqa: E402
from lookalike.encoders.weights import hub, reach, stored  # noqa: E402
from lookalike.encoders.weights import located as locating  # noqa: E402
from lookalike.encoders.weights.located import located, pulled, resolved, source_of  # noqa: E402
from lookalike.encoders.weights.stored import Repository, size_on_disk  # noqa: E402
from lookalike.errors import (  # noqa: E402
    EncoderError,
    EncoderNotFound,
    MissingExtra,
    StorageFull,
    UsageError,
)

PLACE = "timm/resnet18.a1_in1k"
WANTED = Repository(PLACE, family="timm", name="resnet18")


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test empty caches, and a hub's library that thinks it is connected."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LOOKALIKE_OFFLINE", raising=False)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    monkeypatch.setattr(hub_library.constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(hub_library.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    # The weights of these tests are nobody's: cards that name a commit would refuse them.
    free = {
        name: replace(card, revision="", sha256="") for name, card in dict(known.cards()).items()
    }
    monkeypatch.setattr(known, "cards", lambda: free)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has one encoder."""
    with running_hub() as running:
        monkeypatch.setattr(hub_library.constants, "ENDPOINT", running.address)
        folder = write_timm_form(tmp_path / "origin", count=50_000)
        (folder / "pytorch_model.bin").write_bytes(b"a pickle")
        (folder / "README.md").write_text("for people")
        running.add(PLACE, folder)
        yield running


def pulled_folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "weights" / PLACE.replace("/", "--") / COMMIT


def files_asked(served: Hub) -> list[str]:
    return [path.rpartition("/")[2] for path in served.asked if "/resolve/" in path]


def blackhole() -> socket.socket:
    """Listen, and never answer."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


# --- pulling ---------------------------------------------------------------------------


def test_only_what_the_encoder_needs_is_pulled(served, tmp_path):
    folder = hub.pull(WANTED)
    assert folder.path == pulled_folder(tmp_path)
    assert files_asked(served) == ["config.json", "model.safetensors"]
    weights = served.repositories[PLACE]["model.safetensors"]
    assert folder.weights[0].read_bytes() == weights
    assert folder.digest() == hashlib.sha256(weights).hexdigest()


def test_what_was_pulled_is_written_down_with_its_commit(served, tmp_path):
    hub.pull(WANTED)
    facts = json.loads((pulled_folder(tmp_path) / "pulled.json").read_text())
    expected = {
        name: hashlib.sha256(served.repositories[PLACE][name]).hexdigest()
        for name in ("config.json", "model.safetensors")
    }
    assert facts == {"repository": PLACE, "revision": COMMIT, "files": expected}


def test_what_was_pulled_is_found_again_without_the_hub(served):
    first = hub.pull(WANTED)
    served.asked.clear()
    assert stored.find_weights(WANTED) == first
    assert hub.pull(WANTED) == first
    assert stored.find_weights(Repository(PLACE, COMMIT)) == first
    assert stored.find_weights(Repository(PLACE, "v2")) is None
    assert served.asked == []


def test_a_copied_cache_is_as_good_as_a_pull(served, tmp_path, monkeypatch):
    hub.pull(WANTED)
    shutil.copytree(tmp_path / "cache" / "weights", tmp_path / "elsewhere" / "weights")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("LOOKALIKE_OFFLINE", "1")
    assert hub.pull(WANTED).path.is_relative_to(tmp_path / "elsewhere")


def test_progress_counts_every_byte(served):
    told: list[tuple[int, int]] = []
    hub.pull(WANTED, progress=lambda done, total: told.append((done, total)))
    files = served.repositories[PLACE]
    total = len(files["config.json"]) + len(files["model.safetensors"])
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert {of for _, of in told} == {total}
    assert sorted(told) == told


def test_a_connection_that_breaks_is_taken_up_where_it_broke(served, monkeypatch):
    monkeypatch.setattr(hub_library.constants, "DOWNLOAD_CHUNK_SIZE", 30_000)
    served.breaks_after = 90_000
    folder = hub.pull(WANTED)
    assert served.ranges == ["bytes=90000-", "bytes=180000-"]
    assert folder.weights[0].read_bytes() == served.repositories[PLACE]["model.safetensors"]


def test_a_pull_that_was_killed_goes_on_where_it_stopped(served, tmp_path):
    weights = served.repositories[PLACE]["model.safetensors"]
    part = pulled_folder(tmp_path) / "model.safetensors.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes(weights[:150_000])
    told: list[tuple[int, int]] = []
    folder = hub.pull(WANTED, progress=lambda done, total: told.append((done, total)))
    assert served.ranges == ["bytes=150000-"]
    assert folder.weights[0].read_bytes() == weights
    config = len(served.repositories[PLACE]["config.json"])
    assert (config + 150_000, len(weights) + config) in told
    assert not part.exists()


def test_an_interrupted_pull_keeps_what_it_has(served, tmp_path):
    def interrupt(done: int, total: int) -> None:
        if done > 1000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hub.pull(WANTED, progress=interrupt)
    assert (pulled_folder(tmp_path) / "model.safetensors.incomplete").stat().st_size > 0
    assert stored.find_weights(WANTED) is None
    assert hub.pull(WANTED).family == "timm"


def test_wrong_bytes_are_refused_and_forgotten(served, tmp_path):
    right = served.repositories[PLACE]["model.safetensors"]
    served.serves_instead["model.safetensors"] = bytes([right[0] ^ 1]) + right[1:]
    with pytest.raises(EncoderError, match=r"model\.safetensors arrived damaged"):
        hub.pull(WANTED)
    assert {file.name for file in pulled_folder(tmp_path).iterdir()} <= {".lock", "config.json"}
    served.serves_instead.clear()
    assert hub.pull(WANTED).weights[0].read_bytes() == right


def test_a_small_file_is_compared_too(served):
    right = served.repositories[PLACE]["config.json"]
    served.serves_instead["config.json"] = right.replace(b"resnet18", b"resnet81")
    with pytest.raises(EncoderError, match=r"config\.json arrived damaged"):
        hub.pull(WANTED)


def test_weights_changed_on_disk_are_refused_and_pulled_again(served, tmp_path):
    weights = pulled_folder(tmp_path) / "model.safetensors"
    hub.pull(WANTED)
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    with pytest.raises(EncoderError, match=r"is not what the hub gave.*encoders pull resnet18"):
        stored.find_weights(WANTED)
    assert hub.pull(WANTED).weights[0].read_bytes() == served.repositories[PLACE][weights.name]


def test_a_second_form_of_a_repository_joins_the_first(served, tmp_path):
    folder = tmp_path / "origin"
    (folder / "open_clip_config.json").write_text("{}")
    write_safetensors(folder / "open_clip_model.safetensors", {"a": ([1], b"clip")})
    served.add(PLACE, folder)
    hub.pull(WANTED)
    served.asked.clear()
    clip = hub.pull(Repository(PLACE, family="openclip"))
    assert files_asked(served) == ["open_clip_config.json", "open_clip_model.safetensors"]
    assert clip.path == pulled_folder(tmp_path)
    assert stored.find_weights(WANTED).weights[0].name == "model.safetensors"


def test_shards_are_pulled_with_their_index(served, tmp_path):
    folder = tmp_path / "sharded"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "dinov2"}')
    shards = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for shard in shards:
        write_safetensors(folder / shard, {shard: ([1], b"1234")})
    index = {"weight_map": dict(zip("ab", shards, strict=True))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    served.add("someone/sharded", folder)
    opened = hub.pull(Repository("someone/sharded"))
    assert [file.name for file in opened.weights] == shards
    assert opened.family == "transformers"


def test_the_library_draws_nothing(served, capfd):
    hub.pull(WANTED)
    assert capfd.readouterr() == ("", "")


# --- what a hub can refuse ---------------------------------------------------------------


def test_a_repository_of_pickles_is_refused_before_any_is_fetched(served, tmp_path):
    folder = tmp_path / "origin"
    (folder / "model.safetensors").unlink()
    served.add("someone/pickled", folder)
    with pytest.raises(EncoderError, match=r"only there as pickles \(pytorch_model\.bin\)"):
        hub.pull(Repository("someone/pickled"))
    assert files_asked(served) == []


def test_a_repository_without_weights_is_refused(served, tmp_path):
    (tmp_path / "empty").mkdir()
    served.add("someone/empty", tmp_path / "empty")
    with pytest.raises(EncoderError, match="holds no weights in safetensors"):
        hub.pull(Repository("someone/empty"))


def test_a_repository_that_is_not_there_is_said(served):
    with pytest.raises(EncoderNotFound, match="The hub has no repository someone/nothing"):
        hub.pull(Repository("someone/nothing"))


def test_a_revision_that_is_not_there_is_said(served):
    with pytest.raises(EncoderNotFound, match="has no revision 'v7'"):
        hub.pull(Repository(PLACE, "v7"))


def test_a_gated_repository_says_how_to_get_in(served):
    served.gated.add(PLACE)
    with pytest.raises(EncoderError, match=r"accept their licence.*HF_TOKEN"):
        hub.pull(WANTED)


@pytest.mark.parametrize("place", ["a//b", "-x/y", "a/b/c"])
def test_a_name_that_no_repository_could_have_is_an_error_of_ours(served, place):
    with pytest.raises(EncoderError):
        hub.pull(Repository(place))


def test_too_little_room_is_said_before_anything_is_fetched(served, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(StorageFull, match=r"0 MB are free: make room, or set LOOKALIKE_CACHE"):
        hub.pull(WANTED)
    assert files_asked(served) == []


def test_a_disk_that_fills_up_is_said(served, monkeypatch):
    def full(self: object, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hub.CountingFile, "write", full)
    with pytest.raises(StorageFull, match=r"The disk is full.*goes on where it stopped"):
        hub.pull(WANTED)


def test_a_cache_that_cannot_be_written_is_said(served, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(EncoderError, match=r"cannot be written below .*set LOOKALIKE_CACHE"):
        hub.pull(WANTED)


@pytest.mark.parametrize(("family", "extra"), [("openclip", "clip"), ("timm", "timm"), ("", "hub")])
def test_a_missing_library_is_named_with_its_extra(monkeypatch, family, extra):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=rf"lookalike\[{extra}\]"):
        hub.pull(replace(WANTED, family=family))


# --- out of reach -------------------------------------------------------------------------


def test_a_hub_that_never_answers_is_told_within_five_seconds(monkeypatch):
    with blackhole() as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(hub_library.constants, "ENDPOINT", f"http://127.0.0.1:{port}")
        soon = partial(reach.why_out_of_reach, timeout_s=0.3)
        monkeypatch.setattr(reach, "why_out_of_reach", soon)
        with pytest.raises(EncoderNotFound) as caught:
            hub.pull(WANTED)
    assert reach.TIMEOUT_S < 5
    text = str(caught.value)
    assert f"the hub at 127.0.0.1:{port} cannot be reached" in text
    for way_out in ("lookalike encoders pull resnet18", "a directory", "HF_HUB_OFFLINE=1"):
        assert way_out in text
    assert str(Path(os.environ["LOOKALIKE_CACHE"]) / "weights" / "timm--resnet18.a1_in1k") in text


def test_a_hub_whose_name_is_never_looked_up_is_told_in_time(monkeypatch):
    given_up = threading.Event()

    def look_up(*args: object, **options: object) -> None:
        given_up.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert reach.why_out_of_reach("http://hub.invalid", timeout_s=0.3) == "no answer within 0.3 s"
    given_up.set()


def test_a_hub_that_is_not_there_is_told_at_once(monkeypatch):
    with blackhole() as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setattr(hub_library.constants, "ENDPOINT", address)
    with pytest.raises(EncoderNotFound, match="cannot be reached: Connection refused"):
        hub.pull(WANTED)


def test_behind_a_proxy_the_proxy_is_asked(served, monkeypatch):
    monkeypatch.setenv("http_proxy", served.address)
    assert reach.why_out_of_reach("http://hub.invalid") == ""
    with blackhole() as listener:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert reach.why_out_of_reach("http://hub.invalid") == "Connection refused"


@pytest.mark.parametrize("setting", ["LOOKALIKE_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_nobody_is_asked(served, monkeypatch, setting):
    monkeypatch.setenv(setting, "1")
    monkeypatch.setattr(hub_library.constants, "HF_HUB_OFFLINE", setting == "HF_HUB_OFFLINE")
    with pytest.raises(EncoderNotFound, match=f"not on this machine \\({setting} is set\\)"):
        hub.pull(WANTED)
    assert served.asked == []


def test_another_hub_is_used_by_the_variable_that_its_library_knows(served, tmp_path):
    program = (
        "from lookalike.encoders.weights.hub import pull\n"
        "from lookalike.encoders.weights.stored import Repository\n"
        f"print(pull(Repository({PLACE!r})).path.name)"
    )
    environment = os.environ | {"HF_ENDPOINT": served.address, "HF_HUB_OFFLINE": "0"}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert run.stdout.strip() == COMMIT, run.stderr


# --- the cache of the hub's own library ----------------------------------------------------


def hub_cache(
    tmp_path: Path, *, place: str = PLACE, origin: Path | None = None, without: str = ""
) -> Path:
    """Lay weights out as the hub's library does."""
    root = tmp_path / "hf" / f"models--{place.replace('/', '--')}"
    snapshot = root / "snapshots" / COMMIT
    origin = origin or write_timm_form(tmp_path / "fetched")
    (root / "blobs").mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    snapshot.mkdir(parents=True)
    for file in origin.iterdir():
        if file.name == without:
            continue
        blob = root / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
        shutil.copy(file, blob)
        (snapshot / file.name).symlink_to(blob)
    return snapshot


def test_weights_that_another_program_fetched_are_used(tmp_path, monkeypatch):
    snapshot = hub_cache(tmp_path)
    monkeypatch.setenv("LOOKALIKE_OFFLINE", "1")
    assert hub.pull(WANTED).path == snapshot
    assert stored.find_weights(Repository(PLACE, COMMIT)).path == snapshot


def test_their_hash_is_the_name_that_the_hub_gave_them(tmp_path):
    weights = (hub_cache(tmp_path) / "model.safetensors").resolve()
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    with pytest.raises(EncoderError, match="is not what the hub gave"):
        stored.find_weights(WANTED)


def test_a_snapshot_with_pickles_only_is_not_there(tmp_path):
    snapshot = hub_cache(tmp_path)
    (snapshot / "model.safetensors").rename(snapshot / "pytorch_model.bin")
    assert stored.find_weights(WANTED) is None


def write_text_form(folder: Path, family: str) -> Path:
    """Write a directory with a text tower whose tokenizer is in files, as hubs keep it."""
    folder.mkdir()
    weights = "open_clip_model" if family == "openclip" else "model"
    write_safetensors(folder / f"{weights}.safetensors", {"a": ([1], b"clip")})
    text = {"hf_tokenizer_name": "someone/tokenizer"}
    configs = {
        "openclip": {"model_cfg": {"text_cfg": text}},
        "transformers": {"model_type": "siglip"},
    }
    name = "open_clip_config.json" if family == "openclip" else "config.json"
    (folder / name).write_text(json.dumps(configs[family]))
    for small in ("tokenizer.json", "preprocessor_config.json"):
        (folder / small).write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("family", "missing"),
    [
        ("openclip", "tokenizer.json"),
        ("transformers", "tokenizer.json"),
        ("transformers", "preprocessor_config.json"),
    ],
)
def test_what_another_program_left_out_is_pulled(served, tmp_path, monkeypatch, family, missing):
    origin = write_text_form(tmp_path / "with texts", family)
    wanted = Repository("someone/with-texts", family=family)
    served.add(wanted.place, origin)
    snapshot = hub_cache(tmp_path, place=wanted.place, origin=origin, without=missing)
    assert stored.find_weights(wanted).path == snapshot  # good enough for pictures, or for nothing
    folder = hub.pull(wanted)
    assert (folder.path / missing).is_file()
    assert missing in files_asked(served)
    monkeypatch.setenv("LOOKALIKE_OFFLINE", "1")
    assert hub.pull(wanted) == stored.find_weights(wanted) == folder


@pytest.mark.parametrize("family", ["openclip", "transformers"])
def test_all_that_another_program_fetched_is_not_pulled_again(served, tmp_path, family):
    origin = write_text_form(tmp_path / "with texts", family)
    snapshot = hub_cache(tmp_path, place="someone/with-texts", origin=origin)
    assert hub.pull(Repository("someone/with-texts", family=family)).path == snapshot
    assert served.asked == []


def test_out_of_reach_it_is_said_what_is_wrong_with_what_is_here(served, tmp_path, monkeypatch):
    origin = write_text_form(tmp_path / "with texts", "openclip")
    hub_cache(tmp_path, place="someone/with-texts", origin=origin, without="tokenizer.json")
    weights = hub.pull(WANTED).weights[0]
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    monkeypatch.setenv("LOOKALIKE_OFFLINE", "1")
    with pytest.raises(EncoderNotFound, match=r"are damaged on this machine \(LOOKALIKE_OFFLINE"):
        hub.pull(WANTED)
    with pytest.raises(EncoderNotFound, match=r"are not all on this machine \(LOOKALIKE_OFFLINE"):
        hub.pull(Repository("someone/with-texts"))


# --- from a name to a folder ----------------------------------------------------------------


def test_a_known_name_leads_to_its_card_and_weights(served, caplog):
    with caplog.at_level(logging.INFO, logger="lookalike"):
        card, folder = located(parse_name("resnet18"))
    assert card == known.known_card("resnet18")
    assert folder.family == "timm"
    assert "pulling the weights of encoder 'resnet18'" in caplog.text


def test_the_library_s_name_leads_to_the_same_card(served):
    card, _ = located(parse_name("timm:resnet18.a1_in1k?precision=bf16"))
    assert card.name == "timm:resnet18.a1_in1k?precision=bf16"
    assert (card.dim, card.precision) == (512, "bf16")


@pytest.mark.parametrize("option", ["pooling=mean", "size=128"])
def test_options_that_change_what_the_card_says_leave_it_to_the_folder(served, option):
    card, folder = located(parse_name(f"resnet18?{option}"))
    assert card is None
    assert folder.family == "timm"


def test_any_repository_can_be_named(served):
    card, folder = located(parse_name(f"hf:{PLACE}"))
    assert (card, folder.family) == (None, "timm")
    assert located(parse_name(f"hf:{PLACE}@{COMMIT}"))[1] == folder


def test_a_directory_needs_no_hub(tmp_path):
    folder = write_timm_form(tmp_path / "mine")
    card, opened = located(parse_name(str(folder)))
    assert (card, opened.path) == (None, folder)


def test_loading_tells_how_far_its_pull_is(served):
    told = []
    with pytest.raises((EncoderError, MissingExtra)):  # these weights are no network's
        load_encoder("resnet18", on_progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, told[0][1])
    assert told[-1] == (told[0][1], told[0][1])


def test_weights_of_another_checksum_than_the_card_s_are_refused(served, monkeypatch):
    pinned = replace(known.known_card("resnet18"), sha256="0" * 64)
    monkeypatch.setattr(locating, "known_card", lambda name: pinned)
    with pytest.raises(EncoderError, match=r"not the ones of encoder 'resnet18'.*000000000000"):
        located(parse_name("resnet18"))


def test_a_card_s_commit_is_the_one_that_is_asked_for(served, monkeypatch):
    weights = served.repositories[PLACE]["model.safetensors"]
    digest = hashlib.sha256(weights).hexdigest()
    pinned = replace(known.known_card("resnet18"), revision=COMMIT, sha256=digest)
    monkeypatch.setattr(locating, "known_card", lambda name: pinned)
    card, folder = located(parse_name("resnet18"))
    assert served.asked[0] == f"/api/models/{PLACE}/revision/{COMMIT}"
    assert (card.revision, folder.digest()) == (COMMIT, digest)
    moved_on = replace(pinned, revision="0" * 40)
    monkeypatch.setattr(locating, "known_card", lambda name: moved_on)
    with pytest.raises(EncoderNotFound, match="has no revision '000000"):
        located(parse_name("resnet18"))


def test_damaged_weights_are_refused_when_loaded_and_mended_when_pulled(served, tmp_path):
    name = parse_name("resnet18")
    config = pulled(name).path / "config.json"
    right = config.read_bytes()
    config.write_bytes(right.replace(b"resnet18", b"resnet81"))
    with pytest.raises(EncoderError, match=r"config\.json is not what the hub gave"):
        located(name)
    served.asked.clear()
    assert pulled(name).path == pulled_folder(tmp_path)
    assert served.asked[0] == f"/api/models/{PLACE}/revision/{COMMIT}"
    assert config.read_bytes() == right


def test_weights_that_were_cut_off_are_not_listed_and_not_loaded(served):
    weights = pulled(parse_name("resnet18")).weights[0]
    weights.write_bytes(weights.read_bytes()[:-1])
    assert size_on_disk(known.known_card("resnet18")) == 0
    with pytest.raises(EncoderError, match=r"model\.safetensors is not what the hub gave"):
        located(parse_name("resnet18"))


def test_only_a_hub_s_weights_can_be_pulled(tmp_path):
    with pytest.raises(UsageError, match="come from no hub"):
        pulled(EncoderName("folder", str(tmp_path)))


def test_two_that_pull_at_once_fetch_once(served):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(hub.pull, [WANTED, WANTED])
    assert first == second
    assert files_asked(served).count("model.safetensors") == 1


def test_what_is_here_is_listed_with_its_size(served):
    card = known.known_card("resnet18")
    assert size_on_disk(card) == 0
    folder = hub.pull(stored.repository_of(card))
    assert size_on_disk(card) == folder.weights[0].stat().st_size


def test_a_network_of_timm_s_that_is_here_is_found_without_timm(served, monkeypatch):
    hub.pull(Repository(PLACE, family="timm"))
    monkeypatch.setattr(locating, "card_of", lambda family, architecture: None)
    monkeypatch.setitem(sys.modules, "timm", None)
    assert source_of(parse_name("timm:resnet18.a1_in1k")).place == PLACE


def test_a_name_of_no_hub_has_no_source():
    with pytest.raises(UsageError, match="come from no hub"):
        source_of(EncoderName("builtin", "builtin"))


# --- what timm and OpenCLIP say ---------------------------------------------------------------


@pytest.mark.usefixtures("libraries")
def test_an_untagged_name_of_timm_is_kept_in_full():
    assert resolved(parse_name("timm:resnet18")).place == "resnet18.a1_in1k"
    eva = resolved(parse_name("timm:eva02_base_patch14_224?pooling=cls"))
    assert (eva.place, eva.options) == ("eva02_base_patch14_224.mim_in22k", {"pooling": "cls"})


@pytest.mark.usefixtures("libraries")
def test_a_known_encoder_is_pulled_built_and_run(served, tmp_path):
    import safetensors.torch
    import timm

    from library_facts import write_config
    from lookalike.encoders import load_encoder

    card = known.known_card("mobilenetv4-s")
    network = timm.create_model(card.architecture, pretrained=False)
    (tmp_path / "net").mkdir()
    safetensors.torch.save_file(network.state_dict(), tmp_path / "net" / "model.safetensors")
    write_config(tmp_path / "net", "timm", card.architecture)
    served.add(card.repository, tmp_path / "net")
    pulled = load_encoder("mobilenetv4-s", backend="torch", device="cpu")
    own = load_encoder(tmp_path / "net", backend="torch", device="cpu")
    assert pulled.space == own.space
    assert (pulled.card.name, pulled.space.dim) == ("mobilenetv4-s", 1280)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    assert np.array_equal(pulled.encode(pixels), own.encode(pixels))


@pytest.mark.usefixtures("libraries")
def test_the_libraries_say_where_weights_are_kept():
    assert source_of(parse_name("timm:resnet34.a1_in1k")).place == "timm/resnet34.a1_in1k"
    laion = source_of(parse_name("openclip:ViT-B-32/laion2b_s34b_b79k"))
    assert (laion.place, laion.family) == ("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "openclip")


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("timm:resnet18.a1_in1", "but resnet18.a1_in1k"),
        ("timm:regnety_042", "regnety_040"),
        ("timm:resnet10t.nothing", "timm has no weights called"),
        ("openclip:ViT-B-32/openia", "but ViT-B-32/openai"),
        ("openclip:nothing/at-all", "OpenCLIP has no weights called"),
    ],
)
def test_what_a_library_does_not_know_is_said_with_what_comes_near(name, hint):
    with pytest.raises(EncoderNotFound, match=hint):
        source_of(resolved(parse_name(name)))


@pytest.mark.usefixtures("libraries")
def test_weights_kept_outside_the_hub_are_refused(monkeypatch):
    import open_clip

    facts = {"url": "somewhere/net.pt", "hf_hub": ""}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda architecture, tag: facts)
    with pytest.raises(EncoderError, match="outside the hub, as a pickle"):
        source_of(parse_name("openclip:RN50/yfcc15m"))


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [("timm:resnet18", "timm", "timm"), ("openclip:ViT-B-32/x", "open_clip", "clip")],
)
def test_a_missing_library_is_asked_for(monkeypatch, name, library, extra):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=rf"lookalike\[{extra}\]"):
        source_of(resolved(parse_name(name)))
