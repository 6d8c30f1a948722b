#include "bridge/os/message_writer.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bridge/os/clocks.h"
#include "bridge/os/errno_status.h"

namespace bridge::os {
namespace {

// Linux 4.18; the C library of Debian 12 knows it, older ones do not.
#ifndef UDP_SEGMENT
constexpr int UDP_SEGMENT = 103;
#endif

// Behind the message, in which hardware may make good for what it writes into it (IEEE
// 1588-2019, annex D; PHYs like the DP83640 do so over IPv4, too). Receivers go by
// messageLength.
constexpr size_t kForChecksum = 2;
static_assert(ptp::kMaxPlainMessage >= 44 + kForChecksum, "a Sync, then zeros");

absl::Status SendStatus(int error) {
  return ErrnoStatus(error, "cannot send",
                     error == ENETUNREACH || error == EADDRNOTAVAIL
                         ? "has the interface an address?"
                         : "");
}

// What the kernel says that cannot segment, or cannot on this interface (no checksums
// in hardware, before Linux 6.11).
bool CannotSegment(int error) { return error == EIO || error == EINVAL; }

}  // namespace

absl::Status MessageWriter::Send(const ptp::Send& message, const SocketAddress& to,
                                 PtpTransport::Counters& counters) {
  if (ptp::IsEvent(message.type)) return SendEvent(message, to, counters);
  absl::Status flushed;
  if (count_ == kCapacity) flushed = Flush(counters);
  Slot& slot = slots_[count_];
  std::copy_n(message.octets.begin(), message.size, slot.octets.begin());
  slot.to = to;
  places_[count_] = {slot.octets.data(), message.size};
  ++count_;
  return flushed;
}

absl::Status MessageWriter::SendEvent(const ptp::Send& message, const SocketAddress& to,
                                      PtpTransport::Counters& counters) {
  pending_.Expect(message, MonoNow(), counters);
  const size_t size =
      message.size + (udp_ && IsOneStepSync(message) ? kForChecksum : 0);
  if (sendto(events_.get(), message.octets.data(), size, MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&to.storage), to.size) < 0) {
    const int error = errno;
    pending_.TakeBack();
    ++counters.send_errors;
    return SendStatus(error);
  }
  ++counters.sent;
  return absl::OkStatus();
}

absl::Status MessageWriter::Flush(PtpTransport::Counters& counters) {
  absl::Status status;
  for (size_t at = 0; at < count_;) {
    const int sent = SendArranged(Arrange(at));
    // When none was sent, it is the first that failed.
    const size_t done = static_cast<size_t>(std::max(sent, 1));
    size_t messages = 0;
    for (size_t i = 0; i < done; ++i) messages += arranged_[i].msg_hdr.msg_iovlen;
    if (sent <= 0) {
      const int error = errno;
      if (messages > 1 && CannotSegment(error)) {
        segment_ = false;
        continue;
      }
      if (status.ok()) status = SendStatus(error);
      counters.send_errors += messages;
    } else {
      counters.sent += messages;
    }
    at += messages;
  }
  count_ = 0;
  return status;
}

// Makes `arranged_` of the messages from `first` on: how many it came to.
size_t MessageWriter::Arrange(size_t first) {
  size_t count = 0;
  while (first < count_) {
    Slot& slot = slots_[first];
    const size_t together = SameFrom(first);
    msghdr& header = arranged_[count++].msg_hdr;
    header = {};
    header.msg_name = &slot.to.storage;
    header.msg_namelen = slot.to.size;
    header.msg_iov = &places_[first];
    header.msg_iovlen = together;
    if (together > 1) {
      header.msg_control = slot.control.data();
      header.msg_controllen = slot.control.size();
      cmsghdr* segments = CMSG_FIRSTHDR(&header);
      segments->cmsg_level = IPPROTO_UDP;
      segments->cmsg_type = UDP_SEGMENT;
      segments->cmsg_len = CMSG_LEN(sizeof(uint16_t));
      const auto octets = static_cast<uint16_t>(places_[first].iov_len);
      std::memcpy(CMSG_DATA(segments), &octets, sizeof octets);
    }
    first += together;
  }
  return count;
}

// How many from `first` on go as segments of one.
size_t MessageWriter::SameFrom(size_t first) const {
  const SocketAddress& to = slots_[first].to;
  size_t end = first + 1;
  while (segment_ && end < count_ && places_[end].iov_len == places_[first].iov_len &&
         slots_[end].to.size == to.size &&
         std::memcmp(&slots_[end].to.storage, &to.storage, to.size) == 0) {
    ++end;
  }
  return end - first < kWorthSegmenting ? 1 : end - first;
}

// sendmsg for one: simulators that interpose on libc do not know sendmmsg.
int MessageWriter::SendArranged(size_t count) {
  if (count > 1) {
    return sendmmsg(general_, arranged_.data(), static_cast<unsigned>(count),
                    MSG_DONTWAIT);
  }
  return sendmsg(general_, &arranged_[0].msg_hdr, MSG_DONTWAIT) < 0 ? -1 : 1;
}

std::optional<TxStamp> MessageWriter::ReadTransmitted(
    PtpTransport::Counters& counters) {
  return pending_.Read(events_.get(), MonoNow(), counters);
}

}  // namespace bridge::os
