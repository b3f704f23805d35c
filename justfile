# Wirework: what can be done here. `just` alone lists it.

set positional-arguments

root := justfile_directory()
binaries := absolute_path(env("CARGO_TARGET_DIR", "target")) / "release"

# Lists the recipes.
_default:
    @just --justfile "{{ justfile() }}" --list --unsorted

# Copies SRC... to DST, seen from where you stand: just copy [FLAGS] SRC... DST
[group('use')]
[no-cd]
[no-exit-message]
copy *arguments: (_build "filecopy")
    @exec "{{ binaries }}/filecopy" "$@"

# Serves a folder at http://localhost:8080/, seen from where you stand; this project's `www` if none: just serve [ROOT] [FLAGS]
[group('use')]
[no-cd]
[no-exit-message]
serve *arguments: (_build "webserver")
    @case "${1:--}" in -*) set -- "{{ root }}/www" "$@" ;; esac; exec "{{ binaries }}/webserver" "$@"

# Runs the rendezvous of natchat at port 10080, UDP and TCP: just nat-server [FLAGS]
[group('use')]
[no-cd]
[no-exit-message]
nat-server *arguments: (_build "natchat")
    @exec "{{ binaries }}/natchat" server "$@"

# Joins the rendezvous at HOST as ID, to chat: just nat-client ID HOST[:PORT] [FLAGS]
[group('use')]
[no-cd]
[no-exit-message]
nat-client id host *arguments: (_build "natchat")
    @id="$1" host="$2"; shift 2; exec "{{ binaries }}/natchat" client --id="$id" --server="$host" "$@"

# Tests everything; installs what the tests need when it may, and says what was left out.
[group('develop')]
test: _tools
    #!/usr/bin/env bash
    set -euo pipefail
    export WIREWORK_LEFT_OUT="{{ root }}/target/left-out.txt"
    mkdir -p "{{ root }}/target" && rm -f "$WIREWORK_LEFT_OUT"
    cargo test --workspace --quiet
    cargo test --package filecopy --features portable --target-dir target/portable --quiet
    if [ -s "$WIREWORK_LEFT_OUT" ]; then
        echo "Left out on this machine:"
        sort -u "$WIREWORK_LEFT_OUT"
    fi

# All that must hold before a change lands: format, lints, documentation, tests.
[group('develop')]
ci:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --quiet -- -D warnings
    cargo clippy --package filecopy --features portable --target-dir target/portable --quiet -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet
    just --justfile "{{ justfile() }}" test

# Measures filecopy against cp, rsync and the fastest copiers of crates.io, in interleaved pairs.
[group('measure')]
bench-copy *arguments: (_build "filecopy") (_build "tests")
    tests/bench/peers
    @"{{ binaries }}/bench-copy" "$@"

# Measures natchat against its goals, older programs, aioice with coturn, magic-wormhole and plain TCP; as root.
[group('measure')]
bench-nat *arguments: (_build "natchat") (_build "tests")
    tests/bench/peers
    @WIREWORK_BIN_DIR="{{ binaries }}" "{{ binaries }}/bench-nat" "$@"

# Measures webserver against nginx, h2o, lighttpd and static-web-server, in interleaved rounds.
[group('measure')]
bench-web *arguments: (_build "webserver") (_build "tests")
    tests/bench/peers
    @WIREWORK_BIN_DIR="{{ binaries }}" "{{ binaries }}/bench-web" "$@"

# Looks for bytes that a part of the suite cannot take, for SECONDS or until it finds some: just fuzz TARGET [SECONDS]
[group('develop')]
fuzz target seconds="0": _fuzzer
    #!/usr/bin/env bash
    set -euo pipefail
    cd "{{ root }}"
    corpus="target/fuzz/corpus/$1"
    mkdir -p "$corpus"
    TMPDIR=$(mktemp -d)
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
    cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz "$1" "$corpus" "tests/fuzz/seeds/$1" -- \
        -dict=tests/fuzz/http.dict -max_len=4096 -max_total_time="$2"

# Runs GNU's own tests of cp against `filecopy cp`, fetched when missing.
[group('develop')]
gnu-cp *arguments: (_build "filecopy")
    tests/gnu/cp.sh --program "{{ binaries }}/filecopy" "$@"

_build package:
    @cargo build --release --quiet --manifest-path "{{ root }}/Cargo.toml" --package "{{ package }}"

# The fuzzer, and the compiler that it needs.
_fuzzer:
    @command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
    @cargo +nightly --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal

# The tools that the tests drive besides ours. Without root they are used if they are there.
_tools:
    #!/usr/bin/env bash
    set -euo pipefail
    needed=(mkfs.btrfs:btrfs-progs mkfs.xfs:xfsprogs mkfs.ext4:e2fsprogs setfattr:attr setfacl:acl rsync:rsync
        python3:python3 filefrag:e2fsprogs setpriv:util-linux cc:gcc mkfs.vfat:dosfstools chromium:chromium
        chromedriver:chromium-driver ffmpeg:ffmpeg curl:curl wget:wget aria2c:aria2 git:git pip3:python3-pip
        dpkg-deb:dpkg node:nodejs nginx:nginx htpasswd:apache2-utils openssl:openssl
        ip:iproute2 nft:nftables perl:perl-base turnutils_stunclient:coturn)
    missing=()
    for pair in "${needed[@]}"; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    /usr/bin/python3 -c 'import aioice' 2>/dev/null || missing+=(python3-aioice)
    if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
    fi
