// bridge/os/udp_transport.h
//
// PTP over UDP, IPv4 (IEEE 1588-2019, annex C) or IPv6 (annex D): a socket for
// event messages on port 319 and one for general messages on port 320.
#pragma once

#include <array>

#include "bridge/os/file_descriptor.h"
#include "bridge/os/timestamping.h"
#include "bridge/os/transport.h"

namespace bridge::os {

class UdpTransport final : public PtpTransport {
 public:
  static absl::StatusOr<std::unique_ptr<PtpTransport>> Open(const Options& options);

  void AppendPollFds(std::vector<pollfd>& out) const override;
  absl::StatusOr<std::optional<RxFrame>> Receive(std::span<uint8_t> buffer) override;
  absl::Status Send(const ptp::Send& message) override;
  std::optional<TxStamp> ReadTransmitted() override;

 private:
  enum Channel { kEvent = 0, kGeneral = 1 };

  UdpTransport(int family, int interface_index, StampKind stamps, FileDescriptor event,
               FileDescriptor general)
      : family_(family),
        interface_index_(interface_index),
        stamps_(stamps),
        sockets_{std::move(event), std::move(general)},
        pending_(stamps) {}

  int family_;
  int interface_index_;
  StampKind stamps_;
  std::array<FileDescriptor, 2> sockets_;
  int turn_ = 0;  // Which socket is asked first: a flood on one starves none.
  PendingStamps pending_;
  std::array<MessageReader, 2> readers_;
};

}  // namespace bridge::os
