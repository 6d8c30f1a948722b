// bridge/config/import_ptp4l.h
//
// A ptp4l.conf, and the phc2sys beside it, as a configuration of ours: every key with
// the line it comes from, every line that has no counterpart with the reason, and
// what a person has to look at as errors with their place.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bridge/config/config.h"
#include "bridge/config/config_file.h"

namespace bridge {

struct ImportRequest {
  std::string file_name;  // For comments and messages.
  std::string text;
  std::optional<std::string> phc2sys;  // Its command line.
  // Client, grandmaster, auto: in the place of ptp4l and phc2sys. Companion: ptp4l
  // stays. Nothing: grandmaster, if the file is one's; otherwise client, unless it
  // needs what only ptp4l does.
  std::optional<Role> role;
  std::string interface;  // Where the file names none; empty = unknown.
};

struct Imported {
  // Empty: the text is no ptp4l.conf.
  std::string toml;
  // LoadConfig takes `toml`. Otherwise it says what is missing, in comments.
  bool usable = false;
  // In the order of the file, then of the command line, then what concerns all.
  std::vector<ConfigError> problems;
};

Imported ImportPtp4l(const ImportRequest& request);

}  // namespace bridge
