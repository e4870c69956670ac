"""``lookalike info``."""

from __future__ import annotations

import json

import click

from lookalike.cli.fresh_index import index_line
from lookalike.cli.gallery_place import gallery_place
from lookalike.cli.options import located_gallery, logging_options
from lookalike.cli.output import counted, printable
from lookalike.gallery import Gallery, GalleryInfo
from lookalike.search.published import Published, published_index


@click.command("info")
@gallery_place
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with sizes in bytes.")
@logging_options
def command(gallery_folder: str | None, as_json: bool) -> None:
    """Show what a gallery holds: counts, encoder, sources, size, dates.

    GALLERY is the gallery, or the folder that has it inside; --gallery says the same.
    """
    with Gallery.open(located_gallery(gallery_folder)) as gallery:
        info = gallery.info()
        published = published_index(gallery)
    facts = {**as_dict(info), "index": index_dict(published)}
    text = as_text(info, index_line(published))
    click.echo(json.dumps(facts, indent=2) if as_json else text)


def index_dict(published: Published | None) -> dict[str, object] | None:
    """Turn what is known of the index into what JSON can hold."""
    if published is None:
        return None
    return {
        "folder": str(published.folder),
        "generation": published.generation,
        "config": published.config.to_dict(),
        "problem": published.problem or None,
        "evidence": published.evidence or None,
    }


def as_dict(info: GalleryInfo) -> dict[str, object]:
    """Turn into what JSON can hold."""
    return {
        "path": str(info.path),
        "format_version": info.format_version,
        "generation": info.generation,
        "images": info.images,
        "skipped": info.skipped,
        "embeddings": info.embeddings,
        "tombstones": info.tombstones,
        "segments": info.segments,
        "size_bytes": info.size_bytes,
        "dtype": info.dtype,
        "encoder": info.space.encoder,
        "dim": info.space.dim,
        "fingerprint": info.space.fingerprint,
        "created": info.created,
        "updated": info.updated,
        "sources": [
            {"kind": source.kind, "location": source.location, "images": count}
            for source, count in info.sources
        ],
    }


def as_text(info: GalleryInfo, index: str) -> str:
    """Lay out for people."""
    buried = f"; {counted(info.tombstones, 'row')} of removed images" if info.tombstones else ""
    skipped = f", and {counted(info.skipped, 'file')} that cannot be used" if info.skipped else ""
    lines = [
        f"gallery     {printable(str(info.path))}",
        f"images      {info.images:,}{skipped}",
        f"embeddings  {info.embeddings:,} of dim {info.space.dim} as {info.dtype}, "
        f"in {counted(info.segments, 'segment')}{buried}",
        f"encoder     {printable(info.space.encoder)} ({info.space.fingerprint[:12]})",
        f"index       {index}",
        f"size        {info.size_bytes / 2**20:,.1f} MiB",
        f"created     {info.created}",
        f"updated     {info.updated} (generation {info.generation})",
    ]
    lines += [
        f"source      {source.kind} {printable(source.location)}: {counted(count, 'image')}"
        for source, count in info.sources
    ]
    return "\n".join(lines)
