# What demo and test need on a fresh machine, fetched by package name and kept
# outside the tree. Sourced by `run`; each function is idempotent and says what
# it fetches. Exit 2: the machine lacks something that only a person can add.

KBWATCH_CACHE=${KBWATCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kbwatch}
export KBWATCH_CACHE

CHDB_VERSION=26.7.3
CHDB_PACKAGE=@chdb/lib-linux-x64-gnu@26.7.3-stable.1
CHDB_SHA512=5cff7b98caa7739b59a4a432c11f0dedc2d3b073624e61ebdf4a42e66ce8de35a6ba48ca9f62016bad1cd81fe059435cb858ce3235a8a2b408082a81563e70a7
WINDOWS_TARGET=x86_64-pc-windows-gnu
CARGO_DENY_VERSION=0.20.2
CARGO_DENY=$KBWATCH_CACHE/tools/bin/cargo-deny
STEPS=()

say() { printf 'kbwatch: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 2
}

# Runs a command under a name and remembers how long it took.
step() {
  local name=$1 begin=$SECONDS
  shift
  say "$name …"
  "$@" || {
    local status=$?
    say "$name FAILED (exit $status) after $((SECONDS - begin)) s: $*"
    steps_summary
    return "$status"
  }
  STEPS+=("$(printf '%6.1f min  %s' "$(awk "BEGIN{print ($SECONDS-$begin)/60}")" "$name")")
}

