#include "shm/segment_reader.h"

#include "shm/shared_field.h"

namespace ntpshm {
namespace {

struct Stamp {
  int64_t seconds;
  int micros;
  unsigned nanos;

  bool Normalised() const { return micros >= 0 && micros < 1'000'000; }
  bool NanosExtendMicros() const {
    return nanos - static_cast<unsigned>(micros) * 1000u < 1000u;
  }
  uint32_t Nanos(bool with_nanos) const {
    return with_nanos ? nanos : static_cast<unsigned>(micros) * 1000u;
  }
};

ReadResult Judge(int mode, const Stamp& clock, const Stamp& receive, int leap) {
  if (mode != 0 && mode != 1) return ReadResult::kBadMode;
  // chrony from 4.9 on refuses such fractions, older ones carry them over. A leap
  // of 3 is NTP's "not synchronised"; chrony ignores such a sample.
  if (!clock.Normalised() || !receive.Normalised() || leap < 0 || leap > 3) {
    return ReadResult::kMalformed;
  }
  return ReadResult::kSample;
}

}  // namespace

Reading Read(const Segment* segment) {
  Reading reading{};
  reading.valid = Load(segment->valid) != 0;
  reading.count = Load(segment->count);
  std::atomic_thread_fence(std::memory_order_acquire);
  reading.mode = Load(segment->mode);
  const Stamp clock{Load(segment->clockTimeStampSec), Load(segment->clockTimeStampUSec),
                    Load(segment->clockTimeStampNSec)};
  const Stamp receive{Load(segment->receiveTimeStampSec),
                      Load(segment->receiveTimeStampUSec),
                      Load(segment->receiveTimeStampNSec)};
  const int leap = Load(segment->leap);
  const int precision = Load(segment->precision);
  std::atomic_thread_fence(std::memory_order_acquire);
  // ntpd does not look at `valid` again, so a writer that is stopped half way
  // through, count already odd, can make it take half a sample. `valid` first: a
  // 1 that belongs to the new sample then brings its count along.
  const bool valid_after = std::atomic_ref<int>(const_cast<int&>(segment->valid))
                               .load(std::memory_order_acquire) != 0;
  const int count_after = Load(segment->count);

  if (!reading.valid) {
    reading.result = ReadResult::kNotValid;
    return reading;
  }
  if (!valid_after || (reading.mode == 1 && reading.count != count_after)) {
    reading.result = ReadResult::kClash;
    return reading;
  }
  reading.result = Judge(reading.mode, clock, receive, leap);
  if (reading.result != ReadResult::kSample) return reading;
  reading.has_nanoseconds = clock.NanosExtendMicros() && receive.NanosExtendMicros();
  reading.sample = {clock.seconds,
                    clock.Nanos(reading.has_nanoseconds),
                    receive.seconds,
                    receive.Nanos(reading.has_nanoseconds),
                    leap,
                    precision};
  return reading;
}

}  // namespace ntpshm
