"""``/`` and ``/page/*``: the page, from memory."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from lookalike.server.pagefiles import PageFile, page_files

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

# What is asked for below the version's name never changes: another version has another name.
FOREVER = "public, max-age=31536000, immutable"
# Kept, but asked about before each use: one small answer if nothing has changed.
ASK_FIRST = "no-cache"


@router.api_route("/", methods=["GET", "HEAD"])
def start(request: Request) -> Response:
    """Answer with the page."""
    return answer(request, page_files().files["index.html"], ASK_FIRST)


@router.api_route("/favicon.ico", methods=["GET", "HEAD"])
def favicon(request: Request) -> Response:
    """Answer browsers that ask for the picture of the page by its old name."""
    return answer(request, page_files().files["icon.svg"], ASK_FIRST)


@router.api_route("/page/{name:path}", methods=["GET", "HEAD"])
def page_file(request: Request, name: str) -> Response:
    """Answer with a file of the page; names are looked up, never joined to a path."""
    page = page_files()
    version, _, rest = name.partition("/")
    if version == page.version and rest in page.files:
        return answer(request, page.files[rest], FOREVER)
    # A page that was open while the server was updated goes on asking below the old name.
    known = page.files.get(rest if version.startswith("v-") else name)
    if known is None:
        return Response("The page has no such file.\n", 404, media_type="text/plain")
    return answer(request, known, ASK_FIRST)


def answer(request: Request, file: PageFile, caching: str) -> Response:
    """Send a file, packed where the browser can unpack it, or say that it has not changed."""
    is_packed = file.packed is not None and accepts_gzip(request)
    etag = f'"{file.digest}{"-gz" if is_packed else ""}"'
    headers = {"ETag": etag, "Cache-Control": caching, "Vary": "Accept-Encoding"}
    if etag in listed(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    body = file.data
    if is_packed and file.packed is not None:
        body = file.packed
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    sent = b"" if request.method == "HEAD" else body
    return Response(sent, headers=headers, media_type=file.media_type)


def accepts_gzip(request: Request) -> bool:
    """Tell whether the browser unpacks gzip; ``q=0`` is a no."""
    for item in request.headers.get("accept-encoding", "").lower().split(","):
        coding, *settings = (word.strip() for word in item.split(";"))
        if coding in {"gzip", "*"}:
            return not any(word.replace(" ", "") in NEVER for word in settings)
    return False


NEVER = frozenset({"q=0", "q=0.0", "q=0.00", "q=0.000"})


def listed(header: str) -> set[str]:
    """Read the tags of ``If-None-Match``, the weak ones as what they are made of."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
