// Any octets as the file of a latency report: an error with words, or a report that can
// be shown, drawn, compared and written again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "bridge/base/utf8.h"
#include "bridge/cli/ctl_latency.h"
#include "fuzz_require.h"

namespace {

using bridge::LatencyReport;
namespace ctl = bridge::ctl;

LatencyReport ReadAgain(const LatencyReport& report) {
  const auto again = ctl::ReadLatency(report.ToJson());
  FUZZ_REQUIRE(again.ok());
  return *again;
}

void CheckText(const std::string& text) {
  FUZZ_REQUIRE(bridge::IsUtf8(text));
  for (const char c : text) {
    FUZZ_REQUIRE(static_cast<unsigned char>(c) >= 0x20 || c == '\n');
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto report = ctl::ReadLatency({reinterpret_cast<const char*>(data), size});
  if (!report.ok()) {
    FUZZ_REQUIRE(!report.status().message().empty());
    CheckText(std::string(report.status().message()));
    return 0;
  }
  // A number may lose its last digits or its sign of zero, once.
  const LatencyReport once = ReadAgain(*report);
  FUZZ_REQUIRE(once.ToJson() == ReadAgain(once).ToJson());
  for (const size_t width : {0u, 80u, 1000u}) {
    CheckText(ctl::LatencyText(*report, {width, width == 80, width != 80}));
  }
  const ctl::NamedLatency both[] = {{"a", &*report}, {"b", &once}};
  FUZZ_REQUIRE(bridge::IsUtf8(ctl::LatencyPlot({both, 1})));
  (void)ctl::LatencyPlot(both);
  const auto same = ctl::CompareLatency(both[0], both[1], {80, true, true});
  FUZZ_REQUIRE(same.ok() == !report->stages.empty());
  if (!same.ok()) return 0;
  FUZZ_REQUIRE(!same->worse);
  CheckText(same->text);
  return 0;
}
