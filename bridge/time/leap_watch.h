// bridge/time/leap_watch.h
//
// The month's end: when to be silent because UTC may be ambiguous, and whether
// the offset after a leap second that somebody had announced is confirmed.
//
// Flags are gone by the time they matter (a master clears them at midnight, some
// early, some never), so they are remembered: one that was heard within the last
// hour before midnight means that the old offset is not believed afterwards,
// unless somebody says so who would know.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "bridge/time/leap.h"
#include "bridge/time/timestamp.h"

namespace bridge {

// What a leap second does to TAI-UTC.
int StepOf(LeapIndicator leap);

class LeapWatch {
 public:
  // What the claims come to, at one moment.
  struct Opinion {
    std::optional<int> offset;  // Validated TAI-UTC.
    // Somebody announces a leap second, and no table that has not expired says
    // that there is none.
    LeapIndicator flagged = LeapIndicator::kNone;
    // A table that has not expired knows of no leap second around now, and nobody
    // announces one.
    bool excluded = false;
    // One who would know of a leap second vouches for the offset: a table that has
    // not expired, GNSS.
    bool informed = false;
  };

  // Silence before midnight, and at least after; a second of it is the leap second.
  static constexpr TimeDelta kBefore = TimeDelta::FromSeconds(6);
  static constexpr TimeDelta kAfter = TimeDelta::FromSeconds(7);
  // How long before midnight a leap second may be announced to consumers.
  static constexpr TimeDelta kArmed = TimeDelta::FromSeconds(86'400);

  // Sources are late: a master has two Announce intervals to change its flags
  // (IEEE 1588-2019, 9.4), and it is heard once in each of them.
  void SetAnnounceInterval(absl::Duration interval);

  void Observe(TaiTime now, const Opinion& opinion);

  // Within seconds of a month's end at which there may be a leap second.
  bool Near(TaiTime instant, const Opinion& opinion) const;
  // A leap second was announced for a month's end that is past, and the offset is
  // not what it must be now; or one is still announced in a month's first hours.
  bool Unconfirmed(TaiTime instant, const Opinion& opinion) const;
  // Within kArmed before a month's end.
  bool Armed(TaiTime instant, const Opinion& opinion) const;
  // When Near() next becomes true, if it isn't yet and nothing changes.
  std::optional<TaiTime> NextSilence(TaiTime now, const Opinion& opinion) const;

 private:
  // expected_ is there.
  bool IsExpected(TaiTime instant, const Opinion& opinion) const;

  struct Expected {
    TaiTime boundary;  // 00:00:00 UTC, the leap second done.
    int before;        // The offset until then.
    int step;
    TaiTime heard;  // Announced last.
  };

  std::optional<Expected> expected_;
  std::optional<int> last_offset_;
  TimeDelta after_ = kAfter;
};

}  // namespace bridge
