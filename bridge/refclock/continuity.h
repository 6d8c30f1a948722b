// bridge/refclock/continuity.h
//
// Does the master's time go on where the published time left off? The local clock
// remembers that across a change of masters, and when a master jumps.
//
// A jump of whole seconds is a fault of the master before it or after it, and
// nobody here can tell which: it is withheld until the old time is back, the
// master says that its quality has improved (GNSS found), or memory is too old.
// A smaller one only has to be consistent for a while.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "bridge/time/timestamp.h"

namespace bridge {

class Continuity {
 public:
  enum class Verdict {
    kContinues,
    kUnproven,  // Differs by more than both errors allow, and is still young.
    kJumped,    // By more than a quarter of a second.
  };

  // A master's time, as it would be published now.
  struct Reading {
    RawTime at;
    TaiTime tai;
    double rate;  // d(Tai)/d(Raw) - 1.
    TimeDelta error_bound;
    int clock_class;  // Lower is better (IEEE 1588-2019, 7.6.2.5).
  };
  // How long this master has been measured without a break.
  struct Proof {
    uint64_t syncs;
    absl::Duration time;
  };

  static constexpr uint64_t kProofSyncs = 8;
  static constexpr absl::Duration kProofTime = absl::Seconds(2);
  // Frequency changes of the local clock add up to a tenth of kJump by then.
  static constexpr TimeDelta kMemory = TimeDelta::FromSeconds(86'400);
  static constexpr TimeDelta kJump = TimeDelta::FromMillis(250);

  Verdict Judge(const Reading& now, const Proof& proof) const;
  void Published(const Reading& now) { last_ = now; }
  void Forget() { last_.reset(); }

 private:
  std::optional<Reading> last_;
};

}  // namespace bridge
