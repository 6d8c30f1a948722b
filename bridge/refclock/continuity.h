// bridge/refclock/continuity.h
//
// Does the master's time go on where the published time left off? The local clock
// remembers that across a change of masters, when a master jumps, and when the
// estimator was deceived.
//
// A jump of whole seconds is a fault of the master before it or after it, and
// nobody here can tell which: it is withheld until the old time is back, the same
// grandmaster says that it has found its reference, or memory is too old.
// A smaller one only has to be consistent for a while.
#pragma once

#include <cstdint>
#include <optional>

#include "bridge/time/timestamp.h"

namespace bridge {

class Continuity {
 public:
  enum class Verdict {
    kContinues,
    kUnproven,  // Differs by more than both readings' noise, and is still young.
    kJumped,    // By more than a quarter of a second.
  };

  // A master's time, as it would be published now.
  struct Reading {
    LocalTime at;
    TaiTime tai;
    double rate;           // d(Tai)/d(Local) - 1.
    TimeDelta jitter;      // Its standard error.
    uint64_t grandmaster;  // Its clockIdentity.
    int clock_class;       // Lower is better (IEEE 1588-2019, 7.6.2.5).
    uint64_t syncs;        // Used since the start, whatever the master.
  };

  static constexpr uint64_t kProofSyncs = 8;
  static constexpr TimeDelta kProofTime = TimeDelta::FromSeconds(2);
  // Frequency changes of the local clock add up to less than kJump by then.
  static constexpr TimeDelta kMemory = TimeDelta::FromSeconds(86'400);
  static constexpr TimeDelta kJump = TimeDelta::FromMillis(250);

  // Remembers a reading that differs, to see whether the next ones agree with it.
  Verdict Judge(const Reading& now);
  void Published(const Reading& now) { last_ = now; }
  void Forget();

 private:
  std::optional<Reading> last_;
  std::optional<Reading> candidate_;  // Differs from last_.
};

}  // namespace bridge
