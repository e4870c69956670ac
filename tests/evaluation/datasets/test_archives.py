"""Archives: their files come out, and nothing gets where it must not."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile

import pytest
from published_forms import labelled, png, write_tar, write_zip

from lookalike.errors import DatasetUnreadable, UsageError
from lookalike.evaluation.datasets import archives, forms, open_set
from lookalike.evaluation.datasets.archives import members


def contents(path):
    return {member.name: b"".join(member.chunks()) for member in members(path)}


def folders_in(datasets):
    """What was unpacked, or begun to be."""
    return [found.name for found in datasets.rglob("*-*") if found.is_dir()]


def entry(name, *, kind=tarfile.REGTYPE, link="", data=b""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info, data


def tar_of(file, *entries):
    """A tar with a whole picture first, then the entries."""
    with tarfile.open(file, "w") as tar:
        for info, data in [entry("cat/first.png", data=png((1, 2, 3))), *entries]:
            tar.addfile(info, io.BytesIO(data))
    return file


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tgz", "zip"])
def test_the_files_of_an_archive_come_out_as_they_went_in(tmp_path, kind):
    wanted = labelled() | {"note.txt": b"x" * 3_000_000, "cat/empty.png": b""}
    file = tmp_path / f"set.{kind}"
    if kind == "zip":
        write_zip(file, wanted)
    else:
        write_tar(file, wanted, "w" if kind == "tar" else "w:gz")
    assert contents(file) == wanted


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_hidden_files_are_left_out_and_names_are_tidied(tmp_path, kind):
    given = {
        "./cat/1.png": b"1",
        "cat//2.png": b"2",
        "cat\\3.png": b"3",
        "__MACOSX/cat/._1.png": b"x",
        "cat/._1.png": b"x",
        ".git/config": b"x",
    }
    file = (write_tar if kind == "tar" else write_zip)(tmp_path / f"set.{kind}", given)
    assert contents(file) == {"cat/1.png": b"1", "cat/2.png": b"2", "cat/3.png": b"3"}


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize(
    "name",
    [
        "../out.png",
        "cat/../../out.png",
        "/out.png",
        "//host/out.png",
        "\\out.png",
        "..\\out.png",
        "C:/out.png",
        "C:out.png",
        "cat/..",
    ],
)
def test_a_name_that_leads_out_is_refused_and_nothing_is_left(tmp_path, datasets, kind, name):
    given = labelled() | {name: png((0, 0, 0))}
    file = (write_tar if kind == "tar" else write_zip)(tmp_path / f"set.{kind}", given)
    with pytest.raises(DatasetUnreadable, match="would be written outside") as refusal:
        open_set(str(file))
    assert repr(name) in str(refusal.value)
    assert not (tmp_path / "out.png").exists()
    assert folders_in(datasets) == []


@pytest.mark.parametrize(
    ("kind", "link", "why"),
    [
        (tarfile.SYMTYPE, "/etc/passwd", "is a link to '/etc/passwd'"),
        (tarfile.SYMTYPE, "../..", "is a link"),
        (tarfile.LNKTYPE, "cat/first.png", "is a link"),
        (tarfile.LNKTYPE, "/etc/passwd", "is a link"),
        (tarfile.FIFOTYPE, "", "is no plain file"),
        (tarfile.CHRTYPE, "", "is no plain file"),
        (tarfile.BLKTYPE, "", "is no plain file"),
    ],
)
def test_links_and_devices_of_a_tar_are_refused(tmp_path, datasets, kind, link, why):
    file = tar_of(tmp_path / "set.tar", entry("dog/evil.png", kind=kind, link=link))
    with pytest.raises(DatasetUnreadable, match=why):
        open_set(str(file))


def test_a_link_cannot_lead_a_later_file_out(tmp_path, datasets):
    file = tar_of(
        tmp_path / "set.tar",
        entry("dog", kind=tarfile.SYMTYPE, link=str(tmp_path)),
        entry("dog/out.png", data=png((0, 0, 0))),
    )
    with pytest.raises(DatasetUnreadable, match="is a link"):
        open_set(str(file))
    assert not (tmp_path / "out.png").exists()


def test_links_devices_and_locked_files_of_a_zip_are_refused(tmp_path, datasets):
    for mode, why in [(stat.S_IFLNK, "is a link"), (stat.S_IFIFO, "is no plain file")]:
        info = zipfile.ZipInfo("cat/evil.png")
        info.external_attr = (mode | 0o777) << 16
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
            packed.writestr(info, "/etc/passwd")
        with pytest.raises(DatasetUnreadable, match=why):
            open_set(str(tmp_path / "set.zip"))
    file = write_zip(tmp_path / "locked.zip", {"cat/1.png": b"secret"})
    raw = bytearray(file.read_bytes())
    raw[raw.index(b"PK\1\2") + 8] |= 1
    file.write_bytes(raw)
    with pytest.raises(DatasetUnreadable, match="is locked with a password"):
        open_set(str(file))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_packing_is_refused(tmp_path, datasets, method):
    with zipfile.ZipFile(tmp_path / "set.zip", "w", method) as packed:
        packed.writestr("cat/1.png", b"x" * 100)
    with pytest.raises(DatasetUnreadable, match="packed in an unusual way"):
        open_set(str(tmp_path / "set.zip"))


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path, datasets, monkeypatch, kind):
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 2**20)
    zeros = {f"cat/{number}.bmp": bytes(2**20) for number in range(8)}
    file = tmp_path / f"set.{kind}"
    (write_zip(file, zeros) if kind == "zip" else write_tar(file, zeros, "w:gz"))
    with pytest.raises(DatasetUnreadable, match="would unpack to more than"):
        open_set(str(file))
    assert folders_in(datasets) == []


def test_files_that_are_skipped_count_for_the_bomb(tmp_path, datasets, monkeypatch):
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 2**20)
    file = write_tar(tmp_path / "set.tar.gz", {"readme": bytes(2**23)}, "w:gz")
    with pytest.raises(DatasetUnreadable, match="would unpack to more than"):
        open_set(str(file))


def test_a_zip_that_lies_about_a_size_gives_no_more_than_it_announced(tmp_path):
    file = write_zip(tmp_path / "set.zip", {"cat/1.png": bytes(100_000)})
    raw = bytearray(file.read_bytes())
    central = raw.index(b"PK\1\2")
    raw[central + 24 : central + 28] = struct.pack("<I", 10)
    file.write_bytes(raw)
    with pytest.raises(DatasetUnreadable, match="cannot be read as an archive"):
        contents(file)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_header_that_takes_gigabytes_is_refused(tmp_path, kind):
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = kind, 2**33
    file = tmp_path / "set.tar.gz"
    with gzip.open(file, "wb") as packed:
        packed.write(header.tobuf(tarfile.GNU_FORMAT))
        packed.write(bytes(2**20))
    with pytest.raises(DatasetUnreadable, match="more than a header can hold"):
        contents(file)


def pax(kind, start, count):
    """A header of many settings, for one file or for all that follow."""
    body = b"".join(b"14 %08x=v\n" % number for number in range(start, start + count))
    header = tarfile.TarInfo("settings")
    header.type, header.size = kind, len(body)
    return header.tobuf(tarfile.USTAR_FORMAT) + body + bytes(-len(body) % 512)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("heads", [1, 3])
def test_headers_before_one_file_do_not_fill_the_memory(tmp_path, kind, heads):
    file = tmp_path / "set.tar.gz"
    with gzip.open(file, "wb", 1) as packed:
        for number in range(heads):
            packed.write(pax(kind, number * 10**6, 90_000 // heads))  # 1.2 MiB together
        packed.write(tar_of(tmp_path / "set.tar").read_bytes())
    with pytest.raises(DatasetUnreadable, match="more than a header can hold"):
        contents(file)


def test_headers_for_all_files_do_not_add_up(tmp_path, monkeypatch):
    kept, step = [], tarfile.TarFile.next

    def watched(tar):
        kept.append(len(tar.pax_headers))
        return step(tar)

    monkeypatch.setattr(tarfile.TarFile, "next", watched)
    picture = png((1, 2, 3))
    info = tarfile.TarInfo("cat/{}.png")
    with (tmp_path / "set.tar").open("wb") as file:
        for number in range(4):
            info.name, info.size = f"cat/{number}.png", len(picture)
            file.write(pax(tarfile.XGLTYPE, number * 1000, 1000))
            file.write(info.tobuf() + picture + bytes(-len(picture) % 512))
        file.write(bytes(1024))
    assert len(contents(tmp_path / "set.tar")) == 4
    assert len(kept) > 4
    assert max(kept) <= 1000


@pytest.mark.parametrize("form", ["header", "pax"])
def test_a_size_below_nothing_is_no_endless_loop(tmp_path, form):
    file = tmp_path / "set.tar"
    header = tarfile.TarInfo("note.txt")
    if form == "pax":
        header.pax_headers = {"size": "-1024"}
        file.write_bytes(header.tobuf(tarfile.PAX_FORMAT) + bytes(2048))
    else:
        raw = bytearray(header.tobuf(tarfile.GNU_FORMAT))
        raw[124:136] = b"\xff" + (256**11 - 512).to_bytes(11, "big")  # -512
        raw[148:156] = b"%06o\0 " % (sum(raw[:148]) + 8 * 32 + sum(raw[156:512]))
        file.write_bytes(bytes(raw) + bytes(2048))
    with pytest.raises(DatasetUnreadable, match="cannot be read as an archive"):
        contents(file)


def test_a_file_with_holes_is_refused(tmp_path):
    file = tar_of(tmp_path / "set.tar")
    header = tarfile.TarInfo("cat/hole.png")
    header.type = tarfile.GNUTYPE_SPARSE
    raw = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    raw[483:495] = b"00100000000\0"  # its real size: 16 MiB of nothing
    raw[148:156] = b"%06o\0 " % (sum(raw[:148]) + 8 * 32 + sum(raw[156:512]))
    file.write_bytes(bytes(raw) + file.read_bytes())
    with pytest.raises(DatasetUnreadable, match="is no plain file"):
        contents(file)


def test_a_name_that_comes_twice_is_refused(tmp_path, datasets):
    picture = png((0, 0, 0))
    twice = tar_of(tmp_path / "a.tar", *[entry("dog/1.png", data=picture)] * 2)
    with pytest.raises(DatasetUnreadable, match=r"holds the name 'dog/1\.png' twice"):
        open_set(str(twice))
    inside = tar_of(
        tmp_path / "b.tar", entry("dog.png", data=picture), entry("dog.png/1.png", data=picture)
    )
    with pytest.raises(DatasetUnreadable, match="takes for the same"):
        open_set(str(inside))


def test_a_name_that_the_system_does_not_take_is_one_sentence(tmp_path, datasets):
    file = write_zip(tmp_path / "set.zip", labelled() | {f"cat/{'x' * 300}.png": b"x"})
    with pytest.raises(DatasetUnreadable, match="which this system does not take: rename it"):
        open_set(str(file))


def test_a_zip_with_an_empty_name_or_a_place_before_its_start_is_damaged(tmp_path):
    whole = write_zip(tmp_path / "set.zip", labelled()).read_bytes()
    central = whole.index(b"PK\1\2")
    for place, value in [(central + 28, b"\0\0"), (central + 42, b"\xff\xff\xff\xff")]:
        file = tmp_path / "damaged.zip"
        file.write_bytes(whole[:place] + value + whole[place + len(value) :])
        with pytest.raises(DatasetUnreadable, match="cannot be read as an archive"):
            contents(file)


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_an_archive_that_is_cut_off_is_one_sentence(tmp_path, datasets, kind):
    whole = tmp_path / f"whole.{kind}"
    if kind == "zip":
        write_zip(whole, labelled(count=30))
    else:
        write_tar(whole, labelled(count=30), "w" if kind == "tar" else "w:gz")
    data = whole.read_bytes()
    ends = {0, 1, 10, 511, 512, 513, 1024, 1536, len(data) // 2, len(data) // 2 // 512 * 512}
    if kind != "tar":  # whose last blocks are only there to fill up
        ends.add(len(data) - 9)
    for length in sorted(end for end in ends if end < len(data)):
        file = tmp_path / f"set.{kind}"
        file.write_bytes(data[:length])
        with pytest.raises(
            DatasetUnreadable, match=r"cannot be read as an archive .*fetch it again"
        ):
            open_set(str(file))


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_damage_inside_of_an_archive_is_found(tmp_path, datasets, kind):
    noise = {f"cat/{n}.png": bytes((7 * n * k) % 251 for k in range(5000)) for n in range(20)}
    file = tmp_path / f"set.{kind}"
    (write_zip(file, noise) if kind == "zip" else write_tar(file, noise, "w:gz"))
    data = bytearray(file.read_bytes())
    for place in range(len(data) // 3, len(data) // 2, 97):
        data[place] ^= 0x55
    file.write_bytes(data)
    with pytest.raises(DatasetUnreadable, match="it is damaged or was not copied to its end"):
        contents(file)


def test_damage_between_two_files_of_a_tar_is_not_taken_for_its_end(tmp_path):
    file = write_tar(tmp_path / "set.tar", labelled(count=5))
    data = bytearray(file.read_bytes())
    data[1024:1536] = b"\x07" * 512  # the second header
    file.write_bytes(data)
    with pytest.raises(DatasetUnreadable, match="cannot be read as an archive"):
        contents(file)


def test_an_archive_that_may_not_be_read_is_one_sentence(tmp_path, datasets, monkeypatch):
    def forbidden(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(forms, "file_digest", forbidden)
    file = write_zip(tmp_path / "set.zip", labelled())
    with pytest.raises(DatasetUnreadable, match=r"cannot be read \(Permission denied\)"):
        open_set(str(file))


def test_something_else_is_no_archive(tmp_path, datasets):
    for ending in ("tar", "tar.gz", "zip"):
        file = tmp_path / f"set.{ending}"
        file.write_bytes(b"<html>302 Found</html>" * 100)
        with pytest.raises(DatasetUnreadable, match="cannot be read as an archive"):
            open_set(str(file))


def test_an_archive_without_pictures_is_refused(tmp_path, datasets):
    file = write_zip(tmp_path / "set.zip", {"a/readme.txt": b"hello"})
    with pytest.raises(UsageError, match="holds no pictures"):
        open_set(str(file))
