"""Pickles: the arrays of published sets are read, and nothing that a pickle asks for is run."""

from __future__ import annotations

import copyreg
import os
import pickle
import re
import struct

import numpy as np
import pytest
from published_forms import python_two

from lookalike.errors import DatasetUnreadable
from lookalike.evaluation.datasets import pickles
from lookalike.evaluation.datasets.pickles import array_of, read_pickle


def global_call(module: str, name: str, argument: bytes = b"X\x04\x00\x00\x00true") -> bytes:
    """A pickle that calls a function with one argument."""
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + argument + b"\x85R."


class Calls:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


# -- what is read --------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.uint8).reshape(3, 4),
        np.asfortranarray(np.arange(6, dtype="<i4").reshape(2, 3)),
        np.arange(3, dtype=">i2"),
        np.array([0.5, -1.25]),
        np.array([True, False]),
        np.array(["pear", "fig"]),
        np.array([b"pear", b"fig"]),
        np.empty((0, 7), np.float32),
    ],
    ids=lambda array: str(array.dtype),
)
def test_arrays_of_any_protocol_are_read(array, protocol):
    content = read_pickle(pickle.dumps({"data": array}, protocol), "batch")
    found = array_of(content["data"], "batch")
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


def test_what_python_2_wrote_is_read():
    pixels = np.arange(3000, dtype=np.uint8).reshape(3, 1000)
    content = read_pickle(python_two({"data": pixels, "labels": [3, 1], "name": "a b"}), "batch")
    assert np.array_equal(array_of(content["data"], "batch"), pixels)
    assert (content["labels"], content["name"]) == ([3, 1], "a b")


@pytest.mark.parametrize("protocol", range(6))
def test_single_numbers_of_numpy_are_read(protocol):
    content = read_pickle(pickle.dumps([np.int64(7), np.float32(0.5), b""], protocol), "batch")
    assert content == [7, 0.5, b""]


def test_a_list_of_numbers_is_an_array_too():
    assert array_of([1, 2, 3], "gnd").tolist() == [1, 2, 3]
    with pytest.raises(DatasetUnreadable, match="holds dict where an array belongs"):
        array_of({}, "gnd")


# -- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_calls_a_program_is_refused_and_named(protocol, tmp_path):
    trace = tmp_path / "trace"
    hostile = pickle.dumps({"data": Calls(os.system, f"touch {trace}")}, protocol)
    with pytest.raises(DatasetUnreadable, match=f"it asks for {os.system.__module__}.system"):
        read_pickle(hostile, "data_batch_1")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("__builtin__", "eval"),
        ("builtins", "getattr"),
        ("builtins", "bytearray"),
        ("subprocess", "Popen"),
        ("numpy", "load"),
        ("numpy", "fromfile"),
        ("numpy", "memmap"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy.testing", "runstring"),
        ("numpy", "ndarray.tofile"),
        ("numpy.core", "multiarray._reconstruct"),
        ("copyreg", "_reconstructor"),
        ("copy_reg", "_reconstructor"),
        ("codecs", "encode"),
        ("operator", "attrgetter"),
        ("lookalike.evaluation.datasets.pickles", "Keeper"),
    ],
)
def test_every_other_name_is_refused(module, name):
    with pytest.raises(DatasetUnreadable, match=re.escape(f"asks for {module}.{name}")):
        read_pickle(global_call(module, name), "batch")


def test_names_put_together_on_the_stack_are_refused():
    hostile = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."
    with pytest.raises(DatasetUnreadable, match=r"asks for os\.system"):
        read_pickle(hostile, "batch")


def test_a_name_behind_dots_is_refused():
    hostile = b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93)R."
    with pytest.raises(DatasetUnreadable, match=r"asks for numpy\.ndarray\.__init__"):
        read_pickle(hostile, "batch")


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x80\x02(X\x04\x00\x00\x00trueios\nsystem\n.",  # INST
        b"\x80\x02(cnumpy\ndtype\nX\x02\x00\x00\x00u1o.",  # OBJ
        b"\x80\x02cnumpy\nndarray\n)\x81.",  # NEWOBJ
        b"Pwhatever\n.",  # PERSID
        b"\x80\x05\x97.",  # NEXT_BUFFER
    ],
    ids=["INST", "OBJ", "NEWOBJ", "PERSID", "NEXT_BUFFER"],
)
def test_other_ways_to_make_objects_are_refused(hostile):
    with pytest.raises(DatasetUnreadable, match="it asks for"):
        read_pickle(hostile, "batch")


