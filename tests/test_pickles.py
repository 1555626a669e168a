"""Pickles are read without running them: plain values, CIFAR's arrays where asked for, and no other global."""

import builtins
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from utils.datasets import LayoutError
from utils.datasets.readers import pickles


class Call:
    """Pickles as a call of `function(*arguments)`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.fixture
def file(tmp_path):
    def write(content, protocol=2):
        path = tmp_path / "refs.p"
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
        return path

    return write


def short(text):
    """A Python-2 string of protocol 2."""
    return b"U" + bytes([len(text)]) + text


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_come_back(file, protocol):
    value = [{"ref_id": 7, "box": [1.5, -2.0], "sent": "a café", "none": None, "yes": True, "big": 2**70, "t": (1, ())}]
    assert pickles.load(file(value, protocol)) == value


def test_strings_of_python_2_are_utf_8(file):
    pickled = b"\x80\x02]q\x00(" + short(b"sent") + short("a café".encode()) + b"e."
    assert pickles.load(file(pickled)) == ["sent", "a café"]


def test_strings_of_python_2_that_are_not_utf_8_are_latin_1(file):
    pickled = b"\x80\x02]q\x00(" + short(b"sent") + short("a café".encode("latin-1")) + b"e."
    assert pickles.load(file(pickled)) == ["sent", "a café"]


@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch {mark}",), "(posix|nt).system"),
        (builtins.eval, ("open({mark!r}, 'w')",), "builtins.eval"),
        (builtins.getattr, ((), "__class__"), "builtins.getattr"),
        (np.load, ("{mark}",), "numpy.load"),
    ],
)
def test_a_pickle_that_calls_a_function_is_refused_by_name_and_does_nothing(
    file, tmp_path, arrays, protocol, function, arguments, name
):
    mark = tmp_path / "mark"
    arguments = tuple(a.format(mark=str(mark)) if isinstance(a, str) else a for a in arguments)
    path = file([1, Call(function, *arguments)], protocol)
    with pytest.raises(LayoutError, match=rf"refs\.p: the pickle names {name};"):
        pickles.load(path, arrays=arrays)
    assert not mark.exists()


def test_a_class_of_the_standard_library_is_refused_too(file):
    with pytest.raises(LayoutError, match="collections.OrderedDict; accepted: none"):
        pickles.load(file(OrderedDict(a=1)))


def test_a_name_cannot_reach_beyond_what_is_accepted(file):
    dotted = b"\x80\x04" + b"\x8c\x05numpy" + b"\x8c\x10ndarray.__init__" + b"\x93."
    with pytest.raises(LayoutError, match=r"numpy\.ndarray\.__init__"):
        pickles.load(file(dotted), arrays=True)


def test_a_persistent_id_is_refused(file):
    with pytest.raises(LayoutError, match="outside itself"):
        pickles.load(file(b"\x80\x02K\x05Q."))


def test_arrays_are_read_only_where_asked_for(file):
    batch = {"data": np.arange(24, dtype=np.uint8).reshape(2, 12), "labels": [3, 5]}
    path = file(batch)
    read = pickles.load(path, arrays=True)
    assert read["labels"] == [3, 5]
    assert read["data"].dtype == np.uint8
    np.testing.assert_array_equal(read["data"], batch["data"])
    with pytest.raises(LayoutError, match=r"multiarray\._reconstruct"):
        pickles.load(path)


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_arrays_are_read_under_both_names_and_from_python_2(file, module):
    pixels = bytes(range(250, 256)) + "é".encode()
    pickled = (
        b"\x80\x02}(" + short(b"data") + b"c" + module.encode() + b"\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
        + short(b"b") + b"\x87R(K\x01K\x02K\x04\x86cnumpy\ndtype\n" + short(b"u1") + b"K\x00K\x01\x87R(K\x03"
        + short(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + short(pixels) + b"tb"
        + short(b"labels") + b"]K\x06au."
    )  # fmt: skip
    read = pickles.load(file(pickled), arrays=True)
    np.testing.assert_array_equal(read["data"], np.frombuffer(pixels, np.uint8).reshape(2, 4))
    assert read["labels"] == [6]


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x02", pickle.dumps(list(range(99)), 2)[:-20], b"GIF89a", b"\x80\x02u."]
)
def test_what_is_no_whole_pickle_says_so(file, content):
    with pytest.raises(LayoutError, match=r"refs\.p: no whole pickle"):
        pickles.load(file(content))


@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize(
    "content", [b"\x80\x02X\x02\x00\x00\x00\xff\xfe.", b"\x80\x02c\xff\nx\n.", b"\x80\x04\x8c\x02\xff\xfe."]
)
def test_text_that_is_not_utf_8_is_no_whole_pickle(file, arrays, content):
    with pytest.raises(LayoutError, match=r"refs\.p: no whole pickle .*UnicodeDecodeError"):
        pickles.load(file(content), arrays=arrays)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.p is missing"):
        pickles.load(tmp_path / "absent.p")
