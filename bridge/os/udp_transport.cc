#include "bridge/os/udp_transport.h"

#include <linux/filter.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/interface.h"

namespace bridge::os {
namespace {

constexpr uint16_t kPorts[] = {319, 320};  // Event, general.

// ffXX::YYYY
constexpr ptp::PortAddress Group6(uint8_t scope, uint16_t number) {
  ptp::PortAddress group{.octets = {0xff, scope}, .size = 16};
  group.octets[14] = static_cast<uint8_t>(number >> 8);
  group.octets[15] = static_cast<uint8_t>(number);
  return group;
}

// The groups of annex C and D: all but peer delay messages, and those. IPv6 with
// global scope (the E), linuxptp's default; peer delay stays on the link.
constexpr ptp::PortAddress kAll4{{224, 0, 1, 129}, 4};
constexpr ptp::PortAddress kPeerDelay4{{224, 0, 0, 107}, 4};
constexpr ptp::PortAddress kAll6 = Group6(0x0e, 0x0181);
constexpr ptp::PortAddress kPeerDelay6 = Group6(0x02, 0x006b);

// Of an IPv4 or IPv6 address. The interface is of use to those of one link alone.
SocketAddress MakeAddress(const ptp::PortAddress& host, uint16_t port,
                          int interface_index) {
  SocketAddress address;
  if (host.size == 4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, host.octets.data(), sizeof in.sin_addr);
    std::memcpy(&address.storage, &in, address.size = sizeof in);
  } else {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    in6.sin6_scope_id = static_cast<uint32_t>(interface_index);
    std::memcpy(&in6.sin6_addr, host.octets.data(), sizeof in6.sin6_addr);
    std::memcpy(&address.storage, &in6, address.size = sizeof in6);
  }
  return address;
}

uint8_t AddressSize(int family) { return family == AF_INET ? 4 : 16; }

const ptp::PortAddress& Group(int family, bool peer) {
  if (family == AF_INET) return peer ? kPeerDelay4 : kAll4;
  return peer ? kPeerDelay6 : kAll6;
}

// Socket options in a row; remembers the first that failed.
class OptionSetter {
 public:
  explicit OptionSetter(int fd) : fd_(fd) {}

  template <typename T>
  OptionSetter& Set(int level, int option, const T& value, const char* what) {
    if (status_.ok() && setsockopt(fd_, level, option, &value, sizeof value) != 0) {
      status_ = ErrnoStatus(errno, absl::StrCat("cannot ", what));
    }
    return *this;
  }
  const absl::Status& status() const { return status_; }

 private:
  int fd_;
  absl::Status status_;
};

absl::Status SetUp4(int fd, int interface_index) {
  OptionSetter options(fd);
  ip_mreqn interface {};
  interface.imr_ifindex = interface_index;
  options.Set(IPPROTO_IP, IP_MULTICAST_IF, interface, "choose the interface")
      .Set(IPPROTO_IP, IP_MULTICAST_TTL, 1, "limit the TTL")
      .Set(IPPROTO_IP, IP_MULTICAST_LOOP, 0, "stop our own messages")
      // Only groups this socket has joined, not what others on the host have.
      .Set(IPPROTO_IP, IP_MULTICAST_ALL, 0, "limit the groups");
  return options.status();
}

absl::Status Join4(int fd, int interface_index) {
  OptionSetter options(fd);
  for (const ptp::PortAddress& group : {kAll4, kPeerDelay4}) {
    ip_mreqn membership{};
    membership.imr_ifindex = interface_index;
    std::memcpy(&membership.imr_multiaddr, group.octets.data(), group.size);
    options.Set(IPPROTO_IP, IP_ADD_MEMBERSHIP, membership, "join a PTP group");
  }
  return options.status();
}

absl::Status SetUp6(int fd, int interface_index) {
  OptionSetter options(fd);
  options.Set(IPPROTO_IPV6, IPV6_MULTICAST_IF, interface_index, "choose the interface")
      .Set(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1, "limit the hops")
      .Set(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, "stop our own messages")
      .Set(IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0, "limit the groups");
  return options.status();
}

absl::Status Join6(int fd, int interface_index) {
  OptionSetter options(fd);
  for (const ptp::PortAddress& group : {kAll6, kPeerDelay6}) {
    ipv6_mreq membership{};
    membership.ipv6mr_interface = static_cast<unsigned>(interface_index);
    std::memcpy(&membership.ipv6mr_multiaddr, group.octets.data(), group.size);
    options.Set(IPPROTO_IPV6, IPV6_JOIN_GROUP, membership, "join a PTP group");
  }
  return options.status();
}

// Bound, and ready to send.
absl::StatusOr<FileDescriptor> OpenChannel(int family, const std::string& interface,
                                           int interface_index, uint16_t port) {
  FileDescriptor fd = OpenSocket(family, SOCK_DGRAM, 0);
  if (!fd.ok()) return ErrnoStatus(errno, "cannot open a UDP socket");
  // Another PTP program may run on another interface.
  OptionSetter shared(fd.get());
  shared.Set(SOL_SOCKET, SO_REUSEADDR, 1, "share the PTP ports");
  if (family == AF_INET6) {
    shared.Set(IPPROTO_IPV6, IPV6_V6ONLY, 1, "restrict a socket to IPv6");
  }
  RETURN_IF_ERROR(shared.status());
  if (setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.data(),
                 static_cast<socklen_t>(interface.size())) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot bind a socket to ", interface),
                       "run as root or with CAP_NET_RAW");
  }
  const SocketAddress own =
      MakeAddress({.size = AddressSize(family)}, port, interface_index);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&own.storage), own.size) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot bind to UDP port ", port),
                       errno == EADDRINUSE
                           ? "another PTP program holds it without sharing"
                           : "run as root or with CAP_NET_BIND_SERVICE");
  }
  RETURN_IF_ERROR(family == AF_INET ? SetUp4(fd.get(), interface_index)
                                    : SetUp6(fd.get(), interface_index));
  return fd;
}

