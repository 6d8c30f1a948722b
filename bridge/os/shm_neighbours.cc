#include "bridge/os/shm_neighbours.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "bridge/os/gpsd_client.h"
#include "shm/layout.h"

namespace bridge::os {
namespace {

struct Writer {
  absl::string_view program;
  const char* stop;
};
constexpr char kBesideGpsd[] =
    "gpsd takes units 0 to 11: choose 12 or more in output.shm.unit";
constexpr int kUnitsOfGpsd = 12;  // 8 before 3.24.
constexpr Writer kWriters[] = {
    {"phc2sys", "stop `phc2sys -E ntpshm`, which refclockd replaces"},
    {"ptp4l", "take `clock_servo ntpshm` out of ptp4l's configuration"},
    {"gpsd", kBesideGpsd},
    {"refclockd", "give one of the two another output.shm.unit"},
};

const Writer* FindWriter(absl::string_view program) {
  for (const Writer& writer : kWriters) {
    if (writer.program == program) return &writer;
  }
  return nullptr;
}

std::string FirstLineOf(const std::string& path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

// "ipc:[4026531839]"; "" when it may not be known.
std::string IpcNamespaceOf(absl::string_view process) {
  std::error_code ignored;
  return std::filesystem::read_symlink(absl::StrCat("/proc/", process, "/ns/ipc"),
                                       ignored);
}

std::optional<int> UnitOfKey(int64_t key) {
  const int64_t unit = key - ntpshm::kBaseKey;
  if (unit < 0 || unit > ntpshm::kMaxUnit) return std::nullopt;
  return static_cast<int>(unit);
}

// "7f0 rw-s 0 00:01 3   /SYSV4e545032 (deleted)": the key is in the name.
std::optional<int> UnitOf(absl::string_view mapping) {
  const size_t at = mapping.find("/SYSV");
  uint32_t key;
  if (at == absl::string_view::npos ||
      !absl::SimpleHexAtoi(mapping.substr(at + 5, 8), &key)) {
    return std::nullopt;
  }
  return UnitOfKey(key);
}

std::set<int> MappedBy(const std::string& process) {
  std::set<int> units;
  std::ifstream maps(absl::StrCat("/proc/", process, "/maps"));
  for (std::string line; std::getline(maps, line);) {
    if (const auto unit = UnitOf(line)) units.insert(*unit);
  }
  return units;
}

// Of this IPC namespace, which processes made segments or attached to them last.
// proc_sysvipc(5): key shmid perms size cpid lpid ...
std::map<int, std::set<int>> UnitsByLastUse() {
  std::map<int, std::set<int>> found;
  std::ifstream segments("/proc/sysvipc/shm");
  std::string line;
  std::getline(segments, line);  // The head.
  while (std::getline(segments, line)) {
    std::istringstream fields(line);
    int64_t key, id, mode, size;
    int creator, last;
    if (!(fields >> key >> id >> mode >> size >> creator >> last)) continue;
    const auto unit = UnitOfKey(key);
    if (!unit) continue;
    found[creator].insert(*unit);
    found[last].insert(*unit);
  }
  return found;
}

}  // namespace

std::vector<ShmNeighbour> FindShmNeighbours() {
  std::vector<ShmNeighbour> found;
  const std::string here = IpcNamespaceOf("self");
  std::map<int, std::set<int>> by_use = UnitsByLastUse();
  std::error_code ignored;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator it("/proc", ignored); !ignored && it != end;
       it.increment(ignored)) {
    const std::string process = it->path().filename();
    int pid;
    if (!absl::SimpleAtoi(process, &pid) || pid == getpid()) continue;
    const std::string program = FirstLineOf(it->path() / "comm");
    if (FindWriter(program) == nullptr) continue;
    const std::string there = IpcNamespaceOf(process);
    if (!there.empty() && there != here) continue;
    for (const int unit : there.empty() ? by_use[pid] : MappedBy(process)) {
      found.push_back({pid, program, unit});
    }
  }
  return found;
}

std::vector<LogLine> DescribeShmNeighbours(const std::vector<ShmNeighbour>& neighbours,
                                           const std::set<int>& units) {
  std::vector<LogLine> lines;
  for (const ShmNeighbour& one : neighbours) {
    const std::string who = absl::StrCat(one.program, " (process ", one.pid, ")");
    const Writer* writer = FindWriter(one.program);
    if (writer == nullptr) continue;
    if (units.count(one.unit) > 0) {
      lines.push_back({Severity::kWarning,
                       absl::StrCat(who, " writes SHM unit ", one.unit,
                                    " as we do, and the NTP daemon can't tell whose "
                                    "sample it reads: ",
                                    writer->stop)});
    } else if (one.program == "ptp4l" || one.program == "phc2sys") {
      lines.push_back(
          {Severity::kNotice,
           absl::StrCat(who, " writes SHM unit ", one.unit,
                        ": of the same PTP clock the NTP daemon should read only one "
                        "unit, ours; ",
                        writer->stop)});
    }
  }
  return lines;
}

std::optional<LogLine> DescribeGpsdUnits(absl::string_view place,
                                         const std::vector<ShmNeighbour>& neighbours,
                                         const std::set<int>& units) {
  const auto gpsd = ParseGpsdPlace(place);
  const bool here = gpsd.ok() && (gpsd->host == "localhost" || gpsd->host == "::1" ||
                                  absl::StartsWith(gpsd->host, "127."));
  const bool named = std::any_of(neighbours.begin(), neighbours.end(),
                                 [](const auto& one) { return one.program == "gpsd"; });
  if (!here || named || units.empty() || *units.begin() >= kUnitsOfGpsd) {
    return std::nullopt;
  }
  return LogLine{Severity::kWarning,
                 absl::StrCat("SHM unit ", *units.begin(),
                              " may be gpsd's on this machine: ", kBesideGpsd)};
}

}  // namespace bridge::os
