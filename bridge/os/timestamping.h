// bridge/os/timestamping.h
//
// Software timestamps of a socket: switching them on, finding them beside a
// message, and telling which message a transmit timestamp belongs to
// (Documentation/networking/timestamping.rst of the kernel).
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "bridge/os/transport.h"

namespace bridge::os {

// Stamps of received messages come as control messages, those of sent ones on the
// error queue, which makes poll(2) report POLLPRI.
absl::Status EnableSoftwareTimestamps(int fd);

// recvmsg(2) with room for the sender's address and control messages.
class MessageReader {
 public:
  // One message, without waiting: its size, or -1 with errno set.
  ssize_t Read(int fd, std::span<uint8_t> buffer, int flags = 0);

  // Of the last message read:
  bool truncated() const { return (header_.msg_flags & MSG_TRUNC) != 0; }
  const sockaddr_storage& name() const { return name_; }
  std::optional<UtcTime> SoftwareStamp() const;

 private:
  sockaddr_storage name_;
  alignas(cmsghdr) std::array<uint8_t, 512> control_;
  msghdr header_{};
};

// Messages sent on one socket whose stamps are still to come.
class PendingStamps {
 public:
  // For every message of the socket, before it is sent: the stamp may be there
  // when the send returns.
  void Expect(const ptp::Send& message, PtpTransport::Counters& counters);
  // The message just expected was not sent after all.
  void TakeBack();
  // Reads the error queue of `fd` up to the next stamp of an event message.
  std::optional<TxStamp> Read(int fd, PtpTransport::Counters& counters);

 private:
  struct Entry {
    ptp::Send message;
    bool waiting = false;
  };
  Entry* Find(std::span<const uint8_t> looped);

  // Stamps come within milliseconds and few messages a second are sent; the
  // oldest gives way.
  std::array<Entry, 16> entries_{};
  size_t next_ = 0;
};

}  // namespace bridge::os
