#include "bridge/os/l2_transport.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/interface.h"

namespace bridge::os {
namespace {

using Mac = std::array<uint8_t, 6>;
// IEEE 1588-2019, annex E: bridges forward the first and not the second.
constexpr Mac kAllMac{0x01, 0x1b, 0x19, 0x00, 0x00, 0x00};
constexpr Mac kPeerDelayMac{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e};

sockaddr_ll Address(int interface_index, std::span<const uint8_t, ETH_ALEN> mac) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_1588);
  address.sll_ifindex = interface_index;
  address.sll_halen = ETH_ALEN;
  std::copy(mac.begin(), mac.end(), address.sll_addr);
  return address;
}

bool Join(int fd, int interface_index, const Mac& group) {
  packet_mreq request{};
  request.mr_ifindex = interface_index;
  request.mr_type = PACKET_MR_MULTICAST;
  request.mr_alen = ETH_ALEN;
  std::copy(group.begin(), group.end(), request.mr_address);
  return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) ==
         0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PtpTransport>> L2Transport::Open(
    const Options& options) {
  const absl::StatusOr<InterfaceInfo> interface = ReadInterface(options.interface);
  if (!interface.ok()) return interface.status();
  if (!interface->has_mac) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.interface, " is not Ethernet: use transport udp4 or udp6"));
  }
  // SOCK_DGRAM: the kernel writes and removes the Ethernet header. Protocol 0
  // until bound, so nothing from other interfaces gets in.
  FileDescriptor fd = OpenSocket(AF_PACKET, SOCK_DGRAM, 0);
  if (!fd.ok()) {
    return ErrnoStatus(errno, "cannot open a packet socket",
                       "run as root or with CAP_NET_RAW, or use transport udp4");
  }
  const sockaddr_ll own = Address(interface->index, Mac{});
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot bind to ", options.interface));
  }
  if (!Join(fd.get(), interface->index, kAllMac) ||
      !Join(fd.get(), interface->index, kPeerDelayMac)) {
    return ErrnoStatus(errno, "cannot join the PTP multicast addresses");
  }
  EnlargeReceiveBuffer(fd.get());
  RETURN_IF_ERROR(EnableReceiveStamps(fd.get(), options.stamps));
  // Protocol 0 for ever: nothing gets in.
  FileDescriptor events = OpenSocket(AF_PACKET, SOCK_DGRAM, 0);
  if (!events.ok()) return ErrnoStatus(errno, "cannot open a second packet socket");
  RETURN_IF_ERROR(EnableTransmitStamps(events.get(), options.stamps));
  return std::unique_ptr<PtpTransport>(new L2Transport(
      std::move(fd), std::move(events), interface->index, options.stamps));
}

void L2Transport::AppendPollFds(std::vector<pollfd>& out) const {
  out.push_back({socket_.get(), POLLIN, 0});
  writer_.AppendPollFds(out);
}

absl::StatusOr<std::optional<RxFrame>> L2Transport::Receive(std::span<uint8_t> buffer) {
  while (reader_.Next(socket_.get())) {
    sockaddr_ll from;
    std::memcpy(&from, &reader_.name(), sizeof from);
    // Our own frames, and what a promiscuous interface picks up.
    if (from.sll_pkttype != PACKET_MULTICAST && from.sll_pkttype != PACKET_HOST) {
      ++counters_.rx_ignored;
      continue;
    }
    if (auto frame = Take(reader_, stamps_, buffer)) return frame;
  }
  if (errno != EAGAIN) return ErrnoStatus(errno, "cannot receive");
  return std::nullopt;
}

absl::Status L2Transport::Send(const ptp::Send& message) {
  if (message.to && message.to->size != ETH_ALEN) return NotAnAddress();
  const Mac& group = IsPeerDelay(message.type) ? kPeerDelayMac : kAllMac;
  const sockaddr_ll link = Address(
      interface_index_,
      message.to ? std::span(message.to->octets).first<ETH_ALEN>() : std::span(group));
  SocketAddress to;
  std::memcpy(&to.storage, &link, to.size = sizeof link);
  return writer_.Send(message, to, counters_);
}

}  // namespace bridge::os
