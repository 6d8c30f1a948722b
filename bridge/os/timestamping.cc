#include "bridge/os/timestamping.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bridge/os/errno_status.h"

namespace bridge::os {

absl::Status EnableSoftwareTimestamps(int fd) {
  const int flags = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE |
                    SOF_TIMESTAMPING_SOFTWARE;
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) != 0) {
    return ErrnoStatus(errno, "cannot switch on software timestamps");
  }
  // Without it poll reports POLLERR alone, which serves as well.
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_SELECT_ERR_QUEUE, &on, sizeof on);
  return absl::OkStatus();
}

ssize_t MessageReader::Read(int fd, std::span<uint8_t> buffer, int flags) {
  iovec place{buffer.data(), buffer.size()};
  header_ = {};
  header_.msg_name = &name_;
  header_.msg_namelen = sizeof name_;
  header_.msg_iov = &place;
  header_.msg_iovlen = 1;
  header_.msg_control = control_.data();
  header_.msg_controllen = control_.size();
  ssize_t size;
  do {
    size = recvmsg(fd, &header_, flags | MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  return size;
}

std::optional<UtcTime> MessageReader::SoftwareStamp() const {
  // CMSG_NXTHDR takes no const; nothing is written.
  msghdr header = header_;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPING) continue;
    timespec software;  // The first of three.
    if (c->cmsg_len < CMSG_LEN(3 * sizeof software)) continue;
    std::memcpy(&software, CMSG_DATA(c), sizeof software);
    if (software.tv_sec == 0 && software.tv_nsec == 0) return std::nullopt;
    return UtcTime::FromNanos(static_cast<int64_t>(software.tv_sec) * 1'000'000'000 +
                              software.tv_nsec);
  }
  return std::nullopt;
}

void PendingStamps::Expect(const ptp::Send& message, PtpTransport::Counters& counters) {
  Entry& entry = entries_[next_];
  if (entry.waiting && ptp::IsEvent(entry.message.type)) ++counters.tx_stamps_missing;
  entry = {message, true};
  next_ = (next_ + 1) % entries_.size();
}

void PendingStamps::TakeBack() {
  next_ = (next_ + entries_.size() - 1) % entries_.size();
  entries_[next_].waiting = false;
}

// The kernel loops back the whole frame; how much stands before the message
// depends on link, protocol and driver, so it is looked for. Our messages differ
// at least in type or sequenceId. Oldest first.
PendingStamps::Entry* PendingStamps::Find(std::span<const uint8_t> looped) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[(next_ + i) % entries_.size()];
    if (!entry.waiting) continue;
    const auto* begin = entry.message.octets.data();
    const auto* end = begin + entry.message.size;
    if (std::search(looped.begin(), looped.end(), begin, end) != looped.end()) {
      return &entry;
    }
  }
  return nullptr;
}

std::optional<TxStamp> PendingStamps::Read(int fd, PtpTransport::Counters& counters) {
  uint8_t looped[512];
  MessageReader reader;
  for (int i = 0; i < PtpTransport::kBatch; ++i) {
    const ssize_t size = reader.Read(fd, looped, MSG_ERRQUEUE);
    if (size < 0) break;
    const std::optional<UtcTime> sent = reader.SoftwareStamp();
    Entry* entry = Find({looped, static_cast<size_t>(size)});
    if (!sent || entry == nullptr) {
      ++counters.tx_stamps_unknown;
      continue;
    }
    entry->waiting = false;
    // On a raw socket general messages are stamped too; nobody waits for those.
    if (ptp::IsEvent(entry->message.type)) {
      return TxStamp{entry->message.token, *sent};
    }
  }
  return std::nullopt;
}

}  // namespace bridge::os
