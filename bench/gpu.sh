#!/bin/bash
# What a GPU makes of this program, in less than 8 minutes and without a network:
#
#     bench/gpu.sh [--dry_run] [--build_tree DIR] [PUBLISHED_REPO]
#
# Builds in DIR (build-gpu; one that is configured is brought up to date), with the folder that tools/gpu_prefix made,
# .gpu, if it is there, else with what is installed. PUBLISHED_REPO is a clone of the published code; without it, what
# .gpu has of it. Each stage has a time limit of its own; one that fails is said, the exit code is 1 in the end, and
# all others but after the build go on. Every result is a line `gpu: STAGE NAME VALUE UNIT`; with OUT set they are also
# in $OUT/results.txt, and what the programs said in $OUT/log.txt. --dry_run takes every stage on the CPU with a small
# model: its figures say no more than that the stages run.
set -euo pipefail
cd "$(dirname "$0")/.."

stages=(build operators step limits eager compiled golden curve jpeg ranks sanitizer)
# Seconds that each may take; tests/tools/gpu_test.py adds them up.
declare -A limits=([build]=190 [operators]=25 [step]=20 [limits]=20 [eager]=25 [compiled]=80 [golden]=20
  [curve]=20 [jpeg]=25 [ranks]=20 [sanitizer]=30)

fail() {
  echo "gpu: error: $*" >&2
  exit 2
}

export dry_run='' tree=build-gpu prefix=$PWD/.gpu published='' python work device training
while [ $# -gt 0 ]; do
  case $1 in
    --dry_run) dry_run=yes ;;
    --build_tree) tree=${2:?--build_tree needs a folder} && shift ;;
    -*) fail "unknown flag $1; expected [--dry_run] [--build_tree DIR] [PUBLISHED_REPO]" ;;
    *) published=$1 ;;
  esac
  shift
done
if [ -z "$published" ] && [ -d "$prefix/published" ]; then published=$prefix/published; fi
python=$(command -v .venv/bin/python || command -v python3) || fail "there is no python3"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
OUT=${OUT:-$work}
: >"$OUT/results.txt"
: >"$OUT/log.txt"

# choose GPU DRY: the one of the two that this run is for
choose() { if [ -n "$dry_run" ]; then echo "$2"; else echo "$1"; fi; }

if [ -n "$dry_run" ]; then export OMP_NUM_THREADS=1; fi
device=$(choose '--device cuda' '--device cpu')
training=$(choose '--device cuda --precision bf16' '--device cpu')

# The stages print `NAME VALUE UNIT`, and all else on standard error.
# shellcheck disable=SC2046,SC2086 # flags are split at blanks

stage_build() {
  local -a found=()
  if [ -d "$prefix" ]; then
    found=("-DCMAKE_PREFIX_PATH=$prefix/usr" -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF
      "-DPKG_CONFIG_EXECUTABLE=$prefix/pkg-config" -DCONVMAE_DRAWING=OFF)
  fi
  [ -f "$tree/CMakeCache.txt" ] || cmake -S . -B "$tree" -G Ninja "-DPython3_EXECUTABLE=$python" \
    -DCONVMAE_WERROR=OFF "-DCONVMAE_CUDA=$(choose ON AUTO)" "${found[@]}" >&2
  cmake --build "$tree" --target convmae convmae_golden test_ops >&2
  echo "torch $("$python" -c 'import torch; print(torch.__version__)') version"
  echo "program $(stat -c %s "$tree/convmae") bytes"
}

# operators LOG COMMAND...: the operators' tests by that command; on a GPU those that need one, else those of one operator
operators() {
  local log=$1 code=0
  shift
  "$@" "$tree/test_ops" "--gtest_filter=$(choose '*Gpu*' 'LayerNorm*')" >"$log" 2>&1 || code=$?
  cat "$log" >&2
  sed -n 's/^\[  \(PASSED\|SKIPPED\|FAILED\)  *\] \([0-9]*\) test.*/\L\1\E \2 tests/p' "$log"
  grep -q '^\[  PASSED  \] [1-9]' "$log" && return "$code"
}

stage_operators() { operators "$work/operators.txt" env; }

stage_step() {
  "$python" bench/gpu_step.py --program "$tree/convmae" -- --model $(choose base nano) --batch_size $(choose 256 4) \
    --steps $(choose 20 2) $training
}

stage_limits() {
  "$python" bench/gpu_limits.py --program "$tree/convmae" \
    $(choose '' '--device cpu --side 512 --model nano --batch_size 4')
}

