"""Made-up tensors: within the ranges of their datatypes, the same for the same seed, and of the kind that suits."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from identity_models import DATATYPES
from PIL import Image
from request_models import model

from pyserver.tensors import DTYPES, Array
from pyserver_loadgen.inputs.choose import choose_sources
from pyserver_loadgen.inputs.images import scene
from pyserver_loadgen.inputs.source import TensorSource, Wanted
from pyserver_loadgen.inputs.text import text
from pyserver_loadgen.protocols import RequestError, TensorSpec


def source(spec: TensorSpec, told: str | None = None) -> TensorSource:
    inputs = [] if told is None else [f"{spec.name}={told}"]
    return choose_sources(model(spec), inputs, None)[spec.name]


def make(of: TensorSource, *shape: int, index: int = 0, seed: int = 1) -> Array:
    return of.tensor(Wanted(index, shape, 1, np.random.default_rng(seed)))


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("told", ["random", "zeros"])
def test_every_datatype_can_be_made_up(datatype: str, told: str) -> None:
    made = make(source(TensorSpec("x", datatype, (-1, -1)), told), 20, 30)
    assert made.shape == (20, 30)
    assert made.dtype == DTYPES[datatype]
    again = make(source(TensorSpec("x", datatype, (-1, -1)), told), 20, 30)
    np.testing.assert_array_equal(made, again)
    if told == "zeros":
        assert not any(made.ravel().tolist())
    else:
        other = make(source(TensorSpec("x", datatype, (-1, -1)), told), 20, 30, seed=2)
        assert (made != other).any()


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64", "BF16"])
def test_reals_lie_between_0_and_1(datatype: str) -> None:
    made = make(source(TensorSpec("x", datatype, (-1,)), "random"), 5000)
    values = (made.astype(np.uint32) << 16).view(np.float32) if datatype == "BF16" else made.astype(np.float64)
    assert 0 <= values.min() < 0.01
    assert 0.98 < values.max() <= 1
    assert abs(values.mean() - 0.5) < 0.03


@pytest.mark.parametrize(
    ("datatype", "told", "low", "high"),
    [
        ("INT8", "random", 0, 99),
        ("INT64", "random", 0, 99),
        ("UINT8", "random", 0, 255),
        ("INT32", "random:-5..5", -5, 5),
        ("UINT64", "random:7", 7, 7),
        ("BOOL", "random", 0, 1),
        ("INT64", "tokens:3..9", 3, 9),
    ],
)
def test_whole_numbers_have_both_ends(datatype: str, told: str, low: int, high: int) -> None:
    made = make(source(TensorSpec("x", datatype, (-1,)), told), 8000).astype(np.int64)
    assert (made.min(), made.max()) == (low, high)


def test_a_range_of_reals() -> None:
    made = make(source(TensorSpec("x", "FP32", (-1,)), "random:-2.5..2.5"), 5000)
    assert made.min() == pytest.approx(-2.5, abs=0.02)
    assert made.max() == pytest.approx(2.5, abs=0.02)


@pytest.mark.parametrize(
    ("spec", "described"),
    [
        (TensorSpec("x", "FP32", (-1, 10)), "random 0 to 1"),
        (TensorSpec("q", "BYTES", (-1,)), "text of 6 to 24 words"),
        (TensorSpec("jpeg_bytes", "BYTES", (-1,)), "JPEG pictures of 640 x 480"),
        (TensorSpec("image", "FP32", (-1, 3, 224, 224)), "pictures"),
        (TensorSpec("x", "UINT8", (224, 224, 3)), "pictures"),
        (TensorSpec("x", "FP32", (-1, 3, 4, 5)), "random 0 to 1"),
        (TensorSpec("input_ids", "INT64", (-1, -1)), "token ids 1996 to 29611"),
        (TensorSpec("attention_mask", "INT64", (-1, -1)), "ones"),
        (TensorSpec("token_type_ids", "INT32", (-1, -1)), "zeros"),
        (TensorSpec("input_ids", "FP32", (-1, 5)), "random 0 to 1"),
    ],
)
def test_what_suits_an_input_is_chosen_by_name_datatype_and_shape(spec: TensorSpec, described: str) -> None:
    assert source(spec).describe() == described


def test_tokens_are_framed_texts_of_a_vocabulary() -> None:
    ids = make(source(TensorSpec("input_ids", "INT64", (-1, -1))), 3, 20)
    assert (ids[:, 0] == 101).all()
    assert (ids[:, -1] == 102).all()
    assert ids[:, 1:-1].min() >= 1996
    assert ids.max() <= 29_611
    assert (make(source(TensorSpec("attention_mask", "INT64", (-1, -1))), 3, 20) == 1).all()
    positions = make(source(TensorSpec("position_ids", "INT64", (-1, -1))), 2, 4)
    assert positions.tolist() == [[0, 1, 2, 3]] * 2


@pytest.mark.parametrize("words", [1, 2, 3, 4, 5, 8, 13, 14, 19, 60, 500])
def test_text_has_exactly_so_many_words_in_sentences(words: int) -> None:
    for seed in range(20):
        made = text(words, np.random.default_rng(seed))
        assert len(made.split()) == words
        assert re.fullmatch(r"([A-Z][a-z]*( [A-Za-z]+)*\.)( [A-Z][a-z]*( [A-Za-z]+)*\.)*", made)
        assert not re.search(r"\b(the|and|while|because)\.", made)


def test_texts_differ_and_have_the_lengths_that_were_asked_for() -> None:
    made = make(source(TensorSpec("x", "BYTES", (-1,)), "text:5..9"), 200).tolist()
    assert len(set(made)) > 190
    assert {len(one.decode().split()) for one in made} == {5, 6, 7, 8, 9}


def test_pictures_of_bytes_are_jpeg_files_that_differ() -> None:
    made = make(source(TensorSpec("x", "BYTES", (-1,)), "image:320x200"), 2).tolist()
    for one in made:
        with Image.open(io.BytesIO(one)) as picture:
            picture.load()
            assert (picture.format, picture.size) == ("JPEG", (320, 200))
    assert made[0] != made[1]


def test_pictures_have_the_layout_and_range_of_the_input() -> None:
    first = make(source(TensorSpec("x", "UINT8", (3, 40, 60)), "image"), 3, 40, 60)
    last = make(source(TensorSpec("x", "UINT8", (40, 60, 3)), "image"), 40, 60, 3)
    np.testing.assert_array_equal(first, last.transpose(2, 0, 1))
    reals = make(source(TensorSpec("x", "FP32", (-1, 40, 60, 3)), "image"), 2, 40, 60, 3)
    np.testing.assert_allclose(reals[0] * 255, last, atol=1e-4)
    assert (reals[0] != reals[1]).any()
    grey = make(source(TensorSpec("x", "FP32", (1, 40, 60)), "image"), 1, 40, 60)
    assert grey.shape == (1, 40, 60)


def test_a_picture_is_smooth_with_grain_as_photographs_are() -> None:
    pixels = np.asarray(scene(320, 240, np.random.default_rng(3))).astype(np.float64)
    steps = np.abs(np.diff(pixels, axis=1))
    assert pixels.std() > 15  # not one colour
    assert np.median(steps) < 8  # neighbours are alike
    assert np.median(steps) > 0.5  # but not the same
    file = io.BytesIO()
    scene(640, 480, np.random.default_rng(3)).save(file, "JPEG", quality=85)
    assert 20_000 < file.tell() < 150_000


@pytest.mark.parametrize(
    ("datatype", "told", "error"),
    [
        ("INT8", "random:0..300", "INT8 has no range 0 to 300"),
        ("UINT8", "random:-1..3", "UINT8 has no range -1 to 3"),
        ("FP32", "random:3..1", "FP32 has no range 3 to 1"),
        ("INT32", "random:0.5", "INT32 has no range 0.5 to 0.5"),
        ("FP32", "random:x", r"--input x=random:x: expected a number or LOW\.\.HIGH"),
        ("FP32", "zeros:1", "zeros take nothing"),
        ("FP32", "text", "input 'x' is FP32: text is BYTES"),
        ("BYTES", "text:0", "0 to 0 is no range of words"),
        ("BYTES", "tokens", "tokens are INT64 or INT32"),
        ("INT64", "tokens:1.5..2", "expected whole numbers"),
        ("INT64", "tokens:-1..2", "no range of token ids"),
        ("BYTES", "image:big", "expected image:WIDTHxHEIGHT"),
        ("BYTES", "image:0x5", "0x5 is no size"),
        ("FP32", "image:5x5", "pictures of FP32 have the size of the input's shape"),
        ("BF16", "image", "pixels cannot be sent as that"),
        ("FP32", "nowhere.npy", "--input x=nowhere.npy: expected a file, a folder, or zeros"),
    ],
)
def test_what_cannot_be_made_is_refused(datatype: str, told: str, error: str) -> None:
    with pytest.raises(RequestError, match=error):
        source(TensorSpec("x", datatype, (-1,)), told)


def test_a_picture_of_an_unclear_layout_asks_for_it() -> None:
    with pytest.raises(RequestError, match="--layout hwc or --layout chw"):
        make(source(TensorSpec("x", "FP32", (3, 40, 3)), "image"), 3, 40, 3)
    with pytest.raises(RequestError, match="input 'x' has shape"):
        make(source(TensorSpec("x", "FP32", (7, 40, 7)), "image"), 7, 40, 7)


def test_inputs_are_named_where_there_are_several() -> None:
    two = model(TensorSpec("a", "FP32", (1,)), TensorSpec("b", "FP32", (1,)))
    with pytest.raises(RequestError, match="--input zeros: expected NAME=SOURCE, because the model's inputs are a, b"):
        choose_sources(two, ["zeros"], None)
    with pytest.raises(RequestError, match="no input 'c'"):
        choose_sources(two, ["c=zeros"], None)
    with pytest.raises(RequestError, match="input 'a' is given twice"):
        choose_sources(two, ["a=zeros", "a=random"], None)
    assert choose_sources(model(TensorSpec("a", "FP32", (1,))), ["zeros"], None)["a"].describe() == "zeros"


def test_optional_inputs_are_left_out_unless_named() -> None:
    told = model(TensorSpec("a", "FP32", (1,)), TensorSpec("b", "FP32", (1,), optional=True))
    assert list(choose_sources(told, [], None)) == ["a"]
    assert list(choose_sources(told, ["b=zeros"], None)) == ["a", "b"]
