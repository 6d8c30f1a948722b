// bridge/os/interface.h
//
// What the kernel knows of one network interface, and a monitor that notices when
// that changes. Interfaces are known by name, as in the configuration; the index
// changes when an interface is made anew.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bridge/os/file_descriptor.h"

namespace bridge::os {

struct InterfaceInfo {
  int index;
  bool up;       // IFF_UP and IFF_RUNNING: it is switched on and has a carrier.
  bool has_mac;  // An EUI-48; false for loopback, tunnels and the like.
  std::array<uint8_t, 6> mac;
};

// kNotFound when there is no such interface.
absl::StatusOr<InterfaceInfo> ReadInterface(const std::string& name);

// Whether it has an IPv4 address, and an IPv6 link-local one. Without such an
// address UDP transports cannot send. Nothing when that cannot be found out.
struct InterfaceAddresses {
  bool ipv4 = false;
  bool ipv6_link_local = false;
};
std::optional<InterfaceAddresses> ReadAddresses(const std::string& name);

// Whether the driver stamps what it sends in software; without it no Delay_Req is
// ever measured. Nothing when the driver does not say.
std::optional<bool> StampsTransmissions(const std::string& name);

enum class LinkEvent {
  kUp,
  kDown,
  kGone,      // Deleted, or renamed to something else.
  kBack,      // There again (see info() for up): sockets must be opened anew.
  kReplaced,  // Another interface has the name now: likewise.
};

class LinkMonitor {
 public:
  // Reads the present state. Never fails: where netlink cannot be opened fd() is
  // -1, netlink_status() says why, and the caller calls Refresh() once a second.
  explicit LinkMonitor(std::string name);

  // For poll(2), POLLIN.
  int fd() const { return socket_.get(); }
  const absl::Status& netlink_status() const { return netlink_status_; }

  // Call when fd() is readable: drains it and looks.
  std::optional<LinkEvent> OnReadable();
  // Looks. A state that came and went between two looks is not reported.
  std::optional<LinkEvent> Refresh();

  // Nothing while there is no such interface.
  const std::optional<InterfaceInfo>& info() const { return info_; }
  bool IsUp() const { return info_ && info_->up; }

 private:
  std::string name_;
  FileDescriptor socket_;
  absl::Status netlink_status_;
  std::optional<InterfaceInfo> info_;
};

}  // namespace bridge::os
