#!/usr/bin/env bash
# Everything that is to be known about a GPU, in at most eight minutes and without a network:
#   bash benchmarks/gpu.sh                        # on the card; writes out/gpu.json
#   bash benchmarks/gpu.sh --device cpu --tiny    # a rehearsal: same steps, numbers that mean nothing
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
grep -rl "mark\.gpu" tests | xargs python -m pytest -q -m gpu -p no:cacheprovider
exec python benchmarks/gpu.py "$@"
