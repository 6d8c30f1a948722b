// bridge/os/errno_status.h
//
// A failed system call as a status: what was tried, what the kernel says, and
// what to do about it.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace bridge::os {

// "cannot open a socket: Operation not permitted (run as root or with
// CAP_NET_RAW)". `advice` may be empty.
absl::Status ErrnoStatus(int error, absl::string_view what,
                         absl::string_view advice = "");

}  // namespace bridge::os