steps_summary() {
  [[ ${#STEPS[@]} -eq 0 ]] || printf 'kbwatch: %s\n' "${STEPS[@]}" >&2
}

# Installs Debian packages, as root or with sudo that asks nothing.
apt_install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [[ ${#missing[@]} -eq 0 ]] && return 0
  local as_root=()
  if [[ $(id -u) -ne 0 ]]; then
    sudo -n true 2>/dev/null || fail "please run: sudo apt-get install ${missing[*]}"
    as_root=(sudo -n)
  fi
  command -v apt-get >/dev/null || fail "please install by your package manager: ${missing[*]}"
  say "fetching Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get -q update >/dev/null || fail "apt-get update failed: check the machine's package sources"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get could not install: ${missing[*]}"
}

# Each needed command with the Debian package that brings it.
need_commands() {
  local packages=() pair
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || packages+=("${pair#*:}")
  done
  [[ ${#packages[@]} -eq 0 ]] || apt_install "${packages[@]}"
}

setup_toolchain() {
  if ! command -v cargo >/dev/null && [[ -x $HOME/.cargo/bin/cargo ]]; then
    PATH=$HOME/.cargo/bin:$PATH
  fi
  command -v cargo >/dev/null ||
    fail "no cargo: install Rust 1.95 or later with rustup, then run this again"
  # librdkafka and zstd are C; ring needs a linker.
  need_commands gcc:gcc g++:g++ make:make
}

# A real ClickHouse as a library, hosted by a child process of kbwatch.
setup_engine() {
  [[ -n ${KBWATCH_CLICKHOUSE_URL:-} ]] && return 0
  local folder=$KBWATCH_CACHE/chdb-$CHDB_VERSION
  [[ -f $folder/libchdb.so ]] && return 0
  [[ $(uname -m) == x86_64 ]] ||
    fail "the embedded ClickHouse is pinned for x86_64; set KBWATCH_CLICKHOUSE_URL to a server's URL"
  grep -q avx2 /proc/cpuinfo ||
    fail "the embedded ClickHouse needs a CPU with AVX2; set KBWATCH_CLICKHOUSE_URL to a server's URL"
  need_commands npm:npm
  mkdir -p "$KBWATCH_CACHE"
  local work
  work=$(mktemp -d "$KBWATCH_CACHE/fetch.XXXXXX")
  say "fetching $CHDB_PACKAGE from npm (178 MB, once per machine)"
  (cd "$work" && npm pack --silent "$CHDB_PACKAGE" >/dev/null) || fail "npm pack $CHDB_PACKAGE failed"
  echo "$CHDB_SHA512  $(echo "$work"/*.tgz)" | sha512sum --check --quiet ||
    fail "$CHDB_PACKAGE does not have the pinned checksum; nothing was installed"
  mkdir "$work/unpacked"
  tar -xzf "$work"/*.tgz -C "$work/unpacked" --strip-components=1
  # Renamed at the end: an interrupted run leaves nothing half there.
  mv "$work/unpacked" "$folder"
  rm -rf "$work"
}

setup_browser() {
  need_commands chromium:chromium
  apt_install fonts-noto-cjk
}

# What builds the collector for Windows and runs it here: Rust's standard
# library for that target by rustup, the linker and wine from Debian. Fails
# where they cannot be had; the caller decides whether that matters.
setup_windows() {
  [[ $(uname -m) == x86_64 ]] || {
    say "wine runs the .exe on x86_64 only"
    return 2
  }
  local packages=()
  command -v x86_64-w64-mingw32-gcc >/dev/null || packages+=(gcc-mingw-w64-x86-64)
  command -v wine >/dev/null || packages+=(wine wine64)
  # In a process of its own: what is missing must not end this one.
  [[ ${#packages[@]} -eq 0 ]] || (apt_install "${packages[@]}") || return 2
  command -v rustup >/dev/null || {
    say "no rustup: add Rust's standard library for $WINDOWS_TARGET by hand"
    return 2
  }
  rustup target list --installed | grep -qx "$WINDOWS_TARGET" && return 0
  say "fetching Rust's standard library for $WINDOWS_TARGET with rustup (about 30 MB)"
  rustup --quiet target add "$WINDOWS_TARGET" || {
    say "rustup target add $WINDOWS_TARGET failed"
    return 2
  }
}

# Whether code for Windows can be compiled, without fetching anything.
can_build_windows() {
  command -v x86_64-w64-mingw32-gcc >/dev/null && command -v rustup >/dev/null &&
    rustup target list --installed | grep -qx "$WINDOWS_TARGET"
}

setup_kafka() {
  [[ -n ${KBWATCH_KAFKA_BROKERS:-} ]] && return 0
  need_commands java:openjdk-17-jre-headless mvn:maven
  bash deploy/kafka/kafka.sh fetch || fail "Apache Kafka could not be fetched with mvn"
}

# A port on loopback that nobody listens on.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# One Apache Kafka until `stop_kafka`, or until this script ends; its address
# is in KAFKA_BROKERS. KBWATCH_KAFKA_BROKERS names one that exists.
start_kafka() {
  KAFKA_BROKERS=${KBWATCH_KAFKA_BROKERS:-}
  [[ -z $KAFKA_BROKERS ]] || return 0
  local folder said port
  folder=$(mktemp -d "${TMPDIR:-/tmp}/kbwatch-kafka.XXXXXX")
  said=$folder.said
  port=$(free_port)
  : >"$said"
  say "starting Apache Kafka on 127.0.0.1:$port"
  KBWATCH_KAFKA_EPHEMERAL=yes bash deploy/kafka/kafka.sh "$folder" "$port" "$(free_port)" >"$said" &
  KAFKA_PID=$!
  while ! grep -q '^ready' "$said"; do
    kill -0 "$KAFKA_PID" 2>/dev/null || fail "Apache Kafka did not start"
    sleep 0.2
  done
  rm -f "$said"
  KAFKA_BROKERS=127.0.0.1:$port
}

stop_kafka() {
  [[ -n ${KAFKA_PID:-} ]] || return 0
  kill "$KAFKA_PID" 2>/dev/null || true
  wait "$KAFKA_PID" 2>/dev/null || true
  KAFKA_PID=
}

setup_cargo_deny() {
  [[ -x $CARGO_DENY ]] && return 0
  say "building cargo-deny $CARGO_DENY_VERSION (some minutes, once per machine)"
  cargo install cargo-deny --version "$CARGO_DENY_VERSION" --locked --quiet --root "$KBWATCH_CACHE/tools" ||
    fail "cargo install cargo-deny failed"
}
