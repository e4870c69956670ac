"""What it would take to read a pickle, worked out of its steps before any of them is taken."""

from __future__ import annotations

import pickle
import pickletools
from typing import NamedTuple

__all__ = ["Scales"]

# What is put together may weigh so many times the pickle's own bytes, each time that it
# is put together: NumPy's arrays pass through five hands, and are copied by two.
MAX_GROWTH = 8
# And as much however small the pickle is.
FREE_WEIGHT = 10_000_000
# Three levels are what data needs. Far deeper ones exhaust the stack where they are hashed.
MAX_DEPTH = 500
# Steps that put things into what lies below them.
FILLING = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS"}
REMEMBERING = {"PUT", "BINPUT", "LONG_BINPUT"}
RECALLING = {"GET", "BINGET", "LONG_BINGET"}


class Piece(NamedTuple):
    """What one thing on the reader's stack weighs with all that it holds, and how deep it is."""

    weight: int
    depth: int


class Scales:
    """Follows a pickle's steps with weights in the places of things.

    A tuple that holds another one twice weighs twice as much, though it takes no memory:
    hashing it would take the time, and writing it the memory.
    """

    def __init__(self, size: int) -> None:
        self._left = FREE_WEIGHT + MAX_GROWTH * size
        # One for each mark that is open.
        self._stacks: list[list[Piece]] = [[]]
        self._memo: dict[int, Piece] = {}

    def put(self, step: pickletools.OpcodeInfo, argument: object) -> None:
        """Follow one step.

        Raises:
            UnpicklingError: It puts together more than data needs.
            IndexError, KeyError: It takes what is not there.
        """
        if step.name in REMEMBERING and isinstance(argument, int):
            self._memo[argument] = self._stacks[-1][-1]
        elif step.name == "MEMOIZE":
            self._memo[len(self._memo)] = self._stacks[-1][-1]
        elif step.name in RECALLING and isinstance(argument, int):
            self._stacks[-1].append(self._memo[argument])
        elif step.name == "DUP":
            self._stacks[-1].append(self._stacks[-1][-1])
        elif step.name == "MARK":
            self._stacks.append([])
        elif step.name == "POP" and not self._stacks[-1]:
            self._stacks.pop()
        else:
            self._join(step, argument)

    def _join(self, step: pickletools.OpcodeInfo, argument: object) -> None:
        """Take parts off the stack and put what they make there."""
        taken = step.stack_before
        parts: list[Piece] = []
        if pickletools.stackslice in taken:
            parts = self._stacks.pop()
            taken = [kind for kind in taken if kind not in MARKS]
        stack = self._stacks[-1]
        below = [stack.pop() for _ in taken]
        if step.name not in FILLING:
            parts, below = parts + below, []
        elif len(below) > 1:
            parts, below = parts + below[:-1], below[-1:]
        if not step.stack_after:
            return
        weight = sum(part.weight for part in parts)
        self._left -= weight
        if self._left < 0:
            raise pickle.UnpicklingError("it would grow far beyond its size")
        depth = 1 + max((part.depth for part in parts), default=0)
        for before in below:
            weight, depth = weight + before.weight, max(depth, before.depth)
        if depth > MAX_DEPTH:
            raise pickle.UnpicklingError(f"it nests more than {MAX_DEPTH} levels")
        stack.append(Piece(1 + weight + weight_of(argument), depth))


MARKS = (pickletools.markobject, pickletools.stackslice)


def weight_of(argument: object) -> int:
    """Weigh what a step brings along."""
    if isinstance(argument, str | bytes | bytearray):
        return len(argument)
    return argument.bit_length() // 8 if isinstance(argument, int) else 0
