// ebpf/bpf_hooks.h
//
// The BPF programs of one tier, loaded and attached. Two implementations: libbpf's, and
// a stub for builds without it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "ebpf/event.h"
#include "ebpf/matcher.h"

namespace ebpf {

enum class Tier : uint8_t {
  kNone,         // T0: only what the program notes itself.
  kTc,           // T1: tcx, filters on our own sockets. Linux 6.6; needs no BTF.
  kTracepoints,  // T2: Linux 5.8 with BTF, 64 bit.
  kFentry,       // T3: T2, and fentry on skb_tstamp_tx.
};
// "none", "tc", "tracepoints", "fentry".
absl::string_view TierName(Tier tier);

// Why a tier could not be had.
struct Refusal {
  Tier tier;         // kNone: none at all, or an interface is not watched.
  int error;         // errno; 0 when it was not the kernel that refused.
  std::string text;  // One line with errno and hint, fit for a log.
};

struct HookOptions {
  uint32_t netns;                   // Inode number of ours.
  std::vector<uint32_t> ifindexes;  // At most PTP_MAX_INTERFACES.
  bool user_side;
  size_t ring_bytes;
};

class BpfHooks {
 public:
  // The highest tier up to `highest` that loads and attaches; null when none does.
  // Appends why those above did not.
  static std::unique_ptr<BpfHooks> Load(Tier highest, const HookOptions& options,
                                        std::vector<Refusal>& refusals);
  virtual ~BpfHooks() = default;

  virtual Tier tier() const = 0;
  // Which events will come.
  virtual Matcher::Hooks hooks() const = 0;
  // Puts a filter on a socket, where that is the way to see it.
  virtual void AttachTo(int socket) = 0;
  virtual void Drain(absl::FunctionRef<void(const ptp_event&)> out) = 0;
  virtual uint64_t lost() const = 0;
  // "" when there is no name.
  virtual std::string DropReasonName(uint32_t reason) const = 0;
};

}  // namespace ebpf
