#include "bridge/os/transport.h"

#include <algorithm>

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

absl::Status PtpTransport::NotAnAddress() {
  return absl::InvalidArgumentError("cannot send: not an address of this transport");
}

bool PtpTransport::IsPeerDelay(ptp::MessageType type) {
  return type == ptp::MessageType::kPdelayReq ||
         type == ptp::MessageType::kPdelayResp ||
         type == ptp::MessageType::kPdelayRespFollowUp;
}

}  // namespace bridge::os
