# shellcheck shell=bash
# `./run soak fuzz`: every target for some minutes, guided by coverage, on the
# stable toolchain. Sourced by run.

FUZZ_FLAGS="-Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"

FUZZ_TARGETS="cbs dism wu_decoded wu_legacy event_xml systeminfo wmic_qfe get_hotfix checksur \
mosetup panther configmgr wusa event_rendered setup_event_rendered reporting_events setupdiag \
file cabinet detect checkpoint unpack block"

# Builds the fuzzer apart from everything else. The flags need a target of
# their own, or they would reach build scripts too.
fuzz_build() {
  FUZZ_HOST=$(rustc -vV | sed -n 's/^host: //p')
  RUSTFLAGS="$FUZZ_FLAGS --cfg fuzzing" cargo build --release --quiet \
    --manifest-path collector/fuzz/Cargo.toml --target "$FUZZ_HOST" --target-dir target/fuzz/build
}

# One target until its time is up; what it finds stays in target/fuzz/findings.
# Its figures go to target/fuzz/NAME.result, for targets run beside each other.
fuzz_target() {
  local name=$1 seconds=$2 seed=$3
  local corpus=target/fuzz/corpus/$name log=target/fuzz/$name.log
  local excerpts=${KBWATCH_CORPUS:-../shared/corpus}
  mkdir -p "$corpus" target/fuzz/findings
  local folders=("$corpus" collector/tests/fixtures)
  [[ ! -d $excerpts ]] || folders+=("$excerpts")
  local status=0 started=$SECONDS
  KBWATCH_FUZZ_TARGET=$name KBWATCH_FUZZ_SEEDS=$corpus nice -n 19 \
    "target/fuzz/build/$FUZZ_HOST/release/kbwatch-fuzz" "${folders[@]}" \
    -seed="$seed" -max_total_time="$seconds" -max_len=16384 -timeout=60 -rss_limit_mb=1024 \
    -dict=collector/fuzz/words.dict -artifact_prefix="target/fuzz/findings/$name-" \
    -reload=0 -print_final_stats=1 >"$log" 2>&1 || status=$?
  local runs covered
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  say "$(printf '%-22s %10s runs, %6s edges, %5s s, status %s' \
    "$name" "${runs:-0}" "${covered:-0}" "$((SECONDS - started))" "$status")"
  printf '"%s":{"runs":%s,"edges":%s,"seconds":%s,"status":%s}\n' \
    "$name" "${runs:-0}" "${covered:-0}" "$((SECONDS - started))" "$status" \
    >"target/fuzz/$name.result"
  [[ $status == 0 ]] || tail -n 20 "$log" >&2
}

# soak_fuzz [--minutes M] [--jobs N] [--target T]… [--seed S]
soak_fuzz() {
  local minutes=1 jobs=1 seed=$RANDOM targets=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      --minutes) minutes=$2 ;;
      --jobs) jobs=$2 ;;
      --target) targets+=("$2") ;;
      --seed) seed=$2 ;;
      *)
        say "soak fuzz knows --minutes M, --jobs N, --target T and --seed S, not $1"
        return 64
        ;;
    esac
    shift 2
  done
  [[ $jobs =~ ^[1-9][0-9]*$ ]] || {
    say "soak fuzz --jobs takes a number from 1, not $jobs"
    return 64
  }
  # Background jobs of a script do not hear Ctrl-C themselves.
  trap 'kill $(jobs -p) 2>/dev/null' EXIT
  trap 'exit 130' INT TERM
  # shellcheck disable=SC2206 # names are words
  [[ ${#targets[@]} -gt 0 ]] || targets=($FUZZ_TARGETS)
  echo "seed $seed"
  step "build the fuzzer" fuzz_build >&2
  local seconds name results="" findings
  seconds=$(awk "BEGIN {print int($minutes * 60)}")
  for name in "${targets[@]}"; do
    while (($(jobs -rp | wc -l) >= jobs)); do wait -n || true; done
    rm -f "target/fuzz/$name.result"
    fuzz_target "$name" "$seconds" "$seed" &
  done
  wait
  for name in "${targets[@]}"; do
    results+="${results:+,}$(cat "target/fuzz/$name.result" 2>/dev/null \
      || printf '"%s":{"status":"no result"}' "$name")"
  done
  findings=$(grep -o '"status":[^}]*' <<<"$results" | grep -vc ':0$' || true)
  echo "SOAK {\"name\":\"fuzz\",\"seed\":$seed,\"seconds\":$seconds,\"findings\":$findings,\"targets\":{$results}}"
  [[ $findings == 0 ]]
}
