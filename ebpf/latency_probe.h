// ebpf/latency_probe.h
//
// Follows each PTP message of some interfaces through the kernel, with the best BPF
// hooks that this kernel and these privileges allow.
//
//   LatencyProbe probe({.interfaces = {"eth0"}});        // While privileged.
//   for (const Refusal& refusal : probe.refusals()) Log(refusal.text);
//   probe.OwnSocket(fd);                                 // Each PTP socket of ours.
//   probe.Note(OwnStamp::Point::kReceived, ifindex, PTP_L2, octets, mono_ns);
//   probe.Drain(mono_now_ns, [](const Record& r) { ... });  // About once a second.
//
// Never fatal: what cannot be had is named in refusals(), and with Tier::kNone what
// is Note()d still makes records. Nothing here wakes anybody, blocks or prints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "ebpf/bpf_hooks.h"
#include "ebpf/matcher.h"
#include "ebpf/record.h"

namespace ebpf {

class LatencyProbe {
 public:
  struct Options {
    // Of this process's network namespace; at most PTP_MAX_INTERFACES. A VLAN
    // interface is watched on the device below it.
    std::vector<std::string> interfaces;
    Tier highest = Tier::kFentry;
    // Also hook reads by programs that note nothing: costs CPU at every read of every
    // socket of the machine (README.md). Tracepoints and fentry only.
    bool user_side = false;
    size_t ring_bytes = 1 << 20;  // A power of two; 104 octets per event.
    Matcher::Limits limits;
  };

  // Loads and attaches.
  explicit LatencyProbe(const Options& options);

  Tier tier() const { return hooks_ ? hooks_->tier() : Tier::kNone; }
  // Why not higher; empty with the highest that was asked for.
  const std::vector<Refusal>& refusals() const { return refusals_; }

  // A socket of this program that receives PTP: tells "ours" from "others'". Where no
  // tracepoint sees sockets (tier kTc; Linux before 6.3) it gets a filter that lets
  // everything pass and notes when, unless it has a filter already.
  void OwnSocket(int fd);

  struct Stamps {
    std::optional<int64_t> hardware;  // ns of the NIC's PHC.
    std::optional<int64_t> software;  // ns of CLOCK_REALTIME.
  };
  // What the program sees of its messages itself. `ifindex` as the program has it (a
  // VLAN interface's own); `message` from the PTP header on. Ignores what is no PTP.
  void Note(OwnStamp::Point point, uint32_t ifindex, ptp_transport transport,
            std::span<const uint8_t> message, int64_t mono_ns,
            const Stamps& stamps = {});

  // Hands out the records that are finished.
  void Drain(int64_t mono_now_ns, absl::FunctionRef<void(const Record&)> out);
  // As of the last Drain(); received and sent count messages not yet finished, too.
  const Matcher::Counters& counters() const { return matcher_->counters(); }

  // "NO_SOCKET", as this kernel calls it; its number where no name is known.
  std::string DropReasonName(uint32_t reason) const;

 private:
  struct Watch {
    uint32_t ifindex;  // As the program has it.
    uint32_t wire;     // The device below all VLANs,
    uint16_t vlan[2];  // and their VIDs.
  };
  void Resolve(const std::vector<std::string>& interfaces);
  bool Wanted(ptp_key& key) const;

  std::vector<Watch> watches_;
  std::vector<Refusal> refusals_;
  std::unique_ptr<BpfHooks> hooks_;
  std::optional<Matcher> matcher_;
};

}  // namespace ebpf
