// bridge/os/ethtool.h
//
// What the kernel says of the time stamps of an interface. It is asked by generic
// netlink (family "ethtool", Documentation/netlink/specs/ethtool.yaml), which alone
// tells of several PHCs that can stamp for one interface, a MAC's and its PHY's say
// (Linux 6.14); and by ioctl where netlink gives no answer, or where it is asked again
// and again.
#pragma once

#include <linux/net_tstamp.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace bridge::os {

// What an interface can do (TSINFO), or what it is set to (TSCONFIG: one bit each in
// tx_types and rx_filters). A set that the kernel leaves out is empty.
struct StampReport {
  uint32_t interface = 0;   // Its index.
  uint32_t flags = 0;       // SOF_TIMESTAMPING_..., linux/net_tstamp.h; TSINFO only.
  uint32_t tx_types = 0;    // 1 << HWTSTAMP_TX_...
  uint32_t rx_filters = 0;  // 1 << HWTSTAMP_FILTER_...
  std::optional<int> phc;   // N of /dev/ptpN, whose stamps they are; TSINFO only.
  bool of_several = false;  // This kernel knows of more than one (see StampingPhcs).

  friend bool operator==(const StampReport&, const StampReport&) = default;
};

// Nothing when the interface can't be asked about (that way).
std::optional<StampReport> ReadStamps(const std::string& interface);
std::optional<StampReport> ReadStampsByNetlink(const std::string& interface);
std::optional<StampReport> ReadStampsByIoctl(const std::string& interface);

// N of /dev/ptpN of all that can stamp for the interface, in the kernel's order, maybe
// repeated; empty before Linux 6.14. Not of a VLAN: of the device below it.
std::vector<int> ReadStampingPhcs(const std::string& interface);

// What its stamps are set to: by ioctl, else by netlink. Nothing when neither says.
std::optional<hwtstamp_config> ReadStampSetting(const std::string& interface);

// The kernel's answer to one question, which may come in several datagrams.
struct EthtoolAnswer {
  std::optional<uint16_t> family;    // Of CTRL_CMD_GETFAMILY: its message type.
  std::vector<StampReport> reports;  // Of TSINFO_GET and TSCONFIG_GET.
  std::optional<int> error;          // At the end: 0 or an errno.
};

// Adds what a datagram says. False when it is not whole, in itself or in what is nested
// in it: then none of the answer is to be used. What is unknown is passed over.
bool AddDatagram(std::span<const uint8_t> octets, EthtoolAnswer& answer);

}  // namespace bridge::os
