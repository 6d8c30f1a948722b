// bridge/sim/utc_cases.h
//
// The table of lies: every combination of what a master may announce, what lists,
// kernel and system clock say, what the operator wants and how the daemon started,
// each played as a short world. `refclockctl simulate --cases` prints it.
//
// In each case it is known beforehand who tells the truth, so what must come of it
// is too: nothing wrong ever, and no silence where two independent parties tell the
// truth, but for the two doubts named below.
//
// Left out are two parties that lie in the same way, which nobody can tell from the
// truth: above all a leap second that neither the master nor any list has heard of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bridge/refclock/withhold_reason.h"
#include "bridge/time/utc_verdict.h"

namespace bridge::sim {

struct UtcCase {
  enum class When {
    kToday,      // Within what the release knows.
    kLater,      // It has expired, and nothing has changed.
    kAfterLeap,  // It has expired, and there was a leap second since.
  };
  enum class Flags { kNone, kValid, kTraceable, kLeap61, kLeap59 };
  enum class List { kCurrent, kExpired, kAncient, kAbsent, kLineLost };
  enum class System { kFree, kRight, kSecondsOff };  // Synchronised by another or not.

  When when;
  int lie;  // Announced minus true TAI-UTC; kZero: 0 is announced.
  Flags flags;
  bool ptp_timescale;
  List list;
  std::optional<int> kernel;  // Its TAI offset minus the true one; nothing: 0, unset.
  System system;
  UtcPolicy policy;
  bool restart;  // Played up to there once before, by a daemon that may have fed it.

  static constexpr int kZero = -1'000;

  std::string ToString() const;
};

// What must come of a case.
enum class UtcExpectation {
  kPublished,      // Two independent parties tell the truth.
  kAnything,       // They don't: the truth or silence.
  kClockDoubt,     // They do, but a synchronised system clock is seconds off.
  kNobodyCurrent,  // They do, but somebody differs, and none of those who agree
                   // knows of today: no list that has not expired, no system clock.
  kRefused,        // ptpTimescale 0 and no word from the operator: silence.
};

struct UtcOutcome {
  uint64_t samples = 0;
  uint64_t wrong = 0;                      // By half a second and more.
  bool publishing = false;                 // At the end.
  std::optional<WithholdReason> withheld;  // At the end.
};

std::vector<UtcCase> AllUtcCases();
UtcExpectation Expected(const UtcCase& c);
UtcOutcome Play(const UtcCase& c);
// Whether the outcome is what must come of it.
bool IsGood(const UtcCase& c, const UtcOutcome& outcome);

}  // namespace bridge::sim
