// ebpf/latency_probe.h
//
// Follows each PTP message of some interfaces through the kernel, with the best BPF
// hooks that this kernel and these privileges allow.
//
//   const auto probe = LatencyProbe::Open({.interfaces = {"eth0"}});  // As root.
//   for (const Refusal& r : probe->refusals()) Log(r.text);
//   probe->OwnSocket(fd);                       // For each socket of ours.
//   probe->Note(LatencyProbe::Point::kReceived, ifindex, PTP_L2, octets, mono_ns);
//   probe->Drain(mono_now_ns, [](const Record& r) { ForEachSpan(r, ...); });  // 1/s
//
// Never fatal: what cannot be had is named in refusals(), and with Tier::kNone what
// is Note()d still makes records. Nothing here wakes anybody, blocks, or prints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "ebpf/matcher.h"
#include "ebpf/record.h"

namespace ebpf {

enum class Tier : uint8_t {
  kNone,         // T0: only what the program notes itself.
  kTc,           // T1: tcx and socket filters; Linux 6.6, no BTF.
  kTracepoints,  // T2: BTF tracepoints; Linux 5.8 with BTF, 64 bit.
  kFentry,       // T3: T2, and fentry on skb_tstamp_tx.
};
// "none", "tc", "tracepoints", "fentry".
absl::string_view TierName(Tier tier);

// Why a tier is not the one in use.
struct Refusal {
  Tier tier;
  int error;         // errno, 0 when it was not the kernel that refused.
  std::string text;  // One line with errno and hint, fit for a log.
};

class LatencyProbe {
 public:
  struct Options {
    // Of this process's network namespace; at most 8. A VLAN interface is watched on
    // the device below it.
    std::vector<std::string> interfaces;
    Tier highest = Tier::kFentry;
    // Also hook reads by programs that note nothing: sees every read of every socket
    // on the machine and costs CPU there (README.md). T2 and T3 only.
    bool user_side = false;
    size_t ring_bytes = 1 << 20;  // A power of two; 112 octets per event.
    Matcher::Limits limits;
  };
  // What the program sees of its messages by itself.
  enum class Point : uint8_t {
    kReceived,   // recvmsg has returned a message.
    kSent,       // About to send.
    kStampRead,  // recvmsg has returned the stamp of a sent message.
  };

  // Loads and attaches; call it while privileged. Never null.
  static std::unique_ptr<LatencyProbe> Open(const Options& options);
  virtual ~LatencyProbe() = default;

  virtual Tier tier() const = 0;
  virtual const std::vector<Refusal>& refusals() const = 0;

  // A socket of this program that receives PTP: tells "ours" from "others". In T1, and
  // in T2 before Linux 6.3, also attaches a socket filter that lets everything pass,
  // unless the socket has a filter already; from then on it sees the queueing.
  virtual void OwnSocket(int fd) = 0;

  // `ifindex` as the program has it (a VLAN interface's own); `message` from its PTP
  // header on. Does nothing with what is no PTP message.
  virtual void Note(Point point, uint32_t ifindex, ptp_transport transport,
                    std::span<const uint8_t> message, int64_t mono_ns) = 0;

  // Hands out the records that are finished: all stamps there, or too old for more.
  virtual void Drain(int64_t mono_now_ns,
                     absl::FunctionRef<void(const Record&)> out) = 0;
  virtual const Matcher::Counters& counters() const = 0;
};

// "NO_SOCKET", as this kernel names it; the number where that is not known.
std::string DropReasonName(uint32_t reason);

}  // namespace ebpf
