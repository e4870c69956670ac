"""Small data sets, written in the forms in which the large ones were published."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TEN = ("airplane", "automobile", "bird")


def png(colour: tuple[int, int, int], size: tuple[int, int] = (6, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, format="PNG")
    return file.getvalue()


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (6, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, format="JPEG", quality=95)
    return file.getvalue()


def write_tar(file: Path, contents: Mapping[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(file, mode) as tar:  # type: ignore[call-overload]
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file


def write_zip(file: Path, contents: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in contents.items():
            packed.writestr(name, data)
    return file


def write_files(folder: Path, contents: Mapping[str, bytes]) -> Path:
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def labelled(classes: Sequence[str] = ("cat", "dog"), count: int = 3) -> dict[str, bytes]:
    """Contents of a folder of labelled folders."""
    return {
        f"{name}/{name}-{number}.png": png((40 * number, 80 * place, 200))
        for place, name in enumerate(classes)
        for number in range(count)
    }


# -- pickles of Python 2 -------------------------------------------------------------------


class PythonTwo:
    """Writes protocol 2 as Python 2's cPickle and NumPy wrote it: bytes are its texts."""

    def __init__(self) -> None:
        self.out = bytearray(b"\x80\x02")

    def text(self, value: str | bytes) -> None:
        raw = value.encode("latin1") if isinstance(value, str) else value
        if len(raw) < 256:
            self.out += b"U" + bytes([len(raw)]) + raw
        else:
            self.out += b"T" + struct.pack("<i", len(raw)) + raw

    def number(self, value: int) -> None:
        self.out += b"J" + struct.pack("<i", value)

    def array(self, array: NDArray[np.uint8]) -> None:
        self.out += b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
        self.text("b")
        self.out += b"\x87R(K\x01"
        for size in array.shape:
            self.number(size)
        self.out += {1: b"\x85", 2: b"\x86"}[array.ndim]
        self.out += b"cnumpy\ndtype\n"
        self.text("u1")
        self.out += b"K\x00K\x01\x87R(K\x03"
        self.text("|")
        self.out += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        self.text(array.tobytes())
        self.out += b"tb"

    def value(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            self.array(value)
        elif isinstance(value, str | bytes):
            self.text(value)
        elif isinstance(value, int):
            self.number(value)
        elif isinstance(value, list):
            self.out += b"]("
            for item in value:
                self.value(item)
            self.out += b"e"
        else:
            self.out += b"}("
            for key, item in value.items():
                self.value(key)
                self.value(item)
            self.out += b"u"


def python_two(value: Any) -> bytes:
    writer = PythonTwo()
    writer.value(value)
    return bytes(writer.out + b".")


# -- CIFAR ---------------------------------------------------------------------------------


def cifar_pixels(count: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def cifar_ten(per_batch: int = 3) -> dict[str, bytes]:
    """The members of cifar-10-python.tar.gz, with three classes."""
    folder = "cifar-10-batches-py"
    meta = {"num_cases_per_batch": per_batch, "label_names": list(TEN), "num_vis": 3072}
    contents = {f"{folder}/batches.meta": python_two(meta)}
    batches = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    for seed, name in enumerate(batches):
        batch = {
            "batch_label": f"batch {seed}",
            "labels": [number % 3 for number in range(per_batch)],
            "data": cifar_pixels(per_batch, seed),
            "filenames": [f"picture_{number}.png" for number in range(per_batch)],
        }
        contents[f"{folder}/{name}"] = python_two(batch)
    contents[f"{folder}/readme.html"] = b"<html></html>"
    return contents


def cifar_ten_binary(per_batch: int = 3) -> dict[str, bytes]:
    """The members of cifar-10-binary.tar.gz, with the same pictures."""
    folder = "cifar-10-batches-bin"
    contents = {f"{folder}/batches.meta.txt": "\n".join([*TEN, "", ""]).encode()}
    batches = [*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]
    for seed, name in enumerate(batches):
        pixels = cifar_pixels(per_batch, seed)
        contents[f"{folder}/{name}"] = b"".join(
            bytes([number % 3]) + row.tobytes() for number, row in enumerate(pixels)
        )
    return contents


def cifar_hundred(count: int = 4) -> dict[str, bytes]:
    """The members of cifar-100-python.tar.gz, with two coarse and four fine classes."""
    folder = "cifar-100-python"
    names = {
        "fine_label_names": ["apple", "pear", "bee", "ant"],
        "coarse_label_names": ["fruit", "insects"],
    }
    contents = {f"{folder}/meta": python_two(names)}
    for seed, part in enumerate(("train", "test")):
        contents[f"{folder}/{part}"] = python_two(
            {
                "filenames": [f"{part}_{number}.png" for number in range(count)],
                "batch_label": part,
                "fine_labels": [number % 4 for number in range(count)],
                "coarse_labels": [number % 4 // 2 for number in range(count)],
                "data": cifar_pixels(count, seed),
            }
        )
    return contents


def cifar_hundred_binary(count: int = 4) -> dict[str, bytes]:
    """The members of cifar-100-binary.tar.gz, with the same pictures."""
    folder = "cifar-100-binary"
    contents = {
        f"{folder}/fine_label_names.txt": b"apple\npear\nbee\nant\n",
        f"{folder}/coarse_label_names.txt": b"fruit\ninsects\n",
    }
    for seed, part in enumerate(("train", "test")):
        contents[f"{folder}/{part}.bin"] = b"".join(
            bytes([number % 4 // 2, number % 4]) + row.tobytes()
            for number, row in enumerate(cifar_pixels(count, seed))
        )
    return contents


# -- the others ----------------------------------------------------------------------------


def idx(array: NDArray[np.uint8]) -> bytes:
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.tobytes(), mtime=0)


def fashion_mnist(train: int = 6, test: int = 3) -> dict[str, bytes]:
    """The four files of Fashion-MNIST; labels go round 0, 1, 2."""
    rng = np.random.default_rng(0)
    contents = {}
    for part, count in (("train", train), ("t10k", test)):
        pixels = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        contents[f"{part}-images-idx3-ubyte.gz"] = idx(pixels)
        contents[f"{part}-labels-idx1-ubyte.gz"] = idx(np.arange(count, dtype=np.uint8) % 3)
    return contents


def tiny_imagenet() -> dict[str, bytes]:
    """tiny-ImageNet's layout: two classes with the same word, one with its own."""
    top = "tiny-imagenet-200"
    codes = ("n01", "n02", "n03")
    contents = {
        f"{top}/wnids.txt": "\n".join(codes).encode(),
        f"{top}/words.txt": b"n01\tcrane\nn02\tcrane\nn03\tgoldfish, Carassius\nn99\tother\n",
        f"{top}/val/val_annotations.txt": b"val_0.JPEG\tn03\t0\t0\t9\t9\n"
        b"val_1.JPEG\tn01\t0\t0\t9\t9\n",
        f"{top}/val/images/val_0.JPEG": jpeg((1, 2, 3)),
        f"{top}/val/images/val_1.JPEG": jpeg((3, 2, 1)),
        f"{top}/test/images/test_0.JPEG": jpeg((9, 9, 9)),
    }
    for place, code in enumerate(codes):
        contents[f"{top}/train/{code}/{code}_boxes.txt"] = b"n01_0.JPEG\t0\t0\t9\t9\n"
        for number in range(2):
            name = f"{top}/train/{code}/images/{code}_{number}.JPEG"
            contents[name] = jpeg((60 * place, 60 * number, 0))
    return contents


def gnd(protocol: int = 2) -> bytes:
    """A judging pickle of five images and two queries; not in the order of the alphabet."""
    content = {
        "imlist": ["tower_2", "tower_1", "bridge_1", "bridge_2", "other_1"],
        "qimlist": ["tower_q", "bridge_q"],
        "gnd": [
            {
                "bbx": [1.4, 2.0, 11.0, 9.6],
                "easy": np.array([0]),
                "hard": np.array([1]),
                "junk": np.array([4]),
            },
            {"bbx": [0, 0, 8, 8], "easy": [3], "hard": [2], "junk": []},
        ],
    }
    return pickle.dumps(content, protocol)


def revisited_pictures() -> dict[str, bytes]:
    names = ("tower_1", "tower_2", "bridge_1", "bridge_2", "other_1", "bridge_q", "unlisted")
    contents = {f"jpg/{name}.jpg": jpeg((20, 10 * n, 0)) for n, name in enumerate(names)}
    columns = np.arange(20, dtype=np.uint8) * 10
    query = np.broadcast_to(columns[None, :, None], (16, 20, 3))
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(query)).save(file, format="PNG")
    # A file's name does not decide how it is read.
    contents["jpg/tower_q.jpg"] = file.getvalue()
    return contents


def sbu(urls: Sequence[str], captions: Sequence[str]) -> dict[str, bytes]:
    return {
        "dataset/SBU_captioned_photo_dataset_urls.txt": "\n".join([*urls, ""]).encode(),
        "dataset/SBU_captioned_photo_dataset_captions.txt": "\n".join([*captions, ""]).encode(),
    }