def test_a_name_that_this_process_registered_is_refused():
    copyreg.add_extension("os", "system", 77)
    try:
        with pytest.raises(DatasetUnreadable, match="asks for EXT1"):
            read_pickle(b"\x80\x02\x82\x4dX\x04\x00\x00\x00true\x85R.", "batch")
    finally:
        copyreg.remove_extension("os", "system", 77)


def test_what_stands_for_a_function_cannot_be_changed():
    state = b"}X\x05\x00\x00\x00_keepK\x01s"
    for name in (b"numpy\ndtype\n", b"_codecs\nencode\n", b"numpy\nndarray\n"):
        with pytest.raises(DatasetUnreadable, match="changes what is not its own"):
            read_pickle(b"\x80\x02c" + name + state + b"b.", "batch")
    slots = b"N" + state + b"\x86"
    with pytest.raises(DatasetUnreadable, match="changes what is not its own"):
        read_pickle(b"\x80\x02c_codecs\nencode\n" + slots + b"b.", "batch")
    array = np.arange(4, dtype=np.uint8)
    assert np.array_equal(array_of(read_pickle(pickle.dumps(array, 2), "batch"), "batch"), array)


def test_arrays_of_objects_are_refused():
    hostile = np.array([{}, []], dtype=object)
    for protocol in range(6):
        with pytest.raises(DatasetUnreadable, match="type 'O8' is no array of numbers"):
            read_pickle(pickle.dumps(hostile, protocol), "batch")


def test_arrays_of_records_are_refused():
    records = np.zeros(2, dtype=[("a", "u1"), ("b", "i4")])
    with pytest.raises(DatasetUnreadable, match="no array of numbers"):
        read_pickle(pickle.dumps(records, 2), "batch")


def changed(array: np.ndarray, old: bytes, new: bytes) -> bytes:
    """A pickled array with some bytes of its description replaced."""
    data = pickle.dumps(array, 2)
    assert data.count(old) == 1
    return data.replace(old, new)


def test_a_shape_that_its_bytes_do_not_fill_is_refused():
    array = np.arange(200, dtype=np.uint8)
    larger = changed(array, b"K\xc8\x85", b"J\x00\xca\x9a\x3b\x85")  # 1,000,000,000 bytes
    with pytest.raises(DatasetUnreadable, match="holds 200 numbers"):
        array_of(read_pickle(larger, "batch"), "batch")
    negative = changed(array, b"K\xc8\x85", b"J\xff\xff\xff\xff\x85")
    with pytest.raises(DatasetUnreadable, match="cannot have the shape"):
        read_pickle(negative, "batch")


def test_an_array_without_bytes_takes_no_memory():
    made = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nJ\xff\xff\xff\x7f\x85"
    content = read_pickle(made + b"X\x01\x00\x00\x00b\x87R.", "batch")
    assert array_of(content, "batch").size == 0


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"abc.",  # bytes that are not there
        b"\x80\x02T" + struct.pack("<i", 2**31 - 1) + b"abc.",
        b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"K\x01.",  # a frame that is not there
        b"\x80\x02K\x01r\xff\xff\xff\x7f.",  # place 2,147,483,647 of a memory of its own
        b"K\x01p9999999999\n.",
        b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",  # a number of 2 GB
    ],
    ids=["bytes", "text", "frame", "memo", "memo in digits", "long"],
)
def test_a_few_bytes_cannot_ask_for_gigabytes(hostile):
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DatasetUnreadable):
        read_pickle(hostile, "batch")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64_000


def test_lists_that_hold_each_other_are_no_arrays():
    hostile = b"\x80\x02]q\x00h\x00a."
    with pytest.raises(DatasetUnreadable, match="holds list where an array belongs"):
        array_of(read_pickle(hostile, "batch"), "batch")
    doubled = (b"q%c](h%ch%ce" % (n, n, n) for n in range(60))  # 2 ** 60 lists, written out
    billion = b"\x80\x02]" + b"".join(doubled) + b"."
    with pytest.raises(DatasetUnreadable, match="it would grow far beyond its size"):
        read_pickle(billion, "batch")


def test_a_pickle_that_takes_for_ever_is_refused(monkeypatch):
    monkeypatch.setattr(pickles, "MAX_STEPS", 1000)
    with pytest.raises(DatasetUnreadable, match="it takes more than 1,000 steps"):
        read_pickle(b"\x80\x02(" + b"N" * 5000 + b"l.", "batch")


def test_deep_nesting_is_no_crash():
    deep = b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."
    with pytest.raises(DatasetUnreadable, match="it nests more than 500 levels"):
        read_pickle(deep, "batch")
    key = b"\x80\x02})" + b"\x85" * 200_000 + b"K\x01s."  # hashed level by level
    with pytest.raises(DatasetUnreadable, match="it nests more than 500 levels"):
        read_pickle(key, "batch")


