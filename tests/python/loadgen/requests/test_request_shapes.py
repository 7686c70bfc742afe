"""Shapes: what the model fixes, what is told, what is drawn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from request_models import model, transformer

from pyserver_loadgen.inputs.distributions import parse_distribution
from pyserver_loadgen.inputs.shapes import ShapePlan
from pyserver_loadgen.protocols import RequestError, TensorSpec

DRAWS = 4000


def draws(text: str) -> np.ndarray:
    rng = np.random.default_rng(7)
    distribution = parse_distribution(text, "here")
    return np.array([distribution.draw(rng) for _ in range(DRAWS)])


def test_uniform_has_both_ends_and_every_size_about_as_often() -> None:
    counts = Counter(draws("uniform(3,6)").tolist())
    assert sorted(counts) == [3, 4, 5, 6]
    assert all(abs(count - DRAWS / 4) < 5 * (DRAWS * 3 / 16) ** 0.5 for count in counts.values())


def test_normal_has_its_mean_and_deviation_and_nothing_below_one() -> None:
    drawn = draws("normal(64, 16)")
    assert abs(drawn.mean() - 64) < 5 * 16 / DRAWS**0.5
    assert abs(drawn.std() - 16) < 1
    assert draws("normal(1,30)").min() == 1


def test_choice_weighs_what_is_named_twice_twice() -> None:
    counts = Counter(draws("choice(1, 4, 4)").tolist())
    assert sorted(counts) == [1, 4]
    assert abs(counts[4] / DRAWS - 2 / 3) < 0.04


def test_zipf_falls_as_its_exponent_says() -> None:
    counts = Counter(draws("zipf(1,100)").tolist())
    assert 1 <= min(counts) <= max(counts) <= 100
    harmonic = sum(1 / k for k in range(1, 101))
    for k in (1, 2, 4):
        share = 1 / k / harmonic
        assert abs(counts[k] / DRAWS - share) < 5 * (share / DRAWS) ** 0.5


@pytest.mark.parametrize(
    "text",
    [
        "", "0", "-1", "1.5", "uniform", "uniform()", "uniform(5)", "uniform(5,2)", "uniform(0,2)", "uniform(1,2",
        "uniform(1,2,3)", "normal(64)", "normal(0,1)", "normal(5,-1)", "normal(nan,1)", "normal(1,inf)", "choice()",
        "choice(1,)", "choice(1,x)", "zipf(2)", "zipf(-1,5)", "zipf(1,0)", "zipf(1,99999999)", "gauss(1,2)",
        "2147483648",
        "uniform(1,2)x",
    ],
)  # fmt: skip
def test_what_is_no_distribution_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="here: expected a whole number, uniform"):
        parse_distribution(text, "here")


def test_shapes_are_the_models_with_the_batch_before_them() -> None:
    plan = ShapePlan(model(TensorSpec("x", "FP32", (-1, 3, 4)), max_batch_size=8))
    assert plan.shape("x", 0) == (1, 3, 4)
    assert ShapePlan(model(TensorSpec("x", "FP32", (-1, 3)), max_batch_size=8), batch_size=5).shape("x", 0) == (5, 3)


@pytest.mark.parametrize("text", ["x=2,3,4", "x=[2, 3, 4]", "2,3,4"])
def test_a_shape_that_is_told(text: str) -> None:
    assert ShapePlan(model(TensorSpec("x", "FP32", (-1, -1, 4))), [text]).shape("x", 9) == (2, 3, 4)


def test_the_batch_dimension_may_be_left_out_of_a_shape() -> None:
    batching = model(TensorSpec("x", "FP32", (-1, -1)), max_batch_size=8)
    assert ShapePlan(batching, ["x=7"], batch_size=3).shape("x", 0) == (3, 7)
    assert ShapePlan(batching, ["x=2,7"]).shape("x", 0) == (2, 7)


def test_a_dimension_is_drawn_anew_for_every_request_and_alike_for_the_same_seed() -> None:
    told = model(TensorSpec("x", "FP32", (-1, -1)), max_batch_size=8)
    first, again, other = (
        [ShapePlan(told, dimensions=["x[1]=uniform(8,128)"], seed=seed).shape("x", index) for index in range(50)]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert len(set(first)) > 20
    assert {shape[0] for shape in first} == {1}


def test_one_draw_can_serve_several_inputs() -> None:
    told = model(*(TensorSpec(name, "FP32", (-1, -1)) for name in "abc"))
    plan = ShapePlan(told, ["c=1,1"], ["a,b[0]=uniform(1,1000)", "a[1]=uniform(1,1000)", "b[1]=uniform(1,1000)"])
    assert plan.shape("a", 5)[0] == plan.shape("b", 5)[0]
    assert plan.shape("a", 5)[1] != plan.shape("b", 5)[1]
    everywhere = ShapePlan(told, dimensions=["*[0]=uniform(1,1000)", "*[1]=2"])
    assert len({everywhere.shape(name, 3) for name in "abc"}) == 1


def test_rows_are_the_same_for_all_inputs_of_a_request() -> None:
    told = model(TensorSpec("a", "FP32", (-1, 2)), TensorSpec("b", "FP32", (-1, 3)), max_batch_size=8)
    plan = ShapePlan(told, dimensions=["a[0]=uniform(1,8)"])
    rows = [(plan.shape("a", index)[0], plan.shape("b", index)[0]) for index in range(30)]
    assert all(one == other for one, other in rows)
    assert len(set(rows)) > 3


def test_token_inputs_share_their_length() -> None:
    plan = ShapePlan(transformer(), dimensions=["attention_mask[1]=normal(64,16)"], batch_size=2)
    for index in range(10):
        shapes = {plan.shape(name, index) for name in ("input_ids", "attention_mask", "token_type_ids")}
        assert len(shapes) == 1
    assert plan.varies("input_ids")


def test_what_is_taken_on_its_own_account_is_noted() -> None:
    plan = ShapePlan(transformer())
    assert plan.shape("input_ids", 0) == (1, 128)
    pixels = ShapePlan(model(TensorSpec("p", "UINT8", (-1, -1, 3))))
    assert pixels.shape("p", 0) == (224, 224, 3)
    assert pixels.shape("p", 1) == (224, 224, 3)
    assert plan.notes == ["input input_ids: dimension 1 is free, 128 was taken"]
    assert len(pixels.notes) == 2
    assert ShapePlan(model(TensorSpec("t", "BYTES", (-1, -1)))).shape("t", 0) == (1, 1)


def test_a_free_first_dimension_of_a_server_that_tells_no_batching_is_noted() -> None:
    plan = ShapePlan(model(TensorSpec("x", "FP32", (-1, 2)), max_batch_size=None))
    assert plan.shape("x", 0) == (1, 2)
    assert plan.notes == ["the first dimension of every input is free: taken for that of batches, with 1 row"]


@pytest.mark.parametrize(
    ("shapes", "dimensions", "batch_size", "told"),
    [
        (["x"], [], None, "--shape x: expected NAME=SIZE"),
        (["z=1"], [], None, "has no input 'z'; its inputs: x, y"),
        (["x=1,2,3"], [], None, r"--shape x=1,2,3: input 'x' expects \[-1, 3\], got 3 sizes"),
        (["x=1,4"], [], None, r"--shape x=1,4: dimension 1 of input 'x' is 3, got 4"),
        (["x=1,uniform(1"], [], None, "expected a whole number"),
        (["x=choice(3)"], [], None, "expected whole numbers"),
        ([], ["x=uniform(1,2)"], None, 'expected "NAME'),
        ([], ["x[5]=2"], None, "input 'x' has no dimension 5"),
        ([], ["*[5]=2"], None, "no input has a dimension 5"),
        ([], ["x[1]=uniform(1,2)"], None, r"dimension 1 of input 'x' is 3, got uniform\(1,2\)"),
        ([], ["x[0]=uniform(1,2)"], 4, r"the batch size is 4, got uniform\(1,2\)"),
        ([], [], 9, "batch size 9: model 'm' takes at most 8 rows"),
        ([], [], 0, "batch size 0: expected a whole number from 1"),
    ],
)
def test_what_cannot_be_is_refused(shapes: list[str], dimensions: list[str], batch_size: int | None, told: str) -> None:
    batching = model(TensorSpec("x", "FP32", (-1, 3)), TensorSpec("y", "FP32", (-1, 3)), max_batch_size=8)
    with pytest.raises(RequestError, match=told):
        ShapePlan(batching, shapes, dimensions, batch_size)


def test_more_rows_than_the_model_takes_are_refused_when_drawn() -> None:
    plan = ShapePlan(model(TensorSpec("x", "FP32", (-1, 3)), max_batch_size=8), dimensions=["x[0]=uniform(9,10)"])
    with pytest.raises(RequestError, match="takes at most 8 rows, got"):
        plan.shape("x", 0)


def test_a_free_dimension_of_which_nothing_is_known_asks_for_it() -> None:
    with pytest.raises(RequestError, match=r"dimension 1 of \[2, -1\] is free: say its size with --shape x=… or"):
        ShapePlan(model(TensorSpec("x", "FP32", (2, -1)))).shape("x", 0)
    unknown = model(TensorSpec("x", "FP32", None))
    with pytest.raises(RequestError, match="input 'x' may have any shape"):
        ShapePlan(unknown).shape("x", 0)
    assert ShapePlan(unknown, ["x=4,5"]).shape("x", 0) == (4, 5)


def test_a_model_without_a_batch_dimension_takes_no_batch_size() -> None:
    with pytest.raises(RequestError, match="batch size 2: model 'm' has no batch dimension"):
        ShapePlan(model(TensorSpec("x", "FP32", (3,))), batch_size=2)
    assert ShapePlan(model(TensorSpec("x", "FP32", (2, 3))), batch_size=2).shape("x", 0) == (2, 3)