// Of sockets with one port the one bound last gets what comes to our own address, and
// who has joined a group what comes to that. Besides, this one lets nothing in.
absl::Status MakeDeaf(int fd) {
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{.len = 1, .filter = &nothing};
  OptionSetter options(fd);
  options.Set(SOL_SOCKET, SO_ATTACH_FILTER, program, "make a socket deaf");
  return options.status();
}

absl::Status Join(int fd, int family, int interface_index) {
  return family == AF_INET ? Join4(fd, interface_index) : Join6(fd, interface_index);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PtpTransport>> UdpTransport::Open(
    const Options& options) {
  const int family = options.kind == Transport::kUdp6 ? AF_INET6 : AF_INET;
  ASSIGN_OR_RETURN(const InterfaceInfo interface, ReadInterface(options.interface));
  const auto open = [&](Channel channel) {
    return OpenChannel(family, options.interface, interface.index, kPorts[channel]);
  };
  ASSIGN_OR_RETURN(FileDescriptor sending, open(kEvent));
  RETURN_IF_ERROR(MakeDeaf(sending.get()));
  RETURN_IF_ERROR(EnableTransmitStamps(sending.get(), options.stamps));
  ASSIGN_OR_RETURN(FileDescriptor event, open(kEvent));
  RETURN_IF_ERROR(Join(event.get(), family, interface.index));
  RETURN_IF_ERROR(EnableReceiveStamps(event.get(), options.stamps));
  ASSIGN_OR_RETURN(FileDescriptor general, open(kGeneral));
  RETURN_IF_ERROR(Join(general.get(), family, interface.index));
  EnlargeReceiveBuffer(event.get());
  EnlargeReceiveBuffer(general.get());
  return std::unique_ptr<PtpTransport>(
      new UdpTransport(family, interface.index, options.stamps, std::move(event),
                       std::move(general), std::move(sending)));
}

void UdpTransport::AppendPollFds(std::vector<pollfd>& out, bool) const {
  for (const FileDescriptor& socket : sockets_)
    out.push_back({socket.get(), POLLIN, 0});
  writer_.AppendPollFds(out);
}

absl::StatusOr<std::optional<RxFrame>> UdpTransport::Receive(
    std::span<uint8_t> buffer) {
  for (; turn_ < sockets_.size(); ++turn_) {
    MessageReader& reader = readers_[turn_];
    while (reader.Next(sockets_[turn_].get())) {
      if (auto frame = Take(reader, stamps_, buffer)) return frame;
    }
    if (errno == EAGAIN) continue;
    turn_ = (turn_ + 1) % sockets_.size();
    return ErrnoStatus(errno, "cannot receive");
  }
  turn_ = 0;
  return std::nullopt;
}

absl::Status UdpTransport::Send(const ptp::Send& message) {
  if (message.to && message.to->size != AddressSize(family_)) return NotAnAddress();
  const Channel channel = ptp::IsEvent(message.type) ? kEvent : kGeneral;
  const ptp::PortAddress& to =
      message.to ? *message.to : Group(family_, IsPeerDelay(message.type));
  return writer_.Send(message, MakeAddress(to, kPorts[channel], interface_index_),
                      counters_);
}

void UdpTransport::CountOverflows() {
  for (const Channel channel : {kEvent, kGeneral}) {
    CountDrops(sockets_[channel].get(), drops_[channel]);
  }
}

}  // namespace bridge::os
