// ebpf/matcher.h
//
// Joins the events of hooks and the program's own stamps into records. Pure.
//
// Events come nearly in the order of their times, so each finds its message among
// the newest; a message that is met twice at the first hook is a second message.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "ebpf/event.h"
#include "ebpf/record.h"

namespace ebpf {

// A stamp that the program took of one of its own messages.
struct OwnStamp {
  enum class Point : uint8_t {
    kReceived,   // recvmsg has returned a message.
    kSent,       // About to send.
    kStampRead,  // recvmsg has returned the stamp of a sent message.
  };
  Point point;
  ptp_key key;      // `netns` and `vlan` do not matter.
  int64_t mono_ns;  // When.
  // What came along, as in Record.
  std::optional<int64_t> hardware_stamp;
  std::optional<int64_t> software_stamp;
};

class Matcher {
 public:
  struct Limits {
    int64_t settle_ns = 1'000'000'000;         // A message older than that is finished,
    int64_t stamp_timeout_ns = 2'000'000'000;  // unless it waits for its stamp.
    int64_t late_stamp_ns = 10'000'000;        // linuxptp's tx_timestamp_timeout.
  };
  // Which events are to be expected: their absence counts only then.
  struct Hooks {
    bool first = false;      // PTP_AT_STACK, PTP_AT_XMIT.
    bool socket = false;     // PTP_AT_SOCKET.
    bool stamp_udp = false;  // PTP_AT_STAMP of UDP sockets,
    bool stamp_l2 = false;   // of packet sockets.
    bool reads = false;      // PTP_AT_RECV, PTP_AT_COPY.
  };
  struct Counters {
    uint64_t received = 0;
    uint64_t sent = 0;
    uint64_t no_socket = 0;      // Received, dropped by nobody, and no socket got it.
    uint64_t dropped = 0;        // By the kernel; Record::drop_reason.
    uint64_t other_sockets = 0;  // Times that a socket besides ours got one.
    uint64_t stamps_asked = 0;
    uint64_t stamps_missing = 0;
    uint64_t stamps_late = 0;
    uint64_t stamps_out_of_order = 0;  // Queued after that of a newer message.
    uint64_t unmatched = 0;            // Events of messages that no first hook saw.
    uint64_t ring_lost = 0;            // Events that found the ring full.
  };

  Matcher(const Limits& limits, const Hooks& hooks) : limits_(limits), hooks_(hooks) {}
  // A socket of the program; while there is none, the first to get a message counts.
  void AddOwnCookie(uint64_t cookie);

  void OnEvent(const ptp_event& event);
  // May be called before the events of that time are there.
  void OnOwnStamp(const OwnStamp& stamp) { own_stamps_.push_back(stamp); }

  // Hands out what is finished by then, oldest first.
  void Finish(int64_t mono_now_ns, absl::FunctionRef<void(const Record&)> out);

  const Counters& counters() const { return counters_; }
  void SetRingLost(uint64_t lost) { counters_.ring_lost = lost; }

 private:
  struct Message {
    Record record;
    int64_t since;        // Its first event.
    uint64_t socket = 0;  // Received: that of record.socket. Sent: the sender's.
  };

  bool IsOwn(uint64_t cookie) const;
  void Apply(const ptp_event& event);
  void Apply(const OwnStamp& stamp);
  void ApplyOwnStampsUntil(int64_t mono_ns);
  Message& Begin(const ptp_key& key, int64_t since);
  Message* Newest(const ptp_key& key, uint64_t socket);
  Message* AtStack(const ptp_event& event);
  Message* OldestUnread(uint64_t socket);
  void OnXmit(const ptp_event& event);
  void OnSocket(const ptp_event& event);
  void OnRead(const ptp_event& event);
  void OnRecv(const ptp_event& event);
  void OnDrop(const ptp_event& event);
  void CountOrder(const Message& stamped);
  bool StampExpected(const Message& message) const;
  bool Finished(const Message& message, int64_t now) const;
  void Count(Message& message);

  Limits limits_;
  Hooks hooks_;
  Counters counters_;
  std::vector<uint64_t> own_cookies_;
  std::vector<OwnStamp> own_stamps_;  // Not yet applied, by time.
  std::vector<Message> messages_;     // By `since`, nearly.
  // The newest PTP_AT_RECV for which there was no message: its PTP_AT_SOCKET may come
  // yet.
  std::optional<ptp_event> early_read_;
};

}  // namespace ebpf
