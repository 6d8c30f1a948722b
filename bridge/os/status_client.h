// bridge/os/status_client.h
//
// Asks a running daemon for its status.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace bridge::os {

// The JSON text the daemon at `path` sends, without the newline. kNotFound or
// kUnavailable when no daemon is there, kDeadlineExceeded when it does not
// answer in time (each wait is limited, not the sum).
absl::StatusOr<std::string> ReadStatus(const std::string& path,
                                       absl::Duration timeout = absl::Seconds(2));

}  // namespace bridge::os
