"""One shard of a survey: people in, maps out."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from occlusion_toolkit.body.arrays import Gender
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.crops import normalise, read_crop
from occlusion_toolkit.data.people import People
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.errors import TopologyError
from occlusion_toolkit.evaluation.protocol import CROP_RULE, SPIN
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.surveys.stored import ImageKey, SurveyShard
from occlusion_toolkit.sweep.engine import Engine
from occlusion_toolkit.sweep.protocol import GridCard, ProtocolCard
from occlusion_toolkit.sweep.result import SweepResult
from occlusion_toolkit.sweep.subjects import Subject


class ShardMaker:
    """Sweeps people and gathers their maps. Kept from shard to shard: making the engine takes seconds.

    Batches are filled across the people of a shard and never beyond, so the numbers of a shard do not
    depend on which other shards the process made before.

    Args:
        engine: regressor, body, windows and arithmetic.
        bodies: where the bodies of the ground truth come from.
        card: what the numbers mean (`survey_card`).
        joint_set: the joints to measure.
    """

    def __init__(self, engine: Engine, bodies: Bodies, card: ProtocolCard, joint_set: JointSet) -> None:
        self.engine = engine
        self.sweep = engine.sweep((joint_set,))
        self._bodies = bodies
        self._card = card
        self._joint_set = joint_set
        self._truth_bodies: dict[Gender, BodyModel] = {}

    def make(
        self,
        first: int,
        keys: Sequence[ImageKey],
        frames: Sequence[Sample],
        on_image: Callable[[], None] | None = None,
    ) -> SurveyShard:
        """Sweeps the people of one shard.

        Args:
            first: position of the first of them in the data set.
            keys: their names.
            frames: the people.
            on_image: called after every person.

        Raises:
            ImageError: an image is missing or damaged.
            CropError: a box does not show anybody.
            GroundTruthError: the truth of a person is not finite.
            SweepError: the network gives NaN, or does not fit into memory.
        """
        rows: list[dict[str, np.ndarray]] = []
        for result in self.sweep.stream(self.subject(frame) for frame in frames):
            rows.append(_kept(result, self._joint_set))
            if on_image is not None:
                on_image()
        return SurveyShard(
            card=self._card,
            first=first,
            images=tuple(keys),
            joint_set=self._joint_set.name,
            joint_names=self._joint_set.joint_names,
            box_centre_px=np.array([frame.box.centre for frame in frames], dtype=np.float64),
            box_size_px=np.array([frame.box.size for frame in frames], dtype=np.float64),
            **{name: np.stack([row[name] for row in rows]) for name in rows[0]},
        )

    def subject(self, frame: Sample) -> Subject:
        """One person, read and cropped, with the true body."""
        crop = normalise(read_crop(frame, self.engine.grid.resolution))
        unknown_camera = torch.full((1, 3), torch.nan)
        # Copied into torch's own memory: arrays that came over a network may lie at any address, and the last
        # bit of a sum can depend on it.
        truth = BodyParameters(
            torch.tensor(frame.rotmats)[None], torch.tensor(frame.betas)[None], unknown_camera
        )
        return Subject(crop, truth, self._truth_body(frame.gender))

    def _truth_body(self, gender: str) -> BodyModel | None:
        """The body of a person's truth on the device of the sweep; None for the one that is there already."""
        topology = self.engine.body.topology
        chosen = SPIN.true_gender(gender, topology)
        if chosen == "neutral":
            return None
        if chosen not in self._truth_bodies:
            body = copy.deepcopy(self._bodies.load(topology, chosen))
            self._truth_bodies[chosen] = body.to(self.engine.regressor.device)
        return self._truth_bodies[chosen]


def survey_card(
    engine: Engine, people: People, joint_set: JointSet, trusted: TrustedFiles | None = None
) -> ProtocolCard:
    """Everything that decides what the numbers of a survey mean.

    Raises:
        TopologyError: the truth of the people belongs to another body than the regressor's.
    """
    grid, body = engine.grid, engine.body.topology
    if people.topology != body:
        raise TopologyError(
            f"{people.dataset} has ground truth of body {people.topology!r}, but the model "
            f"{engine.regressor.card.name} predicts parameters of {body!r}; use a model of that body"
        )
    return ProtocolCard(
        analysis="survey",
        read_outs=("displacement", "error", "increase"),
        model_card=engine.regressor.card.name,
        weights_sha256=engine.regressor.weights_sha256,
        body=body,
        joint_sets=(joint_set.name,),
        alignments=("root", "procrustes"),
        crop_rule=CROP_RULE,
        grid=GridCard(kind=grid.kind, size=grid.size, stride=grid.stride, resolution=grid.resolution),
        occluder=engine.occluder.description,
        precision=engine.precision,
        compiled=engine.compiled,
        dataset=people.dataset,
        split=people.split,
        ground_truth_body=people.topology,
        gender_rule=SPIN.described_genders(people.topology),
        frame_filter=people.frame_filter,
        people_sha256=people.fingerprint,
        trusted_files=() if trusted is None else trusted.recorded,
    )


def image_key(frame: Sample, root: Path) -> ImageKey:
    """The name of a sample in a survey; its image relative to the root of the data set."""
    image = frame.image_path
    inside = image.relative_to(root) if image.is_relative_to(root) else image
    return ImageKey(frame.sequence, frame.frame, frame.person, inside.as_posix())


def _kept(result: SweepResult, joint_set: JointSet) -> dict[str, np.ndarray]:
    """What a shard holds of one person; copies, so that the estimates of all windows can go."""
    readouts = result.of(joint_set)
    return {
        "clean_rotmats": result.clean_rotmats.copy(),
        "clean_betas": result.clean_betas.copy(),
        "clean_camera": result.clean_camera.copy(),
        "displacement_mm": result.map("displacement", joint_set),
        "pa_displacement_mm": result.map("displacement", joint_set, aligned=True),
        "error_mm": result.map("error", joint_set),
        "pa_error_mm": result.map("error", joint_set, aligned=True),
        "clean_error_mm": np.array(readouts.clean_error_mm),
        "clean_pa_error_mm": np.array(readouts.clean_pa_error_mm),
    }
