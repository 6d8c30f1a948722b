// The probes of ebpf/ by themselves, for tests: JSON lines on standard output.
//
//   latency_probe [--tier=none|tc|tracepoints|fentry] [--user-side] [--ring=OCTETS]
//                 [--receive=l2|udp4|udp6] INTERFACE...
//
// First {"tier", "refusals"}, then a line per record; after SIGTERM {"counters"}.
// --receive opens sockets of its own on the first interface, as a daemon does, and
// notes what it reads there.
#include "ebpf/latency_probe.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "ebpf/stages.h"

namespace ebpf {
namespace {

volatile sig_atomic_t stopped = 0;

int64_t MonoNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

struct Arguments {
  LatencyProbe::Options options;
  std::optional<ptp_transport> receive;
};

std::optional<Arguments> Parse(int argc, char** argv) {
  Arguments parsed;
  for (int i = 1; i < argc; ++i) {
    absl::string_view word = argv[i];
    if (absl::ConsumePrefix(&word, "--tier=")) {
      Tier& tier = parsed.options.highest;
      for (tier = Tier::kFentry; TierName(tier) != word;) {
        if (tier == Tier::kNone) return std::nullopt;
        tier = static_cast<Tier>(static_cast<int>(tier) - 1);
      }
    } else if (word == "--user-side") {
      parsed.options.user_side = true;
    } else if (absl::ConsumePrefix(&word, "--ring=")) {
      parsed.options.ring_bytes = std::strtoul(word.data(), nullptr, 0);
    } else if (absl::ConsumePrefix(&word, "--receive=")) {
      parsed.receive = word == "l2" ? PTP_L2 : word == "udp4" ? PTP_UDP4 : PTP_UDP6;
    } else {
      parsed.options.interfaces.emplace_back(word);
    }
  }
  if (parsed.options.interfaces.empty()) return std::nullopt;
  return parsed;
}

// Sockets as a PTP program has them: what they receive is noted.
class Receiver {
 public:
  Receiver(ptp_transport transport, const std::string& interface)
      : transport_(transport), ifindex_(if_nametoindex(interface.c_str())) {
    if (transport == PTP_L2) {
      sockets_ = {{OpenL2(), POLLIN, 0}};
    } else {
      sockets_ = {{OpenUdp(319), POLLIN, 0}, {OpenUdp(320), POLLIN, 0}};
    }
    // For a second's messages, on a machine too busy to read them.
    const int room = 4 << 20;
    for (const pollfd& polled : sockets_) {
      setsockopt(polled.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
    }
  }

  std::vector<pollfd>& sockets() { return sockets_; }

  void Read(LatencyProbe& probe) {
    for (const pollfd& polled : sockets_) {
      std::array<uint8_t, 2048> octets{};
      for (;;) {
        const ssize_t got = recv(polled.fd, octets.data(), octets.size(), MSG_DONTWAIT);
        if (got <= 0) break;
        const size_t header = transport_ == PTP_L2 ? 14 : 0;
        probe.Note(OwnStamp::Point::kReceived, ifindex_, transport_,
                   std::span(octets.data(), static_cast<size_t>(got)).subspan(header),
                   MonoNow());
      }
    }
  }

 private:
  int OpenL2() const {
    const int fd = socket(AF_PACKET, SOCK_RAW, htons(0x88f7));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(0x88f7);
    address.sll_ifindex = static_cast<int>(ifindex_);
    bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    packet_mreq member{};
    member.mr_ifindex = static_cast<int>(ifindex_);
    member.mr_type = PACKET_MR_PROMISC;
    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &member, sizeof(member));
    return fd;
  }

  // IPv6 sockets bound to the wildcard take IPv4 too; groups are joined for both.
  int OpenUdp(uint16_t port) const {
    const int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    ip_mreqn group4{};
    inet_pton(AF_INET, "224.0.1.129", &group4.imr_multiaddr);
    group4.imr_ifindex = static_cast<int>(ifindex_);
    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group4, sizeof(group4));
    ipv6_mreq group6{};
    inet_pton(AF_INET6, "ff02::181", &group6.ipv6mr_multiaddr);
    group6.ipv6mr_interface = ifindex_;
    setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &group6, sizeof(group6));
    return fd;
  }

  ptp_transport transport_;
  uint32_t ifindex_;
  std::vector<pollfd> sockets_;
};

std::string Vlans(const ptp_key& key) {
  if (key.vlan[0] == PTP_NO_VLAN) return "[]";
  if (key.vlan[1] == PTP_NO_VLAN) return absl::StrCat("[", key.vlan[0], "]");
  return absl::StrCat("[", key.vlan[0], ",", key.vlan[1], "]");
}

