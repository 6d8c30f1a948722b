// bridge/os/file_descriptor.h
//
// A file descriptor that closes itself, and sockets as this daemon wants them.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace bridge::os {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  bool ok() const { return fd_ >= 0; }
  int get() const { return fd_; }  // -1 when there is none.

 private:
  int fd_ = -1;
};

// By fcntl, not by flags of socket() or accept(): simulators that interpose on
// libc know only the former.
inline void SetNonBlockingAndCloseOnExec(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
}

// Non-blocking and close-on-exec; !ok() with errno set when it fails.
inline FileDescriptor OpenSocket(int domain, int type, int protocol) {
  FileDescriptor fd(socket(domain, type, protocol));
  if (fd.ok()) SetNonBlockingAndCloseOnExec(fd.get());
  return fd;
}

}  // namespace bridge::os
