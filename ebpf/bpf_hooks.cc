#include "ebpf/bpf_hooks.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "ptp_fentry.skel.h"
#include "ptp_tp.skel.h"
#include "ptp_uapi.skel.h"

namespace ebpf {
namespace {

// linux/bpf.h of Linux 6.6, linux/errno.h: too new, or the kernel's own.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);
constexpr int kNotSupported = 524;

bool HasBtf() { return access("/sys/kernel/btf/vmlinux", R_OK) == 0; }

absl::string_view Hint(Tier tier, int error) {
  const bool absent = error == ENOENT || error == ESRCH;
  switch (tier) {
    case Tier::kNone:
      return error == ENOSYS ? "a seccomp filter hides bpf(2), or the kernel has none"
                             : "needs CAP_BPF, and no seccomp filter against bpf(2)";
    case Tier::kTc:
      return error == EINVAL ? "tcx needs Linux 6.6" : "needs CAP_NET_ADMIN";
    case Tier::kTracepoints:
      if (!HasBtf()) return "this kernel has no BTF; CONFIG_DEBUG_INFO_BTF";
      return absent ? "this kernel lacks the tracepoints" : "needs CAP_PERFMON";
    case Tier::kFentry:
      if (!HasBtf()) return "this kernel has no BTF; CONFIG_DEBUG_INFO_BTF";
      if (error == kNotSupported) return "arm64 has it since Linux 6.4";
      return absent ? "this kernel lacks the function"
                    : "needs CAP_PERFMON; some kernels refuse it to root, too";
  }
  return "";
}

// kNone: no tier at all.
Refusal Refused(Tier tier, int error) {
  error = std::abs(error);
  const std::string what =
      tier == Tier::kNone ? "eBPF" : absl::StrCat("eBPF tier ", TierName(tier));
  const absl::string_view why =
      error == kNotSupported ? "Operation not supported" : strerror(error);
  return {tier, error,
          absl::StrCat(what, " is not to be had: ", why, " (errno ", error, "; ",
                       Hint(tier, error), ")")};
}

// The running kernel's types; gone after loading.
class KernelTypes {
 public:
  KernelTypes() : btf_(btf__load_vmlinux_btf()) {}
  ~KernelTypes() { btf__free(btf_); }
  KernelTypes(const KernelTypes&) = delete;
  KernelTypes& operator=(const KernelTypes&) = delete;

  // How many arguments a tracepoint gives, 0 if there is none of that name.
  int TracepointArguments(absl::string_view name) const {
    const std::string type = absl::StrCat("btf_trace_", name);
    const btf_type* t =
        Type(btf__find_by_name_kind(btf_, type.c_str(), BTF_KIND_TYPEDEF));
    for (; t != nullptr && !btf_is_func_proto(t); t = Type(static_cast<int>(t->type))) {
      if (!btf_is_typedef(t) && !btf_is_ptr(t)) return 0;
    }
    return t == nullptr ? 0 : btf_vlen(t) - 1;  // The first is the tracer's own.
  }

  std::vector<std::string> DropReasons() const {
    const btf_type* t =
        Type(btf__find_by_name_kind(btf_, "skb_drop_reason", BTF_KIND_ENUM));
    std::vector<std::string> names;
    if (t == nullptr) return names;
    for (int i = 0; i < btf_vlen(t); ++i) {
      const struct btf_enum& value = btf_enum(t)[i];
      if (value.val < 0 || value.val > 1000) continue;  // Masks of subsystems.
      names.resize(std::max(names.size(), static_cast<size_t>(value.val) + 1));
      names[static_cast<size_t>(value.val)] = std::string(absl::StripPrefix(
          btf__name_by_offset(btf_, value.name_off), "SKB_DROP_REASON_"));
    }
    return names;
  }

 private:
  const btf_type* Type(int id) const {
    return btf_ == nullptr || id <= 0 ? nullptr
                                      : btf__type_by_id(btf_, static_cast<__u32>(id));
  }
  btf* btf_;
};

// A skeleton of bpftool's: its functions by its type.
template <typename S>
struct Skeleton {
  S* s = nullptr;
  Skeleton() = default;
  ~Skeleton() {
    if (s != nullptr) S::destroy(s);
  }
  Skeleton(const Skeleton&) = delete;
  Skeleton& operator=(const Skeleton&) = delete;