def test_what_is_put_together_of_itself_is_refused_before_it_is_written_out_or_hashed():
    doubled = b"(t" + b"2\x86" * 40  # a pair of a pair of a pair: 2 ** 40 leaves
    made = b"X\x02\x00\x00\x00u1\x85R"
    for hostile in (
        b"cnumpy\ndtype\n" + doubled + b"\x85R",
        b"cnumpy\ndtype\n" + made + b"(K\x03" + doubled + b"NNNtb",
        b"cnumpy.core.numeric\n_frombuffer\n(C\x01acnumpy\ndtype\n" + made + doubled + b"tR",
        b"}" + doubled + b"K\x01s",
        b"(" + doubled + b"K\x01d",
        b"\x8f(" + doubled + b"\x90",
    ):
        with pytest.raises(DatasetUnreadable, match="it would grow far beyond its size") as refusal:
            read_pickle(b"\x80\x04" + hostile + b".", "batch")
        assert len(str(refusal.value)) < 300


def test_messages_name_types_and_not_what_they_hold():
    doubled = b"(t" + b"2\x86" * 15  # little enough to be weighed and read
    text = b"X\x10\x27\x00\x00" + b"z" * 10_000
    for hostile, told in (
        (b"cnumpy\ndtype\n" + doubled + b"\x85R", "an array of type tuple is"),
        (b"cnumpy\ndtype\n" + text + b"\x85R", "an array of type 'z+[.]{3}z+' is"),
        (b"c" + b"os" * 5_000 + b"\nsystem\n", "it asks for (os){50}, and"),
    ):
        with pytest.raises(DatasetUnreadable, match=told):
            read_pickle(b"\x80\x02" + hostile + b".", "batch")


def repeated(name, arguments, times):
    """A pickle that calls one function often, with the same arguments."""
    start = b"\x80\x03c" + name + b"\nq\x000" + arguments + b"q\x010]("
    return start + b"h\x00h\x01R" * times + b"e."


def test_a_few_bytes_cannot_be_copied_to_gigabytes():
    size = struct.pack("<I", 10**6)
    text = b"X" + size + b"a" * 10**6
    kind = b"cnumpy\ndtype\nX\x05\x00\x00\x00S9999\x85R"
    number = kind + b"B" + struct.pack("<I", 9999) + b"a" * 9999 + b"\x86"
    for hostile in (
        repeated(b"_codecs\nencode", text + b"\x85", 50),
        repeated(b"numpy.core.multiarray\nscalar", number, 1000),
    ):
        with pytest.raises(DatasetUnreadable, match="it would grow far beyond its size"):
            read_pickle(hostile, "batch")
    assert len(read_pickle(repeated(b"_codecs\nencode", text + b"\x85", 2), "batch")) == 2


@pytest.mark.parametrize("protocol", range(6))
def test_what_is_large_and_honest_is_read(protocol):
    pixels = np.random.default_rng(0).integers(0, 256, (1000, 3072), dtype=np.uint8)
    content = {
        "data": pixels,
        "labels": list(range(1000)),
        "names": [f"{n}.png" for n in range(1000)],
    }
    found = read_pickle(pickle.dumps([content, {"batch": content}], protocol), "batch")
    assert np.array_equal(array_of(found[1]["batch"]["data"], "batch"), pixels)


def test_numbers_without_end_are_no_arrays():
    with pytest.raises(DatasetUnreadable, match="too large"):
        array_of([10**400, 1], "gnd")
    with pytest.raises(DatasetUnreadable, match="too large"):
        array_of([10**400, 0.5], "gnd")


def test_a_cut_off_pickle_is_one_sentence():
    whole = pickle.dumps({"data": np.arange(5000)}, 2)
    for length in (0, 1, 20, 200, len(whole) // 2, len(whole) - 1):
        with pytest.raises(DatasetUnreadable, match=r"The pickle batch was not read: .*fetch it"):
            read_pickle(whole[:length], "batch")


def test_bytes_at_random_never_do_anything_else_than_be_refused():
    rng = np.random.default_rng(0)
    whole = bytearray(python_two({"data": np.zeros((2, 9), np.uint8), "labels": [1, 2]}))
    for _ in range(500):
        damaged = bytearray(whole)
        for place in rng.integers(2, len(whole), 3):
            damaged[place] = rng.integers(0, 256)
        try:
            content = read_pickle(bytes(damaged), "batch")
            array_of(content, "batch")
        except DatasetUnreadable:
            continue
