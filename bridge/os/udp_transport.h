// bridge/os/udp_transport.h
//
// PTP over UDP, IPv4 (IEEE 1588-2019, annex C) or IPv6 (annex D): a socket for
// event messages on port 319 and one for general messages on port 320, and another on
// port 319 that only sends.
#pragma once

#include <array>

#include "bridge/os/file_descriptor.h"
#include "bridge/os/message_writer.h"
#include "bridge/os/timestamping.h"
#include "bridge/os/transport.h"

namespace bridge::os {

class UdpTransport final : public PtpTransport {
 public:
  static absl::StatusOr<std::unique_ptr<PtpTransport>> Open(const Options& options);

  void AppendPollFds(std::vector<pollfd>& out, bool all) const override;
  int events() const override { return writer_.events(); }
  absl::StatusOr<std::optional<RxFrame>> Receive(std::span<uint8_t> buffer) override;
  absl::Status Send(const ptp::Send& message) override;
  absl::Status Flush() override { return writer_.Flush(counters_); }
  std::optional<TxStamp> ReadTransmitted() override {
    return writer_.ReadTransmitted(counters_);
  }
  void CountOverflows() override;

 private:
  enum Channel { kEvent = 0, kGeneral = 1 };

  UdpTransport(int family, int interface_index, StampKind stamps, FileDescriptor event,
               FileDescriptor general, FileDescriptor sending)
      : family_(family),
        interface_index_(interface_index),
        stamps_(stamps),
        sockets_{std::move(event), std::move(general)},
        writer_(std::move(sending), sockets_[kGeneral].get(), stamps, /*udp=*/true) {}

  int family_;
  int interface_index_;
  StampKind stamps_;
  std::array<FileDescriptor, 2> sockets_;
  size_t turn_ = 0;  // The socket that is being read; all: none.
  std::array<MessageReader, 2> readers_;
  std::array<uint32_t, 2> drops_{};
  MessageWriter writer_;
};

}  // namespace bridge::os
