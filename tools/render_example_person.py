"""Renders examples/rendered-person.jpg and .npz: one person of the test split with exact ground truth.

    python tools/render_example_person.py --out examples

The person is drawn at twice the size and reduced, which smooths all edges. Needs an EGL driver.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from occlusion_toolkit.body.open_body import open_body_arrays
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.open_world.renderer import Renderer
from occlusion_toolkit.open_world.rig import (
    Floats,
    axis_angle_from_rotmats,
    rotmats_from_axis_angle,
)
from occlusion_toolkit.open_world.sequence import (
    Person,
    RenderedFrame,
    SequenceRequest,
    render_sequence,
)

SIZE_PX = 640
ENLARGED = 2
BOX_MARGIN = 1.2


def person_box(labels: np.ndarray) -> Floats:
    """Return x, y, width, height in pixels of the labelled person."""
    rows, columns = np.flatnonzero(labels.any(axis=1)), np.flatnonzero(labels.any(axis=0))
    corner = np.array([columns[0], rows[0]], dtype=np.float64)
    return np.concatenate([corner, [columns[-1] + 1 - corner[0], rows[-1] + 1 - corner[1]]])


def fitted_camera(joints: Floats, homogeneous: Floats, box: Floats) -> Floats:
    """Return the weak-perspective camera (s, tx, ty) of the crop around a box with a margin of 1.2.

    Args:
        joints: (24, 3) metres, camera frame, without translation.
        homogeneous: (24, 3) the same joints seen by the true camera, pixels times depth.
        box: x, y, width, height of the person in pixels.

    Returns:
        The least-squares fit of s (X + tx) and s (Y + ty) to the joints' places in the crop, -1..1.
    """
    centre, side = box[:2] + 0.5 * box[2:], BOX_MARGIN * float(box[2:].max())
    places = (homogeneous[:, :2] / homogeneous[:, 2:] + 0.5 - centre) / (0.5 * side)
    count = len(joints)
    unknowns = np.zeros((2 * count, 3))
    unknowns[:count, 0], unknowns[:count, 1] = joints[:, 0], 1.0
    unknowns[count:, 0], unknowns[count:, 2] = joints[:, 1], 1.0
    scale, across, down = np.linalg.lstsq(unknowns, places.T.ravel(), rcond=None)[0]
    return np.array([scale, across / scale, down / scale])


def ground_truth(person: Person, frame: RenderedFrame, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of the .npz; translation and root rotation are in the camera frame.

    `camera` is the weak-perspective camera that comes nearest to the true one; see `fitted_camera`.
    """
    to_camera, offset = frame.camera.extrinsics[:3, :3], frame.camera.extrinsics[:3, 3]
    pose = frame.pose.reshape(24, 3).copy()
    pose[0] = axis_angle_from_rotmats(to_camera @ rotmats_from_axis_angle(pose[0]))
    rest_root = person.dressed.joints[0]
    trans = to_camera @ (rest_root + frame.trans) + offset - rest_root
    intrinsics = frame.camera.intrinsics.copy()
    intrinsics[0, 2], intrinsics[1, 2] = ((intrinsics[:2, 2] + 0.5) / ENLARGED - 0.5).tolist()
    intrinsics[0, 0] /= ENLARGED
    intrinsics[1, 1] /= ENLARGED
    box = person_box(labels)
    seen = frame.joints @ to_camera.T + offset
    camera = fitted_camera(seen - trans, seen @ intrinsics.T, box)
    return {
        "pose": pose.ravel(),
        "betas": person.betas,
        "trans": trans,
        "intrinsics": intrinsics,
        "bbox": box,
        "camera": camera,
        "topology": np.array(open_body_arrays().topology),
    }


def main() -> None:
    """Render and write the two files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("examples"))
    parser.add_argument("--seed", type=int, default=37)
    parser.add_argument("--index", type=int, default=12)
    parser.add_argument("--frame", type=int, default=0)
    chosen = parser.parse_args()
    large = ENLARGED * SIZE_PX
    request = SequenceRequest(chosen.seed, "test", chosen.index, chosen.frame + 1, large, large)
    person, frame = list(render_sequence(Renderer(large, large), request))[chosen.frame]
    picture = Image.fromarray(frame.image).resize((SIZE_PX, SIZE_PX), Image.Resampling.LANCZOS)
    labels = frame.labels[::ENLARGED, ::ENLARGED]
    chosen.out.mkdir(parents=True, exist_ok=True)
    picture.save(chosen.out / "rendered-person.jpg", quality=92)
    sha256 = np.array(sha256_file(chosen.out / "rendered-person.jpg"))
    truth = ground_truth(person, frame, labels) | {"image_sha256": sha256}
    np.savez(chosen.out / "rendered-person.npz", **truth)


if __name__ == "__main__":
    main()
