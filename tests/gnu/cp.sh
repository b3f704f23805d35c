#!/usr/bin/env bash
# Runs GNU's own tests of cp (coreutils 9.1, tests/cp) against a program that takes cp's options.
#
#   tests/gnu/cp.sh [--program FILE] [--keep-logs] [NAME...]      NAME: a test such as same-file or acl
#
# Without --program filecopy is built and tested, called by the name cp. Everything happens below target/gnu: the
# source package, which is fetched once and checked by its digest, and a build folder made to look as the tests
# expect one (src/cp is the program under test, src/ otherwise the system's own tools). Nothing of the package is
# kept in the repository, since its licence is not ours.
#
# Prints one line per test that fails or is left out, then `N passed, N failed, N skipped`. Exit 0: none failed.
# Tests for an ordinary user are run as one when this script runs as root. What remains left out says why: SELinux,
# a mount option or an old libc interface that the machine does not have, or root when not run as root.

set -euo pipefail

readonly version=9.1
readonly digest=61a1f410d78ba7e7f37a5a4f50e6d1320aca33375484a3255eddf17a38580423
readonly package=coreutils_$version.orig.tar.xz
readonly as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
readonly limit_secs=120 # per test; the longest takes a few seconds with the system's cp

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
work=$root/target/gnu
source_dir=$work/coreutils-$version

main() {
    local program='' keep_logs=no names=()
    while (($#)); do
        case $1 in
            --program) program=$(realpath -s -- "$2") && shift ;;
            --keep-logs) keep_logs=yes ;;
            -*) die "unknown option $1 (see the head of this script)" ;;
            *) names+=("${1%.sh}") ;;
        esac
        shift
    done
    if [[ -z $program ]]; then
        cargo build --quiet --manifest-path "$root/Cargo.toml" --package filecopy
        program=$(realpath -- "$target/debug/filecopy")
    fi
    [[ -x $program ]] || die "$program is not a program"
    for tool in perl gcc strace setfacl setfattr python3 tar xz; do
        command -v $tool >/dev/null || die "$tool is missing; tests would be left out (packages: perl gcc strace acl attr python3 tar xz-utils)"
    done

    mkdir -p "$work"
    fetch
    lay_out "$program"
    run_all "$keep_logs" "${names[@]}"
}

die() {
    printf 'gnu-cp: %s\n' "$*" >&2
    exit 2
}

fetch() {
    [[ -d $source_dir ]] && return
    has_digest || from_distribution || from_gnu || die "cannot fetch coreutils $version"
    # Unpacked under another name first, so that an interrupted run leaves no half of it.
    rm -rf "$work/unpack" && mkdir "$work/unpack"
    tar --extract --xz --file "$work/$package" --directory "$work/unpack"
    mv "$work/unpack/coreutils-$version" "$source_dir"
    rmdir "$work/unpack"
}

# From the archives this system installs from, asked for sources too: with lists of its own, so that nothing of the
# system changes.
from_distribution() {
    command -v apt-get >/dev/null || return 1
    local apt=$work/apt file
    mkdir -p "$apt/lists/partial" "$apt/parts"
    sed -n 's/^deb /deb-src /p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list >"$apt/sources.list" 2>/dev/null || true
    for file in /etc/apt/sources.list.d/*.sources; do
        [[ ! -e $file ]] || sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/${file##*/}"
    done
    local options=(-qq -o "Dir::Etc::SourceList=$apt/sources.list" -o "Dir::Etc::SourceParts=$apt/parts"
        -o "Dir::State::Lists=$apt/lists" -o APT::Sandbox::User=root)
    (cd "$work" && apt-get "${options[@]}" update && apt-get "${options[@]}" --download-only source coreutils) &&
        has_digest
}

from_gnu() {
    curl --fail --silent --show-error --location --max-time 120 --output "$work/$package" \
        "https://ftp.gnu.org/gnu/coreutils/coreutils-$version.tar.xz" && has_digest
}

has_digest() {
    sha256sum --check --status <<<"$digest  $work/$package" 2>/dev/null
}

