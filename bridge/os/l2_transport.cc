#include "bridge/os/l2_transport.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/interface.h"

namespace bridge::os {
namespace {

// Responses of a turn: masters answer other slaves' requests to all.
constexpr size_t kCrowd = 16;

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

// Lets in Delay_Resp alone, or all others. The kernel shows a filter what SOCK_DGRAM
// would read: the message, which begins with its type (IEEE 1588-2019, table 35).
bool Filter(int fd, bool delay_resp) {
  constexpr uint32_t kAll = 0xffff'ffff;
  constexpr auto kDelayResp = static_cast<uint32_t>(ptp::MessageType::kDelayResp);
  std::array<sock_filter, 5> code = {
      {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0f),
       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kDelayResp, 0, 1),
       BPF_STMT(BPF_RET | BPF_K, delay_resp ? kAll : 0),
       BPF_STMT(BPF_RET | BPF_K, delay_resp ? 0 : kAll)}};
  const sock_fprog program{.len = code.size(), .filter = code.data()};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

// Which the groups were joined for already.
FileDescriptor OpenForResponses(const sockaddr_ll& own) {
  FileDescriptor fd = OpenSocket(AF_PACKET, SOCK_DGRAM, 0);
  const bool usable =
      fd.ok() && Filter(fd.get(), true) &&
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0;
  return usable ? std::move(fd) : FileDescriptor();
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
  FileDescriptor responses = options.patient ? OpenForResponses(own) : FileDescriptor();
  // Between the two, one may come twice.
  const bool apart = responses.ok() && Filter(fd.get(), false);
  std::unique_ptr<L2Transport> transport(new L2Transport(
      std::move(fd), std::move(events), interface->index, options.stamps));
  if (apart) transport->responses_ = std::make_unique<Inbox>(std::move(responses));
  return transport;
}

void L2Transport::AppendPollFds(std::vector<pollfd>& out, bool all) const {
  out.push_back({inbox_.socket.get(), POLLIN, 0});
  if ((all || crowded_) && responses_)
    out.push_back({responses_->socket.get(), POLLIN, 0});
  writer_.AppendPollFds(out);
}

// The next that is for us; false with errno set when there is none.
bool L2Transport::Next(Inbox& inbox) {
  while (inbox.reader.Next(inbox.socket.get())) {
    sockaddr_ll from;
    std::memcpy(&from, &inbox.reader.name(), sizeof from);
    if (from.sll_pkttype == PACKET_MULTICAST || from.sll_pkttype == PACKET_HOST) {
      return true;
    }
    // Our own frames, and what a promiscuous interface picks up.
    ++counters_.rx_ignored;
  }
  return false;
}

// Responses first: they are of before the Sync that they waited for.
absl::StatusOr<std::optional<RxFrame>> L2Transport::Receive(std::span<uint8_t> buffer) {
  while (responses_ && !responses_read_) {
    if (Next(*responses_)) {
      ++responses_count_;
      if (auto frame = Take(responses_->reader, stamps_, buffer)) return frame;
    } else {
      responses_read_ = true;  // Its errors are the other's, too.
      crowded_ = std::exchange(responses_count_, 0) >= kCrowd;
    }
  }
  while (Next(inbox_)) {
    if (auto frame = Take(inbox_.reader, stamps_, buffer)) return frame;
  }
  responses_read_ = false;
  if (errno != EAGAIN) return ErrnoStatus(errno, "cannot receive");
  return std::nullopt;
}

void L2Transport::CountOverflows() {
  CountDrops(inbox_.socket.get(), inbox_.drops);
  if (responses_) CountDrops(responses_->socket.get(), responses_->drops);
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
