"""Every error Lookalike raises on purpose.

::

    LookalikeError
    ├── UsageError              an argument, option or setting makes no sense
    ├── MissingExtra            an optional library is not installed
    ├── ImageError              a picture cannot be used
    │   ├── ImageUnreadable     it is no picture, damaged, or of an unknown format
    │   │   └── ImageOutOfReach its bytes, or what reads them, cannot be had just now
    │   └── ImageTooLarge       its header announces more pixels than the cap
    ├── SourceError             a place that pictures come from cannot be used
    │   ├── SourceNotFound      it is not there (an unplugged drive, a typing slip)
    │   └── NoImagesFound       it is there but holds no readable picture
    ├── EncoderError            an encoder cannot be used
    │   └── EncoderNotFound     no encoder of that name, or its files are missing
    ├── SpaceMismatch           embeddings of two encoders would be compared
    ├── GalleryError            a gallery cannot be used
    │   ├── GalleryNotFound     there is none at that place
    │   ├── GalleryUnreadable   its files are damaged or not a gallery's
    │   ├── GalleryTooNew       a newer Lookalike wrote it
    │   ├── GalleryLocked       another process is writing to it
    │   ├── GalleryReadOnly     it, or its folder, cannot be written
    │   └── ImageNotInGallery   no image of that id or path
    ├── DatasetError            a data set to evaluate on cannot be used
    │   ├── DatasetNotFound     it is not on this machine
    │   └── DatasetUnreadable   its files are damaged, or not those that were published
    ├── ServerError             a running server did not answer as it should
    │   ├── ServerNotReached    nobody answers at its address, or not in time
    │   └── AccessDenied        it wants a token, or the token does not allow this
    └── StorageFull             the disk is full; the gallery is as it was

Every message is a sentence that says what was asked, what was found and what
to do next. The command line prints it and exits with 2 for ``UsageError`` and
1 for the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# The errors alone, which tests go through: `first_line` words those of other libraries.
__all__ = [
    "AccessDenied",
    "DatasetError",
    "DatasetNotFound",
    "DatasetUnreadable",
    "EncoderError",
    "EncoderNotFound",
    "GalleryError",
    "GalleryLocked",
    "GalleryNotFound",
    "GalleryReadOnly",
    "GalleryTooNew",
    "GalleryUnreadable",
    "ImageError",
    "ImageNotInGallery",
    "ImageOutOfReach",
    "ImageTooLarge",
    "ImageUnreadable",
    "LookalikeError",
    "MissingExtra",
    "NoImagesFound",
    "ServerError",
    "ServerNotReached",
    "SourceError",
    "SourceNotFound",
    "SpaceMismatch",
    "StorageFull",
    "UsageError",
]


def first_line(error: BaseException) -> str:
    """Shorten a library's message, which can run over many lines, to fit into a sentence."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


class LookalikeError(Exception):
    """The base of all errors that Lookalike raises on purpose."""


class UsageError(LookalikeError):
    """An argument, option or setting makes no sense."""


class MissingExtra(LookalikeError):
    """An optional library is not installed.

    Attributes:
        extra: The name of the extra that brings it, as in ``lookalike[heif]``.
    """

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(extra, purpose)
        self.extra = extra
        self.purpose = purpose

    def __str__(self) -> str:
        return (
            f"{self.purpose} needs an optional library that is not installed: "
            f"run pip install 'lookalike[{self.extra}]'."
        )


class ImageError(LookalikeError):
    """A picture cannot be used."""


class ImageUnreadable(ImageError):
    """It is no picture, damaged, or of an unknown format."""


class ImageOutOfReach(ImageUnreadable):
    """Its bytes, or what reads them, cannot be had just now.

    Permissions, a drive that went away, too little memory, an extra that is not
    installed: nothing is said about the picture itself, and trying again later
    makes sense.
    """


class ImageTooLarge(ImageError):
    """Its header announces more pixels than the cap."""


class SourceError(LookalikeError):
    """A place that pictures come from cannot be used."""


class SourceNotFound(SourceError):
    """It is not there."""


class NoImagesFound(SourceError):
    """It is there but holds no readable picture.

    Attributes:
        skipped: The picture files that are there, each with its reason.
    """

    def __init__(self, message: str, skipped: Sequence[Any] = ()) -> None:
        super().__init__(message, skipped)
        self.message = message
        self.skipped = tuple(skipped)

    def __str__(self) -> str:
        return self.message


class EncoderError(LookalikeError):
    """An encoder cannot be used."""


class EncoderNotFound(EncoderError):
    """No encoder of that name, or its files are missing."""


class SpaceMismatch(LookalikeError):
    """Embeddings of two encoders would be compared."""


class GalleryError(LookalikeError):
    """A gallery cannot be used."""


class GalleryNotFound(GalleryError):
    """There is none at that place."""


class GalleryUnreadable(GalleryError):
    """Its files are damaged or not a gallery's."""


class GalleryTooNew(GalleryError):
    """A newer Lookalike wrote it."""


class GalleryLocked(GalleryError):
    """Another process is writing to it."""


class GalleryReadOnly(GalleryError):
    """It, or its folder, cannot be written."""


class ImageNotInGallery(GalleryError):
    """No image of that id or path."""


class DatasetError(LookalikeError):
    """A data set to evaluate on cannot be used."""


class DatasetNotFound(DatasetError):
    """It is not on this machine."""


class DatasetUnreadable(DatasetError):
    """Its files are damaged, or not those that were published."""


class ServerError(LookalikeError):
    """A running server did not answer as it should."""


class ServerNotReached(ServerError):
    """Nobody answers at its address, or not in time."""


class AccessDenied(ServerError):
    """It wants a token, or the token does not allow this."""


class StorageFull(LookalikeError):
    """The disk is full; the gallery is as it was."""