# What the tests take from a configured build: the programs, and what the system can do.
lay_out() {
    local program=$1 tool path
    rm -rf "$work/build" && mkdir -p "$work/build/src" "$work/logs"
    rm -f "$work"/logs/*.log
    built=
    for tool in $(tools); do
        path=$(type -P "$tool") || continue
        built+=" $tool"
        [[ $tool = cp ]] || ln -s "$path" "$work/build/src/$tool"
    done
    ln -s "$program" "$work/build/src/cp"
    cat >"$work/build/config.h" <<'END'
#define HAVE_OPENAT 1
#define USE_ACL 1
#define USE_XATTR 1
#define HAVE_CAP 1
#define HAVE_UTIMENSAT 1
END
    chmod 1777 "$work/build" # for the tests that are run as an ordinary user
}

# The programs of the package, which their files in src/ name; those with several programs are spelled out.
tools() {
    find "$source_dir/src" -name '*.c' -printf '%f\n' | sed 's/\.c$//'
    printf '%s\n' md5sum sha1sum sha256sum '[' dir vdir
}

run_all() {
    local keep_logs=$1 test name rc passed=0 failed=() skipped=0
    shift
    if (($#)); then
        set -- "${@/#/$source_dir/tests/cp/}"
        set -- "${@/%/.sh}"
    else
        set -- "$source_dir"/tests/cp/*.sh
    fi
    for test in "$@"; do
        name=$(basename "$test" .sh)
        [[ -f $test ]] || die "there is no test $name"
        rc=0
        run_one "$test" >"$work/logs/$name.log" 2>&1 9>"$work/logs/$name.why" || rc=$?
        if [[ $rc = 77 && $EUID = 0 ]] && grep -q 'must be run as non-root' "$work/logs/$name.why" && nobody_may_enter; then
            rc=0
            run_one "$test" "${as_nobody[@]}" >"$work/logs/$name.log" 2>&1 9>"$work/logs/$name.why" || rc=$?
        fi
        case $rc in
            0) passed=$((passed + 1)) ;;
            77) skipped=$((skipped + 1)) && printf 'skipped  %s\n' "$(why "$name" 'left itself out')" ;;
            124 | 137) failed+=("$name") && printf 'FAILED   %s: not done after %s s\n' "$name" $limit_secs ;;
            *) failed+=("$name") && printf 'FAILED   %s\n' "$(why "$name" "exit $rc")" ;;
        esac
        rm -f "$work/logs/$name.why"
        [[ $rc != 0 || $keep_logs = yes ]] || rm -f "$work/logs/$name.log"
    done
    printf '%s passed, %s failed, %s skipped' $passed ${#failed[@]} $skipped
    ((${#failed[@]} == 0)) || printf ' (failed: %s; see %s)' "${failed[*]}" "$work/logs"
    printf '\n'
    ((${#failed[@]} == 0))
}

# Whether an ordinary user can work in the build folder: not if it is below root's home.
nobody_may_enter() {
    "${as_nobody[@]}" test -w "$work/build" -a -x "$work/build/src/cp"
}

# What the test said for itself on its own channel, else the given words.
why() {
    local said
    said=$(head -n 1 "$work/logs/$1.why")
    said=${said#"$1.sh: "}
    printf '%s: %s' "$1" "${said:-$2}"
}

# run_one TEST [WRAPPER...]. Descriptor 9 is where a test says why it was left out. Mounts of a test that was killed
# are undone here. Root may use any group, so the tests that need two get them.
run_one() (
    cd "$work/build"
    test=$1 rc=0
    shift
    ((EUID != 0)) || export COREUTILS_GROUPS='0 1'
    timeout --kill-after=10 $limit_secs "$@" env --ignore-environment \
        ${COREUTILS_GROUPS:+COREUTILS_GROUPS="$COREUTILS_GROUPS"} RUN_EXPENSIVE_TESTS=yes RUN_VERY_EXPENSIVE_TESTS=yes \
        HOME="$HOME" PATH="$work/build/src:$PATH:/usr/sbin:/sbin" LC_ALL=C SHELL=/bin/bash TMPDIR=/tmp VERBOSE=yes \
        abs_top_builddir="$work/build" abs_top_srcdir="$source_dir" abs_srcdir="$source_dir" srcdir="$source_dir" \
        top_srcdir="$source_dir" built_programs="$built" CONFIG_HEADER="$work/build/config.h" \
        PACKAGE_VERSION=$version VERSION=$version fail=0 host_os=linux-gnu CC=gcc AWK=awk EGREP='grep -E' MAKE=make \
        PERL=perl EXEEXT='' LOCALE_FR=none LOCALE_FR_UTF8=none \
        bash "$test" </dev/null || rc=$?
    awk -v below="$work/build/" 'index($2, below) == 1 { print $2 }' /proc/mounts | while IFS= read -r mount; do
        umount -l "$(printf '%b' "$mount")"
    done
    exit $rc
)

main "$@"
