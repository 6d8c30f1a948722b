#include "bridge/os/transport.h"

#include "bridge/os/l2_transport.h"
#include "bridge/os/udp_transport.h"

namespace bridge::os {

absl::StatusOr<std::unique_ptr<PtpTransport>> PtpTransport::Open(
    const Options& options) {
  return options.kind == Transport::kL2 ? L2Transport::Open(options)
                                        : UdpTransport::Open(options);
}

bool PtpTransport::IsPeerDelay(ptp::MessageType type) {
  return type == ptp::MessageType::kPdelayReq ||
         type == ptp::MessageType::kPdelayResp ||
         type == ptp::MessageType::kPdelayRespFollowUp;
}

}  // namespace bridge::os
