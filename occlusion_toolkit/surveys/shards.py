"""One shard of a survey: people in, maps out."""

import copy
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float32
from numpy.typing import NDArray

from occlusion_toolkit.body.arrays import Gender
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.camera import fitted_camera
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.crops import normalise, sample_crop
from occlusion_toolkit.data.people import BAD, People
from occlusion_toolkit.data.protocol import DATASET_BOX, described_crop
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.data.scene import NO_MASK, read_scene
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.models.views import read_view
from occlusion_toolkit.sweep.maps import WINDOW_DETAILS, labelled, save_maps, stacked, with_card
from occlusion_toolkit.sweep.protocol import ProtocolCard
from occlusion_toolkit.sweep.subjects import Subject


@dataclass(frozen=True)
class Shard:
    """One shard to make.

    Attributes:
        path: its file.
        first: position in the data set of its first image.
        samples: its people.
        files: their images, relative to the root of the data set, with forward slashes.
    """

    path: Path
    first: int
    samples: tuple[Sample, ...]
    files: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, people: People, positions: range) -> "Shard":
        """The shard of some neighbouring people."""
        samples = tuple(people[positions.start : positions.stop])
        return cls(path, positions.start, samples, tuple(_inside(s.image_path, people.root) for s in samples))


class ShardMaker:
    """Sweeps people and writes their maps. Kept from shard to shard: loading the network takes seconds.

    Batches are filled across the people of a shard and never beyond, so the numbers of a shard do not
    depend on which other shards the process made before.

    Args:
        sweep: the settings.
        card: what the numbers mean (`survey_card`).
    """

    def __init__(self, sweep: OcclusionSweep, card: ProtocolCard) -> None:
        self.sweep = sweep
        self._card = card
        self._truth_bodies: dict[Gender, BodyModel] = {}

    def make(self, shard: Shard, on_image: Callable[[], None] | None = None) -> None:
        """Sweeps the people of one shard and writes it.

        Args:
            shard: what to make.
            on_image: called after every person.

        Raises:
            ImageError: an image is missing or damaged.
            CropError: a box does not show anybody.
            GroundTruthError: the truth of a person is not finite.
            SweepError: the network gives NaN, or does not fit into memory.
            ResultError: the file cannot be written.
        """
        images = []
        for maps in self.sweep.window_sweep.stream(self._subjects(shard.samples)):
            # Copies, so that the bodies of all windows can go.
            images.append(maps.drop_vars(WINDOW_DETAILS, errors="ignore").copy(deep=True))
            if on_image is not None:
                on_image()
        maps = _named(stacked(images), shard).merge(
            labelled(self._scenes(shard) | self._true_bodies(shard), {})
        )
        save_maps(shard.path, with_card(maps, self._card))

    def _scenes(self, shard: Shard) -> dict[str, np.ndarray]:
        """What the crops truly show, as far as the data set knows."""
        names, resolution = self.sweep.joint_set.joint_names, self.sweep.grid.resolution
        scenes = [read_scene(sample, names, resolution) for sample in shard.samples]
        unknown = np.full((resolution, resolution), NO_MASK, dtype=np.uint8)
        return {
            "parts": np.stack([unknown if scene.parts is None else scene.parts for scene in scenes]),
            "true_joints_px": np.stack([scene.joints_px for scene in scenes]).astype(np.float32),
            "sight": np.stack([scene.sight for scene in scenes]),
        }

    def _true_bodies(self, shard: Shard) -> dict[str, np.ndarray]:
        """The true bodies, where the network has none of its own that maps could be shown on."""
        if not self.sweep.regressor.has_joints_alone:
            return {}
        cameras = []
        for sample in shard.samples:
            body = self._truth_body(sample.gender) or self.sweep.bodies.load(self._card.shown_on)
            cameras.append(true_camera(sample, body, self.sweep.grid.resolution))
        return {
            "true_rotmats": np.stack([sample.rotmats for sample in shard.samples]),
            "true_betas": np.stack([sample.betas for sample in shard.samples]),
            "true_camera": np.stack(cameras),
        }

    def _subjects(self, samples: Sequence[Sample]) -> Iterator[Subject]:
        """People in order, each read and cropped while the windows of the one before are swept."""
        with ThreadPoolExecutor(1, "reader") as reader:

            def ahead(sample: Sample) -> Future[NDArray[np.uint8]]:
                return reader.submit(self._crop, sample)

            following = ahead(samples[0]) if samples else None
            for number, sample in enumerate(samples):
                crop, following = following, None
                if number + 1 < len(samples):
                    following = ahead(samples[number + 1])
                yield self.subject(sample, crop)

    def _crop(self, sample: Sample) -> NDArray[np.uint8]:
        return sample_crop(sample, self.sweep.grid.resolution, self.sweep.protocol.crop_rule)

    def subject(self, sample: Sample, crop: Future[NDArray[np.uint8]] | None = None) -> Subject:
        """One person, read and cropped, with the true body.

        Args:
            sample: who.
            crop: the crop, if another thread is at it.
        """
        pixels = self._crop(sample) if crop is None else crop.result()
        unknown_camera = torch.full((1, 3), torch.nan)
        # Copied: arrays that came over a network cannot be written to, of which torch would warn.
        truth = BodyParameters(
            torch.tensor(sample.rotmats)[None], torch.tensor(sample.betas)[None], unknown_camera
        )
        regressor = self.sweep.regressor
        view = read_view(regressor.card.preprocessing, sample) if regressor.has_own_crops else None
        return Subject(normalise(pixels), truth, self._truth_body(sample.gender), view)

    def _truth_body(self, gender: str) -> BodyModel | None:
        """The body of a person's truth on the device of the sweep; None for the one that is there already."""
        topology = self.sweep.true_topology(self._card.ground_truth_body, "the ground truth")
        chosen = self.sweep.protocol.true_gender(gender, topology)
        if chosen == "neutral" and topology == self.sweep.body.topology:
            return None
        if chosen not in self._truth_bodies:
            body = copy.deepcopy(self.sweep.bodies.load(topology, chosen))
            self._truth_bodies[chosen] = body.to(self.sweep.device)
        return self._truth_bodies[chosen]