  // Tells it the ring and what to watch; next is loading. False with errno.
  bool Open(int ring, const HookOptions& options) {
    s = S::open();
    if (s == nullptr) return false;
    s->rodata->watched_netns = options.netns;
    std::copy(options.ifindexes.begin(), options.ifindexes.end(),
              s->rodata->watched_ifindex);
    return bpf_map__reuse_fd(s->maps.events, ring) == 0;
  }
};

class LoadedHooks final : public BpfHooks {
 public:
  explicit LoadedHooks(Tier tier) : tier_(tier) {}
  ~LoadedHooks() override {
    for (const int link : links_) close(link);
    if (reader_ != nullptr) ring_buffer__free(reader_);
    if (ring_ >= 0) close(ring_);
  }

  // 0 or errno; the ring all tiers write to.
  int MakeRing(size_t octets) {
    ring_ = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ptp_events", 0, 0,
                           static_cast<__u32>(octets), nullptr);
    if (ring_ < 0) return errno;
    reader_ = ring_buffer__new(ring_, &LoadedHooks::OnEvent, this, nullptr);
    return reader_ == nullptr ? errno : 0;
  }

  // 0 or errno, of either sign.
  int Attach(const HookOptions& options) {
    if (tier_ == Tier::kTc) return AttachTc(options);
    if (!HasBtf()) return ESRCH;  // As libbpf would say after a longer search.
    if (tier_ == Tier::kFentry) {
      if (const int error = AttachFentry(options)) return error;
    }
    return AttachTracepoints(options);
  }

  Tier tier() const override { return tier_; }
  Matcher::Hooks hooks() const override { return hooks_; }

  void AttachTo(int socket) override {
    if (!socket_filters_ || HasFilter(socket)) return;
    const int domain = Option(socket, SO_DOMAIN), type = Option(socket, SO_TYPE);
    const bool udp = (domain == AF_INET || domain == AF_INET6) && type == SOCK_DGRAM;
    if (!udp && !(domain == AF_PACKET && type == SOCK_RAW)) return;
    const int program =
        bpf_program__fd(udp ? uapi_.s->progs.udp_socket : uapi_.s->progs.packet_socket);
    setsockopt(socket, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program));
  }

  void Drain(absl::FunctionRef<void(const ptp_event&)> out) override {
    out_ = &out;
    ring_buffer__consume(reader_);
    out_ = nullptr;
  }

  uint64_t lost() const override {
    uint64_t lost = 0;
    if (tracepoints_.s != nullptr) lost += tracepoints_.s->bss->lost;
    if (fentry_.s != nullptr) lost += fentry_.s->bss->lost;
    if (uapi_.s != nullptr) lost += uapi_.s->bss->lost;
    return lost;
  }

  std::string DropReasonName(uint32_t reason) const override {
    return reason < drop_reasons_.size() ? drop_reasons_[reason] : "";
  }

 private:
  static int OnEvent(void* self, void* data, size_t) {
    ptp_event event;
    std::memcpy(&event, data, sizeof(event));
    (*static_cast<LoadedHooks*>(self)->out_)(event);
    return 0;
  }

  static int Option(int socket, int name) {
    int value = -1;
    socklen_t length = sizeof(value);
    getsockopt(socket, SOL_SOCKET, name, &value, &length);
    return value;
  }

  // Or nobody may know.
  static bool HasFilter(int socket) {
    socklen_t instructions = 0;
    return getsockopt(socket, SOL_SOCKET, SO_GET_FILTER, nullptr, &instructions) != 0 ||
           instructions != 0;
  }

  int AttachFentry(const HookOptions& options) {
    if (!fentry_.Open(ring_, options)) return errno;
    if (const int error = ptp_fentry_bpf::load(fentry_.s)) return error;
    return ptp_fentry_bpf::attach(fentry_.s);
  }

