"""How an optional library is added to this very installation.

The library names the extra, as for everybody; only who runs the command line can be told
more: where the checkout lies that this installation came from.
"""

from __future__ import annotations

import json
import os
import re
import shlex

__all__ = ["install_line", "with_install_lines"]

FROM_AN_INDEX = re.compile(r"pip install 'lookalike\[([\w-]+)\]'")


def with_install_lines(text: str) -> str:
    """Let what is said of missing extras fit this installation."""
    return FROM_AN_INDEX.sub(lambda said: install_line(said[1]), text)


def install_line(extra: str) -> str:
    """Write the command that adds an extra.

    It names the folder that Lookalike was installed from, where pip noted one (PEP 610:
    https://peps.python.org/pep-0610/) and it is still there; else the name alone.
    """
    wanted, option = f"lookalike[{extra}]", ""
    noted = installed_from()
    folder, facts = folder_of(str(noted.get("url", ""))), noted.get("dir_info")
    if isinstance(facts, dict) and folder and os.path.isfile(f"{folder}/pyproject.toml"):
        wanted = f"{folder}[{extra}]"
        option = "-e " if facts.get("editable") else ""
    return f"pip install {option}{shlex.quote(wanted)}"


def installed_from() -> dict[str, object]:
    """Read what pip noted of where the package came from; empty where it noted nothing."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        noted = json.loads(distribution("lookalike").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def folder_of(address: str) -> str:
    """Turn a ``file:`` address into a folder; empty for any other address."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    parts = urlsplit(address)
    return url2pathname(parts.path) if parts.scheme == "file" else ""
