// bridge/os/unix_address.h
//
// A path as a UNIX socket's address.
#pragma once

#include <sys/un.h>

#include <string>

#include "absl/status/statusor.h"

namespace bridge::os {

// kInvalidArgument when the path is empty or longer than the 107 octets a UNIX
// socket's address has.
absl::StatusOr<sockaddr_un> UnixAddress(const std::string& path);

}  // namespace bridge::os
