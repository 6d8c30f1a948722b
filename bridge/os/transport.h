// bridge/os/transport.h
//
// PTP messages on the wire of one interface, with the kernel's timestamps.
//
//   auto transport = PtpTransport::Open({.kind = Transport::kL2, .interface = "eth0"});
//   ... poll(2) over AppendPollFds; on any revents, POLLERR and POLLPRI included:
//   while (auto stamp = transport->ReadTransmitted()) ...
//   ... transport->Receive(buffer) until there is nothing more
//   ... transport->Send(message)
//   transport->Flush()
//
// Transmit timestamps are events, never awaited. They are matched by the message
// itself, which the kernel loops back with them, not by the counter of
// SOF_TIMESTAMPING_OPT_ID: whether a send that fails is counted differs between
// kernels, and a counter that is off by one would pair every later stamp with
// the wrong message. Stamps are CLOCK_REALTIME, or the PHC with hardware ones, which
// must be switched on in the device as well (hardware_stamps.h).
//
// Event messages are sent on a socket of their own (message_writer.h).
//
// Errors of the interface (down, gone, no buffer, no address yet) come back as a
// status and are never fatal: a socket works again when its interface is up
// again. When the interface was deleted and made anew, open a new transport.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bridge/config/config.h"
#include "bridge/estimate/offset_estimator.h"
#include "bridge/ptp/addressing.h"
#include "bridge/ptp/port_actions.h"
#include "bridge/time/event_stamp.h"

namespace bridge::os {

class MessageReader;

// One PTP message; no Ethernet, IP or UDP header. May have octets behind the end
// of the message (Ethernet padding, UDPv6 checksum octets).
struct RxFrame {
  std::span<const uint8_t> octets;  // In the buffer given to Receive.
  // On arrival, of the kind that was asked for. Event messages nearly always have one,
  // general ones over Ethernet may.
  std::optional<EventStamp> stamp;
  // Its sender: MAC, IPv4 or IPv6 address. Nothing if the kernel did not say.
  std::optional<ptp::PortAddress> from;
};

struct TxStamp {
  ptp::TxToken token;
  EventStamp sent;
};

class PtpTransport {
 public:
  struct Options {
    Transport kind = Transport::kL2;
    std::string interface;
    StampKind stamps = StampKind::kSoftware;
    // Answers to our Delay_Req may be left waiting (AppendPollFds). Over L2 only.
    bool patient = false;
  };
  struct Counters {
    uint64_t received = 0;
    uint64_t sent = 0;
    uint64_t send_errors = 0;
    uint64_t rx_truncated = 0;  // Longer than the buffer: dropped.
    uint64_t rx_ignored = 0;    // Not for us: outgoing, or to another host.
    // The kernel had no room for them (or their checksum was wrong).
    uint64_t rx_overflows = 0;
    // Event messages whose stamp did not come (in time: then it is late, too).
    uint64_t tx_stamps_missing = 0;
    uint64_t tx_stamps_late = 0;       // Came after its message was given up.
    uint64_t tx_stamps_duplicate = 0;  // A second one of the same message.
    uint64_t tx_stamps_empty = 0;    // A message came back without a stamp of our kind.
    uint64_t tx_stamps_unknown = 0;  // Of no message we remember.
  };

  // Frames longer than this are no PTP messages of ours.
  static constexpr size_t kBufferSize = 1536;
  // Messages of one socket in one turn of the loop, at most.
  static constexpr size_t kBatch = 32;

  static absl::StatusOr<std::unique_ptr<PtpTransport>> Open(const Options& options);
  virtual ~PtpTransport() = default;

  // POLLIN; POLLPRI while a transmit timestamp is still to come. POLLERR comes unasked.
  // Without `all`, what is patient is left out: Receive reads it with the next others.
  virtual void AppendPollFds(std::vector<pollfd>& out, bool all = true) const = 0;
  // The socket that event messages are sent on.
  virtual int events() const = 0;

  // The next message of this turn, or nothing when it has no more: each socket is read
  // once, so that a flood on one starves neither the other nor who waits. Call until
  // then, for some messages are in hand and poll(2) does not know of them. An error
  // ends the turn as well and leaves none in hand; the next turn may be better.
  virtual absl::StatusOr<std::optional<RxFrame>> Receive(std::span<uint8_t> buffer) = 0;

  // To message.to, which is an address as RxFrame has it, or to the group that belongs
  // to the message type. Event messages are sent at once. General ones wait for Flush()
  // (their order is kept), or until there are many.
  virtual absl::Status Send(const ptp::Send& message) = 0;

  // Sends what waits; nothing does after it, sent or not. At the end of every turn.
  virtual absl::Status Flush() = 0;

  // The next transmit timestamp, or nothing when there is none now.
  virtual std::optional<TxStamp> ReadTransmitted() = 0;

  // rx_overflows as of the last CountOverflows(), which the kernel is asked in.
  const Counters& counters() const { return counters_; }
  virtual void CountOverflows() = 0;

 protected:
  // The message that `reader` has just read, copied to `buffer` and counted; nothing
  // when it does not fit.
  std::optional<RxFrame> Take(const MessageReader& reader, StampKind stamps,
                              std::span<uint8_t> buffer);
  // Room for what comes while we do something else; as much as we are allowed.
  static void EnlargeReceiveBuffer(int fd);
  // Adds what the kernel has dropped on this socket since `before`, which is now.
  void CountDrops(int fd, uint32_t& before);
  // What Send says to an address of another kind of network.
  static absl::Status NotAnAddress();
  // Whether a message type goes to the group of the peer delay mechanism.
  static bool IsPeerDelay(ptp::MessageType type);

  Counters counters_;
};

}  // namespace bridge::os
