"""Room: of a gallery's disk, uploads leave so much free that pictures can still be removed."""

from __future__ import annotations

import shutil
from pathlib import Path

from lookalike.errors import StorageFull

__all__ = ["require_room"]

MIB = 2**20

# A removal writes to the catalog's log before it frees anything: tenths of a MiB for a
# picture, and tens of them for a thousand.
USUAL_BYTES = 64 * MIB
SMALL_SHARE = 1 / 20


def require_room(gallery: Path, keep_free_bytes: int | None) -> None:
    """Refuse to take more where the disk would be too full for a removal.

    Args:
        gallery: The folder whose disk it is.
        keep_free_bytes: So much stays free; None for 64 MiB, or a twentieth of a small disk.

    Raises:
        StorageFull: It is.
        OSError: The folder is not there.
    """
    disk = shutil.disk_usage(gallery)
    wanted = keep_free_bytes
    if wanted is None:
        wanted = int(min(USUAL_BYTES, SMALL_SHARE * disk.total))
    if disk.total and disk.free < wanted:  # some network drives do not say: all is 0
        raise StorageFull(
            f"There is no room left for pictures in the gallery {gallery}: {disk.free / MIB:,.1f} "
            f"MiB of its disk are free, and {wanted / MIB:,.1f} MiB stay so, since removing "
            "pictures needs some: remove a few, or free some space, then send these again."
        )
