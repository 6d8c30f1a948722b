// bridge/cli/refclockd_options.h
//
// refclockd's own command line, and the configuration it asks for.
#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "bridge/config/config.h"
#include "bridge/config/config_file.h"

namespace bridge {

struct RefclockdOptions {
  bool help = false;
  bool version = false;
  bool check = false;
  std::string config_file;        // Empty = none.
  std::string record;             // Empty = none.
  std::vector<std::string> sets;  // --interface and --role first: --set wins.
};

absl::StatusOr<RefclockdOptions> ParseRefclockdOptions(
    std::span<const std::string> words);

// Reads the file, if any, and applies --set: at start, and again at a reload.
std::variant<Config, std::vector<ConfigError>> LoadConfiguration(
    const RefclockdOptions& options);

std::string RefclockdHelp();

// What --check says of a good configuration: "FILE: good" and what would be done.
std::string CheckSummary(const RefclockdOptions& options, const Config& config);

}  // namespace bridge
