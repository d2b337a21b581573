"""Makes a stand-in for everything that the official world needs, to rehearse with before the real files come.

    python tools/make_official_standins.py /tmp/standins
    OCCLUSION_TOOLKIT_HOME=/tmp/standins occlusion-toolkit doctor
    OCCLUSION_TOOLKIT_HOME=/tmp/standins occlusion-toolkit run table1 --world official --limit 24

About 0.9 GB in a minute: three bodies of 6,890 vertices, four checkpoints, 3DPW with its 24 test
sequences of three frames and its other kinds of 3DPW-OCC, 3DOH, EFT's list of COCO, Pascal VOC. Formats,
names and sizes of single files are the published ones; contents are drawn or random, so every error is
meaningless. It needs the tests' folder beside it.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    if len(sys.argv) != 2 or Path(sys.argv[1]).exists():
        sys.exit("give one folder that does not exist yet")
    sys.path.insert(0, str(ROOT / "tests"))
    from support.official_tree import write_official_tree

    print(f"OCCLUSION_TOOLKIT_HOME={write_official_tree(Path(sys.argv[1]))}")
