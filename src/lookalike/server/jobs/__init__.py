"""Jobs: what is being done to the galleries, and what was."""

from __future__ import annotations

from lookalike.server.jobs.board import JobBoard
from lookalike.server.jobs.events import Event, Events, Subscription
from lookalike.server.jobs.job import ENDED, STATES, Cancelled, Job, JobHandle, PutOff

__all__ = [
    "ENDED",
    "STATES",
    "Cancelled",
    "Event",
    "Events",
    "Job",
    "JobBoard",
    "JobHandle",
    "PutOff",
    "Subscription",
]
