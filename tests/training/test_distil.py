"""Training: losses counted by hand, the schedule, resuming, and what the export writes."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from PIL import Image  # noqa: E402

from lookalike.encoders.canonical import canonical_picture  # noqa: E402
from lookalike.errors import LookalikeError, UsageError  # noqa: E402
from lookalike.training.batches import (  # noqa: E402
    STAGES,
    Stage,
    ViewSampler,
    augment,
    picture_weights,
    stage_at,
)
from lookalike.training.card import Inference, make_card, run_model  # noqa: E402
from lookalike.training.distil import (  # noqa: E402
    Recipe,
    Source,
    Trainer,
    load_checkpoint,
    save_checkpoint,
)
from lookalike.training.export import write_weights  # noqa: E402
from lookalike.training.losses import LabelLoss, cosine_loss, similarity_loss  # noqa: E402
from lookalike.training.network import Student, StudentConfig  # noqa: E402
from lookalike.training.onnx_graph import round_to_int8  # noqa: E402
from lookalike.training.pictures import UNLABELLED, ViewSet, preprocess  # noqa: E402
from lookalike.training.schedule import WallClock, learning_rate  # noqa: E402
from lookalike.training.teacher import Projection, fit_projection  # noqa: E402

SMALL = StudentConfig(stem=4, widths=(4, 8), blocks=(1, 1), dim=6)
TINY_STAGES = (Stage(until=1.0, size=16, photo_share=0.5),)


def unit(rows: list[list[float]]) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.tensor(rows), dim=1)


class FakeTime:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def make_views(seed: int, count: int = 12) -> tuple[ViewSet, np.ndarray]:
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (count, 2, 16, 16, 3), np.uint8)
    labels = np.arange(count) % 3
    targets = generator.normal(size=(count, 2, 10)).astype(np.float16)
    return ViewSet(pixels, labels, np.zeros(count, np.int64)), targets


def make_trainer(recipe: Recipe) -> Trainer:
    samplers = []
    for seed in (1, 2):
        views, targets = make_views(seed)
        flat = targets.reshape(-1, 10).astype(np.float32)
        samplers.append(ViewSampler(views, targets, fit_projection(flat, SMALL.dim)))
    groups = torch.zeros(3, dtype=torch.int64)
    return Trainer(recipe, SMALL, Source(*samplers, seed=recipe.seed), groups)


def test_cosine_loss_is_zero_for_equal_and_one_for_orthogonal_rows() -> None:
    rows = unit([[1.0, 0.0], [0.0, 2.0]])

    assert cosine_loss(rows, rows).item() == pytest.approx(0.0, abs=1e-6)
    assert cosine_loss(rows, rows.flip(0)).item() == pytest.approx(1.0)


def test_similarity_loss_of_three_rows_equals_the_divergence_counted_by_hand() -> None:
    student = unit([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    teacher = unit([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    # Row 0: the student's cosines to rows 1 and 2 are (1, 0), the teacher's (0, 0).
    # Row 1: to rows 0 and 2, student (1, 0), teacher (0, 1). Row 2: student (0, 0), teacher (0, 1).
    likely = math.exp(1) / (math.exp(1) + 1)
    rows = [
        0.5 * math.log(0.5 / likely) + 0.5 * math.log(0.5 / (1 - likely)),
        (1 - likely) * math.log((1 - likely) / likely) + likely * math.log(likely / (1 - likely)),
        (1 - likely) * math.log((1 - likely) / 0.5) + likely * math.log(likely / 0.5),
    ]

    loss = similarity_loss(student, teacher, temperature=1.0)

    assert loss.item() == pytest.approx(sum(rows) / 3, rel=1e-5)


def test_label_loss_lets_a_class_compete_only_within_its_group() -> None:
    loss = LabelLoss(torch.tensor([0, 0, 1]), dim=2, scale=2.0, smoothing=0.0)
    with torch.no_grad():
        loss.proxies.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    embeddings = unit([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    value = loss(embeddings, torch.tensor([0, 2, UNLABELLED]))

    # The class alone in its group costs nothing; the other one competes with one rival.
    by_hand = -math.log(math.exp(2) / (math.exp(2) + 1)) / 2
    assert value.item() == pytest.approx(by_hand, rel=1e-5)


def test_label_loss_smoothing_averages_over_the_classes_of_the_group() -> None:
    loss = LabelLoss(torch.tensor([0, 0]), dim=2, scale=1.0, smoothing=0.2)
    with torch.no_grad():
        loss.proxies.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))

    value = loss(unit([[1.0, 0.0]]), torch.tensor([0]))

    first = -math.log(math.exp(1) / (math.exp(1) + 1))
    second = -math.log(1 / (math.exp(1) + 1))
    assert value.item() == pytest.approx(0.9 * first + 0.1 * second, rel=1e-5)


def test_label_loss_without_labels_is_zero_and_can_be_differentiated() -> None:
    loss = LabelLoss(torch.tensor([0]), dim=2, scale=1.0, smoothing=0.0)
    embeddings = unit([[1.0, 0.0]]).requires_grad_()

    value = loss(embeddings, torch.tensor([UNLABELLED]))
    value.backward()

    assert value.item() == 0


def test_learning_rate_rises_to_the_peak_and_falls_to_zero() -> None:
    assert learning_rate(0.0, 2.0, warm_up=0.2) == 0
    assert learning_rate(0.1, 2.0, warm_up=0.2) == pytest.approx(1.0)
    assert learning_rate(0.2, 2.0, warm_up=0.2) == pytest.approx(2.0)
    assert learning_rate(0.6, 2.0, warm_up=0.2) == pytest.approx(1.0)
    assert learning_rate(1.0, 2.0, warm_up=0.2) == pytest.approx(0.0)


def test_wall_clock_counts_on_after_an_interruption() -> None:
    time = FakeTime()
    clock = WallClock(minutes=10, elapsed_s=120, now=time)
    time.now_s += 180

    assert clock.elapsed_s == 300
    assert clock.progress == 0.5
    time.now_s += 10_000
    assert clock.progress == 1.0


def test_stages_follow_each_other_and_cover_the_end() -> None:
    assert stage_at(0.0) == STAGES[0]
    assert stage_at(STAGES[0].until) == STAGES[1]
    assert stage_at(1.0) == STAGES[-1]


def test_pictures_of_large_classes_weigh_less() -> None:
    labels = np.array([0, 0, 0, 0, 1])

    weights = picture_weights(labels)

    # Class 0 has four pictures: 4 * 4 ** -0.5 = 2 against 1.
    assert weights[:4].sum() == pytest.approx(2 / 3)
    assert weights[4] == pytest.approx(1 / 3)


def test_augmentation_of_strength_zero_only_mirrors() -> None:
    pixels = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 3, 4, 4)

    output = augment(pixels, torch.Generator().manual_seed(0), strength=0.0)

    for before, after in zip(pixels.float(), output, strict=True):
        same = torch.allclose(before, after, atol=1e-3)
        assert same or torch.allclose(before.flip(2), after, atol=1e-3)


def test_projection_finds_the_axis_of_largest_variance_and_centres() -> None:
    line = np.linspace(-1, 1, 21, dtype=np.float32)[:, None]
    rows = 5 + line * np.array([[3.0, 4.0]], np.float32)

    projection = fit_projection(rows, dim=1)

    assert np.abs(projection.axes[:, 0]) == pytest.approx([0.6, 0.8], abs=1e-5)
    assert projection.mean == pytest.approx([5.0, 5.0], abs=1e-5)
    assert np.abs(projection(rows[[0, -1]])).ravel() == pytest.approx([1.0, 1.0], abs=1e-5)


def test_full_whitening_gives_every_axis_the_same_variance() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(400, 3)).astype(np.float32) * np.array([10, 3, 1], np.float32)

    projection = fit_projection(rows, dim=3, power=1.0)

    reduced = (rows - projection.mean) @ projection.axes
    assert reduced.var(axis=0) == pytest.approx([1, 1, 1], rel=1e-3)


def test_projection_survives_saving(tmp_path: Path) -> None:
    projection = fit_projection(np.eye(4, dtype=np.float32), dim=2)
    projection.save(tmp_path / "projection.npz")

    loaded = Projection.load(tmp_path / "projection.npz")

    np.testing.assert_array_equal(loaded.axes, projection.axes)
    np.testing.assert_array_equal(loaded.mean, projection.mean)


def test_a_resumed_run_takes_the_same_steps_as_one_that_was_never_cut_off(tmp_path: Path) -> None:
    recipe = Recipe(minutes=1, batch_size=8)
    whole = make_trainer(recipe)
    for progress in (0.1, 0.2):
        whole.step(progress, TINY_STAGES)
    save_checkpoint(whole, WallClock(1, 12.0, FakeTime()), tmp_path / "checkpoint.pt")
    whole_losses = whole.step(0.3, TINY_STAGES)

    resumed = make_trainer(Recipe(minutes=1, batch_size=8, seed=5))
    stored = load_checkpoint(tmp_path / "checkpoint.pt")
    resumed.restore(stored)

    assert stored["elapsed_s"] == 12.0
    assert resumed.step(0.3, TINY_STAGES) == pytest.approx(whole_losses, rel=1e-6)
    assert (resumed.steps, resumed.samples) == (3, 24)
    for name, value in whole.average.state_dict().items():
        torch.testing.assert_close(resumed.average.state_dict()[name], value)


def test_steps_reduce_the_loss_and_move_the_average() -> None:
    trainer = make_trainer(Recipe(minutes=1, batch_size=16, peak_rate=0.02))
    before = trainer.average.head.weight.clone()

    losses = [trainer.step(0.03, TINY_STAGES)["total"] for _ in range(60)]

    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.1
    assert not torch.equal(before, trainer.average.head.weight)


def test_a_missing_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without --resume"):
        load_checkpoint(tmp_path / "checkpoint.pt")


def test_network_embeds_to_unit_rows() -> None:
    network = Student(SMALL).eval()

    embeddings = network(torch.rand(2, 3, 20, 20) * 255)

    assert embeddings.shape == (2, 6)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))


def test_rounding_keeps_every_weight_within_half_a_step() -> None:
    values = np.array([[1.27, -0.5], [0.0, 0.0]], np.float32)

    stored, scale = round_to_int8(values)

    assert stored.tolist() == [[127, -50], [0, 0]]
    assert scale[0, 0] == pytest.approx(0.01)


@pytest.mark.parametrize("squeeze", [False, True])
def test_export_answers_as_the_network_does(tmp_path: Path, squeeze: bool) -> None:
    torch.manual_seed(0)
    config = StudentConfig(stem=8, widths=(16, 40), blocks=(1, 2), squeeze=squeeze, dim=6)
    network = Student(config)
    for parameter in network.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.02)
    network.train()(torch.rand(8, 3, 36, 36) * 255)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 36, 36, 3), np.uint8)

    rounding = write_weights(network.eval(), 36, tmp_path / "weights.onnx", pixels)

    embeddings = run_model(tmp_path / "weights.onnx", pixels)
    assert embeddings.shape == (5, 6)
    assert embeddings.dtype == np.float32
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert rounding.float_least > 0.9999
    assert rounding.stored_least > 0.99


def test_export_refuses_a_file_that_is_too_large(tmp_path: Path) -> None:
    network = Student(StudentConfig(stem=4, widths=(4, 1000), blocks=(1, 1), dim=6)).eval()
    pixels = np.zeros((1, 32, 32, 3), np.uint8)

    with pytest.raises(LookalikeError, match="narrower"):
        write_weights(network, 32, tmp_path / "weights.onnx", pixels)


def test_the_card_tells_what_was_written(tmp_path: Path) -> None:
    trainer = make_trainer(Recipe(minutes=3, batch_size=8))
    network = trainer.average
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    path = tmp_path / "weights.onnx"
    rounding = write_weights(network, 32, path, pixels)

    stored = {**trainer.state(), "elapsed_s": 90.0}
    card = make_card(path, network, stored, Inference(32, 36, recalibrated=True), rounding)

    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["size_bytes"] == path.stat().st_size
    assert card["dim"] == 6
    assert card["recipe"]["minutes"] == 1.5
    assert "--minutes 3 --label-weight 0.1" in card["recipe"]["commands"][0]
    assert "--size 32 --resize 36 --recalibrate" in card["recipe"]["commands"][1]
    canonical = run_model(path, preprocess(Image.fromarray(canonical_picture()), 32, 36)[None])[0]
    assert card["canonical"]["first"] == pytest.approx(canonical[:8], abs=1e-5)
    assert json.loads(json.dumps(card)) == card | {"recipe": json.loads(json.dumps(card["recipe"]))}


def test_a_whitened_export_agrees_with_whitened_rows(tmp_path: Path) -> None:
    network = make_trainer(Recipe(minutes=1, batch_size=8)).average
    generator = np.random.default_rng(1)
    whitening = Projection(
        generator.normal(size=6).astype(np.float32) / 10,
        generator.normal(size=(6, 6)).astype(np.float32),
    )
    pixels = generator.integers(0, 256, (4, 32, 32, 3), np.uint8)
    path = tmp_path / "weights.onnx"

    rounding = write_weights(network, 32, path, pixels, whitening)

    assert rounding.float_least > 0.9999
    np.testing.assert_allclose(np.linalg.norm(run_model(path, pixels), axis=1), 1, atol=1e-6)
