/* For LD_PRELOAD: a system clock that an NTP daemon disciplines, by a script. Who asks
 * how CLOCK_REALTIME is (modes 0) is told what the file $SYSTEM_CLOCK_SCRIPT says:
 *
 *   status maxerror esterror freq tai        as in struct timex
 *
 * maxerror and esterror change with every second, as an NTP daemon's updates make them.
 * The time is the kernel's, and nothing is ever adjusted. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

int clock_adjtime(clockid_t clock, struct timex *request) {
  if (clock != CLOCK_REALTIME) return (int)syscall(SYS_clock_adjtime, clock, request);
  if (request->modes != 0) {
    errno = EPERM;
    return -1;
  }
  if (syscall(SYS_clock_adjtime, clock, request) < 0) return -1;
  FILE *script = fopen(getenv("SYSTEM_CLOCK_SCRIPT"), "re");
  if (script == NULL) return -1;
  const int read = fscanf(script, "%d %ld %ld %ld %d", &request->status, &request->maxerror, &request->esterror,
                          &request->freq, &request->tai);
  fclose(script);
  if (read != 5) {
    errno = EIO;
    return -1;
  }
  request->maxerror += request->time.tv_sec % 7;
  request->esterror += request->time.tv_sec % 3;
  return request->status & STA_UNSYNC ? TIME_ERROR : TIME_OK;
}

int adjtimex(struct timex *request) { return clock_adjtime(CLOCK_REALTIME, request); }

int ntp_adjtime(struct timex *request) { return clock_adjtime(CLOCK_REALTIME, request); }
