// Frames from anybody, for the parser that also runs in the kernel. The loader here has
// the frame end where the memory ends. Then the frames' keys as events, for the
// matcher: whatever their order, every message comes out once.
#include <cstdint>
#include <cstring>
#include <span>

#include "ebpf/matcher.h"
#include "ebpf/ptp_parse.h"
#include "tests/fuzz/fuzz_require.h"

namespace ebpf {
namespace {

int Load(const void* frame, uint32_t offset, void* to, uint32_t size) {
  const auto& octets = *static_cast<const std::span<const uint8_t>*>(frame);
  FUZZ_REQUIRE(offset < 256 && size <= PTP_HEADER);
  if (size_t{offset} + size > octets.size()) return -1;
  std::memcpy(to, octets.data() + offset, size);
  return 0;
}

bool Parse(std::span<const uint8_t> frame, ptp_key& key) {
  key = {};
  ptp_begin(&key, PTP_RX);
  const bool found = ptp_parse_frame(Load, &frame, &key) != 0;
  if (found) {
    FUZZ_REQUIRE(frame.size() >= 14 + PTP_HEADER && key.transport <= PTP_UDP6);
    FUZZ_REQUIRE(key.message_type < 16);
    FUZZ_REQUIRE(key.vlan[0] != PTP_NO_VLAN || key.vlan[1] == PTP_NO_VLAN);
  }
  return found;
}

// Octets of the first frame say what happens to which message.
void Match(std::span<const uint8_t> script, ptp_key key) {
  Matcher matcher({},
                  {.first = true, .socket = true, .stamp_udp = true, .reads = true});
  matcher.AddOwnCookie(1);
  uint64_t time = 1'000'000'000, handed_out = 0;
  const auto count = [&](const Record&) { ++handed_out; };
  for (const uint8_t step : script) {
    key.sequence_id = step & 3;
    key.direction = step >> 2 & 1;
    ptp_event event{};
    event.key = key;
    event.hook = step >> 3 & 7;  // One more than there are: ignored.
    event.time = time += step;
    event.message = time - (step >> 4);
    event.socket = event.cookie = step >> 7;
    event.stamp_asked = step & 1;
    matcher.OnEvent(event);
    if ((step & 0x1f) == 0x1f) {
      matcher.OnOwnStamp({static_cast<OwnStamp::Point>(step >> 5 & 1), key,
                          static_cast<int64_t>(time), std::nullopt, std::nullopt});
    }
    if (step == 0xee)
      matcher.Finish(static_cast<int64_t>(time += 1'500'000'000), count);
  }
  matcher.Finish(static_cast<int64_t>(time + 10'000'000'000), count);
  const Matcher::Counters& counters = matcher.counters();
  FUZZ_REQUIRE(handed_out == counters.received + counters.sent);
  FUZZ_REQUIRE(counters.stamps_missing <= counters.stamps_asked);
}

}  // namespace
}  // namespace ebpf

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> input(data, size);
  ptp_key key;
  ebpf::Parse(input, key);
  ebpf::Match(input, key);
  return 0;
}
