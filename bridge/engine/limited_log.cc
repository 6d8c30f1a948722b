#include "bridge/engine/limited_log.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace bridge {

void Log(LogLimit& limit, Severity severity, std::string text, MonoTime now,
         Actions& out) {
  if (!limit.Allow(now.SinceEpoch().SecondsDouble())) return;
  if (const uint64_t missing = limit.TakeSuppressed(); missing > 0) {
    absl::StrAppend(&text, " (", missing, " lines like this left out)");
  }
  out.push_back(WriteLog{{severity, std::move(text)}});
}

}  // namespace bridge
