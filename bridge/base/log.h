// bridge/base/log.h
//
// What a log line is, and how often one may be written. Writing it is the
// executor's business: no room below os/ or sim/ prints anything.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace bridge {

// The numbers are those of syslog(3), which journald reads as a "<N>" prefix.
enum class Severity : uint8_t { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6 };

struct LogLine {
  Severity severity;
  std::string text;
};

// Lets a burst through and then one line a minute: whatever arrives from the
// network, the log stays readable. Time is any steady count of seconds.
class LogLimit {
 public:
  explicit LogLimit(double burst) : burst_(burst), credit_(burst) {}

  bool Allow(double now_seconds) {
    credit_ = std::min(burst_, credit_ + (now_seconds - last_seconds_) / 60);
    last_seconds_ = now_seconds;
    if (credit_ < 1) {
      ++suppressed_;
      return false;
    }
    credit_ -= 1;
    return true;
  }
  // Lines refused since this was last asked.
  uint64_t TakeSuppressed() { return std::exchange(suppressed_, 0); }

 private:
  double burst_;
  double credit_;
  double last_seconds_ = 0;
  uint64_t suppressed_ = 0;
};

}  // namespace bridge
