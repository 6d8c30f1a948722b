// bridge/os/trace_file.h
//
// The file a trace is written to: buffered, bounded, never in anybody's way. What
// goes wrong after it was made ends the recording, not the daemon.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bridge/os/file_descriptor.h"
#include "bridge/os/log_writer.h"

namespace bridge::os {

class TraceFile {
 public:
  // At 8 Sync/s and 8 Delay_Req/s some 9 hours.
  static constexpr uint64_t kLimit = 256'000'000;

  // A file that exists is refused: the recording of a failure must survive the next
  // start, and runs of different starts do not belong in one file.
  static absl::StatusOr<std::unique_ptr<TraceFile>> Create(const std::string& path,
                                                           uint64_t limit = kLimit);
  // For tests: writes to `fd`, which it closes.
  static std::unique_ptr<TraceFile> Adopt(std::string path, int fd);
  // Writes out what is left. A file without a line is removed again.
  ~TraceFile();

  // Adds a newline.
  void Write(absl::string_view line);
  // Whatever was written is in the kernel afterwards; to be called once a second.
  void Flush();
  // Why recording has ended before its time, if it has; said on stderr too.
  const absl::Status& status() const { return status_; }

 private:
  TraceFile(std::string path, FileDescriptor fd, uint64_t limit);
  void Fail(absl::Status status);

  const std::string path_;
  const FileDescriptor fd_;
  const uint64_t limit_;
  LogWriter log_;
  std::string buffer_;
  uint64_t size_ = 0;  // With what is in the buffer.
  absl::Status status_;
};

}  // namespace bridge::os
