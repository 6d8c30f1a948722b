// Whatever stands in a segment: the reader ends, leaves it alone, and what it
// calls a sample obeys the limits it promises.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "shm/segment_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ntpshm::Segment segment{};
  if (size > 0) std::memcpy(&segment, data, std::min(size, sizeof segment));
  const ntpshm::Segment before = segment;
  const ntpshm::Reading reading = ntpshm::Read(&segment);
  if (std::memcmp(&segment, &before, sizeof segment) != 0) std::abort();
  if (reading.result == ntpshm::ReadResult::kClash) std::abort();  // Nobody writes.
  if (reading.result != ntpshm::ReadResult::kSample) return 0;
  const bool sane = reading.valid && (reading.mode == 0 || reading.mode == 1) &&
                    reading.sample.clock_nanos < 1'000'000'000 &&
                    reading.sample.receive_nanos < 1'000'000'000 &&
                    reading.sample.leap >= 0 && reading.sample.leap <= 3;
  if (!sane) std::abort();
  return 0;
}
