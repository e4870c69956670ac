"""The galleries that a server answers for, and queries answered together."""

from __future__ import annotations

from lookalike.server.hosting.answered import Answered
from lookalike.server.hosting.batching import QueryBatcher
from lookalike.server.hosting.hosted import Hosted
from lookalike.server.hosting.shared_encoders import SharedEncoders

__all__ = ["Answered", "Hosted", "QueryBatcher", "SharedEncoders"]
