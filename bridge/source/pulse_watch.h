// bridge/source/pulse_watch.h
//
// Whether the clock that is served agrees with GNSS, by the pulses that gpsd reports:
// each is stamped with CLOCK_REALTIME. An NTP daemon that follows something else says
// that the clock is well disciplined all the same.
//
//   PulseWatch watch;
//   if (watch.Add({.at = pulsed, .ahead = ahead}, labelled)) Log(watch.reason());
//
// A stamp is microseconds late from the kernel, tens to hundreds of them from gpsd
// itself, and known to a millisecond over USB. The whole second is gpsd's guess (the
// newest fix and one): a receiver whose messages come late has it wrong now and then,
// and so has every one in a leap second. So one pulse says nothing, and several in a
// row are believed; of whole seconds, more of them.
//
// Pure; never allocates.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "bridge/time/time_delta.h"
#include "bridge/time/timestamp.h"

namespace bridge {

// From the worst to the best.
enum class PulseReason : uint8_t {
  kOff,
  kOtherSecond,
  kUnseen,
  kAgree,
};

struct PulseReasonText {
  PulseReason reason;
  const char* name;      // "other-second": JSON, log.
  const char* sentence;  // What it means and what to do next.
};
std::span<const PulseReasonText> PulseReasons();  // In the order of PulseReason.
const PulseReasonText& TextOf(PulseReason reason);

class PulseWatch {
 public:
  struct Settings {
    // More than any stamp is wrong by, and all that a degraded clock may be off
    // (ClockClassPolicy::Settings::max_degraded_error). To agree again takes half of
    // it.
    TimeDelta max_off = TimeDelta::FromMillis(1);
    // Pulses in a row until it is off, until it is in another second, and back.
    int off = 5;
    int other_second = 10;
    int back = 10;
  };
  struct Pulse {
    MonoTime at;      // When it was reported.
    TimeDelta ahead;  // The clock that is served minus GNSS.
  };

  PulseWatch() : PulseWatch(Settings()) {}
  explicit PulseWatch(const Settings& settings) : settings_(settings) {}

  // The newest pulse, as often as one likes; `labelled`: its whole second is to be
  // believed. True when `contradicted` has changed.
  bool Add(const Pulse& pulse, bool labelled);
  // There is nothing to go by.
  void Forget();

  PulseReason reason() const { return reason_; }
  bool contradicted() const { return reason_ < PulseReason::kUnseen; }

 private:
  const Settings settings_;
  std::optional<MonoTime> newest_;
  PulseReason reason_ = PulseReason::kUnseen;
  // In a row.
  int off_ = 0;  // By a part of a second.
  int far_ = 0;  // Or by whole ones.
  int near_ = 0;
};

}  // namespace bridge
