# shellcheck shell=bash
# `./run bundle`: all that a server without any registry needs, in one archive.
# Sourced by run.

CARGO_SBOM_VERSION=0.10.0
CARGO_SBOM=$KBWATCH_CACHE/tools/bin/cargo-sbom
BUNDLE_PROGRAMS="kbwatch kbwatch-ingest kbwatch-analyzer kbwatch-collector kbwatch-simulator"

setup_cargo_sbom() {
  [[ -x $CARGO_SBOM ]] && return 0
  say "building cargo-sbom $CARGO_SBOM_VERSION (a minute or two, once per machine)"
  cargo install cargo-sbom --version "$CARGO_SBOM_VERSION" --locked --quiet --root "$KBWATCH_CACHE/tools" ||
    fail "cargo install cargo-sbom failed"
}

# bundle_layout FOLDER PROFILE: everything but the checksums.
bundle_layout() {
  local folder=$1 profile=$2 program
  mkdir -p "$folder"/{bin,lib,config,systemd,compose,windows}
  for program in $BUNDLE_PROGRAMS; do
    install -m 755 "target/$profile/$program" "$folder/bin/"
  done
  install -m 755 "$KBWATCH_CACHE/chdb-$CHDB_VERSION/libchdb.so" "$folder/lib/"
  cp deploy/config/*.toml "$folder/config/"
  cp deploy/systemd/* "$folder/systemd/"
  cp deploy/compose/* "$folder/compose/"
  cp -r deploy/windows/. "$folder/windows/"
  local exe=target/$WINDOWS_TARGET/endpoint/kbwatch-collector.exe
  if [[ -f $exe ]]; then
    cp "$exe" "$folder/windows/"
  else
    say "the bundle holds no collector for Windows: ./run windows builds it"
  fi
  cp README.md CHANGELOG.md LICENSE deploy/bundle/INSTALL.md "$folder/"
}

# What the programs are made of, as CycloneDX: every crate that Cargo.lock pins,
# and the ClickHouse library, which no crate brings.
bundle_sbom() {
  local folder=$1
  "$CARGO_SBOM" --output-format cyclone_dx_json_1_4 >"$folder/sbom.cdx.json"
  python3 - "$folder/sbom.cdx.json" "$CHDB_PACKAGE" "$CHDB_SHA512" <<'PYTHON'
import json, sys
path, package, sha512 = sys.argv[1:]
name, _, version = package.rpartition("@")
with open(path) as file:
    bom = json.load(file)
bom.setdefault("components", []).append({
    "type": "library",
    "bom-ref": package,
    "name": name,
    "version": version,
    "purl": "pkg:npm/" + name.replace("@", "%40") + "@" + version,
    "licenses": [{"expression": "Apache-2.0"}],
    "hashes": [{"alg": "SHA-512", "content": sha512}],
})
with open(path, "w") as file:
    json.dump(bom, file, indent=1, sort_keys=True)
PYTHON
}

# bundle [--profile dist|release] [--try]
bundle() {
  local profile=dist try=no
  while [[ $# -gt 0 ]]; do
    case $1 in
      --profile) profile=$2 && shift ;;
      --try) try=yes ;;
      *)
        say "bundle knows --profile dist|release and --try, not $1"
        return 64
        ;;
    esac
    shift
  done
  setup_cargo_sbom
  need_commands python3:python3
  local crates=() program
  for program in $BUNDLE_PROGRAMS; do crates+=(--bin "$program"); done
  step "build" cargo build --profile "$profile" --workspace "${crates[@]}" >&2
  local version name folder
  version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
  name=kbwatch-$version-linux-x86_64
  folder=target/bundle/$name
  rm -rf "$folder"
  bundle_layout "$folder" "$profile"
  step "bill of materials" bundle_sbom "$folder"
  (cd "$folder" && find . -type f ! -name SHA256SUMS -printf '%P\0' | sort -z | xargs -0 sha256sum >SHA256SUMS)
  # Same commit and same programs, same archive: names sorted, one time, no owner.
  step "archive" tar --sort=name --owner=0 --group=0 --numeric-owner \
    --mtime="@$(git log -1 --format=%ct)" \
    -C target/bundle -czf "target/bundle/$name.tar.gz" "$name"
  (cd target/bundle && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
  ls -lh "target/bundle/$name.tar.gz"
  [[ $try == no ]] || step "demo in an empty root" bash deploy/bundle/try.sh "target/bundle/$name.tar.gz"
}
