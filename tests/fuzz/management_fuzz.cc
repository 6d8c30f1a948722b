// Any octets: a management message that parses must survive being written and read
// again.
#include <array>
#include <cstdint>
#include <variant>

#include "bridge/ptp/management.h"
#include "tests/fuzz/fuzz_require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bridge::ptp::ManagementMessage;
  const auto result = bridge::ptp::ParseManagement({data, size});
  const auto* message = std::get_if<ManagementMessage>(&result);
  if (message == nullptr) return 0;
  std::array<uint8_t, bridge::ptp::kMaxManagement> buffer;
  const auto octets = bridge::ptp::SerializeManagement(*message, buffer);
  FUZZ_REQUIRE(!octets.empty());
  const auto again = bridge::ptp::ParseManagement(octets);
  FUZZ_REQUIRE(std::holds_alternative<ManagementMessage>(again));
  FUZZ_REQUIRE(std::get<ManagementMessage>(again) == *message);
  return 0;
}
