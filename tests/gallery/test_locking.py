"""One writer at a time, while readers read on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.errors import GalleryLocked
from lookalike.gallery import Gallery

SCRIPT = Path(__file__).with_name("dying_writer.py")


@pytest.fixture
def holder(filled: Gallery) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock."""
    command = [sys.executable, str(SCRIPT), str(filled.path), "hold"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_writer_is_refused_by_name(
    filled: Gallery, holder: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(GalleryLocked) as caught:
        filled.writer()
    assert str(filled.path) in str(caught.value)
    assert f"(pid {holder.pid})" in str(caught.value)
    assert "end it if it is a 'lookalike watch' or 'lookalike serve'." in str(caught.value)


def test_the_number_of_the_writer_is_not_written_through_a_link(
    filled: Gallery, tmp_path: Path
) -> None:
    """A gallery may come from anywhere, links and all."""
    mine = tmp_path / "mine"
    mine.write_text("what I wrote")
    (filled.path / "writer.pid").symlink_to(mine)
    filled.writer().close()

    assert mine.read_text() == "what I wrote"
    assert not (filled.path / "writer.pid").is_symlink()


def test_a_reader_reads_on(filled: Gallery, holder: subprocess.Popen[bytes]) -> None:
    with Gallery.open(filled.path) as reader:
        assert len(reader) == 3
        assert reader.snapshot().rows == 3


def test_the_lock_dies_with_its_process(filled: Gallery, holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.wait()
    with filled.writer() as writer:
        assert writer.commit(removed=[1]) == 3


def test_a_second_writer_of_the_same_process_is_refused(filled: Gallery) -> None:
    with filled.writer(), pytest.raises(GalleryLocked):
        filled.writer()
    filled.writer().close()


def test_a_writer_may_be_closed_by_another_thread(filled: Gallery) -> None:
    import threading

    writer = filled.writer()
    closer = threading.Thread(target=writer.close)
    closer.start()
    closer.join()
    filled.writer().close()
