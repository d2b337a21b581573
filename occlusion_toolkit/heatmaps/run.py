"""One person in one image under every window of a grid (PARE, Section 3)."""

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from occlusion_toolkit.body.arrays import GENDERS, Gender
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import joint_set
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.crops import crop_image, denormalise, normalise
from occlusion_toolkit.data.ground_truth import GroundTruth
from occlusion_toolkit.errors import GroundTruthError, TopologyError
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.files.images import DecodedImage
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.sweep.engine import Engine
from occlusion_toolkit.sweep.protocol import GridCard, ProtocolCard
from occlusion_toolkit.sweep.readouts import JointReadouts
from occlusion_toolkit.sweep.result import SweepResult
from occlusion_toolkit.sweep.results import Focus, HeatmapResult, JointMaps, StoredBody
from occlusion_toolkit.sweep.subjects import Subject


@dataclass(frozen=True)
class Photograph:
    """The image to analyse and where the person is in it.

    Attributes:
        path: the file, for its name and checksum.
        image: its pixels.
        box: the square around the person.
        box_rule: how the box was come by, in words.
    """

    path: Path
    image: DecodedImage
    box: CropBox
    box_rule: str


def run_heatmap(
    engine: Engine,
    bodies: Bodies,
    photograph: Photograph,
    focus: Focus,
    truth: GroundTruth | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> HeatmapResult:
    """Sweeps one person and gathers every number into a result that can be stored.

    Args:
        engine: regressor, body, windows and arithmetic.
        bodies: where the body of the ground truth is loaded from, by its gender; what was trusted to open
            files is recorded.
        photograph: the person.
        focus: what decides which window is the worst. Everything is measured, whatever the focus.
        truth: ground truth; None measures displacement only.
        progress: called with passes done and passes in all.

    Raises:
        CropError: the box misses the image.
        GroundTruthError: the truth is of another image, or the focus needs truth and there is none.
        TopologyError: the truth belongs to another body.
        BodyModelError: the body of the truth's gender cannot be loaded.
    """
    checksum = sha256_file(photograph.path)
    check_truth(engine.body, truth, focus, checksum)
    crop = crop_image(photograph.image.pixels, photograph.box, engine.grid.resolution)
    crops = normalise(crop)[None]
    subject = Subject(crops[0])
    if truth is not None:
        truth_body = copy.deepcopy(bodies.load(engine.body.topology, gender_of(truth)))
        subject = Subject(crops[0], truth.parameters, truth_body.to(engine.regressor.device))
    sweep = engine.sweep()

    def report(done: int) -> None:
        if progress is not None:
            progress(done, sweep.passes_per_crop)

    (result,) = sweep.stream([subject], report)
    worst = worst_window(result, focus)
    window = torch.from_numpy(engine.grid.windows()[worst : worst + 1])
    return HeatmapResult(
        card=_protocol(engine, result, photograph.box_rule, truth, bodies.trusted),
        image_name=photograph.path.name,
        image_sha256=checksum,
        box_centre_px=photograph.box.centre,
        box_size_px=photograph.box.size,
        crop=crop,
        occluded_crop=denormalise(engine.occluder.apply(crops, window))[0],
        windows=engine.grid.windows(),
        cells=engine.grid.cells(),
        camera=result.camera,
        clean=StoredBody(result.clean_rotmats, result.clean_betas, result.clean_camera),
        worst=StoredBody(result.rotmats[worst], result.betas[worst], result.camera[worst]),
        worst_window=worst,
        focus=focus,
        maps=tuple(_maps(result, readouts) for readouts in result.joints),
        truth=None if truth is None else _stored_truth(truth),
        deviation_mm=result.deviation_mm,
    )


def check_truth(body: BodyModel, truth: GroundTruth | None, focus: Focus, image_sha256: str) -> None:
    """Makes sure that errors can be measured, and are measured against the truth of this image and body.

    Raises:
        GroundTruthError: the focus needs truth and there is none, or the truth is of another image.
        TopologyError: the truth belongs to another body.
    """
    if truth is None:
        if focus.read_out != "displacement":
            raise GroundTruthError(
                f"{focus.read_out} is measured against ground truth; give it, or ask for displacement"
            )
        return
    if truth.topology not in (None, body.topology):
        raise TopologyError(
            f"the ground truth belongs to body {truth.topology!r}, the model to {body.topology!r}; "
            "their parameters mean different shapes"
        )
    if truth.image_path is not None and sha256_file(truth.image_path) != image_sha256:
        raise GroundTruthError(
            f"the ground truth belongs to {str(truth.image_path)!r}, which is another image; "
            "give that image, or the truth of this one"
        )


def gender_of(truth: GroundTruth) -> Gender:
    """Gender of the body that the truth is parameters of; neutral where the source does not say.

    Raises:
        GroundTruthError: the source has a gender that no body has.
    """
    if truth.gender is None:
        return "neutral"
    for gender in GENDERS:
        if truth.gender == gender:
            return gender
    raise GroundTruthError(f"the ground truth has gender {truth.gender!r}, not one of {', '.join(GENDERS)}")


def worst_window(sweep: SweepResult, focus: Focus) -> int:
    """Index of the window with the largest mean over the joints in focus, the first of equals."""
    joints = joint_set(focus.joint_set)
    values = sweep.values(focus.read_out, joints, focus.aligned)
    return int(values[:, [joints.index(name) for name in focus.joints]].mean(axis=1).argmax())


def _protocol(
    engine: Engine, sweep: SweepResult, box_rule: str, truth: GroundTruth | None, trusted: TrustedFiles
) -> ProtocolCard:
    grid = engine.grid
    return ProtocolCard(
        analysis="heatmap",
        read_outs=("displacement",) if truth is None else ("displacement", "error", "increase"),
        model_card=engine.regressor.card.name,
        weights_sha256=engine.regressor.weights_sha256,
        body=engine.body.topology,
        joint_sets=tuple(readouts.joint_set.name for readouts in sweep.joints),
        alignments=("root", "procrustes"),
        crop_rule=f"{box_rule}; anti-aliased bilinear to {grid.resolution} px; black outside the image",
        grid=GridCard(kind=grid.kind, size=grid.size, stride=grid.stride, resolution=grid.resolution),
        occluder=sweep.occluder,
        precision=sweep.precision,
        compiled=sweep.compiled,
        dataset=None if truth is None else truth.dataset,
        split=None if truth is None else truth.split,
        ground_truth_body=None if truth is None else truth.topology or "not stated",
        gender_rule=None if truth is None else _gender_rule(engine.body, truth),
        trusted_files=trusted.recorded,
    )


def _gender_rule(body: BodyModel, truth: GroundTruth) -> str:
    if body.topology == OPEN_BODY_TOPOLOGY:
        return "the body of the regressor, whatever the gender"
    return f"the {gender_of(truth)} body" + ("" if truth.gender else ", as no gender is stated")


def _maps(sweep: SweepResult, readouts: JointReadouts) -> JointMaps:
    joints = readouts.joint_set
    maps = JointMaps(
        joint_set=joints.name,
        joint_names=joints.joint_names,
        joints_m=readouts.joints_m,
        clean_joints_m=readouts.clean_joints_m,
        displacement_mm=sweep.map("displacement", joints),
        pa_displacement_mm=sweep.map("displacement", joints, aligned=True),
    )
    if not sweep.has_ground_truth:
        return maps
    return dataclasses.replace(
        maps,
        true_joints_m=readouts.true_joints_m,
        error_mm=sweep.map("error", joints),
        increase_mm=sweep.map("increase", joints),
        clean_error_mm=readouts.clean_error_mm,
        pa_error_mm=sweep.map("error", joints, aligned=True),
        pa_increase_mm=sweep.map("increase", joints, aligned=True),
        clean_pa_error_mm=readouts.clean_pa_error_mm,
    )


def _stored_truth(truth: GroundTruth) -> StoredBody:
    rotmats, betas, camera = (
        np.asarray(tensor[0], dtype=np.float32)
        for tensor in (truth.parameters.rotmats, truth.parameters.betas, truth.parameters.camera)
    )
    return StoredBody(rotmats, betas, camera if truth.has_camera else np.full_like(camera, np.nan))
