/* For LD_PRELOAD: a clock that takes every adjustment and does nothing of it. ptp4l's
 * servo locks on it, and nobody's clock is touched. Reading (modes 0) is the kernel's. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

int clock_adjtime(clockid_t clock, struct timex *request) {
  if (request->modes != 0) return 0;
  return (int)syscall(SYS_clock_adjtime, clock, request);
}
