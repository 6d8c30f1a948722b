// bridge/time/utc_month.h
//
// UTC months: a leap second can only be the last second of one.
#pragma once

#include "bridge/time/timestamp.h"

namespace bridge {

// 00:00:00 UTC on the first of the month that `instant` is in.
UtcTime MonthStart(UtcTime instant);
// ... of the month after it.
UtcTime NextMonthStart(UtcTime instant);

}  // namespace bridge