def true_camera(sample: Sample, body: BodyModel, resolution: int) -> Float32[np.ndarray, "3"]:
    """The weak-perspective camera under which the true body stands where the person does; NaN if unknown.

    Args:
        sample: the person.
        body: that the truth is parameters of.
        resolution: side of the crop, pixels.
    """
    if sample.joints_m is None or sample.intrinsics is None:
        return np.full(3, np.nan, dtype=np.float32)
    rays = sample.joints_m.astype(np.float64) @ sample.intrinsics.T
    seen = sample.box.image_to_crop(rays[:, :2] / rays[:, 2:], resolution) * (2 / resolution) - 1
    truth = BodyParameters(
        torch.tensor(sample.rotmats)[None], torch.tensor(sample.betas)[None], torch.zeros(1, 3)
    )
    joints = body.joints(truth.to(body.faces.device), SMPL24)[0].cpu().numpy()
    return fitted_camera(joints[:, :2].astype(np.float64), seen)


def survey_card(sweep: OcclusionSweep, people: People) -> ProtocolCard:
    """Everything that decides what the numbers of a survey mean.

    Raises:
        TopologyError: the truth of the people belongs to another body than the regressor's.
    """
    sweep.true_topology(people.topology, f"the ground truth of {people.dataset}")
    return sweep.card(
        "survey",
        crop_rule=described_crop(DATASET_BOX, sweep.protocol.crop_rule),
        dataset=people.dataset,
        split=people.split,
        ground_truth_body=people.topology,
        gender_rule=sweep.protocol.described_genders(people.topology),
        frame_filter=people.frame_filter,
        skipped=people.left_out.get(BAD, 0),
        people_sha256=people.fingerprint,
    )


def _named(maps: xr.Dataset, shard: Shard) -> xr.Dataset:
    """Maps with the position, the names and the box of every image."""
    samples = shard.samples
    boxes = {
        "box_centre_px": np.array([sample.box.centre for sample in samples], dtype=np.float64),
        "box_size_px": np.array([sample.box.size for sample in samples], dtype=np.float64),
    }
    names = {
        "sequence": [sample.sequence for sample in samples],
        "frame": [sample.frame for sample in samples],
        "person": [sample.person for sample in samples],
        "file": list(shard.files),
    }
    positions = np.arange(shard.first, shard.first + len(samples))
    along = {"image": positions} | {name: ("image", values) for name, values in names.items()}
    return maps.merge(labelled(boxes, {})).assign_coords(along)


def _inside(image: Path, root: Path) -> str:
    """The path of an image relative to the root of the data set."""
    return (image.relative_to(root) if image.is_relative_to(root) else image).as_posix()
