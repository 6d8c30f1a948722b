// bridge/os/timestamping.h
//
// Timestamps of a socket, software or hardware: switching them on, finding them
// beside a message, and telling which message a transmit timestamp belongs to
// (Documentation/networking/timestamping.rst of the kernel).
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bridge/os/transport.h"
#include "bridge/ptp/addressing.h"

namespace bridge::os {

// Stamps of received messages come as control messages.
absl::Status EnableReceiveStamps(int fd, StampKind kind);
// Those of sent ones come on the error queue, which makes poll(2) report POLLPRI.
absl::Status EnableTransmitStamps(int fd, StampKind kind);

// The stamp of this kind among the control messages. Nothing when there is none:
// a stamp of the other kind is as good as none.
std::optional<EventStamp> StampIn(msghdr header, StampKind kind);

// Whether the hardware is to put its time into this message.
bool IsOneStepSync(const ptp::Send& message);

// Reads what is there with one system call, recvmmsg(2), and hands it out one by one.
class MessageReader {
 public:
  // Frames longer than this are no PTP messages.
  static constexpr size_t kLongest = 1536;

  MessageReader();
  MessageReader(const MessageReader&) = delete;

  // The next message, without waiting; false with errno set when there is none. Says
  // EAGAIN without asking the kernel once after all that was read was handed out:
  // whoever reads until then has nothing left in hand, and has not read for ever. Reads
  // `most` at once; where so many are there, looking for one more costs a little.
  bool Next(int fd, int flags = 0, size_t most = kBatch);

  // Of that message:
  std::span<const uint8_t> octets() const {
    return std::span(slots_[at_].octets).first(messages_[at_].msg_len);
  }
  bool truncated() const { return (header().msg_flags & MSG_TRUNC) != 0; }
  const sockaddr_storage& name() const { return slots_[at_].name; }
  std::optional<ptp::PortAddress> Sender() const;
  std::optional<EventStamp> Stamp(StampKind kind) const {
    return StampIn(header(), kind);
  }

 private:
  static constexpr size_t kBatch = PtpTransport::kBatch;
  struct Slot {
    std::array<uint8_t, kLongest> octets;
    sockaddr_storage name;
    alignas(cmsghdr) std::array<uint8_t, 256> control;
  };

  const msghdr& header() const { return messages_[at_].msg_hdr; }

  void MakeReady(size_t slot);

  std::array<Slot, kBatch> slots_;
  std::array<mmsghdr, kBatch> messages_{};
  std::array<iovec, kBatch> places_;
  size_t count_ = 0;  // Read.
  size_t at_ = 0;     // The one of now.
};

// Event messages sent on one socket whose stamps are still to come. An instant `now`
// never goes back.
class PendingStamps {
 public:
  // Longer than any driver takes (those of PHYs behind MDIO need up to 100 ms).
  static constexpr absl::Duration kPatience = absl::Seconds(1);
  // At 128 a second in each of two kinds (Pdelay_Req and Pdelay_Resp) that is 250 ms
  // of them. The oldest gives way.
  static constexpr size_t kCapacity = 64;

  explicit PendingStamps(StampKind kind) : kind_(kind) {}

  // Before it is sent: the stamp may be there when the send returns.
  void Expect(const ptp::Send& message, MonoTime now, PtpTransport::Counters& counters);
  // The message just expected was not sent after all.
  void TakeBack();
  // Whether a stamp is still to come.
  bool waiting() const { return waiting_ > 0; }
  // Reads the error queue of `fd` up to the next stamp of an event message.
  std::optional<TxStamp> Read(int fd, MonoTime now, PtpTransport::Counters& counters);

  // Of one frame that was looped back, link headers and all, and what was beside it.
  std::optional<TxStamp> OnLooped(std::span<const uint8_t> looped,
                                  std::optional<EventStamp> stamp, MonoTime now,
                                  PtpTransport::Counters& counters);

 private:
  // Of a one-step Sync none is to come: if one does, its sender wants to know.
  enum class State { kNone, kWaiting, kUnexpected, kStamped, kGivenUp };
  struct Entry {
    // What hardware leaves alone in a message: IEEE 1588-2019, table 35.
    uint8_t first_octet;                      // majorSdoId and messageType
    std::array<uint8_t, 12> source_sequence;  // sourcePortIdentity, sequenceId
    ptp::TxToken token;
    MonoTime sent;
    State state = State::kNone;
  };

  static bool Contains(std::span<const uint8_t> looped, const Entry& entry);
  Entry* Find(std::span<const uint8_t> looped);
  State Enter(Entry& entry, State state);  // Returns the state it was in.
  void GiveUp(Entry& entry, PtpTransport::Counters& counters);
  void GiveUpOld(MonoTime now, PtpTransport::Counters& counters);

  StampKind kind_;
  MessageReader reader_;
  std::array<Entry, kCapacity> entries_{};
  size_t next_ = 0;
  size_t waiting_ = 0;     // Entries of that state.
  MonoTime next_give_up_;  // At the earliest.
};

}  // namespace bridge::os
