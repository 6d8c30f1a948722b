#include "ebpf/latency_probe.h"

#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "ebpf/ptp_parse.h"

namespace ebpf {
namespace {

uint32_t OwnNetworkNamespace() {
  struct stat status {};
  return stat("/proc/self/ns/net", &status) == 0 ? static_cast<uint32_t>(status.st_ino)
                                                 : 0;
}

// What is below a VLAN interface, and the VID; false for any other interface.
bool BelowVlan(int socket, std::string& name, uint16_t& vid) {
  vlan_ioctl_args args{};
  if (name.size() >= sizeof(args.device1)) return false;
  std::memcpy(args.device1, name.c_str(), name.size() + 1);
  args.cmd = GET_VLAN_VID_CMD;
  if (ioctl(socket, SIOCGIFVLAN, &args) != 0) return false;
  vid = static_cast<uint16_t>(args.u.VID);
  args.cmd = GET_VLAN_REALDEV_NAME_CMD;
  if (ioctl(socket, SIOCGIFVLAN, &args) != 0) return false;
  name = args.u.device2;
  return true;
}

int LoadSpan(const void* frame, uint32_t offset, void* to, uint32_t size) {
  const auto& octets = *static_cast<const std::span<const uint8_t>*>(frame);
  if (offset > octets.size() || size > octets.size() - offset) return -1;
  std::memcpy(to, octets.data() + offset, size);
  return 0;
}

}  // namespace

absl::string_view TierName(Tier tier) {
  switch (tier) {
    case Tier::kNone:
      return "none";
    case Tier::kTc:
      return "tc";
    case Tier::kTracepoints:
      return "tracepoints";
    case Tier::kFentry:
      return "fentry";
  }
  return "";
}

LatencyProbe::LatencyProbe(const Options& options) {
  Resolve(options.interfaces);
  HookOptions hook_options{.netns = OwnNetworkNamespace(),
                           .ifindexes = {},
                           .user_side = options.user_side,
                           .ring_bytes = options.ring_bytes};
  for (const Watch& watch : watches_) hook_options.ifindexes.push_back(watch.wire);
  if (options.highest > Tier::kNone && !watches_.empty()) {
    hooks_ = BpfHooks::Load(options.highest, hook_options, refusals_);
  }
  matcher_.emplace(options.limits, hooks_ ? hooks_->hooks() : Matcher::Hooks{});
}

void LatencyProbe::Resolve(const std::vector<std::string>& interfaces) {
  const int ioctls = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (const std::string& interface : interfaces) {
    Watch watch{if_nametoindex(interface.c_str()), 0, {PTP_NO_VLAN, PTP_NO_VLAN}};
    std::string name = interface;
    uint16_t vid = 0;
    while (BelowVlan(ioctls, name, vid)) {  // From the inside out.
      watch.vlan[1] = watch.vlan[0];
      watch.vlan[0] = vid;
    }
    watch.wire = if_nametoindex(name.c_str());
    if (watch.ifindex == 0 || watch.wire == 0) {
      refusals_.push_back({Tier::kNone, ENODEV,
                           absl::StrCat("eBPF: there is no interface ", interface)});
    } else if (watches_.size() == PTP_MAX_INTERFACES) {
      refusals_.push_back({Tier::kNone, ENOSPC,
                           absl::StrCat("eBPF: ", interface, " is not watched, only ",
                                        PTP_MAX_INTERFACES, " interfaces can be")});
    } else {
      watches_.push_back(watch);
    }
  }
  close(ioctls);
}

void LatencyProbe::OwnSocket(int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) return;
  matcher_->AddOwnCookie(cookie);
  if (hooks_) hooks_->AttachTo(fd);
}

// Whether a watched interface is meant; a VLAN interface's own index becomes that of
// the wire. Hooks that see no device are believed.
bool LatencyProbe::Wanted(ptp_key& key) const {
  if (key.ifindex == 0) return true;
  return std::any_of(watches_.begin(), watches_.end(), [&](const Watch& watch) {
    if (key.ifindex == watch.ifindex && watch.ifindex != watch.wire) {
      key.ifindex = watch.wire;
      std::copy_n(watch.vlan, 2, key.vlan);
    }
    return key.ifindex == watch.wire &&
           (watch.vlan[0] == PTP_NO_VLAN ||
            std::equal(watch.vlan, watch.vlan + 2, key.vlan));
  });
}

void LatencyProbe::Note(OwnStamp::Point point, uint32_t ifindex,
                        ptp_transport transport, std::span<const uint8_t> message,
                        int64_t mono_ns, const Stamps& stamps) {
  OwnStamp stamp{point, {}, mono_ns, stamps.hardware, stamps.software};
  ptp_begin(&stamp.key, point == OwnStamp::Point::kReceived ? PTP_RX : PTP_TX);
  stamp.key.transport = static_cast<uint8_t>(transport);
  stamp.key.ifindex = ifindex;
  if (ptp_parse_header(LoadSpan, &message, 0, &stamp.key) && Wanted(stamp.key)) {
    matcher_->OnOwnStamp(stamp);
  }
}

void LatencyProbe::Drain(int64_t mono_now_ns,
                         absl::FunctionRef<void(const Record&)> out) {
  if (hooks_) {
    hooks_->Drain([this](ptp_event event) {
      if (Wanted(event.key)) matcher_->OnEvent(event);
    });
    matcher_->SetRingLost(hooks_->lost());
  }
  matcher_->Finish(mono_now_ns, out);
}

std::string LatencyProbe::DropReasonName(uint32_t reason) const {
  std::string name = hooks_ ? hooks_->DropReasonName(reason) : "";
  return name.empty() ? absl::StrCat(reason) : name;
}

}  // namespace ebpf
