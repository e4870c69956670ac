"""Files that a command will write at its end, tried before its long work begins."""

from __future__ import annotations

import os

from lookalike.errors import UsageError

__all__ = ["require_sheet_file", "require_writable_file"]


def require_writable_file(file: str, *, what: str) -> None:
    """Find out whether a file could be written, without touching it.

    Args:
        file: The file, which may be there already.
        what: What it will be, for the error's sentence.

    Raises:
        UsageError: It is a folder, its folder is missing, or either is read-only.
    """
    folder = os.path.dirname(os.path.abspath(file))
    if not file or os.path.isdir(file):
        reason = "it is a folder"
    elif not os.path.isdir(folder):
        reason = f"there is no folder {folder}"
    elif not os.access(file if os.path.lexists(file) else folder, os.W_OK):
        reason = "it, or its folder, is read-only"
    else:
        return
    raise UsageError(f"The {what} {file} cannot be written ({reason}): name another file.")


def require_sheet_file(file: str) -> None:
    """Find out whether a contact sheet could be written.

    Raises:
        UsageError: As for any file, or its ending is no picture format that
            can be written.
    """
    import io

    import PIL.Image

    require_writable_file(file, what="contact sheet")
    extension = os.path.splitext(file)[1].lower()
    kind = PIL.Image.registered_extensions().get(extension)
    try:
        PIL.Image.new("RGB", (1, 1)).save(io.BytesIO(), format=kind or "unknown")
    except (KeyError, OSError, ValueError) as error:
        found = f"ends in {extension}" if extension else "has no ending"
        raise UsageError(
            f"The contact sheet {file} {found}, which is no format to write pictures in: "
            "name it .jpg, .png or .webp."
        ) from error
