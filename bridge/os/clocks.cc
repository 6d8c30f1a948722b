#include "bridge/os/clocks.h"

#include <sys/timex.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "bridge/base/status_macros.h"
#include "bridge/os/errno_status.h"

namespace bridge::os {
namespace {

constexpr TimeDelta kNanosecond = TimeDelta::FromNanos(1);

int64_t Nanos(const timespec& t) {
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

CrossTimestamp<Raw> ReadPairOnce() {
  timespec before, system, after;
  clock_gettime(CLOCK_MONOTONIC_RAW, &before);
  clock_gettime(CLOCK_REALTIME, &system);
  clock_gettime(CLOCK_MONOTONIC_RAW, &after);
  const RawTime first = RawTime::FromNanos(Nanos(before));
  const TimeDelta window = RawTime::FromNanos(Nanos(after)) - first;
  return {first + window.Half(), UtcTime::FromNanos(Nanos(system)), window};
}

absl::StatusOr<timex> AskKernel() {
  timex answer{};  // modes = 0: asks only.
  if (adjtimex(&answer) < 0) {
    return ErrnoStatus(errno, "cannot ask the kernel about its clock");
  }
  return answer;
}

}  // namespace

MonoTime MonoNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return MonoTime::FromNanos(Nanos(now));
}

RawTime RawNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return RawTime::FromNanos(Nanos(now));
}

CrossTimestamp<Raw> PairReader::Read() {
  CrossTimestamp<Raw> best = ReadPairOnce();
  for (int i = 1; i < 3 && (!usual_ || best.window > *usual_); ++i) {
    const CrossTimestamp<Raw> pair = ReadPairOnce();
    if (pair.window < best.window) best = pair;
  }
  // Grows slowly, in case that clocks now take longer to read.
  usual_ = std::min(best.window, usual_.value_or(best.window) + kNanosecond);
  return best;
}

absl::StatusOr<KernelClock> ReadKernelClock() {
  ASSIGN_OR_RETURN(const timex answer, AskKernel());
  return KernelClock{.tai_offset = answer.tai,
                     .synchronized = (answer.status & STA_UNSYNC) == 0,
                     .max_error = TimeDelta::FromMicros(answer.maxerror),
                     .discipline = ClockDiscipline{
                         .estimated_error = TimeDelta::FromMicros(answer.esterror),
                         .frequency = answer.freq}};
}

std::optional<absl::Duration> SuspendedFor() {
  timespec boot, mono;
  if (clock_gettime(CLOCK_BOOTTIME, &boot) != 0) return std::nullopt;
  clock_gettime(CLOCK_MONOTONIC, &mono);
  // MONOTONIC was read later, so the difference may be slightly negative.
  const int64_t slept = Nanos(boot) - Nanos(mono);
  return absl::Nanoseconds(slept < 0 ? 0 : slept);
}

}  // namespace bridge::os
