// bridge/cli/ctl_status_client.h
//
// Asks a running daemon for its status.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace bridge {

// The JSON text that the daemon at `path` sends. Errors say what to do.
absl::StatusOr<std::string> ReadStatus(const std::string& path);

}  // namespace bridge
