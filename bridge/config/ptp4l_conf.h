// bridge/config/ptp4l_conf.h
//
// Reads a ptp4l.conf: what it sets, line by line, and what ptp4l itself would refuse.
//
//   [global]
//   domainNumber 24 # lab       ptp4l takes "24 # lab" for the value and stops;
//                               here it is 24, `mended`, and a problem of line 2
//
// Any text may be given. Whether the settings make sense for refclockd is the business
// of import_ptp4l.h.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "bridge/config/config_file.h"
#include "bridge/config/ptp4l_options.h"

namespace bridge {

struct Ptp4lPort {
  std::string name;  // Of the interface.
  size_t line;       // From 1, where its section begins.
};

struct Ptp4lSetting {
  const Ptp4lOption* option;
  std::string value;           // As ptp4l takes it; "" of no string option.
  std::string written;         // "slaveOnly 1": name as in the file.
  std::optional<size_t> port;  // Index into `ports`; nothing: [global].
  size_t line;
  size_t column;  // Of the value, from 1.
  bool mended;    // ptp4l refuses the line, but what it means is plain.
};

// A line that sets nothing here, or nothing we follow up: unknown options, options
// without a usable value, lines of a [unicast_master_table].
struct Ptp4lOther {
  std::string written;
  size_t line;
  const char* why;
};

struct Ptp4lProblem {
  size_t line;
  ConfigError error;
};

struct Ptp4lConf {
  std::string file_name;
  std::vector<std::string> lines;
  std::vector<Ptp4lPort> ports;
  std::vector<Ptp4lSetting> settings;  // In the order of the file.
  // Indices into them: the last one of each option and port.
  std::map<std::pair<const Ptp4lOption*, std::optional<size_t>>, size_t> last;
  std::vector<Ptp4lOther> others;
  std::vector<Ptp4lProblem> problems;  // At most kMostPtp4lProblems, then one more.

  // The one in force at a port, or of the whole clock: a port's own goes before that
  // of [global], the later before the earlier. Null: there is none.
  const Ptp4lSetting* Find(absl::string_view name, std::optional<size_t> port) const;

  // "ptp4l.conf:14:10" and the line itself, for a message.
  ConfigError ErrorAt(size_t line, size_t column, std::string what,
                      std::string right) const;
};

inline constexpr size_t kMostPtp4lProblems = 50;

Ptp4lConf ParsePtp4lConf(absl::string_view file_name, absl::string_view text);

// For comments and messages: printable ASCII, others as "?", of limited length.
std::string Printable(absl::string_view text);

}  // namespace bridge
