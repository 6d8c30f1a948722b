// bridge/os/l2_transport.h
//
// PTP over Ethernet, ethertype 0x88F7 (IEEE 1588-2019, annex E): one packet
// socket for all that comes, and for general messages. Untagged frames only.
#pragma once

#include "bridge/os/file_descriptor.h"
#include "bridge/os/message_writer.h"
#include "bridge/os/timestamping.h"
#include "bridge/os/transport.h"

namespace bridge::os {

class L2Transport final : public PtpTransport {
 public:
  static absl::StatusOr<std::unique_ptr<PtpTransport>> Open(const Options& options);

  void AppendPollFds(std::vector<pollfd>& out) const override;
  int events() const override { return writer_.events(); }
  absl::StatusOr<std::optional<RxFrame>> Receive(std::span<uint8_t> buffer) override;
  absl::Status Send(const ptp::Send& message) override;
  absl::Status Flush() override { return writer_.Flush(counters_); }
  std::optional<TxStamp> ReadTransmitted() override {
    return writer_.ReadTransmitted(counters_);
  }
  void CountOverflows() override { CountDrops(socket_.get(), drops_); }

 private:
  L2Transport(FileDescriptor socket, FileDescriptor events, int interface_index,
              StampKind stamps)
      : socket_(std::move(socket)),
        interface_index_(interface_index),
        stamps_(stamps),
        writer_(std::move(events), socket_.get(), stamps, /*udp=*/false) {}

  FileDescriptor socket_;
  int interface_index_;
  StampKind stamps_;
  MessageReader reader_;
  uint32_t drops_ = 0;
  MessageWriter writer_;
};

}  // namespace bridge::os
