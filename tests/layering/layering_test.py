#!/usr/bin/python3
"""Holds the rooms apart: three rules read from the tree, each first shown to catch
a planted violation.

    include_test     a room includes only rooms of its row in CMakeLists.txt; pure
                     rooms include no header that leads to the outside world
    purity_test      nm -u: the archives of pure rooms call nothing of the sort
    literal_37_test  no literal 37 in the code: TAI-UTC is measured or told, never known

Prints ok/FAIL per rule and a closing count. --build=DIR says where lib/ is.
"""
import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Everything but these may touch the world. ebpf knows no bridge, and BPF programs are C. shm's archive is pure (it is handed its
# memory), its header is not a room of the bridge.
EXECUTORS = {"os", "cli", "ebpf"}

# <time.h> and <sys/time.h> are allowed for their types; purity_test sees the calls.
FORBIDDEN_HEADERS = {
    "chrono", "condition_variable", "cstdio", "fcntl.h", "filesystem", "fstream", "future", "iostream",
    "mutex", "net/if.h", "netinet/in.h", "poll.h", "pthread.h", "semaphore", "signal.h", "stdio.h",
    "sys/ioctl.h", "sys/mman.h", "sys/shm.h", "sys/socket.h", "sys/timex.h", "thread",
    "unistd.h", "absl/time/clock.h", "absl/synchronization/mutex.h"}
FORBIDDEN_PREFIXES = ("linux/", "arpa/", "absl/log/", "absl/random/")

FORBIDDEN_SYMBOL = re.compile(
    r"(socket|bind|connect|send|sendto|sendmsg|recv|recvfrom|recvmsg|poll|select|epoll_\w+|ioctl|syscall"
    r"|open|open64|openat|openat64|read|write|fopen|fopen64|f?printf|__f?printf_chk|v?printf|puts|putchar|fputs|fwrite"
    r"|clock_gettime|clock_settime|clock_adjtime|adjtimex|ntp_adjtime|settimeofday|gettimeofday|time|times|ftime"
    r"|nanosleep|clock_nanosleep|usleep|sleep|getenv|system|fork|execv\w*|shmget|shmat|mmap|rand|srand|random"
    r"|pthread_\w+|_ZN4absl\w*3NowEv|_ZN4absl\w*8SleepForE\w*|_ZN4absl\w*GetCurrentTimeNanos\w*"
    r"|_ZNSt6thread\w*|_ZNSt6chrono\w*3nowEv|_ZNSt\d*basic_[io]?fstream\w*|_ZNSt\d*basic_filebuf\w*|_ZSt4cout|_ZSt4cerr)")

LITERAL_37 = re.compile(r"(^|[^0-9a-zA-Z_.'])37([^0-9a-zA-Z_.']|$)")


def rooms(cmake_lists):
    """{room: (directory, rooms it may use, transitively)}, from room() lines."""
    direct = {}
    for name, directory, used in re.findall(r"^room\(([^\s)]+) ([^\s)]+)([^)]*)\)", cmake_lists, re.M):
        direct[name] = (directory, used.split())

    def reach(name, seen):
        for used in direct[name][1]:
            if used in direct and used not in seen:
                seen.add(used)
                reach(used, seen)
        return seen
    return {name: (directory, reach(name, set())) for name, (directory, _) in direct.items()}


