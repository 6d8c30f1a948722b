// ebpf/matcher.h
//
// Joins the events of hooks and the program's own stamps into records. Pure.
//
// Events come nearly in the order of their times, so each finds its message among
// the newest; a message that is met twice at the first hook is a second message.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "ebpf/event.h"
#include "ebpf/record.h"

namespace ebpf {

class Matcher {
 public:
  struct Limits {
    int64_t settle_ns = 200'000'000;           // A message older than that is finished,
    int64_t stamp_timeout_ns = 2'000'000'000;  // unless it waits for its stamp.
    int64_t late_stamp_ns = 10'000'000;        // linuxptp's tx_timestamp_timeout.
  };
  // Which events are to be expected: their absence is counted only then.
  struct Hooks {
    bool stamp_udp = false;  // PTP_AT_STAMP of UDP sockets,
    bool stamp_l2 = false;   // of packet sockets.
    bool reads = false;      // PTP_AT_RECV, PTP_AT_COPY.
  };
  struct Counters {
    uint64_t received = 0;
    uint64_t sent = 0;
    uint64_t no_socket = 0;  // Received, dropped by nobody, and no socket got it.
    uint64_t dropped = 0;
    uint64_t other_sockets = 0;  // Times that a socket which is not ours got one.
    uint64_t stamps_asked = 0;
    uint64_t stamps_missing = 0;
    uint64_t stamps_late = 0;
    uint64_t stamps_out_of_order = 0;  // Queued before the stamp of an older message.
    uint64_t unmatched = 0;            // Events of messages that no first hook saw.
    uint64_t ring_lost = 0;            // Events that found the ring full.
  };

  Matcher(const Limits& limits, const Hooks& hooks);
  void AddOwnCookie(uint64_t cookie);

  void OnEvent(const ptp_event& event);
  // Stamps of the program itself; key.ifindex must be set, netns and vlan need not.
  void OnReceived(const ptp_key& key, int64_t mono_ns);
  void OnSent(const ptp_key& key, int64_t mono_ns);
  void OnStampRead(const ptp_key& key, int64_t mono_ns);

  // Hands out what is finished by then, oldest first.
  void Finish(int64_t mono_now_ns, absl::FunctionRef<void(const Record&)> out);

  Counters& counters() { return counters_; }
};

}  // namespace ebpf
