"""Whether a hub answers: asked first, because libraries take half a minute to find out."""

from __future__ import annotations

import http.client
import os
import ssl
import threading
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from lookalike.caching import cache_folder
from lookalike.encoders.weights.stored import Repository, repository_folder
from lookalike.errors import EncoderNotFound

__all__ = ["require_reach", "require_reach_for", "weights_missing", "why_out_of_reach"]

# Names that do not resolve, proxies that do not answer: all within this.
TIMEOUT_S = 3.0
MISSING = "not on this machine"


def require_reach(constants: Any, repository: Repository, *, state: str = MISSING) -> None:
    """Refuse early, and with what to do, where the hub cannot be asked.

    Args:
        constants: Those of the hub's library: its address, whether it is offline.
        repository: What is wanted.
        state: How its weights are as long as nothing is brought.

    Raises:
        EncoderNotFound: It cannot be asked.
    """
    if is_set("LOOKALIKE_OFFLINE"):
        raise weights_missing(repository, "LOOKALIKE_OFFLINE is set", state=state)
    if constants.HF_HUB_OFFLINE:
        raise weights_missing(repository, "HF_HUB_OFFLINE is set", state=state)
    if why := why_out_of_reach(constants.ENDPOINT):
        host = urlsplit(constants.ENDPOINT).netloc
        told = f"the hub at {host} cannot be reached: {why}"
        raise weights_missing(repository, told, is_surprise=True, state=state)


def require_reach_for(name: str) -> None:
    """Refuse early where it is not even known which repository a name means.

    Raises:
        EncoderNotFound: No hub can be asked.
    """
    try:
        from huggingface_hub import constants
    except ImportError:  # what needs it says so
        return
    why = ""
    if is_set("LOOKALIKE_OFFLINE") or constants.HF_HUB_OFFLINE:
        why = f"{'LOOKALIKE' if is_set('LOOKALIKE_OFFLINE') else 'HF_HUB'}_OFFLINE is set"
    elif reason := why_out_of_reach(constants.ENDPOINT):
        why = f"the hub at {urlsplit(constants.ENDPOINT).netloc} cannot be reached: {reason}"
    if why:
        raise EncoderNotFound(
            f"The weights of encoder {name!r} are not on this machine ({why}): run `lookalike "
            f"encoders pull {name}` where the hub can be reached and copy the folder that it fills "
            f"to {cache_folder() / 'weights'}, or name a directory that holds them."
        )


def weights_missing(
    repository: Repository, why: str, *, is_surprise: bool = False, state: str = MISSING
) -> EncoderNotFound:
    """Say that weights are not here, and every way to bring them."""
    name = repository.name or f"hf:{repository.place}"
    folder = repository_folder(repository.place)
    sooner = "; with HF_HUB_OFFLINE=1 nobody waits for the hub" if is_surprise else ""
    return EncoderNotFound(
        f"The weights {repository} are {state} ({why}): run `lookalike encoders pull "
        f"{name}` where the hub can be reached and copy the folder {folder.name} that it fills to "
        f"{folder}, or name a directory that holds them{sooner}."
    )


def why_out_of_reach(address: str, *, timeout_s: float = TIMEOUT_S) -> str:
    """Ask a hub for any answer at all.

    Proxies of the environment are used, as the hub's library uses them.

    Returns:
        Why there is none; empty if there is one.
    """
    answers: list[str] = []

    def ask() -> None:
        answers.append(why_no_answer(address, timeout_s))

    # Looking up a name has no timeout of its own: a thread can be left behind.
    thread = threading.Thread(target=ask, daemon=True, name="hub probe")
    thread.start()
    thread.join(timeout_s)
    return answers[0] if answers else f"no answer within {timeout_s:g} s"


def why_no_answer(address: str, timeout_s: float) -> str:
    """Send one request; any answer counts, refusals included."""
    try:
        request = urllib.request.Request(address, method="HEAD")
        # An opener of its own reads the proxies of now, not of the first call.
        with urllib.request.build_opener().open(request, timeout=timeout_s):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        # What a proxy or a gateway says when nobody stands behind it.
        return f"it answers {error.code}" if error.code in {502, 503, 504} else ""
    except urllib.error.URLError as error:
        # A certificate that Python does not trust may be one that the library does.
        return "" if isinstance(error.reason, ssl.SSLError) else worded(error.reason)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return worded(error)


def worded(reason: object) -> str:
    """Write a reason without its number."""
    return str(getattr(reason, "strerror", None) or reason) or type(reason).__name__


def is_set(variable: str) -> bool:
    """Whether an environment variable says yes."""
    return os.environ.get(variable, "").strip().lower() in {"1", "true", "yes", "on"}
