// bridge/refclock/sample_format.h
//
// A RefclockSample in the words of the two protocols.
#pragma once

#include <sys/time.h>

#include <cstdint>

#include "bridge/refclock/refclock_sample.h"
#include "shm/layout.h"

namespace bridge {

ntpshm::Sample ToShmSample(const RefclockSample& sample);

// chrony's SOCK datagram, host byte order (chrony 3.2 to 4.9: refclock_sock.c).
struct SockSample {
  timeval tv;     // System clock, truncated to microseconds; `offset` is exact.
  double offset;  // True time minus system time, seconds.
  int pulse;      // 0: a full sample.
  int leap;
  int pad;
  int magic;  // "SOCK"
};
inline constexpr int kSockMagic = 0x534f434b;
#if defined(__LP64__)
static_assert(sizeof(SockSample) == 40);
#endif

SockSample ToSockSample(const RefclockSample& sample);

}  // namespace bridge
