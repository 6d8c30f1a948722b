// Lines of gpsd from anybody: read, and judged as they come. Whatever they say, a line
// that is not whole says nothing, and what is claimed of GNSS is consistent.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "bridge/os/gpsd_line.h"
#include "bridge/time/waiting.h"
#include "tests/fuzz/fuzz_require.h"

namespace bridge {
namespace {

void CheckReport(const GnssReport& report) {
  if (const auto* fix = std::get_if<GnssFix>(&report)) {
    FUZZ_REQUIRE(!fix->device.empty() && fix->device.size() <= 256);
    FUZZ_REQUIRE(fix->mode >= 0 && fix->mode <= 3 && fix->status >= 0);
    FUZZ_REQUIRE(!fix->time || *fix->time >= UtcTime());
    FUZZ_REQUIRE(!fix->ept || *fix->ept >= absl::ZeroDuration());
  } else if (const auto* pulse = std::get_if<GnssPulse>(&report)) {
    FUZZ_REQUIRE(pulse->real >= UtcTime() && pulse->clock >= UtcTime());
  } else if (const auto* sky = std::get_if<GnssSky>(&report)) {
    FUZZ_REQUIRE(!sky->used || *sky->used >= 0);
  }
}

void CheckStatus(const GnssWatch& watch, MonoTime now) {
  const GnssStatus status = watch.Status();
  FUZZ_REQUIRE(status.state == TextOf(status.reason).state);
  FUZZ_REQUIRE(status.since <= now);
  if (status.state == GnssState::kGood) {
    FUZZ_REQUIRE(status.fixed && now - *status.fixed <= TimeDelta::FromSeconds(5));
  }
  if (const auto leaps = watch.LeapClaim()) {
    FUZZ_REQUIRE(status.state == GnssState::kGood);
    FUZZ_REQUIRE(leaps->claim.offset >= 19 && leaps->claim.offset <= 19 + 255);
  }
}

}  // namespace
}  // namespace bridge

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bridge;
  absl::string_view text(reinterpret_cast<const char*>(data), size);
  MonoTime now = MonoTime::FromNanos(1'000'000'000);
  GnssWatch watch({.settle = absl::Seconds(1)}, now);
  watch.OnReport(GnssConnection{.up = true}, now);
  os::GpsdLineReader reader;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const os::GpsdLine line = reader.Read(text.substr(0, end));
    if (const auto* report = std::get_if<GnssReport>(&line)) {
      CheckReport(*report);
      watch.OnReport(*report, now);
    }
    now = now + absl::Milliseconds(250);
    watch.Update(now);
    CheckStatus(watch, now);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return 0;
}
