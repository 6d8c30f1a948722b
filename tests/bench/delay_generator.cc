// Thousands of slaves in one program: Delay_Req over UDPv4 at a given rate, of as many
// source ports in turn, and what the master makes of it.
//
//   delay_generator INTERFACE SOURCES RATE SECONDS [unicast]
//
// Sends RATE requests a second, a burst every millisecond; what it cannot send in time
// it leaves out. Hears the master meanwhile and prints "begin", "end" and one line of
// JSON:
//
//   seconds, sent             sent in that many seconds
//   answered                  Delay_Resp to one of our sources with the latest
//                             sequenceId of it, or one of the 100 before
//   stale                     other Delay_Resp to our sources
//   per_source                answered of each source: [least, median, most]
//   sync_gap, announce_gap    the longest time between two of them, the ends of the run
//                             included, s
//   missed                    messages our own sockets had no room for
//
// Knows no code of the daemon's: what it says of it should not rest on it. Run by
// delay_load.

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr size_t kBatch = 256;
constexpr size_t kRequestSize = 44;
constexpr uint8_t kDelayReq = 1, kSync = 0, kDelayResp = 9, kAnnounce = 11;
constexpr char kGroup[] = "224.0.1.129";

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::exit(2);
}

void Check(int result, const char* what) {
  if (result < 0) Fail(what);
}

int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

template <typename T>
void Set(int fd, int level, int option, const T& value, const char* what) {
  Check(setsockopt(fd, level, option, &value, sizeof value), what);
}

int OpenChannel(const char* interface, uint16_t port) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  Check(fd, "socket");
  Set(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  // It is to be the master that is short of room, not we.
  Set(fd, SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20, "SO_RCVBUFFORCE");
  Set(fd, SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20, "SO_SNDBUFFORCE");
  Set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1, "SO_RXQ_OVFL");
  // Of the kernel's, as we may be late to read.
  Set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
  ip_mreqn membership{};
  membership.imr_ifindex = static_cast<int>(if_nametoindex(interface));
  membership.imr_multiaddr.s_addr = inet_addr(kGroup);
  Set(fd, IPPROTO_IP, IP_MULTICAST_IF, membership, "IP_MULTICAST_IF");
  Set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0, "IP_MULTICAST_LOOP");
  Set(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, membership, "IP_ADD_MEMBERSHIP");
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(port);
  Check(bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own), "bind");
  return fd;
}

// What is heard on one socket.
class Ear {
 public:
  explicit Ear(int fd) : fd_(fd) {
    for (size_t i = 0; i < kBatch; ++i) {
      places_[i] = {octets_[i].data(), octets_[i].size()};
    }
  }

  // Calls what(octets, size, stamp in ns, sender) for all that is there, at most
  // `most` times kBatch.
  template <typename F>
  void Hear(int most, F what) {
    for (int n = static_cast<int>(kBatch); most > 0 && n == kBatch; --most) {
      for (size_t i = 0; i < kBatch; ++i) {
        messages_[i].msg_hdr = {&names_[i], sizeof names_[i],   &places_[i],
                                1,          control_[i].data(), control_[i].size(),
                                0};
      }
      n = recvmmsg(fd_, messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
      for (int i = 0; i < n; ++i) {
        const auto at = static_cast<size_t>(i);
        what(octets_[at].data(), messages_[at].msg_len,
             ReadControl(messages_[at].msg_hdr), names_[at].sin_addr);
      }
    }
  }
  uint32_t missed() const { return missed_; }

 private:
  int64_t ReadControl(msghdr& header) {
    int64_t stamp = 0;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_level != SOL_SOCKET) continue;
      if (c->cmsg_type == SO_RXQ_OVFL) std::memcpy(&missed_, CMSG_DATA(c), 4);
      if (c->cmsg_type != SO_TIMESTAMPNS) continue;
      timespec t;
      std::memcpy(&t, CMSG_DATA(c), sizeof t);
      stamp = t.tv_sec * 1'000'000'000 + t.tv_nsec;
    }
    return stamp;
  }

  int fd_;
  uint32_t missed_ = 0;
  std::array<std::array<uint8_t, 128>, kBatch> octets_;
  std::array<iovec, kBatch> places_;
  std::array<sockaddr_in, kBatch> names_;
  struct alignas(cmsghdr) Control : std::array<char, 96> {};
  std::array<Control, kBatch> control_;
  std::array<mmsghdr, kBatch> messages_{};
};

