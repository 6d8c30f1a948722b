#include "bridge/os/timestamping.h"

#include <linux/errqueue.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bridge/os/errno_status.h"
#include "bridge/time/waiting.h"

namespace bridge::os {
namespace {

// Of sourcePortIdentity in the header, right before sequenceId (IEEE 1588-2019,
// table 35).
constexpr size_t kSourceOffset = 20;
constexpr size_t kFlagsOffset = 6;
constexpr uint8_t kTwoStepFlag = 0x02;

template <typename SocketAddress>
SocketAddress As(const sockaddr_storage& name) {
  SocketAddress out;
  std::memcpy(&out, &name, sizeof out);
  return out;
}

ptp::PortAddress MakePortAddress(const void* octets, size_t size) {
  ptp::PortAddress out;
  out.size = static_cast<uint8_t>(std::min(size, out.octets.size()));
  std::memcpy(out.octets.data(), octets, out.size);
  return out;
}

// The kernel's header makes SO_TIMESTAMPING the _NEW one where time_t is wider than
// long (32-bit machines with 64-bit time), and timespec is then what that one fills.
absl::Status Enable(int fd, int flags) {
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) != 0) {
    return ErrnoStatus(errno, (flags & SOF_TIMESTAMPING_RAW_HARDWARE) != 0
                                  ? "cannot switch on hardware timestamps"
                                  : "cannot switch on software timestamps");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EnableReceiveStamps(int fd, StampKind kind) {
  return Enable(fd, kind == StampKind::kHardware
                        ? SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE
                        : SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
}

absl::Status EnableTransmitStamps(int fd, StampKind kind) {
  // Without it poll reports POLLERR alone, which serves as well.
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_SELECT_ERR_QUEUE, &on, sizeof on);
  return Enable(fd, kind == StampKind::kHardware
                        ? SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE
                        : SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
}

bool IsOneStepSync(const ptp::Send& message) {
  return message.type == ptp::MessageType::kSync &&
         (message.octets[kFlagsOffset] & kTwoStepFlag) == 0;
}

MessageReader::MessageReader() {
  for (size_t i = 0; i < kBatch; ++i) MakeReady(i);
}

void MessageReader::MakeReady(size_t at) {
  Slot& slot = slots_[at];
  places_[at] = {slot.octets.data(), slot.octets.size()};
  msghdr& header = messages_[at].msg_hdr;
  header = {};
  header.msg_name = &slot.name;
  header.msg_namelen = sizeof slot.name;
  header.msg_iov = &places_[at];
  header.msg_iovlen = 1;
  header.msg_control = slot.control.data();
  header.msg_controllen = slot.control.size();
}

bool MessageReader::Next(int fd, int flags, size_t most) {
  if (++at_ < count_) return true;
  // The kernel has written these lengths, and only of those that it has read.
  for (size_t i = 0; i < count_; ++i) {
    messages_[i].msg_hdr.msg_namelen = sizeof slots_[i].name;
    messages_[i].msg_hdr.msg_controllen = slots_[i].control.size();
  }
  at_ = 0;
  if (std::exchange(count_, 0) > 0) {
    errno = EAGAIN;
    return false;
  }
  int read;
  do {
    read = recvmmsg(fd, messages_.data(), static_cast<unsigned>(std::min(most, kBatch)),
                    flags | MSG_DONTWAIT, nullptr);
  } while (read < 0 && errno == EINTR);
  if (read <= 0) return false;
  count_ = static_cast<size_t>(read);
  return true;
}

std::optional<ptp::PortAddress> MessageReader::Sender() const {
  if (header().msg_namelen < sizeof(sa_family_t)) return std::nullopt;
  switch (name().ss_family) {
    case AF_PACKET: {
      const auto ll = As<sockaddr_ll>(name());
      return MakePortAddress(ll.sll_addr, std::min<size_t>(ll.sll_halen, ETH_ALEN));
    }
    case AF_INET: {
      const auto in = As<sockaddr_in>(name());
      return MakePortAddress(&in.sin_addr, sizeof in.sin_addr);
    }
    case AF_INET6: {
      const auto in6 = As<sockaddr_in6>(name());
      return MakePortAddress(&in6.sin6_addr, sizeof in6.sin6_addr);
    }
  }
  return std::nullopt;
}

std::optional<EventStamp> StampIn(msghdr header, StampKind kind) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPING) continue;
    timespec stamps[3];  // Software, one that is no longer used, hardware.
    if (c->cmsg_len < CMSG_LEN(sizeof stamps)) continue;
    std::memcpy(stamps, CMSG_DATA(c), sizeof stamps);
    const timespec& stamp = stamps[kind == StampKind::kHardware ? 2 : 0];
    if (stamp.tv_sec == 0 && stamp.tv_nsec == 0) continue;
    const int64_t nanos =
        static_cast<int64_t>(stamp.tv_sec) * 1'000'000'000 + stamp.tv_nsec;
    if (kind == StampKind::kHardware) return PhcTime::FromNanos(nanos);
    return UtcTime::FromNanos(nanos);
  }
  return std::nullopt;
}

