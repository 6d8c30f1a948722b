// bridge/config/config_file.h
//
// Text to Config, with every error at once:
//
//   refclockd.toml:14:10: domain 300 is out of range
//       domain = 300
//                ^ 0 to 255; most profiles use 0 to 127
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "bridge/config/config.h"

namespace bridge {

struct ConfigError {
  std::string where;   // "refclockd.toml:14:10", "--set ptp.domain=300"
  std::string what;    // "domain 300 is out of range"
  std::string source;  // The line, or empty.
  int column = 0;      // Of the caret under `source`, from 1; 0 = no caret.
  std::string right;   // What would be right.

  std::string ToString() const;
};

struct ConfigSource {
  std::string file_name;  // For messages; empty = no file.
  std::string text;
  std::vector<std::string> sets;  // "section.key=value", in order; they win.
};

// A Config that obeys every rule, or all errors. Without any [[output.*]] table
// the daemon feeds SHM unit 2.
std::variant<Config, std::vector<ConfigError>> LoadConfig(const ConfigSource& source);

// One line per key that differs, "ptp.domain: 0 -> 24": what a reload changed.
std::vector<std::string> DescribeChanges(const Config& from, const Config& to);

// The file that gives this configuration again: every key that differs from its
// default, and the outputs. (--set has no way to write a list of two.)
std::string ConfigText(const Config& config);

}  // namespace bridge
