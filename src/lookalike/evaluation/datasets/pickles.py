"""Reading the pickles in which some data sets were published, and nothing but their arrays.

A pickle is a program. This reader hands it no function of Python or NumPy to call: every
name it may ask for stands for a small class of this file that only keeps what it is
given, and an array is made of that afterwards, where its size fits its bytes. All other
names are refused, and named. What it would take to read is checked before anything is
read: a few bytes can ask for gigabytes.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
import reprlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import DatasetUnreadable, first_line
from lookalike.evaluation.datasets.weighing import Scales

__all__ = ["MAX_PICKLE_BYTES", "PickledArray", "array_of", "read_pickle", "shown"]

# CIFAR-100's training pictures take 155 MB.
MAX_PICKLE_BYTES = 512 * 2**20
# And less than half a million steps.
MAX_STEPS = 10_000_000
MAX_DIMENSIONS = 8
LONGEST_NAME, LONGEST_MESSAGE = 100, 300
# What makes objects of classes, asks for what lies outside, or shares the memory of others.
REFUSED_STEPS = {
    *("EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"),
    *("PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER"),
}
MEMO_STEPS = {"PUT", "BINPUT", "LONG_BINPUT"}
# Numbers, truth values, and texts of fixed length; never objects.
TYPE_CODE = re.compile(r"[|<>=]?(\?|b1|[iu][1248]|f[248]|S\d{1,4}|U\d{1,4})")
BYTE_ORDERS = ("|", "<", ">", "=")


class Keeper:
    """What stands in a pickle for a function: calling it keeps what it was given."""

    __slots__ = ("_keep",)

    def __init__(self, keep: Callable[..., object]) -> None:
        self._keep = keep

    def __call__(self, *given: object) -> object:
        return self._keep(*given)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it changes what is not its own")


class PickledType:
    """The type of an array's numbers, as a pickle describes it."""

    __slots__ = ("_code", "_order")

    def __init__(self, code: object, *_: object) -> None:
        text = code.decode("latin1") if isinstance(code, bytes) else code
        if not isinstance(text, str) or not TYPE_CODE.fullmatch(text):
            raise pickle.UnpicklingError(f"an array of type {shown(text)} is no array of numbers")
        self._code = text.lstrip("|<>=")
        self._order = text[0] if text[0] in BYTE_ORDERS else "="

    def __setstate__(self, state: object) -> None:
        # (version, byte order, subarray, names, fields, size, alignment, flags)
        if not isinstance(state, tuple) or len(state) < 5 or any(state[2:5]):
            raise pickle.UnpicklingError("an array of records is no array of numbers")
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if order not in BYTE_ORDERS:
            raise pickle.UnpicklingError(f"there is no byte order {shown(order)}")
        self._order = order

    def to_numpy(self) -> np.dtype[Any]:
        """Make the type."""
        return np.dtype(self._order + self._code)


class PickledArray:
    """An array as a pickle describes it."""

    __slots__ = ("_data", "_is_fortran", "_shape", "_type")

    def __init__(self, *_: object) -> None:
        self._shape: tuple[int, ...] = (0,)
        self._type = PickledType("u1")
        self._data = b""
        self._is_fortran = False

    def __setstate__(self, state: object) -> None:
        # (version, shape, type, is_fortran, bytes); the version is younger than the rest.
        if not isinstance(state, tuple) or len(state) not in {4, 5}:
            raise pickle.UnpicklingError("an array is described in an unknown way")
        shape, kind, is_fortran, data = state[-4:]
        self.describe(shape, kind, data, is_fortran=bool(is_fortran))

    def describe(self, shape: object, kind: object, data: object, *, is_fortran: bool) -> None:
        """Keep a description."""
        # Python 2 wrote bytes as text.
        raw = data.encode("latin1") if isinstance(data, str) else data
        if not isinstance(raw, bytes | bytearray) or not isinstance(kind, PickledType):
            raise pickle.UnpicklingError("an array of objects is no array of numbers")
        self._shape = shape_of(shape)
        self._type, self._data, self._is_fortran = kind, bytes(raw), is_fortran

    def to_numpy(self) -> NDArray[Any]:
        """Make the array.

        Raises:
            ValueError: Its bytes do not fit its shape.
        """
        flat = np.frombuffer(self._data, self._type.to_numpy())
        if flat.size != math.prod(self._shape):
            raise ValueError(f"an array of shape {self._shape} holds {flat.size} numbers")
        return flat.reshape(self._shape, order="F" if self._is_fortran else "C")


def shape_of(shape: object) -> tuple[int, ...]:
    """Check a shape."""
    sizes = shape if isinstance(shape, tuple) else (shape,)
    if len(sizes) > MAX_DIMENSIONS or not all(map(is_size, sizes)):
        raise pickle.UnpicklingError("an array cannot have the shape that it is said to have")
    return cast("tuple[int, ...]", sizes)


def is_size(value: object) -> bool:
    """Whether an array can be as long in one direction."""
    return type(value) is int and 0 <= value <= sys.maxsize


