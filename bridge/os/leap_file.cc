#include "bridge/os/leap_file.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/file_descriptor.h"

namespace bridge::os {
namespace {

// A real list has about 10 kB.
constexpr size_t kMaxSize = 1 << 20;

absl::Status CannotRead(const std::string& path, int error) {
  return ErrnoStatus(error, absl::StrCat("cannot read ", path),
                     "install tzdata or set utc.leap_file");
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  // Non-blocking, so that a FIFO put there does not stop the daemon.
  FileDescriptor fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info;
  if (!fd.ok() || fstat(fd.get(), &info) != 0) return CannotRead(path, errno);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  }
  std::string text(kMaxSize + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd.get(), text.data() + size, text.size() - size);
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotRead(path, errno);
    size += static_cast<size_t>(got);
  }
  if (size > kMaxSize) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is larger than 1 MB: not a leap second list"));
  }
  text.resize(size);
  return text;
}

int64_t Nanos(const timespec& t) {
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

LeapFile::Version LeapFile::Look() const {
  struct stat info {};
  const int error = stat(path_.c_str(), &info) == 0 ? 0 : errno;
  return {info.st_dev,         info.st_ino,         info.st_size,
          Nanos(info.st_mtim), Nanos(info.st_ctim), error};
}

std::optional<absl::StatusOr<LeapTable>> LeapFile::ReadIfChanged() {
  // Looked at before it is read: a change in between is found at the next call.
  const Version now = Look();
  if (now == seen_) return std::nullopt;
  seen_ = now;
  absl::StatusOr<std::string> text = ReadWhole(path_);
  if (!text.ok()) return text.status();
  absl::StatusOr<LeapTable> table = LeapTable::Parse(*text);
  if (!table.ok()) {
    return absl::Status(table.status().code(),
                        absl::StrCat(path_, ": ", table.status().message()));
  }
  return table;
}

}  // namespace bridge::os
