// bridge/source/stamp_carrier.h
//
// Carries the stamps of frames to a local clock that nobody steers, software ones from
// CLOCK_REALTIME and hardware ones from the PHC, and says where a reading of the clocks
// stands on it. Steps of either clock are noticed.
#pragma once

#include <cstdint>
#include <optional>

#include "bridge/estimate/offset_estimator.h"
#include "bridge/estimate/phc_time_base.h"
#include "bridge/estimate/time_base.h"
#include "bridge/time/clock_map.h"
#include "bridge/time/event_stamp.h"

namespace bridge {

class StampCarrier {
 public:
  struct Reading {
    bool system_stepped = false;  // Since the last pair.
    bool phc_stepped = false;     // By somebody else: what was measured is worthless.
    bool phc_uncertain = false;   // How far we stepped it ourselves: likewise.
    bool wide = false;
    // The local clock, as this reading showed it. Nothing when it is the PHC and that
    // could not be read.
    std::optional<CrossTimestamp<Local>> local;
  };

  // Stamps of the other kind are refused.
  explicit StampCarrier(StampKind stamps) : stamps_(stamps) {}

  // A pair REALTIME/RAW.
  SteadyTimeBase::PairVerdict OnPair(const CrossTimestamp<Raw>& pair, MonoTime now);
  Reading OnReading(const ClockReading& reading, MonoTime now);
  // Nothing for a stamp that belongs to no time that may be.
  std::optional<LocalTime> Carry(EventStamp stamp, MonoTime now);
  // CLOCK_MONOTONIC_RAW cannot be trusted across this moment (suspend).
  void Reset();

  bool hardware() const { return stamps_ == StampKind::kHardware; }
  uint64_t refused() const { return refused_; }
  const SteadyTimeBase& steady() const { return steady_; }
  // It may be steered by us, and has to be told.
  PhcTimeBase& phc() { return phc_; }
  const PhcTimeBase& phc() const { return phc_; }

 private:
  const StampKind stamps_;
  SteadyTimeBase steady_;
  PhcTimeBase phc_;
  std::optional<RawTime> last_raw_;  // Of the newest pair,
  MonoTime last_raw_at_;             // which was read then.
  uint64_t refused_ = 0;
};

}  // namespace bridge
