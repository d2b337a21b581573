#!/usr/bin/env bash
# Makes again all that is measured or drawn with the open weights, most visible first; README.md says where it goes.
#
#   bash tools/measure_again/run.sh out/again                           everything, 40 minutes of two cores
#   ONLY='photo|compare' bash tools/measure_again/run.sh out/again      some steps; SKIP='findings' all but some
#   DRY=1 bash tools/measure_again/run.sh out/again                     print the command lines and run nothing
#
# A step leaves NAME.log, its files in NAME/ and, if it ended well, NAME.done; a second call goes on. To run a step
# once more, delete NAME.done (and NAME if the weights have changed since: results are kept). Nothing is written
# into the repository. DEMO is the demonstration video of the package sports2d, RUNS three folders of `train`.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mkdir -p "${1:?usage: run.sh DIR}"
R=$(cd "$1" && pwd)
DEMO=${DEMO:-$R/demo.mp4}
RUNS=${RUNS:-}
FINDINGS_STRIDE=${FINDINGS_STRIDE:-16} # 28 takes a third of the time
export PYTHONDONTWRITEBYTECODE=1
cd "$ROOT" || exit 2

T() { if [[ -n ${DRY:-} ]]; then echo "occlusion-toolkit $*"; else occlusion-toolkit "$@"; fi; }
P() { if [[ -n ${DRY:-} ]]; then echo "python $*"; [[ ${1:-} == - ]] && cat >/dev/null; return 0; else python "$@"; fi; }
failed=()
step() {
  local name=$1 began=$SECONDS code
  [[ -n ${ONLY:-} && ! $name =~ ^($ONLY)$ ]] && return 0
  [[ -n ${SKIP:-} && $name =~ ^($SKIP)$ ]] && return 0
  if [[ -n ${DRY:-} ]]; then echo "# $name"; "do_$name"; return 0; fi
  [[ -e $R/$name.done ]] && { echo "$name: done before"; return 0; }
  mkdir -p "$R/$name"
  ( set -e; "do_$name" ) >"$R/$name.log" 2>&1
  code=$?
  echo "$name: code $code, $((SECONDS - began)) s" | tee -a "$R/times.log"
  if [[ $code == 0 ]]; then touch "$R/$name.done"; else failed+=("$name"); fi
}

PARE=pare-open SYNTH=hmr-synthocc-open HMR=hmr-open BLAZE=blazepose
I=$R/insight                                            # the folder of `run insight`

