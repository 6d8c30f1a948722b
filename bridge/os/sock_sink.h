// bridge/os/sock_sink.h
//
// Samples to chrony's SOCK refclock: one datagram each to a UNIX socket that
// chronyd makes. The socket is never connected, so a restart of chronyd needs
// nothing; a sample that cannot be delivered now is dropped.
#pragma once

#include <sys/un.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "bridge/base/log.h"
#include "bridge/os/file_descriptor.h"
#include "bridge/refclock/sample_sink.h"

namespace bridge::os {

class SockSink final : public SampleSink {
 public:
  // chronyd need not be there. kInvalidArgument when the path is too long.
  static absl::StatusOr<std::unique_ptr<SockSink>> Open(const std::string& path);

  void Publish(const RefclockSample& sample) override;
  void Withdraw() override {}  // SOCK knows only silence.

  // One line when the consumer came, went, or cannot be reached for another
  // reason than before. Ask after Publish.
  std::optional<LogLine> TakeNews();

  // Whether the last sample was taken; false before the first.
  bool connected() const { return error_ == 0; }
  uint64_t dropped() const { return dropped_; }

 private:
  SockSink(std::string path, FileDescriptor socket, const sockaddr_un& address)
      : path_(std::move(path)), socket_(std::move(socket)), address_(address) {}

  std::string path_;
  FileDescriptor socket_;
  sockaddr_un address_;
  std::optional<int> error_;  // errno of the last send, 0 when it was good.
  uint64_t dropped_ = 0;
  std::optional<LogLine> news_;
};

}  // namespace bridge::os
