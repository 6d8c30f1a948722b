// bridge/time/event_stamp.h
//
// When a frame passed the timestamp point, as the clock that stamps frames showed
// it: CLOCK_REALTIME with software stamps, the PHC with hardware ones.
#pragma once

#include <variant>

#include "bridge/time/timestamp.h"

namespace bridge {

using EventStamp = std::variant<UtcTime, PhcTime>;

}  // namespace bridge
