"""Encoders of several galleries, each loaded once."""

from __future__ import annotations

import threading

from lookalike.encoders import Encoder, load_encoder

__all__ = ["SharedEncoders"]


class SharedEncoders:
    """Loads encoders by name, each once for all galleries. Safe to share between threads.

    Args:
        device: Where they compute.
        backend: What runs them.
    """

    def __init__(self, *, device: str = "auto", backend: str = "auto") -> None:
        self._device = device
        self._backend = backend
        self._loaded: dict[str, Encoder] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def load(self, name: str) -> Encoder:
        """Return the encoder of that name; whoever asks while it is loaded waits for it.

        Raises:
            EncoderError: It cannot be used.
            EncoderNotFound: No such encoder, or its weights cannot be had.
            MissingExtra: The library that it needs is not installed.
        """
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self._loaded:
                self._loaded[name] = load_encoder(name, device=self._device, backend=self._backend)
            return self._loaded[name]
