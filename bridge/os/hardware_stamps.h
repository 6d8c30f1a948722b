// bridge/os/hardware_stamps.h
//
// Hardware time stamps of an interface: whether it has them, which PHC they are of,
// and switching them on. The setting is the device's and global: another program may
// change it at any time, so it is looked at again now and then.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bridge/config/config.h"

namespace bridge::os {

struct HardwareStamps {
  int phc_index = -1;     // /dev/ptpN.
  bool transmit = false;  // HWTSTAMP_TX_ON
  bool receive = false;   // Any filter that lets PTP event messages of version 2 in.
  std::string driver;  // ETHTOOL_GDRVINFO, of the real device below a VLAN; may be "".
  // All PHCs that can stamp for that device, N of /dev/ptpN and clock_name of sysfs
  // (may be ""); more than one when MAC and PHY have one each. By sysfs, and since
  // Linux 6.14 by netlink.
  std::map<int, std::string> phcs;

  bool complete() const { return phc_index >= 0 && transmit && receive; }
};

// Asks by ETHTOOL (ethtool.h); for VLANs of the device below. An error only when
// nothing could be asked (no such interface).
absl::StatusOr<HardwareStamps> ReadHardwareStamps(const std::string& interface);

// What the hardware does with a Sync that is sent: stamps it as any event message, or
// puts its time into it (HWTSTAMP_TX_ONESTEP_SYNC).
enum class SyncStamps { kTwoStep, kOneStep };

// Switches stamping of PTP event messages on, with the first receive filter that the
// driver takes, and honours its answer. Not written when it is on already: some devices
// reset their PHC whenever it is. Says what would be right if it can't
// (CAP_NET_ADMIN; a filter that leaves event messages out; no one-step).
absl::Status EnableHardwareStamps(const std::string& interface, Transport transport,
                                  SyncStamps syncs = SyncStamps::kTwoStep);

// Whether it is still on. Nothing when the driver can't say.
std::optional<bool> HardwareStampsEnabled(const std::string& interface,
                                          Transport transport,
                                          SyncStamps syncs = SyncStamps::kTwoStep);

// What is known of a driver or a PHC that a user should know too, by name:
// "tx-timestamp-slow", "phc-from-utc", "phc-reset-on-link-change", ... and a sentence.
// "minor-version-0" means that messages must be sent so.
struct Quirk {
  std::string name;
  std::string sentence;
};
// `clock_name`: of the PHC that stamps. `phcs`: see HardwareStamps.
std::vector<Quirk> QuirksOf(const std::string& driver, const std::string& clock_name,
                            const std::map<int, std::string>& phcs = {});

// Whether a filter (HWTSTAMP_FILTER_..., linux/net_tstamp.h) lets in all event messages
// of PTP version 2 that come over this transport.
bool LetsEventMessagesIn(int filter, Transport transport);

}  // namespace bridge::os
