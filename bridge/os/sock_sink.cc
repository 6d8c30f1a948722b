#include "bridge/os/sock_sink.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/unix_address.h"
#include "bridge/refclock/sample_format.h"

namespace bridge::os {
namespace {

const char* Advice(int error) {
  switch (error) {
    case ENOENT:
      return "start chronyd with \"refclock SOCK\" and this path";
    case ECONNREFUSED:
    case ENOTCONN:
      return "chronyd is not running";
    case EAGAIN:
      return "chronyd does not read its socket";
    case EACCES:
    case EPERM:
      return "the socket is root's: run as root or with CAP_DAC_OVERRIDE, or start "
             "chronyd with a UMask that lets this user write";
    case EPROTOTYPE:
      return "another kind of socket is there";
    default:
      return "";
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<SockSink>> SockSink::Open(const std::string& path) {
  ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  FileDescriptor socket = OpenSocket(AF_UNIX, SOCK_DGRAM, 0);
  if (!socket.ok()) return ErrnoStatus(errno, "cannot open a UNIX socket");
  return std::unique_ptr<SockSink>(new SockSink(path, std::move(socket), address));
}

void SockSink::Publish(const RefclockSample& sample) {
  const SockSample datagram = ToSockSample(sample);
  const ssize_t sent =
      sendto(socket_.get(), &datagram, sizeof datagram, MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address_), sizeof address_);
  const int error = sent < 0 ? errno : 0;
  if (error != 0) ++dropped_;
  if (error == error_) return;
  error_ = error;
  if (error == 0) {
    news_ = {Severity::kNotice, absl::StrCat("chronyd takes samples at ", path_)};
  } else {
    const absl::Status status =
        ErrnoStatus(error, absl::StrCat("no samples to ", path_), Advice(error));
    news_ = {Severity::kWarning, std::string(status.message())};
  }
}

std::optional<LogLine> SockSink::TakeNews() {
  return std::exchange(news_, std::nullopt);
}

}  // namespace bridge::os
