"""Records of running servers: found by their user, and believed only if nobody else wrote them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lookalike.client import ServerRecord, find_record, remove_record, write_record


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def record(tmp_path):
    """This very process, said to be a server."""
    folder = tmp_path / "photos.gallery"
    folder.mkdir()
    (folder / "catalog.sqlite").touch()
    return ServerRecord(
        "http://127.0.0.1:8080", str(folder.resolve()), "photos", os.getpid(), "secret", "0.1.0"
    )


def test_a_server_is_found_by_its_gallery_until_it_is_gone(record, tmp_path):
    assert find_record(record.gallery) is None
    write_record(record)
    assert find_record(record.gallery) == record
    assert find_record(tmp_path / "other.gallery") is None
    remove_record(record)
    remove_record(record)
    assert find_record(record.gallery) is None


def test_any_path_to_the_gallery_finds_it(record, tmp_path):
    (tmp_path / "link").symlink_to(record.gallery)
    write_record(record)
    assert find_record(tmp_path / "link") == record


def test_a_name_that_is_no_text_is_kept(record, tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.gallery")
    os.mkdir(folder)
    write_record(replace(record, gallery=folder))
    assert find_record(folder) == replace(record, gallery=folder)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_token_is_the_users_alone(record, cache):
    file = write_record(record)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("mode", [0o660, 0o606, 0o644])
def test_a_record_that_others_reach_is_not_believed(record, mode):
    file = write_record(record)
    file.chmod(mode)
    assert find_record(record.gallery) is None


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_folder_that_others_can_write_is_not_believed(record):
    file = write_record(record)
    file.parent.chmod(0o777)
    assert find_record(record.gallery) is None


def test_a_link_is_not_followed(record, tmp_path):
    file = write_record(record)
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json")
    assert find_record(record.gallery) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://192.168.1.4:8080",
        "http://example.org",
        "https://127.0.0.1",
        "http://127.0.0.1.example.org",
        "http://[::1",
        "",
    ],
)
def test_only_a_server_of_this_machine_is_told_the_token(record, url):
    write_record(replace(record, url=url))
    assert find_record(record.gallery) is None


def test_what_a_killed_server_left_is_swept(record):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    file = write_record(replace(record, pid=ended.pid))
    assert find_record(record.gallery) is None
    assert not file.exists()


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
def test_a_later_process_of_the_same_number_is_no_server(record):
    file = write_record(record)
    told = json.loads(file.read_text())
    file.write_text(json.dumps({**told, "started": "1"}))
    assert find_record(record.gallery) is None
    assert not file.exists()


def test_a_gallery_that_was_made_anew_is_not_the_servers(record, tmp_path):
    write_record(record)
    catalog = tmp_path / "photos.gallery" / "catalog.sqlite"
    catalog.rename(tmp_path / "still open in the server")
    catalog.touch()
    assert find_record(record.gallery) is None


def test_records_of_other_machines_stay_and_are_not_believed(record):
    file = write_record(record)
    file.write_text(json.dumps({**json.loads(file.read_text()), "host": "elsewhere"}))
    assert find_record(record.gallery) is None
    assert file.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": 3}', "\x00"])
def test_a_broken_record_says_nothing(record, text):
    file = write_record(record)
    file.write_text(text)
    assert find_record(record.gallery) is None


def test_the_newest_of_two_servers_is_asked(record):
    old = write_record(record)
    parent = replace(record, pid=os.getppid(), url="http://127.0.0.1:9090")
    write_record(parent)
    os.utime(old, (1, 1))
    assert find_record(record.gallery) == parent


def test_a_server_that_ends_while_it_is_looked_for_hides_no_other(record, monkeypatch):
    write_record(record)
    ended = write_record(replace(record, pid=os.getppid(), url="http://127.0.0.1:9090"))
    glob = Path.glob

    def listed(folder, pattern):
        found = list(glob(folder, pattern))
        ended.unlink()
        return found

    monkeypatch.setattr(Path, "glob", listed)
    assert find_record(record.gallery) == record


def test_only_the_standard_library_is_imported():
    program = (
        "import sys; before = set(sys.modules); import lookalike.client.records; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'lookalike'}))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"
