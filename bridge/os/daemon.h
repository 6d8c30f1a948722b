// bridge/os/daemon.h
//
// The daemon around its loop: what is checked before anything is touched, the
// signals, the reload.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "bridge/config/config.h"
#include "bridge/config/config_file.h"

namespace bridge::os {

struct DaemonOptions {
  std::string version;
  std::string record;  // The file a trace is written to; empty = none.
  // Reads the configuration again, for SIGHUP.
  std::function<std::variant<Config, std::vector<ConfigError>>()> reload;
};

// Runs until SIGTERM or SIGINT. The exit code: 0 after a stop, 2 when it could
// not start; what was wrong is on stderr.
int RunDaemon(Config config, const DaemonOptions& options);

}  // namespace bridge::os
