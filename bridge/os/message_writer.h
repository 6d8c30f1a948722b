// bridge/os/message_writer.h
//
// The sending half of a transport. Event messages go out at once, on a socket of their
// own that receives nothing: transmit stamps share the receive buffer of their
// socket, and where requests come in faster than they are read there would be no room
// for them. General messages have no stamp and are collected, so that the answers of
// a turn cost one system call.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "bridge/os/file_descriptor.h"
#include "bridge/os/timestamping.h"
#include "bridge/os/transport.h"

namespace bridge::os {

// Where to, as the kernel has it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

class MessageWriter {
 public:
  // General messages between two flushes; one more is a flush of its own.
  static constexpr size_t kCapacity = 64;
  // With fewer it is not worth that a capture on a virtual interface shows them uncut.
  static constexpr size_t kWorthSegmenting = 4;

  // Both are open and send to any address; `general` outlives this. Over `udp` messages
  // of one length to one address are one to the kernel, until it is cut up where
  // it leaves the machine (UDP_SEGMENT, Linux 4.18).
  MessageWriter(FileDescriptor events, int general, StampKind stamps, bool udp)
      : events_(std::move(events)),
        general_(general),
        udp_(udp),
        segment_(udp),
        pending_(stamps) {}

  absl::Status Send(const ptp::Send& message, const SocketAddress& to,
                    PtpTransport::Counters& counters);
  // Sends what was collected. What the kernel does not take is counted and forgotten:
  // the first error.
  absl::Status Flush(PtpTransport::Counters& counters);

  int events() const { return events_.get(); }
  // POLLPRI: ReadTransmitted has something to read. Mostly it was read right after the
  // send, and nothing is waited for.
  void AppendPollFds(std::vector<pollfd>& out) const {
    if (pending_.waiting()) out.push_back({events_.get(), POLLPRI, 0});
  }
  std::optional<TxStamp> ReadTransmitted(PtpTransport::Counters& counters);

 private:
  struct Slot {
    std::array<uint8_t, ptp::kMaxPlainMessage> octets;
    SocketAddress to;
    alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(uint16_t))> control;
  };

  absl::Status SendEvent(const ptp::Send& message, const SocketAddress& to,
                         PtpTransport::Counters& counters);
  size_t Arrange(size_t first);
  size_t SameFrom(size_t first) const;
  int SendArranged(size_t count);

  FileDescriptor events_;
  int general_;
  bool udp_;
  bool segment_;
  PendingStamps pending_;

  std::array<Slot, kCapacity> slots_;
  std::array<iovec, kCapacity> places_;
  size_t count_ = 0;
  std::array<mmsghdr, kCapacity> arranged_;  // For the kernel.
};

}  // namespace bridge::os