# README, gallery --------------------------------------------------------------------------------------------
do_photo() {        # README's first picture, its caption; gallery's joints
  T heatmap examples/photo.jpg --model $PARE --stride 16 --out "$R/photo/$PARE" --resume --verbose
  T heatmap examples/photo.jpg --model $BLAZE --stride 16 --out "$R/photo/$BLAZE" --resume --verbose
}
do_compare() {      # README's table; gallery's meshes, bars, predictions
  T compare --model $PARE --model $SYNTH --model $HMR --stride 56 --out "$R/compare" --verbose
}
do_gallery() {      # needs compare
  T heatmap examples/rendered-person.jpg --ground-truth examples/rendered-person.npz --stride 16 \
    --out "$R/gallery/rendered-person" --resume --verbose
  T figure sensitivity_meshes "$R/compare/surveys/$PARE-40px" --metric increase --out "$R/gallery/mesh-joints"
}
# Cards ------------------------------------------------------------------------------------------------------
do_evaluate() {     # clean errors against the cards: every difference must be (+0.0)
  T evaluate --model $PARE --model $SYNTH --model $HMR --out "$R/evaluate" --verbose
  T models check $PARE
  T models check $SYNTH
  T models check $HMR
}
# docs/reversals.md and docs/models.md: the photograph --------------------------------------------------------
do_photo_others() { # needs photo
  local model
  for model in $SYNTH $HMR; do
    T heatmap examples/photo.jpg --model $model --stride 16 --out "$R/photo_others/$model" --resume --verbose
  done
  mkdir -p "$R/photo_others/reversals"
  for model in $PARE $SYNTH $HMR; do
    local result=$R/photo_others/$model
    [[ $model == "$PARE" ]] && result=$R/photo/$PARE
    T reversals "$result" --out "$R/photo_others/reversals/$model" --verbose --overwrite
    P - "$R/photo_others/reversals/$model/$model.h5" "$result/result.h5" <<'PY'
import sys
import occlusion_toolkit as ot
from occlusion_toolkit.flips.reversals import Reversals
found, maps = Reversals.open(sys.argv[1]), ot.open_maps(sys.argv[2])
rate = found.dataset["rate"].sel(against="clean", kind="either")
moved = maps.sel(metric="displacement").mean("joint").squeeze()
places = [(float(r), float(c)) for r in rate.row for c in rate.col if rate.sel(row=r, col=c) > 0]
print(len(places), "of", rate.size, "squares reverse; centres (row, col) and mm:")
print([(r, c, round(float(moved.sel(row=r, col=c)))) for r, c in places])
data = found.dataset.sel(against="clean", kind="either").isel(image=0)
for name in ("mean_mm", "mean_without_mm", "worst_mm", "worst_without_mm"):
    print(name, round(float(data[name]), 1))
PY
  done
}
# docs/training-open-weights.md, README's sentence about 80 px -------------------------------------------------
do_open_seeds() {   # the networks must share a backbone
  P analyses/open_seeds.py --size 60 --size 80 --stride 56
}
# docs/attention.md --------------------------------------------------------------------------------------------
do_attention() {
  P analyses/where_pare_looks.py --model $PARE
}
# The pages of insight: the very lines of `run insight` ---------------------------------------------------------
do_insight() {      # surveys, influence, reversals, natural, confidence
  local model
  for model in $HMR $SYNTH $PARE $BLAZE; do
    T mesh --dataset open --filter spin --gt-gender neutral --model $model --stride 56 --resume --out "$I/surveys/$model-56"
  done
  local four=("$I/surveys/$PARE-56" "$I/surveys/$SYNTH-56" "$I/surveys/$HMR-56" "$I/surveys/$BLAZE-56")
  T influence "${four[@]}" --out "$I/influence" --verbose --overwrite
  T reversals "${four[@]}" --out "$I/reversals" --verbose --overwrite
  T natural "${four[@]}" --out "$I/natural" --verbose --overwrite
  T confidence "$I/surveys/$PARE-56" "$I/surveys/$BLAZE-56" --out "$I/confidence" --verbose --overwrite
}
do_models_table() { # needs insight: docs/models.md (BlazePose beside ...), docs/confidence.md (`surer`)
  T compare "$I/surveys/$PARE-56" "$I/surveys/$HMR-56" "$I/surveys/$BLAZE-56" --example none --out "$R/models_table" --verbose
  T compare "$I/surveys/$PARE-56" "$I/surveys/$BLAZE-56" --example none --out "$R/models_table/surer"
  if [[ -z ${DRY:-} ]]; then grep -h surer,.*mean "$R/models_table/surer/"{models,differences}.csv; fi
}
do_breaking_photo() {
  T breaking-size examples/photo.jpg --model $PARE --stride 16 --over-mm 100 --out "$R/breaking_photo" --verbose --overwrite
  P - "$R/breaking_photo/$PARE.h5" <<'PY'
import sys
from occlusion_toolkit.breaking_sizes.breaking_size import BreakingSize
px = BreakingSize.open(sys.argv[1]).dataset["breaking_px"].isel(image=0)
print("places broken by 24 px or less (row, col, px):")
print([(float(r), float(c), float(px.sel(row=r, col=c))) for r in px.row for c in px.col if px.sel(row=r, col=c) <= 24])
PY
}
do_worst_photo() {
  T worst-pair examples/photo.jpg --model $PARE --out "$R/worst_photo" --verbose --overwrite
}
do_breaking() {
  T breaking-size --dataset open --model $PARE --model $SYNTH --model $HMR --model $BLAZE --stride 28 --size 8:104:32 \
    --limit 24 --out "$I/breaking-size" --verbose --overwrite
}
do_breaking_150() { # needs breaking: the same sweeps with an absolute threshold
  if [[ -z ${DRY:-} ]]; then rm -rf "$R/breaking_150/surveys"; cp -r "$I/breaking-size/surveys" "$R/breaking_150/"; fi
  T breaking-size --dataset open --model $PARE --model $SYNTH --model $HMR --stride 28 --size 8:104:32 --limit 24 \
    --metric error --over-mm 150 --out "$R/breaking_150" --verbose --overwrite
}
do_worst_pair() {
  T worst-pair --dataset open --model $PARE --model $SYNTH --model $HMR --model $BLAZE --stride 28 --size 40 --limit 8 \
    --out "$I/worst-pair" --verbose --overwrite
}
do_beams() {        # docs/worst-pair.md: does a narrow beam find the worst of all pairs? compare the windows
  local beam
  for beam in 1 16; do
    T worst-pair examples/photo.jpg --model $PARE --size 57 --stride 56 --beam $beam --out "$R/beams/photo-$beam" --overwrite
    T worst-pair --model $PARE --limit 6 --size 57 --stride 56 --beam $beam --out "$R/beams/people-$beam" --overwrite
  done
  if [[ -z ${DRY:-} ]]; then head -n 99 "$R"/beams/*/worst-pair.csv; fi
}
do_tables() {       # needs insight, breaking, worst_pair: Markdown of all six pages
  P analyses/insight_tables.py "$I"
}
do_figures() {      # the pictures of the pages that show only some of the models
  T figure influence "$I/influence/$PARE.h5" --out "$R/figures/influence"
  T figure reversals "$I/reversals/$HMR.h5" "$I/reversals/$BLAZE.h5" --out "$R/figures/reversals"
  T figure natural "$I/natural/$PARE.h5" "$I/natural/$HMR.h5" "$I/natural/$BLAZE.h5" --out "$R/figures/natural"
  T figure breaking_size "$I/breaking-size/$PARE.h5" "$I/breaking-size/$HMR.h5" "$I/breaking-size/$SYNTH.h5" --out "$R/figures/breaking_size"
  T figure worst_pair "$I/worst-pair/$PARE.h5" "$I/worst-pair/$HMR.h5" "$I/worst-pair/$SYNTH.h5" --out "$R/figures/worst_pair"
}
# docs/training-open-weights.md, the rest ------------------------------------------------------------------------
do_real_people() {  # its first row is the BlazePose under the first network
  P analyses/real_people.py "$DEMO" --every 6 --model $PARE --model $SYNTH --model $HMR
}
do_old_set() {      # the test set that was shipped until 50d1e1b (24 people), from the history
  [[ -n ${DRY:-} ]] || git archive 50d1e1b~1 examples/open-test | tar -x -C "$R/old_set"
  T evaluate --root "$R/old_set/examples/open-test" --model $PARE --model $SYNTH --model $HMR --out "$R/old_set/out" --verbose
}
do_mean_person() {  # first row of "What came out": moves only if the training people do
  P - <<'PY'
from pathlib import Path
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.models.rotation6d import rot6d_to_rotmat
from occlusion_toolkit.training.evaluation import errors_mm, ground_truth
truth = ground_truth(list(ThreeDPW(Path("examples/open-test-2"), "test")))
for name in ("pare-open", "hmr-synthocc-open", "hmr-open"):
    state = load_regressor(name).network.state_dict()
    mean = BodyParameters(
        rot6d_to_rotmat(state["head.init_pose"].view(24, 6)).expand(144, -1, -1, -1),
        state["head.init_shape"].expand(144, -1),
        state["head.init_cam"].expand(144, -1),
    )
    print(name, [round(float(value), 1) for value in errors_mm(mean, truth, load_open_body()).mean(dim=1)])
PY
}
do_curves() {       # gallery's training curves (the picture there is of the networks before BlazePose)
  if [[ -z $RUNS ]]; then echo 'set RUNS="folder folder folder"'; [[ -n ${DRY:-} ]]; return; fi
  # shellcheck disable=SC2086
  T figure training_curves $RUNS --out "$R/curves"
}
# examples/tour.ipynb --------------------------------------------------------------------------------------------
do_tour() {         # in a copy, since the tool writes the notebook where it lies
  if [[ -z ${DRY:-} ]]; then
    mkdir -p "$R/tour/tools" "$R/tour/examples"
    cp tools/run_tour.py "$R/tour/tools/"
    cp examples/photo.jpg examples/tour.ipynb "$R/tour/examples/"
  fi
  P "$R/tour/tools/run_tour.py"
}
# analyses/README.md (the page "findings") -------------------------------------------------------------------------
do_findings() {
  local model
  for model in $PARE $SYNTH $HMR; do
    T mesh --model $model --stride "$FINDINGS_STRIDE" --out "$R/findings/$model" --resume
  done
  P analyses/what_the_paper_saw.py "$R/findings/$PARE" "$R/findings/$SYNTH" "$R/findings/$HMR"
  P analyses/what_turns_bodies.py "$R/findings/$PARE" "$R/findings/$SYNTH" "$R/findings/$HMR"
  T figure meshes_compared "$R/findings/$PARE" "$R/findings/$SYNTH" "$R/findings/$HMR" --out "$R/findings/figures"
}
# docs/engines.md: only the picture, its speed is another matter -----------------------------------------------------
do_every_pixel() {
  T heatmap examples/photo.jpg --model $PARE --stride 1 --out "$R/every_pixel/result" --resume --verbose
}
# All pictures as the JPEGs of docs/images, of the widths and qualities that are there now ---------------------------
do_images() {
  P - "$R" <<'PY'
import sys
from pathlib import Path
from PIL import Image
root = Path(sys.argv[1])
pictures = {
    "heatmap-photo": ("photo/pare-open/summary.png", 1884, 88),
    "heatmap-photo-blazepose": ("photo/blazepose/summary.png", 1884, 88),
    "heatmap-joints": ("photo/pare-open/heatmaps.png", 1900, 86),
    "heatmap-summary": ("gallery/rendered-person/summary.png", 1884, 86),
    "mesh-joints": ("gallery/mesh-joints/mesh.png", 1900, 86),
    "mesh-models": ("compare/meshes.png", 1900, 86),
    "compare-bars": ("compare/bars.png", 1420, 86),
    "compare-predictions": ("compare/predictions.png", 1504, 86),
    "influence": ("figures/influence/influence.png", 1050, 80),
    "reversals": ("figures/reversals/reversals.png", 1488, 85),
    "natural": ("figures/natural/natural.png", 1500, 85),
    "confidence": ("insight/confidence/confidence.png", 1420, 85),
    "breaking-size": ("breaking_photo/breaking-size.png", 1500, 84),
    "breaking-size-models": ("figures/breaking_size/breaking_size.png", 1250, 84),
    "worst-pair": ("worst_photo/worst-pair.png", 1500, 84),
    "worst-pair-models": ("figures/worst_pair/worst_pair.png", 1300, 80),
    "training-curves": ("curves/training_curves.png", 1500, 88),
    "every-pixel": ("every_pixel/result/heatmaps.png", 1600, 88),
}
for name, (file, width, quality) in pictures.items():
    if not (root / file).is_file():
        print(f"{name}: {file} is not there")
        continue
    with Image.open(root / file) as picture:
        shown = picture.convert("RGB")
    if shown.width > width:
        shown = shown.resize((width, round(shown.height * width / shown.width)), Image.Resampling.LANCZOS)
    shown.save(root / "images" / f"{name}.jpg", quality=quality, optimize=True)
    print(f"{name}.jpg {shown.size} from {file}")
PY
}

for name in photo compare gallery evaluate photo_others open_seeds attention insight models_table breaking_photo worst_photo \
  breaking breaking_150 worst_pair beams tables figures real_people old_set mean_person curves tour findings every_pixel; do
  step $name
done
rm -f "$R/images.done"                                  # always anew, of what is there
step images
if ((${#failed[@]})); then
  echo "failed: ${failed[*]}; read their logs in $R" >&2
  exit 1
fi
