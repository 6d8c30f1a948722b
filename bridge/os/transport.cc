#include "bridge/os/transport.h"

#include <linux/sock_diag.h>

#include <algorithm>
#include <utility>

#include "bridge/os/l2_transport.h"
#include "bridge/os/timestamping.h"
#include "bridge/os/udp_transport.h"

namespace bridge::os {

absl::StatusOr<std::unique_ptr<PtpTransport>> PtpTransport::Open(
    const Options& options) {
  return options.kind == Transport::kL2 ? L2Transport::Open(options)
                                        : UdpTransport::Open(options);
}

std::optional<RxFrame> PtpTransport::Take(const MessageReader& reader, StampKind stamps,
                                          std::span<uint8_t> buffer) {
  const std::span<const uint8_t> octets = reader.octets();
  if (reader.truncated() || octets.size() > buffer.size()) {
    ++counters_.rx_truncated;
    return std::nullopt;
  }
  ++counters_.received;
  std::copy(octets.begin(), octets.end(), buffer.begin());
  return RxFrame{buffer.first(octets.size()), reader.Stamp(stamps), reader.Sender()};
}

// With what the kernel allows by default some 270 requests fit, 3 ms of 100,000 a
// second.
void PtpTransport::EnlargeReceiveBuffer(int fd) {
  const int octets = 2 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
  }
}

// Not by SO_RXQ_OVFL, which would have to be looked for beside every message.
void PtpTransport::CountDrops(int fd, uint32_t& before) {
  std::array<uint32_t, SK_MEMINFO_VARS> info;
  socklen_t size = sizeof info;
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &size) != 0) return;
  const uint32_t drops = info[SK_MEMINFO_DROPS];  // Runs over.
  counters_.rx_overflows += drops - std::exchange(before, drops);
}

absl::Status PtpTransport::NotAnAddress() {
  return absl::InvalidArgumentError("cannot send: not an address of this transport");
}

bool PtpTransport::IsPeerDelay(ptp::MessageType type) {
  return type == ptp::MessageType::kPdelayReq ||
         type == ptp::MessageType::kPdelayResp ||
         type == ptp::MessageType::kPdelayRespFollowUp;
}

}  // namespace bridge::os
