#include "bridge/os/ethtool.h"

#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <climits>
#include <cstring>

#include "bridge/os/file_descriptor.h"

namespace bridge::os {
namespace {

// Of Linux 6.14, include/uapi/linux/ethtool_netlink_generated.h, which the headers of
// Debian 12 and 13 have not got.
constexpr uint8_t kTsConfigGet = 46;        // ETHTOOL_MSG_TSCONFIG_GET
constexpr uint8_t kTsConfigGetReply = 47;   // ETHTOOL_MSG_TSCONFIG_GET_REPLY
constexpr uint16_t kTsInfoProvider = 7;     // ETHTOOL_A_TSINFO_HWTSTAMP_PROVIDER
constexpr uint16_t kTsConfigTxTypes = 3;    // ETHTOOL_A_TSCONFIG_TX_TYPES
constexpr uint16_t kTsConfigRxFilters = 4;  // ETHTOOL_A_TSCONFIG_RX_FILTERS
static_assert(kTsConfigTxTypes == ETHTOOL_A_TSINFO_TX_TYPES &&
              kTsConfigRxFilters == ETHTOOL_A_TSINFO_RX_FILTERS);

// ---- Reading. All values are in the machine's own byte order.

template <typename Value>
bool Read(std::span<const uint8_t> octets, Value& out) {
  if (octets.size() < sizeof out) return false;
  std::memcpy(&out, octets.data(), sizeof out);
  return true;
}

// Behind something of that length, and what fills it up to four octets.
std::span<const uint8_t> After(std::span<const uint8_t> octets, size_t length) {
  return octets.subspan(std::min<size_t>(NLMSG_ALIGN(length), octets.size()));
}

// False when one is not whole, or `visit` says so of what is in it.
template <typename Visit>
bool ForEachAttribute(std::span<const uint8_t> octets, Visit visit) {
  while (!octets.empty()) {
    nlattr header;
    if (!Read(octets, header) || header.nla_len < sizeof header ||
        header.nla_len > octets.size()) {
      return false;
    }
    const int type = header.nla_type & NLA_TYPE_MASK;
    if (!visit(type, octets.first(header.nla_len).subspan(sizeof header))) return false;
    octets = After(octets, header.nla_len);
  }
  return true;
}

// One value among those of a nest.
template <typename Value>
bool ReadNested(std::span<const uint8_t> nest, int wanted, Value& out) {
  return ForEachAttribute(nest, [&](int type, std::span<const uint8_t> value) {
    return type != wanted || Read(value, out);
  });
}

// Compact, as it was asked for; none of these has more than 32 bits.
bool ReadBits(std::span<const uint8_t> nest, uint32_t& out) {
  return ReadNested(nest, ETHTOOL_A_BITSET_VALUE, out);
}

bool ReadPhc(std::span<const uint8_t> value, std::optional<int>& out) {
  uint32_t index;
  if (!Read(value, index) || index > INT_MAX) return false;
  out = static_cast<int>(index);
  return true;
}

bool ReadReport(std::span<const uint8_t> body, std::vector<StampReport>& out) {
  genlmsghdr generic;
  if (!Read(body, generic)) return false;
  const bool info = generic.cmd == ETHTOOL_MSG_TSINFO_GET_REPLY;
  if (!info && generic.cmd != kTsConfigGetReply) return true;
  StampReport report;
  const auto visit = [&](int type, std::span<const uint8_t> value) {
    switch (type) {
      case ETHTOOL_A_TSINFO_HEADER:  // In both.
        return ReadNested(value, ETHTOOL_A_HEADER_DEV_INDEX, report.interface);
      case ETHTOOL_A_TSINFO_TX_TYPES:
        return ReadBits(value, report.tx_types);
      case ETHTOOL_A_TSINFO_RX_FILTERS:
        return ReadBits(value, report.rx_filters);
      case ETHTOOL_A_TSINFO_TIMESTAMPING:
        return !info || ReadBits(value, report.flags);
      case ETHTOOL_A_TSINFO_PHC_INDEX:
        return !info || ReadPhc(value, report.phc);
      case kTsInfoProvider:
        report.of_several |= info;
        return true;
      default:
        return true;
    }
  };
  if (!ForEachAttribute(body.subspan(GENL_HDRLEN), visit)) return false;
  out.push_back(report);
  return true;
}

bool ReadFamily(std::span<const uint8_t> body, std::optional<uint16_t>& out) {
  uint16_t family = 0;
  if (body.size() < GENL_HDRLEN ||
      !ReadNested(body.subspan(GENL_HDRLEN), CTRL_ATTR_FAMILY_ID, family)) {
    return false;
  }
  if (family >= NLMSG_MIN_TYPE) out = family;
  return true;
}

bool ReadEnd(std::span<const uint8_t> body, std::optional<int>& out) {
  constexpr int kLargestErrno = 4095;  // MAX_ERRNO of the kernel.
  int32_t result;
  if (!Read(body, result) || result > 0 || result < -kLargestErrno) return false;
  out = -result;
  return true;
}

bool ReadMessage(uint16_t type, std::span<const uint8_t> body, EthtoolAnswer& answer) {
  if (type == NLMSG_ERROR || type == NLMSG_DONE) return ReadEnd(body, answer.error);
  if (type == NLMSG_NOOP) return true;
  if (type == GENL_ID_CTRL) return ReadFamily(body, answer.family);
  return type > NLMSG_MIN_TYPE && ReadReport(body, answer.reports);
}

// ---- Asking.

struct FamilyRequest {
  nlmsghdr message;
  genlmsghdr generic;
  nlattr name_header;
  char name[8] = "ethtool";
};
static_assert(sizeof(FamilyRequest) == 32);

struct InterfaceRequest {
  nlmsghdr message;
  genlmsghdr generic;
  nlattr header;  // Holds the rest.
  nlattr index_header;
  uint32_t index;
  nlattr flags_header;
  uint32_t flags = ETHTOOL_FLAG_COMPACT_BITSETS;
};
static_assert(sizeof(InterfaceRequest) == 40);

// The kernel answers while it is asked, so there is nothing to wait for.
template <typename Request>
std::optional<EthtoolAnswer> Ask(const FileDescriptor& fd, const Request& request) {
  constexpr int kMostDatagrams = 1000;
  if (send(fd.get(), &request, sizeof request, 0) < 0) return {};
  EthtoolAnswer answer;
  std::array<uint8_t, 32768> buffer;  // No datagram of generic netlink is larger.
  for (int i = 0; i < kMostDatagrams && !answer.error; ++i) {
    const ssize_t size = recv(fd.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (size < 0 || static_cast<size_t>(size) > buffer.size()) return {};
    const std::span<const uint8_t> octets(buffer.data(), static_cast<size_t>(size));
    if (!AddDatagram(octets, answer)) return {};
  }
  if (answer.error != 0) return {};
  return answer;
}

// What it says of the interface; nothing when it says nothing.
std::vector<StampReport> AskEthtool(uint8_t command, uint16_t how,
                                    const std::string& interface) {
  const FileDescriptor fd = OpenSocket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  const uint32_t index = if_nametoindex(interface.c_str());
  if (!fd.ok() || index == 0) return {};
  const auto family =
      Ask(fd, FamilyRequest{.message = {sizeof(FamilyRequest), GENL_ID_CTRL,
                                        NLM_F_REQUEST | NLM_F_ACK, 1, 0},
                            .generic = {CTRL_CMD_GETFAMILY, 1, 0},
                            .name_header = {12, CTRL_ATTR_FAMILY_NAME}});
  if (!family || !family->family) return {};
  auto answer = Ask(
      fd,
      InterfaceRequest{.message = {sizeof(InterfaceRequest), *family->family,
                                   static_cast<uint16_t>(NLM_F_REQUEST | how), 2, 0},
                       .generic = {command, 1, 0},
                       .header = {20, NLA_F_NESTED | ETHTOOL_A_TSINFO_HEADER},
                       .index_header = {8, ETHTOOL_A_HEADER_DEV_INDEX},
                       .index = index,
                       .flags_header = {8, ETHTOOL_A_HEADER_FLAGS}});
  if (!answer) return {};
  std::erase_if(answer->reports,
                [&](const StampReport& report) { return report.interface != index; });
  return std::move(answer->reports);
}

template <typename Answer>
bool AskByIoctl(const std::string& interface, unsigned long request, Answer& answer) {
  const FileDescriptor fd = OpenSocket(AF_UNIX, SOCK_DGRAM, 0);  // Any will do.
  ifreq question{};
  interface.copy(question.ifr_name, IFNAMSIZ - 1);
  question.ifr_data = reinterpret_cast<char*>(&answer);
  return ioctl(fd.get(), request, &question) == 0;
}

}  // namespace

bool AddDatagram(std::span<const uint8_t> octets, EthtoolAnswer& answer) {
  while (!octets.empty()) {
    nlmsghdr header;
    if (!Read(octets, header) || header.nlmsg_len < sizeof header ||
        header.nlmsg_len > octets.size()) {
      return false;
    }
    const auto body = octets.first(header.nlmsg_len).subspan(sizeof header);
    if (!ReadMessage(header.nlmsg_type, body, answer)) return false;
    octets = After(octets, header.nlmsg_len);
  }
  return true;
}

std::optional<StampReport> ReadStampsByNetlink(const std::string& interface) {
  const auto reports = AskEthtool(ETHTOOL_MSG_TSINFO_GET, NLM_F_ACK, interface);
  if (reports.empty()) return std::nullopt;
  return reports.front();
}

std::optional<StampReport> ReadStampsByIoctl(const std::string& interface) {
  ethtool_ts_info info{};
  info.cmd = ETHTOOL_GET_TS_INFO;
  if (!AskByIoctl(interface, SIOCETHTOOL, info)) return std::nullopt;
  StampReport out;
  out.interface = if_nametoindex(interface.c_str());
  out.flags = info.so_timestamping;
  out.tx_types = info.tx_types;
  out.rx_filters = info.rx_filters;
  if (info.phc_index >= 0) out.phc = info.phc_index;
  return out;
}

std::optional<StampReport> ReadStamps(const std::string& interface) {
  const auto report = ReadStampsByNetlink(interface);
  return report ? report : ReadStampsByIoctl(interface);
}

std::vector<int> ReadStampingPhcs(const std::string& interface) {
  std::vector<int> out;
  // An older kernel would tell of all interfaces, and nothing new.
  const auto report = ReadStampsByNetlink(interface);
  if (!report || !report->of_several) return out;
  for (const StampReport& each :
       AskEthtool(ETHTOOL_MSG_TSINFO_GET, NLM_F_DUMP, interface)) {
    if (each.phc) out.push_back(*each.phc);
  }
  return out;
}

std::optional<hwtstamp_config> ReadStampSetting(const std::string& interface) {
  hwtstamp_config setting{};
  if (AskByIoctl(interface, SIOCGHWTSTAMP, setting)) return setting;
  for (const StampReport& set : AskEthtool(kTsConfigGet, NLM_F_ACK, interface)) {
    if (!std::has_single_bit(set.tx_types) || !std::has_single_bit(set.rx_filters)) {
      break;
    }
    return hwtstamp_config{.flags = 0,
                           .tx_type = std::countr_zero(set.tx_types),
                           .rx_filter = std::countr_zero(set.rx_filters)};
  }
  return std::nullopt;
}

}  // namespace bridge::os