def include_violations(table, sources):
    """sources: {path relative to the root: text}."""
    room_of = {directory: name for name, (directory, _) in table.items()}
    found = []
    for path, text in sorted(sources.items()):
        room = room_of.get(str(Path(path).parent))
        if room is None:
            found.append(f"{path}: in no room of CMakeLists.txt")
            continue
        pure = room not in EXECUTORS
        for number, line in enumerate(text.splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not match:
                continue
            quote, header = match.groups()
            target = room_of.get(str(Path(header).parent)) if quote == '"' else None
            if quote == '"' and header.startswith(("bridge/", "shm/", "ebpf/")) and target is None:
                found.append(f"{path}:{number}: {header} is in no room")
            if target and target != room and target not in table[room][1]:
                found.append(f"{path}:{number}: {room} may not use {target} ({header})")
            if pure and (header in FORBIDDEN_HEADERS or header.startswith(FORBIDDEN_PREFIXES)):
                found.append(f"{path}:{number}: {room} is pure and includes <{header}>")
    return found


def purity_violations(nm_output):
    """nm_output: what `nm -A -u` prints; symbol versions (@GLIBC) are cut off."""
    found = []
    for line in nm_output.splitlines():
        match = re.match(r"(.*):\s+[UwW]\s+([^@\s]+)", line)
        if match and FORBIDDEN_SYMBOL.fullmatch(match[2]):
            found.append(f"{Path(match[1]).name} calls {match[2]}")
    return found


def strip_comments(text):
    """Comments become blanks; line numbers stay."""
    def blank(match):
        return match[0] if match[0][0] == '"' else re.sub(r"[^\n]", " ", match[0])
    return re.sub(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', blank, text, flags=re.S)


def literal_violations(sources):
    return [f"{path}:{number}: {line.strip()}"
            for path, text in sorted(sources.items())
            for number, line in enumerate(strip_comments(text).splitlines(), 1) if LITERAL_37.search(line)]


def read(*directories):
    return {str(path.relative_to(ROOT)): path.read_text()
            for directory in directories for path in sorted((ROOT / directory).rglob("*"))
            if path.suffix in (".cc", ".h", ".c")}


def pure_archives(build, table):
    return [path for name in table if name not in EXECUTORS
            for path in [build / "lib" / f"lib{name}.a"] if path.exists()]


def check_include(_):
    table = rooms((ROOT / "CMakeLists.txt").read_text())
    planted = {
        "bridge/base/planted.h": '#include "bridge/engine/actions.h"\n',
        "bridge/ptp/planted.cc": '#include "absl/time/clock.h"\n#include <sys/socket.h>\n',
        "bridge/nowhere/planted.h": "",
        "shm/planted.h": '#include "bridge/time/timestamp.h"\n',
        "ebpf/planted.bpf.c": '#include "bridge/ptp/types.h"\n',
        "bridge/engine/planted.h": '#include "ebpf/record.h"\n'}
    assert len(include_violations(table, planted)) == 7, include_violations(table, planted)
    allowed = {"bridge/os/fine.cc": '#include <sys/socket.h>\n#include "bridge/base/log.h"\n'}
    assert not include_violations(table, allowed)
    assert {"base", "ptp", "engine", "os"} <= table.keys(), "room() lines not understood"
    return include_violations(table, read("bridge", "shm", "ebpf"))


def check_purity(build):
    planted = ("libptp.a:x.o:                 U clock_gettime@GLIBC_2.17\nlibptp.a:x.o:  U pthread_mutex_lock\n"
               "libptp.a:x.o:                 U _ZN4absl12lts_202206233NowEv\nlibptp.a:x.o: U memcpy\n"
               "libptp.a:y.o:                 U _ZN6bridge4timeEv\nlibptp.a:y.o: 0000 T time\n")
    assert len(purity_violations(planted)) == 3, purity_violations(planted)
    archives = pure_archives(build, rooms((ROOT / "CMakeLists.txt").read_text()))
    if not archives:
        return [f"no archives in {build}/lib: build first"]
    nm = subprocess.run(["nm", "-A", "-u", *archives], capture_output=True, text=True, check=True)
    assert re.search(r"\s U ", nm.stdout), "nm printed nothing of use"
    return purity_violations(nm.stdout)


def check_literal_37(_):
    planted = {"a.cc": "int a = 37;  // 37\nint b = 137 + 370 + 0x37;\n// 37 s\nf(37);\n/* 37\n37 */ g(x - 37)\n"}
    assert len(literal_violations(planted)) == 3, literal_violations(planted)
    return literal_violations(read("bridge", "shm", "ebpf"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    args = parser.parse_args()
    passed = failed = 0
    for name, check in (("include_test", check_include), ("purity_test", check_purity),
                        ("literal_37_test", check_literal_37)):
        try:
            violations = check(args.build)
        except AssertionError as error:
            violations = [f"does not catch what it should: {error}"]
        print("\n     ".join([f"{'FAIL' if violations else 'ok  '} {name}", *violations]))
        passed, failed = passed + (not violations), failed + bool(violations)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


sys.exit(main())
