// Any text as a trace. It is refused with an error that names a line, or played; and
// what a played one is rewritten to is a trace that is decided as it says.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bridge/engine/trace_replay.h"
#include "tests/fuzz/fuzz_require.h"

namespace {

// The rewritten trace, or nothing when the text is none.
std::optional<std::string> Play(const std::string& text, bool& same) {
  std::string rewritten;
  bridge::TraceReplay replay("fuzz", nullptr, [&rewritten](absl::string_view line) {
    absl::StrAppend(&rewritten, line, "\n");
  });
  absl::Status status = replay.Feed(text);
  if (status.ok()) status = replay.Finish();
  same = !replay.result().difference;
  if (status.ok()) return rewritten;
  FUZZ_REQUIRE(absl::StartsWith(status.message(), "line "));
  return std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 16'384) return 0;
  bool same = false;
  const auto rewritten = Play({reinterpret_cast<const char*>(data), size}, same);
  if (!rewritten) return 0;
  const auto again = Play(*rewritten, same);
  FUZZ_REQUIRE(again && *again == *rewritten);
  FUZZ_REQUIRE(same);
  return 0;
}