def shown(value: object) -> str:
    """Write for a message what a pickle holds: a text shortened, anything else by its type.

    What looks small can be endless once it is written out.
    """
    return reprlib.repr(value) if isinstance(value, str) else type(value).__name__


def kept_scalar(kind: object, data: object = b"") -> object:
    """Make one number or text."""
    array = PickledArray()
    array.describe((), kind, data, is_fortran=False)
    return array.to_numpy()[()].item()


def kept_buffer(data: object, kind: object, shape: object, order: object = "C") -> object:
    """Keep an array in the form of the youngest pickles."""
    array = PickledArray()
    array.describe(shape, kind, data, is_fortran=order == "F")
    return array


def kept_text(text: object, encoding: object = "latin1") -> bytes:
    """Turn into bytes what Python 3 writes as text for Python 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes are written in an unknown way")
    return text.encode("latin1")


def kept_nothing(*given: object) -> bytes:
    """Make the empty bytes, which Python 3 writes so for Python 2."""
    if given:
        raise pickle.UnpicklingError("bytes are written in an unknown way")
    return b""


def no_call(*given: object) -> object:
    """Refuse to make an array of no bytes, of any size."""
    raise pickle.UnpicklingError("an array is described in an unknown way")


# Module and name, as a pickle spells them.
KEEPERS: dict[str, Callable[..., object]] = {
    "_codecs encode": kept_text,
    "__builtin__ bytes": kept_nothing,
    "builtins bytes": kept_nothing,
    "numpy dtype": PickledType,
    "numpy ndarray": no_call,
    "numpy.core.multiarray _reconstruct": PickledArray,
    "numpy._core.multiarray _reconstruct": PickledArray,
    "numpy.core.multiarray scalar": kept_scalar,
    "numpy._core.multiarray scalar": kept_scalar,
    "numpy.core.numeric _frombuffer": kept_buffer,
    "numpy._core.numeric _frombuffer": kept_buffer,
}


class ArraysOnly(pickle.Unpickler):
    """Unpickles containers, texts, numbers, and descriptions of arrays."""

    def find_class(self, module: str, name: str, /) -> Any:
        """Look a name up among the few that are known."""
        keep = KEEPERS.get(f"{module} {name}")
        if keep is None:
            raise forbidden(f"{module} {name}")
        return Keeper(keep)


def forbidden(name: str) -> pickle.UnpicklingError:
    """Make the error for a name that no data needs."""
    asked = name[:LONGEST_NAME].replace(" ", ".")
    return pickle.UnpicklingError(f"it asks for {asked}, and pickles are read for arrays only")


def read_pickle(data: bytes, name: str) -> Any:
    """Read a pickle of containers, texts, numbers and arrays; of Python 2 as well.

    Arrays come as :class:`PickledArray`, to be turned into NumPy's by :func:`array_of`.

    Raises:
        DatasetUnreadable: It asks for anything else, which is named, or is damaged.
    """
    try:
        if len(data) > MAX_PICKLE_BYTES:
            raise pickle.UnpicklingError(f"it has {len(data):,} bytes")
        require_honest(data)
        return ArraysOnly(io.BytesIO(data), fix_imports=False, encoding="latin1").load()
    # Damage can look like anything: a step that finds a list where it wants a number.
    except (Exception, RecursionError) as error:
        why = first_line(error)[:LONGEST_MESSAGE]
        raise DatasetUnreadable(
            f"The pickle {name} was not read: {why}. It is damaged, or not what was published: "
            "fetch it again from where the data set was published."
        ) from error


def require_honest(data: bytes) -> None:
    """Refuse steps that no data needs, and what would only waste memory or time."""
    scales = Scales(len(data))
    for number, (step, argument, _) in enumerate(pickletools.genops(data)):
        if number == MAX_STEPS:
            raise pickle.UnpicklingError(f"it takes more than {MAX_STEPS:,} steps")
        if step.name in REFUSED_STEPS:
            raise forbidden(str(argument) if step.name == "INST" else step.name)
        if step.name == "GLOBAL" and argument not in KEEPERS:
            raise forbidden(str(argument))
        # The reader makes room for every place below the one it is told to remember.
        if step.name in MEMO_STEPS and cast("int", argument) > number:
            raise pickle.UnpicklingError("it remembers more than it holds")
        scales.put(step, argument)


def array_of(value: object, name: str) -> NDArray[Any]:
    """Make an array of what a pickle holds in its place: an array, or a list of numbers.

    Raises:
        DatasetUnreadable: It is something else.
    """
    try:
        if isinstance(value, PickledArray):
            return value.to_numpy()
        if is_numbers(value):
            made = np.array(value)
            if made.dtype.kind == "O":
                raise OverflowError("it holds a number that is too large")
            return made
    except (OverflowError, ValueError) as error:
        raise DatasetUnreadable(
            f"The pickle {name} is damaged ({first_line(error)}): fetch it again."
        ) from error
    raise DatasetUnreadable(
        f"The pickle {name} holds {type(value).__name__} where an array belongs: it is not what "
        "was published; fetch it again."
    )


def is_numbers(value: object) -> bool:
    """Whether it is a flat list of numbers."""
    return isinstance(value, Sequence) and all(type(item) in {int, float, bool} for item in value)