stage_eager() {
  "$python" bench/gpu_published.py --checkout "$published" "$@" \
    $(choose '' '--device cpu --small --batch_size 2 --steps 1')
}

stage_compiled() { stage_eager --compiled $(choose '' '--backend aot_eager'); }  # inductor's code for CPUs takes minutes

stage_golden() {
  local code=0
  "$tree/convmae_golden" $device tests/golden >"$work/golden.txt" || code=$?
  grep -v '^ok' "$work/golden.txt" >&2
  sed -n 's/^\([0-9]*\) agree, \([0-9]*\) miss.*/agree \1 files\nmiss \2 files/p' "$work/golden.txt"
  return "$code"
}

# photos NUMBER: makes so many JPEGs of 500x375 and prints the name of a list that has each 16 times
photos() {
  local folder=$work/photos-$1
  seq $(($1 / 16)) |
    xargs -P "$(nproc)" -I{} "$tree/convmae" bench data --images 1 --seed {} --save "$folder/{}" >&2
  for _ in $(seq 16); do find "$folder" -name '*.jpg' | sort; done >"$folder.txt"
  echo "$folder.txt"
}

# pretrain NAME FLAGS...: a run in $work/NAME without checkpoints and panels; its result in $work/NAME.json
pretrain() {
  local name=$1
  shift
  "$tree/convmae" ${launched:-} pretrain --out "$work/$name" --save_every_epochs 0 --panel_images 0 --warmup_steps 5 \
    --json "$@" >"$work/$name.json"
}

readonly small='--model nano --input_size 64 --precision fp32 --lr 1e-3 --threads 1 --num_workers 1'

stage_curve() {
  pretrain curve --data "$(photos 16)" $small --batch_size 16 --steps 200 $device
  "$python" bench/gpu_curve.py "$work/curve/steps.jsonl"
}

stage_jpeg() {
  pretrain jpeg --data "$(photos $(choose 1024 32))" --model $(choose base nano) --batch_size $(choose 256 4) \
    --steps $(choose 100 10) --num_workers $(choose 12 1) $(choose '' '--threads 1') $training
  "$python" bench/gpu_waiting.py "$work/jpeg.json"
}

stage_ranks() {
  local -a run=(--data "$(photos 16)" $small --steps 20 $device)
  pretrain one "${run[@]}" --batch_size 16
  pretrain again "${run[@]}" --batch_size 16
  launched='launch --nproc 2' pretrain two "${run[@]}" --batch_size 8
  echo "repeatable $(cmp "$work"/{one,again}/steps.jsonl >&2 && echo 1 || echo 0) of_1" # losses and norms of 20 steps
  "$python" bench/gpu_curve.py "$work/two/steps.jsonl" --like "$work/one/steps.jsonl"
}

stage_sanitizer() {
  local code=0
  operators "$work/sanitizer.txt" $(choose 'compute-sanitizer --tool memcheck --error-exitcode 9' env) || code=$?
  if [ -z "$dry_run" ]; then sed -n 's/.*ERROR SUMMARY: \([0-9]*\).*/errors \1 errors/p' "$work/sanitizer.txt"; fi
  return "$code"
}

# say LINE: a result
say() { echo "gpu: $*" | tee -a "$OUT/results.txt"; }

# run STAGE: its results, and how long it took
run() {
  local stage=$1 begin=$SECONDS limit=${limits[$1]} code=0
  if [ -n "$dry_run" ]; then limit=$((30 * limit)); fi
  timeout --kill-after=5 "$limit" bash -euo pipefail -c "stage_$stage" 2>>"$OUT/log.txt" </dev/null |
    while read -r line; do say "$stage $line"; done || code=$?
  say "$stage seconds $((SECONDS - begin)) of_$limit"
  if [ "$code" -ne 0 ]; then
    say "$stage failed $code exit_code"
    tail -n 5 "$OUT/log.txt" | sed 's/^/  | /'
  fi
  return "$code"
}

export -f choose operators photos pretrain
export small
failed=0
for stage in "${stages[@]}"; do
  export -f "stage_$stage"
  if [[ $stage =~ ^(eager|compiled)$ && -z $published ]]; then
    say "$stage left_out 1 for_want_of_PUBLISHED_REPO"
  elif ! run "$stage"; then
    failed=1
    [ "$stage" != build ] || exit 1
  fi
done
"$python" bench/gpu_verdict.py "$OUT/results.txt" | tee "$work/verdict.txt"
cat "$work/verdict.txt" >>"$OUT/results.txt"
exit "$failed"
