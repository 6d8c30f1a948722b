// bridge/engine/limited_log.h
//
// A log line as an action, as often as its limit allows.
#pragma once

#include <string>

#include "bridge/base/log.h"
#include "bridge/engine/actions.h"
#include "bridge/time/timestamp.h"

namespace bridge {

// Says how many lines were left out, if any.
void Log(LogLimit& limit, Severity severity, std::string text, MonoTime now,
         Actions& out);

}  // namespace bridge