// The longest time between two of a kind. Stamps are of CLOCK_REALTIME, which is not
// stepped meanwhile.
class Gap {
 public:
  void At(int64_t stamp) {
    if (last_ != 0) longest_ = std::max(longest_, stamp - last_);
    last_ = stamp;
  }
  double seconds() const { return static_cast<double>(longest_) * 1e-9; }

 private:
  int64_t last_ = 0;
  int64_t longest_ = 0;
};

int64_t RealNanos() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

struct Source {
  uint16_t sequence = 0;
  uint64_t answered = 0;
};

class Load {
 public:
  Load(const char* interface, size_t sources, bool unicast)
      : event_(OpenChannel(interface, 319)),
        general_(OpenChannel(interface, 320)),
        event_ear_(event_),
        general_ear_(general_),
        sources_(sources),
        unicast_(unicast) {
    to_.sin_family = AF_INET;
    to_.sin_port = htons(319);
    to_.sin_addr.s_addr = inet_addr(kGroup);
    for (size_t i = 0; i < kBatch; ++i) {
      requests_[i] = {};
      requests_[i][0] = kDelayReq;
      requests_[i][1] = 2;  // versionPTP
      requests_[i][3] = kRequestSize;
      requests_[i][6] = unicast ? 4 : 0;
      requests_[i][20] = 2;  // clockIdentity: locally administered
      requests_[i][29] = 1;  // portNumber
      requests_[i][32] = 1;  // controlField
      requests_[i][33] = 0x7f;
      places_[i] = {requests_[i].data(), kRequestSize};
      messages_[i].msg_hdr.msg_name = &to_;
      messages_[i].msg_hdr.msg_namelen = sizeof to_;
      messages_[i].msg_hdr.msg_iov = &places_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  // The master has sent a Sync; unicast requests go to it.
  void AwaitMaster() {
    for (const int64_t end = NowNanos() + 60'000'000'000; to_known_ == false;) {
      if (NowNanos() > end) Fail("no Sync within 60 s");
      Listen();
      usleep(1'000);
    }
  }

  void Run(double rate, double seconds) {
    sync_ = announce_ = {};
    sync_.At(RealNanos());
    announce_.At(RealNanos());
    const int64_t begin = NowNanos();
    const auto length = static_cast<int64_t>(seconds * 1e9);
    double due = 0;
    int64_t last = begin;
    for (int64_t now = begin; now - begin < length; now = NowNanos()) {
      // Ten milliseconds are made up for and no more.
      due += rate * 1e-9 * static_cast<double>(now - last);
      due = std::min(due, rate * 0.01 + 1);
      last = now;
      while (due >= 1) {
        const size_t n = Ask(std::min(static_cast<size_t>(due), kBatch));
        due -= static_cast<double>(n);
        if (n == 0) break;
      }
      Listen();
      const int64_t next = now + 1'000'000;
      if (const int64_t rest = next - NowNanos(); rest > 0) {
        usleep(static_cast<useconds_t>(rest / 1'000));
      }
    }
    seconds_ = static_cast<double>(NowNanos() - begin) * 1e-9;
    sync_.At(RealNanos());
    announce_.At(RealNanos());
    const Gap sync = sync_, announce = announce_;
    for (int i = 0; i < 100; ++i) {  // What is still on its way.
      Listen();
      usleep(1'000);
    }
    sync_ = sync;
    announce_ = announce;
  }

  void Report() {
    std::vector<uint64_t> answered;
    for (const Source& source : sources_) answered.push_back(source.answered);
    std::sort(answered.begin(), answered.end());
    std::printf(
        "{\"seconds\": %.3f, \"sent\": %llu, \"answered\": %llu, \"stale\": %llu, "
        "\"per_source\": [%llu, %llu, %llu], \"sync_gap\": %.4f, "
        "\"announce_gap\": %.4f, \"missed\": %u}\n",
        seconds_, Long(sent_), Long(answered_), Long(stale_), Long(answered.front()),
        Long(answered[answered.size() / 2]), Long(answered.back()), sync_.seconds(),
        announce_.seconds(), event_ear_.missed() + general_ear_.missed());
  }

 private:
  static unsigned long long Long(uint64_t value) { return value; }

  size_t Ask(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const size_t at = (next_ + i) % sources_.size();
      const auto sequence = static_cast<uint16_t>(sources_[at].sequence + 1);
      requests_[i][25] = static_cast<uint8_t>(at >> 16);
      requests_[i][26] = static_cast<uint8_t>(at >> 8);
      requests_[i][27] = static_cast<uint8_t>(at);
      requests_[i][30] = static_cast<uint8_t>(sequence >> 8);
      requests_[i][31] = static_cast<uint8_t>(sequence);
      sources_[at].sequence = sequence;
    }
    const int n =
        sendmmsg(event_, messages_.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    const size_t done = n < 0 ? 0 : static_cast<size_t>(n);
    for (size_t i = done; i < count; ++i) {
      --sources_[(next_ + i) % sources_.size()].sequence;
    }
    next_ = (next_ + done) % sources_.size();
    sent_ += done;
    return done;
  }

  void Listen() {
    event_ear_.Hear(
        4, [this](const uint8_t* octets, size_t size, int64_t stamp, in_addr sender) {
          if (size < 44 || (octets[0] & 15) != kSync) return;
          sync_.At(stamp);
          if (!to_known_ && unicast_) to_.sin_addr = sender;
          to_known_ = true;
        });
    general_ear_.Hear(
        16, [this](const uint8_t* octets, size_t size, int64_t stamp, in_addr) {
          const int type = size < 54 ? -1 : octets[0] & 15;
          if (type == kAnnounce) announce_.At(stamp);
          if (type == kDelayResp) OnAnswer(octets);
        });
  }

  void OnAnswer(const uint8_t* octets) {
    if (octets[44] != 2) return;  // requestingPortIdentity
    const size_t at = static_cast<size_t>(octets[49]) << 16 |
                      static_cast<size_t>(octets[50]) << 8 | octets[51];
    if (at >= sources_.size()) return;
    const auto age =
        static_cast<uint16_t>(sources_[at].sequence - (octets[30] << 8 | octets[31]));
    if (age > 100) {
      ++stale_;
      return;
    }
    ++answered_;
    ++sources_[at].answered;
  }

  int event_, general_;
  Ear event_ear_, general_ear_;
  std::vector<Source> sources_;
  bool unicast_;
  bool to_known_ = false;
  sockaddr_in to_{};
  size_t next_ = 0;
  uint64_t sent_ = 0, answered_ = 0, stale_ = 0;
  double seconds_ = 0;
  Gap sync_, announce_;
  std::array<std::array<uint8_t, 64>, kBatch> requests_;
  std::array<iovec, kBatch> places_;
  std::array<mmsghdr, kBatch> messages_{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fputs("usage: delay_generator INTERFACE SOURCES RATE SECONDS [unicast]\n",
               stderr);
    return 2;
  }
  const size_t sources = static_cast<size_t>(std::atoi(argv[2]));
  static Load load(argv[1], sources, argc > 5 && std::string(argv[5]) == "unicast");
  load.AwaitMaster();
  std::puts("begin");
  std::fflush(stdout);
  load.Run(std::atof(argv[3]), std::atof(argv[4]));
  std::puts("end");
  load.Report();
  return 0;
}
