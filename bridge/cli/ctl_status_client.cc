#include "bridge/cli/ctl_status_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace bridge {
namespace {

absl::Status Unreachable(const std::string& path, int error) {
  const char* advice = error == ENOENT
                           ? "no daemon runs, or its status.socket is elsewhere "
                             "(--socket=PATH, --config=FILE)"
                       : error == ECONNREFUSED ? "the daemon that made it has ended"
                       : error == EACCES       ? "you may not reach it; try as root"
                       : error == EAGAIN       ? "the daemon does not answer"
                                               : "is it the daemon's status socket?";
  return absl::UnavailableError(
      absl::StrCat(path, ": ", std::strerror(error), "; ", advice));
}

}  // namespace

absl::StatusOr<std::string> ReadStatus(const std::string& path) {
  constexpr size_t kLargest = size_t{4} << 20;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return Unreachable(path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Unreachable(path, errno);
  const absl::Cleanup close_it = [fd] { close(fd); };
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return Unreachable(path, errno);
  }
  std::string text;
  char buffer[16384];
  while (text.size() < kLargest) {
    const ssize_t size = read(fd, buffer, sizeof(buffer));
    if (size == 0) return text;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Unreachable(path, errno);
    text.append(buffer, static_cast<size_t>(size));
  }
  return absl::UnavailableError(absl::StrCat(path, ": sends without end"));
}

}  // namespace bridge
