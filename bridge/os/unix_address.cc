#include "bridge/os/unix_address.h"

#include <sys/socket.h>

#include "absl/strings/str_cat.h"

namespace bridge::os {

absl::StatusOr<sockaddr_un> UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", path, "\" is no path of a UNIX socket: 1 to ",
                     sizeof address.sun_path - 1, " characters"));
  }
  path.copy(address.sun_path, path.size());
  return address;
}

}  // namespace bridge::os
