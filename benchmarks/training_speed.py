"""Samples per second of the loader alone and of the trainer alone: which of them holds a training up?

python benchmarks/training_speed.py models/pare-open.yaml --data people --cache cache --workers 2
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from torch.utils.data import default_collate

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.models.base import MeanParameters
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.data import BatchOrder, RunData, TrainingData, open_data
from occlusion_toolkit.training.module import RegressorTraining
from occlusion_toolkit.training.recipe_files import load_recipe
from occlusion_toolkit.training.sample import TrainingSample


def loader_speed(data: RunData, batch: int, steps: int, workers: int) -> float:
    """Samples per second that come out of the loader, the first batch not counted."""
    samples = TrainingData(
        data.samples, data.held_out, steps=steps + 1, batch_size=batch, parts=1, workers=workers
    )
    begin = 0.0
    for number, _ in enumerate(samples.loader(BatchOrder(steps + 1, batch))):
        if number == 0:
            begin = time.perf_counter()
    return steps * batch / (time.perf_counter() - begin)


def trainer_speed(module: RegressorTraining, batch: TrainingSample, steps: int, bf16: bool) -> float:
    """Samples per second through network, losses, gradients and optimiser, always the same batch."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module.to(device).train()
    optimiser = module.configure_optimizers()["optimizer"]
    batch = TrainingSample(*(value.to(device) for value in batch))
    begin = 0.0
    for number in range(steps + 1):
        if number == 1:
            begin = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            output = module(batch.crop)
        loss = module.objective(output, batch).total(module.recipe.train.losses)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        loss.item()  # waits for the device
    return steps * len(batch.crop) / (time.perf_counter() - begin)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the recipe's first data set")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--bf16", action="store_true")
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe)
    with tempfile.TemporaryDirectory() as temporary:
        cache = arguments.cache or Path(temporary)
        bodies = TrainingBodies(Bodies(), recipe.body)
        data = open_data(recipe, {recipe.train.data_sets[0]: arguments.data}, bodies, cache)
        batch = recipe.train.batch_size
        speed = loader_speed(data, batch, arguments.steps, arguments.workers)
        print(f"loader alone, {arguments.workers} processes: {speed:.0f} samples/s", flush=True)
        module = RegressorTraining(recipe, bodies, MeanParameters.standing(), data.people)
        same = default_collate([data.samples[position] for position in range(batch)])
        speed = trainer_speed(module, same, arguments.steps, arguments.bf16)
        print(f"trainer alone: {speed:.0f} samples/s", flush=True)


if __name__ == "__main__":
    main()
