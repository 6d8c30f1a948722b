#include "bridge/os/fed_marker.h"

#include <fcntl.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace bridge::os {
namespace {

std::string DirectoryOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return std::string(path.substr(0, slash == 0 ? 1 : slash));
}

}  // namespace

FedMarker::FedMarker(absl::string_view status_socket)
    : directory_(DirectoryOf(status_socket)),
      path_(absl::StrCat(directory_, "/fed-since-boot")) {}

bool FedMarker::IsSet() const {
  return access(path_.c_str(), F_OK) == 0 || access(directory_.c_str(), W_OK) != 0;
}

void FedMarker::Set() {
  if (done_) return;
  done_ = true;
  const int fd = open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd >= 0) close(fd);
}

}  // namespace bridge::os
