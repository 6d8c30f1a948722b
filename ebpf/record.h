// ebpf/record.h
//
// One PTP message on its way through this machine: when it was where.
#pragma once

#include <cstdint>
#include <optional>

#include "ebpf/event.h"

namespace ebpf {

// Instants: ns of CLOCK_MONOTONIC, which the daemon's own readings share.
struct Record {
  ptp_key key{};

  std::optional<int64_t> hardware_stamp;  // ns of the NIC's PHC.
  std::optional<int64_t> software_stamp;  // ns of CLOCK_REALTIME.

  // Received (key.direction == PTP_RX).
  std::optional<int64_t> driver;  // The driver handed it to the stack.
  std::optional<int64_t> stack;   // The stack took it up, software stamp set.
  std::optional<int64_t> socket;  // Queued to the socket, not after `user`.
  std::optional<int64_t> user;    // Read by the program.
  // Sockets besides that one which got it (our own are known by OwnSocket).
  uint32_t other_sockets = 0;
  std::optional<uint32_t> drop_reason;  // enum skb_drop_reason; see DropReasonName.

  // Sent (PTP_TX); the send call began, handed to the driver, stamp in the error
  // queue, stamp read.
  std::optional<int64_t> send;
  std::optional<int64_t> xmit;
  std::optional<int64_t> stamp_queued;
  std::optional<int64_t> stamp_read;
  bool stamp_asked = false;
  bool stamp_missing = false;  // Asked, a hook would have seen it, and it never came.
};

}  // namespace ebpf
