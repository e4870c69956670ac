"""Train the student: distil the teacher into a small network, within a given number of minutes.

Run as `python -m lookalike.training.distil --data DIR --teacher FILE --out DIR --minutes 70`;
with `--resume`, a run that was cut off goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lookalike.errors import UsageError
from lookalike.training.batches import (
    STAGES,
    Batch,
    Stage,
    ViewSampler,
    augment,
    join,
    stage_at,
)
from lookalike.training.held_out import HeldOut
from lookalike.training.losses import LabelLoss, cosine_loss, similarity_loss
from lookalike.training.network import Student, StudentConfig, parameter_count
from lookalike.training.prepare import default_teacher, prepare, shared_folder
from lookalike.training.schedule import WallClock, learning_rate
from lookalike.training.teacher import fit_projection

logger = logging.getLogger(__name__)

PROJECTION_SAMPLES = 40_000


@dataclass(frozen=True)
class Recipe:
    """How to train; saved in every checkpoint."""

    minutes: float
    batch_size: int = 128
    peak_rate: float = 2e-3
    weight_decay: float = 0.05
    similarity_weight: float = 0.1
    label_weight: float = 0.1
    label_scale: float = 20.0
    label_smoothing: float = 0.1
    whitening: float = 0.25
    averaging: float = 0.998
    gradient_norm: float = 5.0
    seed: int = 0


class Source:
    """Draws mixed batches from small pictures and photographs."""

    def __init__(self, tiny: ViewSampler, photos: ViewSampler, seed: int) -> None:
        self.tiny = tiny
        self.photos = photos
        self.generator = np.random.default_rng(seed)

    def draw(self, count: int, stage: Stage) -> Batch:
        """Draw `count` views, `stage.photo_share` of them from photographs."""
        photos = round(count * stage.photo_share)
        return join(
            self.tiny.draw(count - photos, stage.size, self.generator),
            self.photos.draw(photos, stage.size, self.generator),
        )


class Trainer:
    """The network, its running average, the optimiser and everything a checkpoint holds."""

    def __init__(
        self, recipe: Recipe, config: StudentConfig, source: Source, group_of_class: Tensor
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.source = source
        self.network = Student(config).to(memory_format=torch.channels_last)
        self.labels = LabelLoss(
            group_of_class, config.dim, recipe.label_scale, recipe.label_smoothing
        )
        self.average = copy.deepcopy(self.network).eval()
        self.optimiser = torch.optim.AdamW(self._parameter_groups(), fused=True)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.steps = 0
        self.samples = 0

    def _parameter_groups(self) -> list[dict[str, object]]:
        """Decay matrices and kernels; leave biases, norms and proxies alone."""
        parameters = list(self.network.parameters())
        decayed = [parameter for parameter in parameters if parameter.ndim > 1]
        others = [parameter for parameter in parameters if parameter.ndim <= 1]
        return [
            {"params": decayed, "weight_decay": self.recipe.weight_decay},
            {"params": [*others, *self.labels.parameters()], "weight_decay": 0.0},
        ]

    def step(self, progress: float, stages: tuple[Stage, ...] = STAGES) -> dict[str, float]:
        """Take one step and return the losses."""
        rate = learning_rate(progress, self.recipe.peak_rate)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        batch = self.source.draw(self.recipe.batch_size, stage_at(progress, stages))
        pixels = augment(batch.pixels, self.generator)
        self.network.train()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            embeddings = self.network(pixels)
        parts = self._losses(embeddings, batch)
        self.optimiser.zero_grad()
        parts["total"].backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.gradient_norm)
        self.optimiser.step()
        self.steps += 1
        self.samples += len(pixels)
        self._update_average()
        return {name: float(part.detach()) for name, part in parts.items()}

    def _losses(self, embeddings: Tensor, batch: Batch) -> dict[str, Tensor]:
        cosine = cosine_loss(embeddings, batch.targets)
        similarity = similarity_loss(embeddings, batch.targets)
        labels = self.labels(embeddings, batch.labels)
        total = (
            cosine + self.recipe.similarity_weight * similarity + self.recipe.label_weight * labels
        )
        return {"total": total, "cosine": cosine, "similarity": similarity, "labels": labels}

    def _update_average(self) -> None:
        """Move the average towards the network; a young average follows faster."""
        decay = min(self.recipe.averaging, (1 + self.steps) / (10 + self.steps))
        ours, theirs = self.average.state_dict(), self.network.state_dict()
        with torch.no_grad():
            for name, value in ours.items():
                if value.dtype.is_floating_point:
                    value.lerp_(theirs[name], 1 - decay)
                else:
                    value.copy_(theirs[name])

    def state(self) -> dict[str, object]:
        """Collect everything that a later process needs to go on."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "labels": self.labels.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "torch_generator": self.generator.get_state(),
            "numpy_generator": json.dumps(self.source.generator.bit_generator.state),
            "steps": self.steps,
            "samples": self.samples,
            "config": self.network.config.to_dict(),
            "recipe": vars(self.recipe),
        }

    def restore(self, state: dict[str, object]) -> None:
        """Go on from what `state` returned."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.labels.load_state_dict(state["labels"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["torch_generator"])
        self.source.generator.bit_generator.state = json.loads(str(state["numpy_generator"]))
        self.steps = int(str(state["steps"]))
        self.samples = int(str(state["samples"]))


def save_checkpoint(trainer: Trainer, clock: WallClock, path: Path) -> None:
    """Write the checkpoint beside the old one, then replace it."""
    partial = path.with_suffix(".partial")
    torch.save({**trainer.state(), "elapsed_s": clock.elapsed_s}, partial)
    os.replace(partial, path)


def load_checkpoint(path: Path) -> dict[str, object]:
    """Read a checkpoint; no pickled code is run."""
    if not path.exists():
        raise UsageError(f"There is no checkpoint at {path}. Run without --resume to start anew.")
    stored: dict[str, object] = torch.load(path, weights_only=True)
    return stored


def train(
    trainer: Trainer,
    clock: WallClock,
    out: Path,
    evaluate: Callable[[Student], float],
    checkpoint_s: float = 180.0,
) -> None:
    """Step until the time is over, saving a checkpoint every few minutes and at the end."""
    saved_s = reported_s = clock.elapsed_s
    reported_samples = trainer.samples
    while (progress := clock.progress) < 1:
        losses = trainer.step(progress)
        elapsed_s = clock.elapsed_s
        if elapsed_s - reported_s >= 20:
            speed = (trainer.samples - reported_samples) / (elapsed_s - reported_s)
            shown = " ".join(f"{name} {value:.4f}" for name, value in losses.items())
            logger.info(
                "%.3f step %d samples %d %.0f/s %s",
                progress, trainer.steps, trainer.samples, speed, shown,
            )  # fmt: skip
            reported_s, reported_samples = elapsed_s, trainer.samples
        if elapsed_s - saved_s >= checkpoint_s:
            save_checkpoint(trainer, clock, out / "checkpoint.pt")
            logger.info("held-out mean average precision %.4f", evaluate(trainer.average))
            saved_s = clock.elapsed_s
    save_checkpoint(trainer, clock, out / "checkpoint.pt")
    logger.info("done: held-out mean average precision %.4f", evaluate(trainer.average))


def load_source(
    data: Path, teacher: Path, cache: Path, dim: int, recipe: Recipe
) -> tuple[Source, Tensor]:
    """Open the prepared data, fit the projection and make the samplers."""
    prepared = prepare(data, teacher, cache)
    # Both sources count alike for the centre and the axes, whatever their sizes.
    generator = np.random.default_rng(recipe.seed)
    parts = []
    for part in (prepared.tiny, prepared.photos):
        flat = part.targets.reshape(-1, part.targets.shape[-1])
        rows = generator.choice(len(flat), min(PROJECTION_SAMPLES, len(flat)), replace=False)
        parts.append(flat[np.sort(rows)].astype(np.float32))
    projection = fit_projection(np.concatenate(parts), dim, recipe.whitening)
    tiny, photos = (
        ViewSampler(part.views, part.targets, projection)
        for part in (prepared.tiny, prepared.photos)
    )
    return Source(tiny, photos, recipe.seed), torch.from_numpy(prepared.group_of_class)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=shared_folder() / "data")
    parser.add_argument("--teacher", type=Path, default=default_teacher())
    parser.add_argument("--cache", type=Path, help="packed views; default: OUT/cache")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    for name in ("peak_rate", "label_weight", "label_scale", "similarity_weight", "whitening"):
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, default=getattr(Recipe, name)
        )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    recipe = Recipe(
        minutes=options.minutes,
        peak_rate=options.peak_rate,
        label_weight=options.label_weight,
        label_scale=options.label_scale,
        similarity_weight=options.similarity_weight,
        whitening=options.whitening,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    config = StudentConfig()
    cache = options.cache or options.out / "cache"
    source, group_of_class = load_source(options.data, options.teacher, cache, config.dim, recipe)
    trainer = Trainer(recipe, config, source, group_of_class)
    elapsed_s = 0.0
    if options.resume:
        stored = load_checkpoint(options.out / "checkpoint.pt")
        trainer.restore(stored)
        elapsed_s = float(str(stored["elapsed_s"]))
    logger.info("%d parameters, %s", parameter_count(trainer.network), recipe)
    held_out = HeldOut.read(options.data)
    train(trainer, WallClock(options.minutes, elapsed_s), options.out, held_out.precision)


if __name__ == "__main__":
    main()
