# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# Sourced by tests/run and contrib/demo/run: what a bare Debian needs.
#
# The NTP and PTP programs the tests run against are never installed: their
# services would grab the machine's clock, and chrony and ntpsec exclude each
# other. They are unpacked into build/peers and run from there.
#
# Expects $root (the source tree).

build_packages=(cmake ninja-build g++ pkg-config libabsl-dev libtomlplusplus-dev libmd-dev nlohmann-json3-dev tzdata
  clang bpftool libbpf-dev) # The eBPF probes.
run_packages=(python3 iproute2 util-linux procps netbase) # netbase: ntpq looks up "ntp"
test_packages=(libgtest-dev libgmock-dev libbenchmark-dev)
asan_packages=(clang-14 llvm-14 libclang-rt-14-dev)
style_packages=(clang-format-14 clang-tidy-14 shellcheck binutils)

peers=$root/build/peers

installed() {
  [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]
}

# apt ARGUMENT...: a mirror that hangs is a failure.
apt() { timeout --kill-after=10 600 apt-get -qq "$@"; }

apt_update_once() {
  [[ -n ${apt_updated:-} ]] && return
  apt update || return
  apt_updated=1
}

# need PACKAGE...: installs what is missing; without root it says what to ask for.
need() {
  local missing=() package
  for package; do installed "$package" || missing+=("$package"); done
  ((${#missing[@]} == 0)) && return
  if ((EUID != 0)); then
    echo "missing packages; as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    return 1
  fi
  echo "installing ${missing[*]}"
  apt_update_once || return
  DEBIAN_FRONTEND=noninteractive apt -o Dpkg::Use-Pty=0 install -y \
    --no-install-recommends "${missing[@]}" >/dev/null
}

# unpack DIRECTORY PACKAGE...: the package's files under DIRECTORY, no scripts run.
unpack() {
  local into=$1 scratch package rc=0
  shift
  scratch=$(mktemp -d)
  for package; do
    # The sandbox user of apt cannot write into a private directory; nothing here
    # needs it, so the download runs as the caller.
    (cd "$scratch" && apt -o APT::Sandbox::User=root download "$package") || rc=1
  done
  mkdir -p "$into"
  for package in "$scratch"/*.deb; do
    [[ -e $package ]] && { dpkg -x "$package" "$into" || rc=1; }
  done
  rm -rf "$scratch"
  return "$rc"
}

missing_libraries() {
  LD_LIBRARY_PATH=$(peer_libraries) ldd "$peers"/*/usr/{sbin/chronyd,bin/chronyc,sbin/ntpd,sbin/ptp4l,sbin/gpsd} \
    2>/dev/null | sed -n 's/^\t\(.*\) => not found/\1/p' | sort -u
}

peer_libraries() {
  local triplet
  triplet=$(g++ -print-multiarch)
  echo "$peers/lib/usr/lib/$triplet:$peers/lib/lib/$triplet"
}

# fetch_linuxptp4: Debian 13's linuxptp, whatever release this is, into linuxptp-4. Its
# package lists are of a directory of their own: apt here knows nothing of them afterwards.
# It needs no library that Debian 12 has not got.
fetch_linuxptp4() {
  local lists options
  [[ -x $peers/linuxptp-4/usr/sbin/ptp4l ]] && return
  lists=$(mktemp -d)
  mkdir -p "$peers" "$lists"/{lists,cache/archives}/partial
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
    "http://deb.debian.org/debian trixie main" >"$lists/sources.list"
  options=(-o "Dir::Etc::sourcelist=$lists/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$lists/lists" -o "Dir::Cache=$lists/cache"
    -o APT::Sandbox::User=root -o Acquire::Languages=none)
  if apt "${options[@]}" update && (cd "$lists" && apt "${options[@]}" download linuxptp); then
    dpkg -x "$lists"/linuxptp_*.deb "$peers/linuxptp-4"
  fi
  rm -rf "$lists"
  [[ -x $peers/linuxptp-4/usr/sbin/ptp4l ]] && return
  echo "cannot fetch Debian 13's linuxptp: what needs it is skipped" >&2
}

# fetch_peers: chrony, ntpsec, linuxptp and gpsd with the libraries they lack here.
fetch_peers() {
  local peer depends
  fetch_linuxptp4
  [[ -e $peers/.complete && -e $peers/gpsd ]] && return
  if ! apt-cache show linuxptp >/dev/null 2>&1; then
    ((EUID == 0)) && apt_update_once
  fi
  for peer in chrony ntpsec linuxptp gpsd; do
    unpack "$peers/$peer" "$peer" && continue
    # Package lists older than the mirror: one update and a second try.
    if ((EUID != 0)) || ! apt_update_once || ! unpack "$peers/$peer" "$peer"; then
      echo "cannot fetch package $peer" >&2
      return 1
    fi
  done
  unpack "$peers/lib" python3-ntp python3-gps || return  # For ntpq and gpsfake.
  unpack "$peers/gpsd" gpsd-clients || return            # gpsfake
  # What Debian 12's gpsfake imports and Debian 13 does not have.
  python3 -W ignore -c 'import distutils' 2>/dev/null || unpack "$peers/lib" python3-distutils || true
  # First what the programs name themselves, then what those libraries need.
  depends="chrony ntpsec linuxptp gpsd"
  for _ in 1 2 3; do
    [[ -n $(missing_libraries) ]] || break
    # shellcheck disable=SC2086
    depends=$(apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks \
      --no-replaces --no-enhances $depends | sed -n 's/.*Depends: \(lib[^ <]*\)$/\1/p' | sort -u)
    for peer in $depends; do
      installed "$peer" || unpack "$peers/lib" "$peer" || return
    done
  done
  if [[ -n $(missing_libraries) ]]; then
    echo "peers lack libraries: $(missing_libraries | tr '\n' ' ')" >&2
    return 1
  fi
  touch "$peers/.complete"
}
