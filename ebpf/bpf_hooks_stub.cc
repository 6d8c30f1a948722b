// For builds where libbpf, clang or bpftool are missing, or -DREFCLOCKD_EBPF=OFF.
#include "ebpf/bpf_hooks.h"

namespace ebpf {

std::unique_ptr<BpfHooks> BpfHooks::Load(Tier, const HookOptions&,
                                         std::vector<Refusal>& refusals) {
  refusals.push_back({Tier::kNone, 0, "eBPF: this program was built without it"});
  return nullptr;
}

}  // namespace ebpf
