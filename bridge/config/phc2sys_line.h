// bridge/config/phc2sys_line.h
//
// Reads a phc2sys command line, as it stands in a unit file or a shell history:
//
//   phc2sys -s eth0 -E ntpshm -M 2 -w
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "bridge/config/config_file.h"

namespace bridge {

struct Phc2sysOption {
  char letter;          // Long options that have one stand under it; others have 0.
  std::string name;     // Of one without: "transportSpecific".
  std::string value;    // "" if it has none.
  std::string written;  // "-M 2"
  const char* why;      // It has no counterpart; null: import_ptp4l.cc translates it.
};

struct Phc2sysLine {
  std::vector<Phc2sysOption> options;  // In order.
  std::vector<ConfigError> problems;   // What phc2sys would refuse.

  // Of the last one, as phc2sys has it; nothing if it is not given.
  const Phc2sysOption* Find(char letter) const;
  // How often it is given: -rr.
  int Count(char letter) const;
};

// The letter that --refclock_sock_address stands under.
inline constexpr char kPhc2sysSock = '@';

Phc2sysLine ParsePhc2sysLine(absl::string_view text);

}  // namespace bridge
