#include "bridge/os/hardware_stamps.h"

#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/ethtool.h"
#include "bridge/os/file_descriptor.h"
#include "bridge/os/interface.h"

namespace bridge::os {
namespace {

// One question about an interface, which any socket will carry: 0 or the errno.
template <typename Answer>
int Ask(const std::string& interface, unsigned long request, Answer& answer) {
  FileDescriptor fd = OpenSocket(AF_UNIX, SOCK_DGRAM, 0);
  ifreq question{};
  interface.copy(question.ifr_name, IFNAMSIZ - 1);
  question.ifr_data = reinterpret_cast<char*>(&answer);
  return ioctl(fd.get(), request, &question) == 0 ? 0 : errno;
}

std::string DriverOf(const std::string& interface) {
  ethtool_drvinfo answer{};
  answer.cmd = ETHTOOL_GDRVINFO;
  return Ask(interface, SIOCETHTOOL, answer) == 0 ? answer.driver : "";
}

// The device that carries a VLAN, "" when that can't be told.
std::string CarrierOf(const std::string& vlan) {
  FileDescriptor fd = OpenSocket(AF_UNIX, SOCK_DGRAM, 0);
  vlan_ioctl_args question{};
  question.cmd = GET_VLAN_REALDEV_NAME_CMD;
  vlan.copy(question.device1, sizeof question.device1 - 1);
  return ioctl(fd.get(), SIOCGIFVLAN, &question) == 0 ? question.u.device2 : "";
}

// A VLAN may be in a VLAN. Asked only of what says that it is one: the question loads a
// kernel module.
std::string RealDeviceOf(std::string interface) {
  for (int depth = 0; depth < 8 && DriverOf(interface) == "802.1Q VLAN Support";
       ++depth) {
    const std::string carrier = CarrierOf(interface);
    if (carrier.empty()) break;
    interface = carrier;
  }
  return interface;
}

std::string ClockNameOf(int phc) {
  std::string name;
  std::getline(std::ifstream(absl::StrCat("/sys/class/ptp/ptp", phc, "/clock_name")),
               name);
  return name;
}

// MACs register theirs under the bus device or the interface, PHYs under themselves.
// Netlink knows of those elsewhere too.
std::map<int, std::string> PhcsOf(const std::string& interface) {
  std::vector<int> found = ReadStampingPhcs(interface);
  for (const char* place : {"device", "phydev", "."}) {
    std::error_code ignored;
    const std::filesystem::directory_iterator end;
    const std::string path = absl::StrCat("/sys/class/net/", interface, "/", place);
    for (std::filesystem::directory_iterator it(path + "/ptp", ignored);
         !ignored && it != end; it.increment(ignored)) {
      const std::string file = it->path().filename();
      absl::string_view name = file;
      int index;
      if (absl::ConsumePrefix(&name, "ptp") && absl::SimpleAtoi(name, &index)) {
        found.push_back(index);
      }
    }
  }
  std::map<int, std::string> out;
  for (const int index : found) out[index] = ClockNameOf(index);
  return out;
}

int TransmitType(SyncStamps syncs) {
  return syncs == SyncStamps::kOneStep ? HWTSTAMP_TX_ONESTEP_SYNC : HWTSTAMP_TX_ON;
}

bool Suitable(const hwtstamp_config& setting, Transport transport, SyncStamps syncs) {
  return setting.tx_type == TransmitType(syncs) &&
         LetsEventMessagesIn(setting.rx_filter, transport);
}

absl::Status Refused(int error, const std::string& interface) {
  const char* advice = "";
  if (error == EPERM || error == EACCES) advice = "run as root or with CAP_NET_ADMIN";
  if (error == EOPNOTSUPP || error == ENOTTY || error == EINVAL || error == ERANGE) {
    advice = "use ptp.timestamping = \"software\"";
  }
  return ErrnoStatus(
      error, absl::StrCat("cannot switch on hardware timestamps of ", interface),
      advice);
}

// CM4 and CM5, and the PHC driver of mainline for the same PHY.
bool IsBcm54210(const std::string& clock_name) {
  return absl::StrContains(clock_name, "54210") ||
         absl::StartsWith(clock_name, "bcm_phy_ptp") ||
         absl::StartsWith(clock_name, "bcm-phy-ptp");
}

}  // namespace

absl::StatusOr<HardwareStamps> ReadHardwareStamps(const std::string& interface) {
  RETURN_IF_ERROR(ReadInterface(interface).status());
  const std::string device = RealDeviceOf(interface);
  HardwareStamps out;
  out.driver = DriverOf(device);
  out.phcs = PhcsOf(device);
  const StampReport info = ReadStamps(interface).value_or(StampReport());
  constexpr unsigned kFlags = SOF_TIMESTAMPING_TX_HARDWARE |
                              SOF_TIMESTAMPING_RX_HARDWARE |
                              SOF_TIMESTAMPING_RAW_HARDWARE;
  if ((info.flags & kFlags) != kFlags) return out;
  if (info.phc) {
    out.phc_index = *info.phc;
    out.phcs.emplace(*info.phc, ClockNameOf(*info.phc));
  }
  out.transmit = (info.tx_types & (1u << HWTSTAMP_TX_ON)) != 0;
  for (int filter = 0; filter < 32; ++filter) {
    for (const Transport transport : {Transport::kL2, Transport::kUdp4}) {
      out.receive |= (info.rx_filters & (1u << filter)) != 0 &&
                     LetsEventMessagesIn(filter, transport);
    }
  }
  return out;
}

bool LetsEventMessagesIn(int filter, Transport transport) {
  switch (filter) {
    case HWTSTAMP_FILTER_ALL:
    case HWTSTAMP_FILTER_PTP_V2_EVENT:
      return true;
    case HWTSTAMP_FILTER_PTP_V2_L2_EVENT:
      return transport == Transport::kL2;
    case HWTSTAMP_FILTER_PTP_V2_L4_EVENT:
      return transport != Transport::kL2;
    default:
      return false;
  }
}

absl::Status EnableHardwareStamps(const std::string& interface, Transport transport,
                                  SyncStamps syncs) {
  const auto now = ReadStampSetting(interface);
  if (now && Suitable(*now, transport, syncs)) return absl::OkStatus();
  if (syncs == SyncStamps::kOneStep &&
      (ReadStamps(interface).value_or(StampReport()).tx_types &
       (1u << HWTSTAMP_TX_ONESTEP_SYNC)) == 0) {
    return absl::UnimplementedError(
        absl::StrCat("the driver of ", interface, " has no one-step Sync"));
  }
  const std::array<int, 3> filters{HWTSTAMP_FILTER_PTP_V2_EVENT,
                                   transport == Transport::kL2
                                       ? HWTSTAMP_FILTER_PTP_V2_L2_EVENT
                                       : HWTSTAMP_FILTER_PTP_V2_L4_EVENT,
                                   HWTSTAMP_FILTER_ALL};
  int error = 0;
  std::optional<int> unsuitable;
  for (const int filter : filters) {
    hwtstamp_config setting{
        .flags = 0, .tx_type = TransmitType(syncs), .rx_filter = filter};
    error = Ask(interface, SIOCSHWTSTAMP, setting);
    // A driver that has not got this filter says ERANGE, or sets another.
    if (error != 0 && error != ERANGE && error != EINVAL) break;
    if (error != 0) continue;
    // SOME: what was asked for, and some more.
    if (setting.rx_filter == HWTSTAMP_FILTER_SOME) setting.rx_filter = filter;
    if (Suitable(setting, transport, syncs)) return absl::OkStatus();
    if (setting.tx_type != TransmitType(syncs)) {
      return absl::FailedPreconditionError(
          absl::StrCat("the driver of ", interface, " stamps sent messages by ",
                       setting.tx_type, " (linux/net_tstamp.h), not by ",
                       TransmitType(syncs), " as it was asked to"));
    }
    unsuitable = setting.rx_filter;
  }
  if (!unsuitable) return Refused(error, interface);
  return absl::FailedPreconditionError(
      absl::StrCat("the driver of ", interface, " took receive filter ", *unsuitable,
                   " (linux/net_tstamp.h), which leaves PTP event messages out (use "
                   "ptp.timestamping = \"software\", or another transport)"));
}

std::optional<bool> HardwareStampsEnabled(const std::string& interface,
                                          Transport transport, SyncStamps syncs) {
  const auto now = ReadStampSetting(interface);
  if (!now) return std::nullopt;
  return Suitable(*now, transport, syncs) || (now->tx_type == TransmitType(syncs) &&
                                              now->rx_filter == HWTSTAMP_FILTER_SOME);
}

std::vector<Quirk> QuirksOf(const std::string& driver, const std::string& clock_name,
                            const std::map<int, std::string>& phcs) {
  std::vector<Quirk> out;
  const bool bcm = IsBcm54210(clock_name);
  const bool macb = driver == "macb";
  if (bcm || macb) {
    out.push_back({"minor-version-0",
                   "this hardware stamps no messages of PTP minor version 1, so they "
                   "are sent with 0"});
  }
  if (bcm) {
    out.push_back({"tx-timestamp-slow",
                   "transmit timestamps may take 100 ms: expected, and never waited "
                   "for"});
    out.push_back(
        {"phc-read-slow",
         "reading this PHC takes milliseconds, so it is read once per sample"});
    out.push_back({"phc-read-loses-pulses",
                   "each reading may lose an external pulse on this PHC's pin"});
  }
  if (macb && !bcm) {
    out.push_back(
        {"phc-from-utc",
         "at boot the driver sets this PHC to UTC: until it is disciplined it "
         "is not TAI"});
  }
  if (driver == "igb") {
    out.push_back({"phc-reset-on-link-change",
                   "the driver resets this PHC on every link change; measuring begins "
                   "anew then"});
  }
  if (phcs.size() > 1 || (macb && bcm)) {
    const std::string list = absl::StrJoin(
        phcs, ", ",
        [](std::string* text, const std::pair<const int, std::string>& phc) {
          absl::StrAppend(text, "/dev/ptp", phc.first, " ", phc.second);
        });
    out.push_back(
        {"two-phcs", absl::StrCat("the interface has more than one PHC",
                                  phcs.size() > 1 ? absl::StrCat(" (", list, ")") : "",
                                  "; its timestamps are of ", clock_name,
                                  ", and so is everything here")});
  }
  return out;
}

}  // namespace bridge::os
