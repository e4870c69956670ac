"""A hub on this machine: enough of its interface to pull from it, and to see it fail."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from loopback import LoopbackAnswers, answering

COMMIT = "c0ffee" + "0" * 34
RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
MODEL = re.compile(r"/api/models/([^/]+/[^/]+?)(?:/revision/(.+))?")


def write_safetensors(file: Path, tensors: dict[str, tuple[list[int], bytes]]) -> Path:
    """Write float32 numbers in the format: a length, a header in JSON, the bytes."""
    header: dict[str, Any] = {}
    data = b""
    for name, (shape, numbers) in tensors.items():
        offsets = [len(data), len(data) + len(numbers)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        data += numbers
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return file


def write_timm_form(folder: Path, *, count: int = 1000) -> Path:
    """Write a directory as timm's repositories are: its numbers are no network's."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"architecture": "resnet18", "pretrained_cfg": {"tag": "a1_in1k"}}
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(folder / "model.safetensors", {"weight": ([count], b"\1\2\3\4" * count)})
    return folder


@dataclass
class Hub:
    """What the hub serves, how it fails, and what it was asked."""

    address: str
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    breaks_after: int | None = None
    serves_instead: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)

    def add(self, repository: str, folder: Path) -> None:
        self.repositories[repository] = {
            file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()
        }

    def description(self, repository: str) -> dict[str, Any]:
        siblings = []
        for name, data in self.repositories[repository].items():
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            entry: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": blob}
            if not name.endswith((".json", ".md", ".txt")):
                digest = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 130}
            siblings.append(entry)
        return {"id": repository, "sha": COMMIT, "siblings": siblings}


class Answers(LoopbackAnswers):
    hub: Hub

    def get(self, path: str) -> None:
        self.hub.asked.append(unquote(path))
        if match := MODEL.fullmatch(path):
            self.describe(*match.groups())
        elif match := RESOLVE.fullmatch(path):
            self.send(match[1], unquote(match[3]))
        else:
            self.answer(404, b"")

    def describe(self, repository: str, revision: str | None) -> None:
        if repository not in self.hub.repositories:
            self.answer(401, b"", code="RepoNotFound")
        elif revision not in {None, "main", COMMIT}:
            self.answer(404, b"", code="RevisionNotFound")
        else:
            self.answer(200, json.dumps(self.hub.description(repository)).encode())

    def send(self, repository: str, name: str) -> None:
        if repository in self.hub.gated:
            self.answer(403, b"", code="GatedRepo")
            return
        data = self.hub.serves_instead.get(name, self.hub.repositories[repository][name])
        start = self.wanted_start(self.hub.ranges)
        self.answer(206 if start else 200, data[start:], is_file=True)

    def answer(self, status: int, body: bytes, *, code: str = "", is_file: bool = False) -> None:
        headers = {"X-Error-Code": code} if code else {}
        self.give(status, headers, body, breaks_after=self.hub.breaks_after if is_file else None)


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Serve on a free port of this machine."""

    class HubAnswers(Answers):
        """Those of this hub."""

    with answering(HubAnswers) as address:
        HubAnswers.hub = Hub(address)
        yield HubAnswers.hub
