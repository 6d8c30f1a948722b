#include "bridge/os/shm_neighbours.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "shm/layout.h"

namespace bridge::os {
namespace {

struct Writer {
  absl::string_view program;
  const char* stop;
};
constexpr Writer kWriters[] = {
    {"phc2sys", "stop `phc2sys -E ntpshm`, which refclockd replaces"},
    {"ptp4l", "take `clock_servo ntpshm` out of ptp4l's configuration"},
    {"gpsd", "gpsd takes units 0 to 11: choose 12 or more in output.shm.unit"},
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

// "7f0 rw-s 0 00:01 3   /SYSV4e545032 (deleted)": the key is in the name.
std::optional<int> UnitOf(absl::string_view mapping) {
  const size_t at = mapping.find("/SYSV");
  uint32_t key;
  if (at == absl::string_view::npos ||
      !absl::SimpleHexAtoi(mapping.substr(at + 5, 8), &key)) {
    return std::nullopt;
  }
  const int64_t unit = int64_t{key} - ntpshm::kBaseKey;
  if (unit < 0 || unit > ntpshm::kMaxUnit) return std::nullopt;
  return static_cast<int>(unit);
}

std::set<int> UnitsOf(const std::string& process) {
  std::set<int> units;
  std::ifstream maps(absl::StrCat("/proc/", process, "/maps"));
  for (std::string line; std::getline(maps, line);) {
    if (const auto unit = UnitOf(line)) units.insert(*unit);
  }
  return units;
}

}  // namespace

std::vector<ShmNeighbour> FindShmNeighbours() {
  std::vector<ShmNeighbour> found;
  const std::string here = IpcNamespaceOf("self");
  std::error_code ignored;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator it("/proc", ignored); !ignored && it != end;
       it.increment(ignored)) {
    const std::string process = it->path().filename();
    int pid;
    if (!absl::SimpleAtoi(process, &pid) || pid == getpid()) continue;
    const std::string program = FirstLineOf(it->path() / "comm");
    if (FindWriter(program) == nullptr || IpcNamespaceOf(process) != here) continue;
    for (const int unit : UnitsOf(process)) found.push_back({pid, program, unit});
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

}  // namespace bridge::os
