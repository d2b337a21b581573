#!/usr/bin/env bash
# Every number of docs/engines.md that needs a quiet machine, in about eleven minutes on two cores:
#   bash benchmarks/quiet.sh WORKTREE_OF_dcc6a0e
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p out/quiet
python benchmarks/sweep_speed.py --table --mesh --stride 16 --rounds 2 --old "$1" --json out/quiet/table.json
python benchmarks/sweep_scaling.py --seconds 2 --out out/quiet/sweep_scaling.png
time python -m occlusion_toolkit heatmap examples/photo.jpg --bbox 258 107 382 707 --stride 1 --out out/quiet/every-pixel
python figures/heatmaps.py out/quiet/every-pixel --out out/quiet