void Print(const LatencyProbe& probe, const Record& record) {
  constexpr std::array<const char*, 3> kTransports = {"l2", "udp4", "udp6"};
  const ptp_key& key = record.key;
  std::string line = absl::StrCat(
      R"({"direction":")", key.direction == PTP_RX ? "rx" : "tx", R"(","transport":")",
      kTransports[key.transport], R"(","clock":")", absl::Hex(key.clock_identity),
      R"(","port":)", key.port_number, R"(,"sequence":)", key.sequence_id,
      R"(,"type":)", key.message_type, R"(,"domain":)", key.domain, R"(,"vlan":)",
      Vlans(key), R"(,"ifindex":)", key.ifindex, R"(,"other_sockets":)",
      record.other_sockets, R"(,"asked":)", record.stamp_asked, R"(,"missing":)",
      record.stamp_missing);
  if (record.hardware_stamp) {
    absl::StrAppend(&line, R"(,"hardware":)", *record.hardware_stamp);
  }
  if (record.software_stamp) {
    absl::StrAppend(&line, R"(,"software":)", *record.software_stamp);
  }
  if (record.drop_reason) {
    absl::StrAppend(&line, R"(,"dropped":")", probe.DropReasonName(*record.drop_reason),
                    "\"");
  }
  absl::StrAppend(&line, R"(,"spans":{)");
  const char* comma = "";
  ForEachSpan(record, [&](const Span& span) {
    absl::StrAppend(&line, comma, "\"", StageName(span.stage), "\":", span.ns);
    comma = ",";
  });
  std::printf("%s}}\n", line.c_str());
}

void PrintCounters(const Matcher::Counters& c) {
  const std::string line = absl::StrCat(
      R"({"counters":{"received":)", c.received, R"(,"sent":)", c.sent,
      R"(,"no_socket":)", c.no_socket, R"(,"dropped":)", c.dropped,
      R"(,"other_sockets":)", c.other_sockets, R"(,"stamps_asked":)", c.stamps_asked,
      R"(,"stamps_missing":)", c.stamps_missing, R"(,"stamps_late":)", c.stamps_late,
      R"(,"stamps_out_of_order":)", c.stamps_out_of_order, R"(,"unmatched":)",
      c.unmatched, R"(,"ring_lost":)", c.ring_lost, "}}");
  std::printf("%s\n", line.c_str());
}

void PrintTier(const LatencyProbe& probe) {
  std::string line =
      absl::StrCat(R"({"tier":")", TierName(probe.tier()), R"(","refusals":[)");
  const char* comma = "";
  for (const Refusal& refusal : probe.refusals()) {
    absl::StrAppend(&line, comma, R"({"tier":")", TierName(refusal.tier),
                    R"(","errno":)", refusal.error, R"(,"text":")", refusal.text,
                    "\"}");
    comma = ",";
  }
  std::printf("%s]}\n", line.c_str());
  std::fflush(stdout);
}

int Main(int argc, char** argv) {
  const auto arguments = Parse(argc, argv);
  if (!arguments) {
    std::fputs("latency_probe [--tier=TIER] [--user-side] INTERFACE...\n", stderr);
    return 2;
  }
  struct sigaction stop {};
  stop.sa_handler = [](int) { stopped = 1; };
  sigaction(SIGTERM, &stop, nullptr);
  LatencyProbe probe(arguments->options);
  std::optional<Receiver> receiver;
  std::vector<pollfd> none;
  if (arguments->receive) {
    receiver.emplace(*arguments->receive, arguments->options.interfaces[0]);
    for (const pollfd& polled : receiver->sockets()) probe.OwnSocket(polled.fd);
  }
  PrintTier(probe);
  const auto print = [&](const Record& record) { Print(probe, record); };
  int64_t drained = MonoNow();
  while (stopped == 0) {
    std::vector<pollfd>& polled = receiver ? receiver->sockets() : none;
    poll(polled.data(), polled.size(), 100);
    if (receiver) receiver->Read(probe);
    if (MonoNow() - drained < 500'000'000) continue;
    drained = MonoNow();
    probe.Drain(drained, print);
    std::fflush(stdout);
  }
  probe.Drain(MonoNow(), print);
  probe.Drain(MonoNow() + 10'000'000'000, print);  // Whatever is left.
  PrintCounters(probe.counters());
  return 0;
}

}  // namespace
}  // namespace ebpf

int main(int argc, char** argv) { return ebpf::Main(argc, argv); }
