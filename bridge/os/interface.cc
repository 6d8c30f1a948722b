#include "bridge/os/interface.h"

#include <ifaddrs.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/ethtool.h"

namespace bridge::os {
namespace {

// The kernel's answer to one question about `name`; kNotFound without such an one.
absl::StatusOr<ifreq> Ask(int fd, const std::string& name, unsigned long request) {
  ifreq question{};
  name.copy(question.ifr_name, IFNAMSIZ - 1);
  if (ioctl(fd, request, &question) == 0) return question;
  if (errno == ENODEV) {
    return absl::NotFoundError(absl::StrCat("there is no interface ", name));
  }
  return ErrnoStatus(errno, absl::StrCat("cannot ask about interface ", name));
}

FileDescriptor OpenLinkNetlink() {
  FileDescriptor fd = OpenSocket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (!fd.ok()) return fd;
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_LINK;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&groups), sizeof groups) != 0) {
    return FileDescriptor();
  }
  return fd;
}

}  // namespace

absl::StatusOr<InterfaceInfo> ReadInterface(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name, "\" is no interface name (1 to 15 characters)"));
  }
  // Any socket will do to ask.
  FileDescriptor fd = OpenSocket(AF_UNIX, SOCK_DGRAM, 0);
  if (!fd.ok()) return ErrnoStatus(errno, "cannot open a socket");
  const auto index = Ask(fd.get(), name, SIOCGIFINDEX);
  if (!index.ok()) return index.status();
  const auto flags = Ask(fd.get(), name, SIOCGIFFLAGS);
  if (!flags.ok()) return flags.status();
  const auto hardware = Ask(fd.get(), name, SIOCGIFHWADDR);
  if (!hardware.ok()) return hardware.status();

  constexpr int kUp = IFF_UP | IFF_RUNNING;
  InterfaceInfo info{};
  info.index = index->ifr_ifindex;
  info.up = (flags->ifr_flags & kUp) == kUp;
  info.has_mac = hardware->ifr_hwaddr.sa_family == ARPHRD_ETHER;
  std::memcpy(info.mac.data(), hardware->ifr_hwaddr.sa_data, info.mac.size());
  return info;
}

std::optional<InterfaceAddresses> ReadAddresses(const std::string& name) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return std::nullopt;
  InterfaceAddresses out;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || name != entry->ifa_name) continue;
    if (entry->ifa_addr->sa_family == AF_INET) out.ipv4 = true;
    if (entry->ifa_addr->sa_family != AF_INET6) continue;
    sockaddr_in6 address;
    std::memcpy(&address, entry->ifa_addr, sizeof address);
    if (IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr)) out.ipv6_link_local = true;
  }
  freeifaddrs(list);
  return out;
}

std::optional<bool> StampsTransmissions(const std::string& name) {
  const auto stamps = ReadStamps(name);
  if (!stamps) return std::nullopt;
  return (stamps->flags & SOF_TIMESTAMPING_TX_SOFTWARE) != 0;
}

LinkMonitor::LinkMonitor(std::string name)
    : name_(std::move(name)), socket_(OpenLinkNetlink()) {
  if (!socket_.ok()) {
    netlink_status_ = ErrnoStatus(errno, "cannot listen for link changes",
                                  "the link is looked at once a second instead");
  }
  // After the subscription, so no change falls between the two.
  Refresh();
}

std::optional<LinkEvent> LinkMonitor::OnReadable() {
  // Every message, and also an overrun (ENOBUFS), means the same: look. Bounded,
  // so a storm of changes elsewhere cannot keep the loop here.
  char buffer[8192];
  for (int i = 0; i < 64; ++i) {
    if (recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT) >= 0) continue;
    if (errno != ENOBUFS && errno != EINTR) break;
  }
  return Refresh();
}

std::optional<LinkEvent> LinkMonitor::Refresh() {
  const absl::StatusOr<InterfaceInfo> look = ReadInterface(name_);
  // Anything but "there is none" (out of descriptors, say) tells nothing.
  if (!look.ok() && !absl::IsNotFound(look.status())) return std::nullopt;
  const std::optional<InterfaceInfo> before = info_;
  info_ = look.ok() ? std::optional(*look) : std::nullopt;
  if (!before && !info_) return std::nullopt;
  if (!before) return LinkEvent::kBack;
  if (!info_) return LinkEvent::kGone;
  if (before->index != info_->index) return LinkEvent::kReplaced;
  if (before->up == info_->up) return std::nullopt;
  return info_->up ? LinkEvent::kUp : LinkEvent::kDown;
}

}  // namespace bridge::os
