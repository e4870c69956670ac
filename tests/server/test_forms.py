"""Forms taken apart as their bytes come: whole ones, broken ones, and those that mean harm."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("python_multipart")

from lookalike.errors import UsageError
from lookalike.server.forms import LONGEST_FIELD, LONGEST_HEADERS, FormParser, PicturePiece
from lookalike.server.problems import Problem

KIND = "multipart/form-data; boundary=x"


def part(disposition: str, data: bytes = b"", *, more: bytes = b"") -> bytes:
    head = f"--x\r\nContent-Disposition: form-data; {disposition}\r\n".encode("utf-8", "replace")
    return head + more + b"\r\n" + data + b"\r\n"


def picture(name: str, data: bytes) -> bytes:
    return part(f'name="picture"; filename="{name}"', data)


def parsed(
    *parts: bytes, kind: str = KIND, end: bytes = b"--x--\r\n", step: int = 2**16
) -> tuple[list[tuple[str | None, bytes]], dict[str, str]]:
    """Feed a form, so many bytes at a time; gives pictures by name, and the fields."""
    parser = FormParser(kind, 2)
    body = b"".join(parts) + end
    pieces: list[PicturePiece] = []
    for start in range(0, len(body), step):
        pieces += parser.feed(body[start : start + step])
    fields = parser.finish()
    pictures, data = [], b""
    for piece in pieces:
        data += piece.data
        if piece.is_last:
            pictures.append((piece.name, data))
            data = b""
    return pictures, fields


def refusal(*parts: bytes, **more: object) -> Problem:
    with pytest.raises(Problem) as caught:
        parsed(*parts, **more)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("step", [1, 7, 2**16])
def test_pictures_and_fields_come_out_as_they_went_in(step: int) -> None:
    odd = b"\r\n--x\r\r\n-\0\xff--x-- not the end"[4:]
    form = (
        picture("a.png", odd),
        part('name="metadata"', '{"é": 1}'.encode()),
        picture("b.png", b""),
    )

    assert parsed(*form, step=step) == (
        [("a.png", odd), ("b.png", b"")],
        {"metadata": '{"é": 1}'},
    )


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('name="picture"', None),
        ('name="picture"; filename=""', None),
        ('name="picture"; filename="C:\\photos\\cat.png"', "cat.png"),
        ('name="picture"; filename="../../etc/passwd"', "passwd"),
        ('name="picture"; filename="a\tb\u202e.png"', "ab.png"),
        (f'name="picture"; filename="{"a" * 3000}.png"', "a" * 200),
    ],
)
def test_pictures_are_called_by_what_can_be_told_of_their_names(
    disposition: str, name: str | None
) -> None:
    assert parsed(part(disposition, b"1")) == ([(name, b"1")], {})


def test_a_name_of_old_browsers_is_read_as_latin_1() -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="\xe9\xff.png"\r\n\r\n'

    assert parsed(head + b"1\r\n")[0] == [("éÿ.png", b"1")]


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("multipart/form-data", b"", "names no boundary"),
        ("multipart/form-data; boundary=", b"", "names no boundary"),
        ("multipart/form-data; boundary=" + "a" * 5000, b"", "its boundary is too long"),
        (KIND, b"", "it ends too early"),
        (KIND, b"rubbish", "it is no multipart form"),
        (KIND, picture("a.png", b"half")[:-2], "it ends too early"),
        (KIND, picture("a.png", b"whole"), "it ends too early"),
        (KIND, picture("a.png", b"whole") + b"--x", "it ends too early"),
        (KIND, part("nothing=1") + b"--x--\r\n", "a part of it has no name"),
        (KIND, part('name=""') + b"--x--\r\n", "a part of it has no name"),
        (KIND, b"--x\r\n\r\n1\r\n--x--\r\n", "a part of it has no name"),
    ],
)
def test_a_form_that_is_none_is_told(kind: str, body: bytes, why: str) -> None:
    problem = refusal(body, kind=kind, end=b"")

    assert (problem.status, why in problem.detail) == (400, True), problem.detail
    assert problem.detail.endswith("send pictures in the field 'picture'.")


@pytest.mark.parametrize("length", [LONGEST_HEADERS // 3, LONGEST_HEADERS + 1])
def test_headers_are_counted_together(length: int) -> None:
    line = b"A: " + b"b" * length + b"\r\n"
    form = part('name="picture"', b"1", more=line * 4)

    assert "headers of a part are too long" in refusal(form).detail
    assert parsed(part('name="picture"', b"1", more=b"A: b\r\n" * 40))[0] == [(None, b"1")]


def test_more_than_anybody_sends_is_refused_before_it_has_come() -> None:
    pictures = refusal(*[picture("a.png", b"1")] * 3, end=b"")
    fields = refusal(*[part(f'name="f{number}"') for number in range(9)], end=b"")
    field = refusal(part('name="metadata"', b" " * (LONGEST_FIELD + 1)), end=b"")

    assert [problem.status for problem in (pictures, fields, field)] == [413, 413, 413]
    assert pictures.detail == "The form holds more than 2 pictures: send fewer at a time."
    assert fields.detail == "The form holds more than 8 fields: send fewer."
    assert "a field 'metadata' of more than 1048576 bytes" in field.detail


@pytest.mark.parametrize(
    ("disposition", "found"),
    [
        ('name="photo"; filename="a.png"', "is a file that is no text: pictures go into 'picture'"),
        ('name="metadata"', "is no text in UTF-8"),
    ],
)
def test_a_field_has_to_be_text(disposition: str, found: str) -> None:
    with pytest.raises(UsageError, match=found):
        parsed(part(disposition, b"\x89PNG\xff"))


def test_a_field_that_is_there_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="is there twice"):
        parsed(part('name="query"', b"1"), part('name="query"', b"2"))
