#include "bridge/ptp/addressing.h"

namespace bridge::ptp {

std::optional<DropReason> RefusalOf(const Header& header,
                                    const PortSettings& settings) {
  if (header.source.clock == settings.identity.clock) return DropReason::kOwnMessage;
  if (header.domain != settings.domain) return DropReason::kOtherDomain;
  // minorSdoId is reserved in 2008, so senders of that edition put anything there.
  if (header.sdo.major != settings.sdo.major) return DropReason::kOtherSdo;
  if (header.flags.alternate_master) return DropReason::kAlternateMaster;
  return {};
}

}  // namespace bridge::ptp
