// Any octets: a message that parses must survive being written and read again.
#include <algorithm>
#include <cstdint>
#include <variant>
#include <vector>

#include "bridge/ptp/message.h"
#include "tests/fuzz/fuzz_require.h"

namespace {

using bridge::ptp::Message;
using bridge::ptp::ParseMessage;
using bridge::ptp::SerializeMessage;
using bridge::ptp::Tlv;

void WalkTlvs(const Message& message) {
  size_t octets = 0;
  for (const Tlv& tlv : message.tlvs) {
    FUZZ_REQUIRE(tlv.value.size() % 2 == 0);
    octets += 4 + tlv.value.size();
  }
  FUZZ_REQUIRE(octets == message.tlvs.octets().size());
}

void RoundTrip(const Message& message) {
  std::vector<uint8_t> buffer(0x10000);
  const auto octets = SerializeMessage(message, buffer);
  FUZZ_REQUIRE(!octets.empty());
  const auto result = ParseMessage(octets);
  const auto* again = std::get_if<Message>(&result);
  FUZZ_REQUIRE(again != nullptr);
  FUZZ_REQUIRE(again->header == message.header);
  FUZZ_REQUIRE(again->body == message.body);
  FUZZ_REQUIRE(std::ranges::equal(again->tlvs.octets(), message.tlvs.octets()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto result = ParseMessage({data, size});
  if (const auto* message = std::get_if<Message>(&result)) {
    WalkTlvs(*message);
    RoundTrip(*message);
  }
  return 0;
}