  int AttachTracepoints(const HookOptions& options) {
    if (!tracepoints_.Open(ring_, options)) return errno;
    if (!SelectTracepoints(options)) return ENOENT;
    if (const int error = ptp_tp_bpf::load(tracepoints_.s)) return error;
    if (const int error = ptp_tp_bpf::attach(tracepoints_.s)) return error;
    if (!hooks_.socket) LoadUapi(options, false);  // Its socket filters, if they load.
    return 0;
  }

  // Leaves out what this kernel lacks or nobody asked for; false: the rest is no use.
  bool SelectTracepoints(const HookOptions& options) {
    const KernelTypes types;
    auto& programs = tracepoints_.s->progs;
    const auto select = [&](bpf_program* program, bool wanted, int arguments = 1) {
      const absl::string_view name =
          absl::StripPrefix(bpf_program__section_name(program), "tp_btf/");
      const bool selected = wanted && types.TracepointArguments(name) >= arguments;
      bpf_program__set_autoload(program, selected);
      return selected;
    };
    for (bpf_program* program :
         {programs.driver_rx, programs.driver_gro, programs.driver_frags,
          programs.driver_direct, programs.driver_list}) {
      select(program, true);
    }
    const bool fentry = tier_ == Tier::kFentry;
    hooks_.first = select(programs.at_stack, true) && select(programs.at_xmit, true, 2);
    hooks_.socket = select(programs.at_socket, true);
    hooks_.stamp_l2 = fentry;
    hooks_.stamp_udp = select(programs.at_stamp, !fentry) || fentry;
    const bool copies = select(programs.at_copy, options.user_side, 2);
    hooks_.reads = select(programs.at_recv, options.user_side, 3) && copies;
    if (select(programs.at_drop, true, 3)) drop_reasons_ = types.DropReasons();
    return hooks_.first;
  }

  int LoadUapi(const HookOptions& options, bool tc) {
    if (!uapi_.Open(ring_, options)) return errno;
    bpf_program__set_autoload(uapi_.s->progs.ingress, tc);
    bpf_program__set_autoload(uapi_.s->progs.egress, tc);
    const int error = ptp_uapi_bpf::load(uapi_.s);
    socket_filters_ = error == 0;
    return error;
  }

  int AttachTc(const HookOptions& options) {
    if (const int error = LoadUapi(options, true)) return error;
    for (const uint32_t ifindex : options.ifindexes) {
      for (const auto& [program, where] :
           {std::pair{uapi_.s->progs.ingress, kTcxIngress},
            std::pair{uapi_.s->progs.egress, kTcxEgress}}) {
        const int link = bpf_link_create(bpf_program__fd(program),
                                         static_cast<int>(ifindex), where, nullptr);
        if (link < 0) return errno;
        links_.push_back(link);
      }
    }
    hooks_.first = true;
    return 0;
  }

  const Tier tier_;
  Matcher::Hooks hooks_;
  int ring_ = -1;
  ring_buffer* reader_ = nullptr;
  absl::FunctionRef<void(const ptp_event&)>* out_ = nullptr;
  Skeleton<ptp_fentry_bpf> fentry_;
  Skeleton<ptp_tp_bpf> tracepoints_;
  Skeleton<ptp_uapi_bpf> uapi_;
  bool socket_filters_ = false;
  std::vector<int> links_;  // Of tcx: they go with their descriptors.
  std::vector<std::string> drop_reasons_;
};

}  // namespace

std::unique_ptr<BpfHooks> BpfHooks::Load(Tier highest, const HookOptions& options,
                                         std::vector<Refusal>& refusals) {
  libbpf_set_print(nullptr);
  for (const Tier tier : {Tier::kFentry, Tier::kTracepoints, Tier::kTc}) {
    if (tier > highest) continue;
    auto hooks = std::make_unique<LoadedHooks>(tier);
    if (const int error = hooks->MakeRing(options.ring_bytes)) {
      refusals.push_back(Refused(Tier::kNone, error));
      return nullptr;
    }
    const int error = hooks->Attach(options);
    if (error == 0) return hooks;
    refusals.push_back(Refused(tier, error));
  }
  return nullptr;
}

}  // namespace ebpf
