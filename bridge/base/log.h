// bridge/base/log.h
//
// What a log line is, and how often one may be written. Writing it is the
// executor's business: no room below os/ or sim/ prints anything.
#pragma once

#include <cstdint>
#include <string>

namespace bridge {

// The numbers are those of syslog(3), which journald reads as a "<N>" prefix.
enum class Severity : uint8_t { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6 };

struct LogLine {
  Severity severity;
  std::string text;
};

}  // namespace bridge
