// shm/layout.h
//
// The NTP shared memory segment as ntpd, ntpsec, chrony and gpsd lay it out.
// There is no version and no size field: natural alignment of these C types is
// the contract (96 octets on LP64 and 32-bit ARM with 64-bit time_t, 80 with
// 32-bit time_t, 88 on i386 with 64-bit time_t).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace ntpshm {

struct Segment {
  int mode;  // 1: count is checked around the copy.
  int count;
  time_t clockTimeStampSec;  // Reference: true UTC.
  int clockTimeStampUSec;
  time_t receiveTimeStampSec;  // System clock at the same instant.
  int receiveTimeStampUSec;
  int leap;
  int precision;
  int nsamples;
  int valid;
  unsigned clockTimeStampNSec;  // All nine digits; USec is this, truncated.
  unsigned receiveTimeStampNSec;
  int dummy[8];  // Zero: gpsd has plans for two of them.
};

#if defined(__LP64__)
static_assert(sizeof(Segment) == 96 && offsetof(Segment, valid) == 48 &&
              offsetof(Segment, clockTimeStampNSec) == 52);
#endif

// "NTP0" + unit.
inline constexpr int kBaseKey = 0x4e545030;
inline constexpr int kMaxUnit = 217;

// A sample in the segment's own terms.
struct Sample {
  int64_t clock_seconds;
  uint32_t clock_nanos;
  int64_t receive_seconds;
  uint32_t receive_nanos;
  int leap;
  int precision;
};

}  // namespace ntpshm
