#include "bridge/os/status_client.h"

#include <poll.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/file_descriptor.h"
#include "bridge/os/unix_address.h"

namespace bridge::os {
namespace {

constexpr size_t kMaxReport = 4 << 20;

absl::Status CannotConnect(const std::string& path, int error) {
  const std::string what = absl::StrCat("no daemon at ", path);
  const char* advice = "is refclockd running, and is this its status.socket?";
  if (error == ECONNREFUSED) {
    return absl::UnavailableError(absl::StrCat(what, ": ", advice));
  }
  return ErrnoStatus(error, what, error == ENOENT ? advice : "");
}

}  // namespace

absl::StatusOr<std::string> ReadStatus(const std::string& path,
                                       absl::Duration timeout) {
  ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  FileDescriptor fd = OpenSocket(AF_UNIX, SOCK_STREAM, 0);
  if (!fd.ok()) return ErrnoStatus(errno, "cannot open a UNIX socket");
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
      0) {
    return CannotConnect(path, errno);
  }
  std::string text;
  char part[16384];
  while (text.size() <= kMaxReport) {
    pollfd readable{fd.get(), POLLIN, 0};
    const int wait = static_cast<int>(absl::ToInt64Milliseconds(timeout));
    if (poll(&readable, 1, wait) == 0) {
      return absl::DeadlineExceededError(
          absl::StrCat("the daemon at ", path, " does not answer"));
    }
    const ssize_t got = read(fd.get(), part, sizeof part);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return ErrnoStatus(errno, absl::StrCat("cannot read from ", path));
    if (got == 0) break;
    text.append(part, static_cast<size_t>(got));
  }
  // The newline is how a whole answer ends.
  if (text.empty() || text.back() != '\n') {
    return absl::DataLossError(
        absl::StrCat("the answer of the daemon at ", path, " was cut short"));
  }
  text.pop_back();
  return text;
}

}  // namespace bridge::os
