"""Ships the BlazePose that a run has tuned to rendered people, as the backbone of the open networks.

    python tools/release_open_backbone.py out/tuned/weights/blazepose-open-last.safetensors --share 0.5

What is shipped lies between the published weights and the tuned ones: such means keep more of what was known
of other pictures than they lose of what was learnt (Wortsman et al., CVPR 2022). The checksum that is printed
goes to `SOURCES` of `occlusion_toolkit/models/blazepose_weights.py`: it tells one version from another.
"""

import argparse
import hashlib
from pathlib import Path

from occlusion_toolkit.files.checkpoints import read_state_dict, write_state_dict
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.models.backbones.blazepose import blazepose_full
from occlusion_toolkit.models.backbones.blazepose_trunk import tuned_blazepose, without_heads
from occlusion_toolkit.models.blazepose_weights import load_blazepose
from occlusion_toolkit.models.recognise import load_strictly, network_tensors

NAME = "blazepose-open"
WITHIN = "backbone.network."


def main() -> None:
    """Ship it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, help="weights of a network with a BlazePose that was tuned")
    parser.add_argument("--share", type=float, default=1.0, help="of the tuned weights in the mean")
    parser.add_argument("--out", type=Path, default=Path("models/weights"))
    arguments = parser.parse_args()
    stored = network_tensors(read_state_dict(arguments.run), arguments.run).tensors
    tuned = {name.removeprefix(WITHIN): value for name, value in stored.items() if name.startswith(WITHIN)}
    load_strictly(tuned_blazepose(), tuned)
    published = without_heads(load_blazepose("blazepose-full", blazepose_full)).state_dict()
    mean = {name: value.lerp(tuned[name], arguments.share) for name, value in published.items()}
    source = hashlib.sha256(f"{sha256_file(arguments.run)} {arguments.share}".encode()).hexdigest()
    file = arguments.out / f"{NAME}.safetensors"
    write_state_dict(file, mean, {"network": NAME, "source_sha256": source}, half=True)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB; SOURCES[{NAME!r}] = {source!r}")


if __name__ == "__main__":
    main()
