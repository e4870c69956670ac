"""Checking: a picture's header is looked at before it is taken in."""

from __future__ import annotations

from PIL import Image

from lookalike.errors import ImageError, ImageOutOfReach, ImageUnreadable
from lookalike.images import content_hash, read_file
from lookalike.images.decoding import check_size, in_plain_words
from lookalike.images.formats import format_of, open_picture
from lookalike.images.silence import silenced
from lookalike.server.settings import Limits
from lookalike.server.uploads.receiving import Received

__all__ = ["checked"]


def checked(received: Received, limits: Limits) -> tuple[str, str]:
    """Look at a file's header, without decoding it; give its content hash and format.

    Raises:
        ImageError: It is no picture, or too large a one.
    """
    data = read_file(str(received.file))
    name = f"{received.name!r:.120}"
    try:
        with silenced():
            form = format_of(data)
            check_size(open_picture(data).size, limits.max_pixels)
    except ImageError as error:
        raise type(error)(f"Cannot take {name}: {error}.") from error
    except Image.DecompressionBombError as error:
        raise ImageUnreadable(f"Cannot take {name}: {in_plain_words(error)}.") from error
    except MemoryError as error:
        raise ImageOutOfReach(f"Cannot take {name}: the memory did not suffice.") from error
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise ImageUnreadable(
            f"Cannot take {name}: it is damaged ({in_plain_words(error)})."
        ) from error
    return content_hash(data), form
