"""Time of pooling: what is visible, processor milliseconds a frame, and surveys, images a second.

Bodies are random people of the open body (6,000 vertices) and of one with SMPL's 6,890 vertices and its pose
blend shapes. Surveys hold random maps. See benchmarks/README.md.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from support.body_fixtures import random_people
from support.smpl_like_body import smpl_like_arrays
from support.survey_fixtures import make_survey

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.camera import project_to_crop, vertex_visibility
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.rasterize import rasterize
from occlusion_toolkit.sweep.grid import Grid

TEST_SPLIT = 35_515


def best_ms(action: Callable[[], object], frames: int, repeats: int = 5) -> float:
    """Least processor time of some repeats, milliseconds a frame."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return 1000 * min(times) / frames


@torch.inference_mode()
def print_stages(body: BodyModel, frames: int) -> None:
    """What one frame costs, drawn in batches."""
    people = random_people(frames, seed=3)
    vertices = body(people).vertices
    low, high = vertices[..., :2].amin(dim=1), vertices[..., :2].amax(dim=1)
    camera = torch.cat([1.6 / (high - low).amax(dim=1, keepdim=True), -(low + high) / 2], dim=1)
    points = project_to_crop(vertices, camera)
    pose = best_ms(lambda: body(people), frames)
    draw = best_ms(lambda: rasterize(points, body.faces, 224, 224, cull_backfaces=True), frames)
    look = best_ms(lambda: vertex_visibility(vertices, body.faces, camera), frames)
    print(
        f"{body.num_vertices} vertices, {frames:2d} frames at once: pose {pose:5.2f} ms, rasterize "
        f"{draw:5.2f} ms, vertex_visibility {look:5.2f} ms a frame"
    )


def print_survey(stride: int, images: int) -> None:
    """Images a second of `Survey.mesh`, from reading the shards to the statistics."""
    with tempfile.TemporaryDirectory() as folder:
        grid = Grid("centred", 40, stride)
        survey = make_survey(Path(folder) / "survey", images=images, sequences=3, grid=grid, shard_size=8)
        start, processor_start = time.perf_counter(), time.process_time()
        survey.mesh(device="cpu")
        pace = images / (time.perf_counter() - start)
        processor_pace = images / (time.process_time() - processor_start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"stride {stride:2d}: {pace:5.1f} images/s, {processor_pace:5.1f} a processor second; "
        f"{TEST_SPLIT:,} images in {TEST_SPLIT / pace / 60:.1f} min; peak memory {peak:.0f} MiB"
    )


def main() -> None:
    """Prints one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=400, help="images of a survey")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for body in (load_open_body(), BodyModel(smpl_like_arrays())):
        for frames in (1, 16):
            print_stages(body, frames)
    for stride in (16, 8):
        print_survey(stride, arguments.images)


if __name__ == "__main__":
    main()
