// Any octets as the kernel's answer. What is read of them is possible, and does not
// depend on what was read before.
#include <cstddef>
#include <cstdint>

#include "bridge/os/ethtool.h"
#include "tests/fuzz/fuzz_require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bridge::os::AddDatagram;
  using bridge::os::EthtoolAnswer;
  EthtoolAnswer answer;
  if (!AddDatagram({data, size}, answer)) return 0;
  FUZZ_REQUIRE(!answer.family || *answer.family >= 16);
  FUZZ_REQUIRE(!answer.error || (*answer.error >= 0 && *answer.error <= 4095));
  FUZZ_REQUIRE(answer.reports.size() <= size / 20);  // Two headers each.
  for (const auto& report : answer.reports)
    FUZZ_REQUIRE(!report.phc || *report.phc >= 0);

  const EthtoolAnswer once = answer;
  FUZZ_REQUIRE(AddDatagram({data, size}, answer));
  FUZZ_REQUIRE(answer.family == once.family && answer.error == once.error);
  FUZZ_REQUIRE(answer.reports.size() == 2 * once.reports.size());
  for (size_t i = 0; i < answer.reports.size(); ++i) {
    FUZZ_REQUIRE(answer.reports[i] == once.reports[i % once.reports.size()]);
  }
  return 0;
}
