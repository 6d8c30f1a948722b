#include "bridge/os/trace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bridge/os/errno_status.h"

namespace bridge::os {
namespace {

constexpr size_t kBuffer = size_t{64} << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<TraceFile>> TraceFile::Create(const std::string& path,
                                                             uint64_t limit) {
  FileDescriptor fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644));
  if (!fd.ok()) {
    return ErrnoStatus(errno, absl::StrCat("cannot record to ", path),
                       errno == EEXIST
                           ? "nothing is recorded over: name another file, or remove "
                             "this one"
                           : "name a file that can be made");
  }
  return std::unique_ptr<TraceFile>(new TraceFile(path, std::move(fd), limit));
}

std::unique_ptr<TraceFile> TraceFile::Adopt(std::string path, int fd) {
  return std::unique_ptr<TraceFile>(
      new TraceFile(std::move(path), FileDescriptor(fd), kLimit));
}

TraceFile::TraceFile(std::string path, FileDescriptor fd, uint64_t limit)
    : path_(std::move(path)), fd_(std::move(fd)), limit_(limit) {
  buffer_.reserve(kBuffer);
}

TraceFile::~TraceFile() {
  Flush();
  if (size_ == 0) unlink(path_.c_str());
}

void TraceFile::Write(absl::string_view line) {
  if (!status_.ok()) return;
  if (size_ + line.size() + 1 > limit_) {
    Flush();
    return Fail(absl::ResourceExhaustedError(
        absl::StrCat(path_, " has grown to ", size_, " octets: recording has ended")));
  }
  if (buffer_.size() + line.size() + 1 > kBuffer) Flush();
  buffer_.append(line.data(), line.size());
  buffer_ += '\n';
  size_ += line.size() + 1;
}

void TraceFile::Flush() {
  absl::string_view left = buffer_;
  while (status_.ok() && !left.empty()) {
    const ssize_t written = write(fd_.get(), left.data(), left.size());
    if (written >= 0) {
      left.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      Fail(ErrnoStatus(errno, absl::StrCat("recording to ", path_, " has ended")));
    }
  }
  buffer_.clear();
}

void TraceFile::Fail(absl::Status status) {
  status_ = std::move(status);
  log_.Write({Severity::kWarning, std::string(status_.message())});
}

}  // namespace bridge::os
