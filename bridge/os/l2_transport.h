// bridge/os/l2_transport.h
//
// PTP over Ethernet, ethertype 0x88F7 (IEEE 1588-2019, annex E): one packet
// socket for all that comes, and for general messages; where Delay_Resp can wait, one
// more for them. Untagged frames only.
#pragma once

#include "bridge/os/file_descriptor.h"
#include "bridge/os/message_writer.h"
#include "bridge/os/timestamping.h"
#include "bridge/os/transport.h"

namespace bridge::os {

class L2Transport final : public PtpTransport {
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
  // What comes from a socket.
  struct Inbox {
    explicit Inbox(FileDescriptor fd) : socket(std::move(fd)) {}
    FileDescriptor socket;
    MessageReader reader;
    uint32_t drops = 0;
  };

  L2Transport(FileDescriptor socket, FileDescriptor events, int interface_index,
              StampKind stamps)
      : inbox_(std::move(socket)),
        interface_index_(interface_index),
        stamps_(stamps),
        writer_(std::move(events), inbox_.socket.get(), stamps, /*udp=*/false) {}

  bool Next(Inbox& inbox);

  Inbox inbox_;
  std::unique_ptr<Inbox> responses_;  // Delay_Resp; null: they come with the others.
  bool responses_read_ = false;       // In this turn, and so many:
  size_t responses_count_ = 0;
  bool crowded_ = false;  // So many that they have to be read as they come.
  int interface_index_;
  StampKind stamps_;
  MessageWriter writer_;
};

}  // namespace bridge::os
