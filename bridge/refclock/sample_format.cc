#include "bridge/refclock/sample_format.h"

namespace bridge {

ntpshm::Sample ToShmSample(const RefclockSample& sample) {
  const auto clock = sample.reference.Split();
  const auto receive = sample.system.Split();
  return {.clock_seconds = clock.seconds,
          .clock_nanos = clock.nanos,
          .receive_seconds = receive.seconds,
          .receive_nanos = receive.nanos,
          .leap = static_cast<int>(sample.leap),
          .precision = sample.precision};
}

SockSample ToSockSample(const RefclockSample& sample) {
  // Split() rounds toward minus infinity: tv_usec is never negative.
  const auto system = sample.system.Split();
  SockSample out{};
  out.tv.tv_sec = static_cast<time_t>(system.seconds);
  out.tv.tv_usec = static_cast<suseconds_t>(system.nanos / 1'000);
  // One division, so one rounding: 2^-16 ns to seconds.
  out.offset = static_cast<double>(sample.Offset().scaled_nanos()) / 65536e9;
  out.leap = static_cast<int>(sample.leap);
  out.magic = kSockMagic;
  return out;
}

}  // namespace bridge