void PendingStamps::Expect(const ptp::Send& message, MonoTime now,
                           PtpTransport::Counters& counters) {
  GiveUpOld(now, counters);
  Entry& entry = entries_[next_];
  if (entry.state == State::kWaiting) GiveUp(entry, counters);
  entry = {.first_octet = message.octets[0],
           .source_sequence = {},
           .token = message.token,
           .sent = now};
  std::copy_n(message.octets.begin() + kSourceOffset, entry.source_sequence.size(),
              entry.source_sequence.begin());
  Enter(entry, IsOneStepSync(message) ? State::kUnexpected : State::kWaiting);
  next_ = (next_ + 1) % entries_.size();
}

void PendingStamps::TakeBack() {
  next_ = (next_ + entries_.size() - 1) % entries_.size();
  Enter(entries_[next_], State::kNone);
}

PendingStamps::State PendingStamps::Enter(Entry& entry, State state) {
  if (entry.state == State::kWaiting) --waiting_;
  if (state == State::kWaiting) ++waiting_;
  return std::exchange(entry.state, state);
}

void PendingStamps::GiveUp(Entry& entry, PtpTransport::Counters& counters) {
  Enter(entry, State::kGivenUp);
  ++counters.tx_stamps_missing;
}

void PendingStamps::GiveUpOld(MonoTime now, PtpTransport::Counters& counters) {
  if (now <= next_give_up_) return;
  const MonoTime horizon = now - kPatience;
  next_give_up_ = now + kPatience;  // For those sent from now on.
  for (Entry& entry : entries_) {
    if (entry.state != State::kWaiting) continue;
    if (entry.sent < horizon) {
      GiveUp(entry, counters);
    } else {
      next_give_up_ = std::min(next_give_up_, entry.sent + kPatience);
    }
  }
}

// The kernel loops back the whole frame; how much stands before the message
// depends on link, protocol and driver, so it is looked for. Not the whole message:
// drivers and PHYs rewrite originTimestamp, correctionField, even flags and reserved
// fields, and some loop back what they made of it.
bool PendingStamps::Contains(std::span<const uint8_t> looped, const Entry& entry) {
  const auto& key = entry.source_sequence;
  for (size_t i = 0; i + kSourceOffset + key.size() <= looped.size(); ++i) {
    if (looped[i] == entry.first_octet &&
        std::equal(key.begin(), key.end(), looped.subspan(i + kSourceOffset).begin())) {
      return true;
    }
  }
  return false;
}

// Newest first: mostly it is the one.
PendingStamps::Entry* PendingStamps::Find(std::span<const uint8_t> looped) {
  for (size_t i = 1; i <= entries_.size(); ++i) {
    Entry& entry = entries_[(next_ + entries_.size() - i) % entries_.size()];
    if (entry.state != State::kNone && Contains(looped, entry)) return &entry;
  }
  return nullptr;
}

std::optional<TxStamp> PendingStamps::OnLooped(std::span<const uint8_t> looped,
                                               std::optional<EventStamp> stamp,
                                               MonoTime now,
                                               PtpTransport::Counters& counters) {
  GiveUpOld(now, counters);
  Entry* entry = Find(looped);
  if (entry == nullptr) {
    ++counters.tx_stamps_unknown;
  } else if (!stamp) {
    ++counters.tx_stamps_empty;
  } else if (entry->state == State::kGivenUp) {
    ++counters.tx_stamps_late;
  } else if (Enter(*entry, State::kStamped) == State::kStamped) {
    ++counters.tx_stamps_duplicate;
  } else {
    return TxStamp{entry->token, *stamp};
  }
  return std::nullopt;
}

std::optional<TxStamp> PendingStamps::Read(int fd, MonoTime now,
                                           PtpTransport::Counters& counters) {
  while (reader_.Next(fd, MSG_ERRQUEUE, std::max<size_t>(waiting_, 1))) {
    if (const auto sent =
            OnLooped(reader_.octets(), reader_.Stamp(kind_), now, counters)) {
      return sent;
    }
  }
  return std::nullopt;
}

}  // namespace bridge::os
