"""Reading a file without being held up by what is no file."""

from __future__ import annotations

import os
import stat

from lookalike.errors import ImageOutOfReach, ImageUnreadable

__all__ = ["MAX_FILE_BYTES", "read_file"]

# The largest pictures that decode within the pixel cap are uncompressed TIFFs
# of about this size; anything bigger is a disk image or a film by mistake.
MAX_FILE_BYTES = 2**30

# O_NONBLOCK: opening a pipe nobody writes to would wait for ever.
OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def read_file(path: str) -> bytes:
    """Read a whole picture file.

    Raises:
        ImageOutOfReach: It is not there, or may not be read just now.
        ImageUnreadable: It is no regular file, or is larger than
            ``MAX_FILE_BYTES``.
    """
    try:
        with os.fdopen(open_regular(path), "rb", buffering=0) as file:
            data = file.read()
    except OSError as error:
        kind = ImageUnreadable if isinstance(error, IsADirectoryError) else ImageOutOfReach
        raise kind(f"Cannot read {path!r}: {reason_of(error)}.") from error
    except MemoryError as error:
        raise ImageOutOfReach(f"Cannot read {path!r}: the memory did not suffice.") from error
    except ValueError as error:
        raise ImageUnreadable(f"Cannot read {path!r}: {error}.") from error
    if len(data) > MAX_FILE_BYTES:
        raise too_large(path, len(data))
    return data


def open_regular(path: str) -> int:
    """Open a regular file and return its descriptor; refuse everything else."""
    descriptor = os.open(path, OPEN_FLAGS)
    try:
        facts = os.fstat(descriptor)
        if stat.S_ISDIR(facts.st_mode):
            raise IsADirectoryError
        if not stat.S_ISREG(facts.st_mode):
            raise ImageUnreadable(f"Cannot read {path!r}: it is a pipe, socket or device.")
        if facts.st_size > MAX_FILE_BYTES:
            raise too_large(path, facts.st_size)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def too_large(path: str, size_bytes: int) -> ImageUnreadable:
    """Word the refusal of a file beyond the cap."""
    return ImageUnreadable(
        f"Cannot read {path!r}: its {size_bytes} bytes are more than the "
        f"{MAX_FILE_BYTES} that a picture may have."
    )


def reason_of(error: OSError) -> str:
    """Say in words why the system refused a file."""
    if isinstance(error, FileNotFoundError):
        return "it is not there"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, PermissionError):
        return "its permissions forbid it"
    return (error.strerror or str(error)).lower()
