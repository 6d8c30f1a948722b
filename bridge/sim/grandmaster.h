// bridge/sim/grandmaster.h
//
// A scripted grandmaster: honest by default, and able to tell any lie. It owns
// no clock and no queue; the World asks it what to send and when.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bridge/ptp/message.h"
#include "bridge/sim/truth.h"

namespace bridge::sim {

// How a grandmaster behaves around a leap second.
enum class LeapManners {
  kHonest,          // Flags before, and with the new month the new offset without.
  kUnannounced,     // The new offset in time, and never a flag.
  kClearsEarly,     // Takes its flags back an hour before the new month.
  kClearsLate,      // The new offset in time, the flags for another hour.
  kNeverClears,     // The new offset in time, the flags for ever.
  kChangesEarly,    // The new offset an hour before the new month.
  kNeverChanges,    // Clears its flags in time and keeps the old offset.
  kForgets,         // Keeps the old offset and the flags.
  kChangesUnasked,  // Never a flag; the new offset an hour before the new month.
  kUnaware,         // Never a flag, and the old offset for ever.
};
const char* LeapMannersName(LeapManners manners);

// What it does of its own accord; its settings' Announce is what holds before.
struct LeapPlan {
  LeapManners manners = LeapManners::kHonest;
  LeapIndicator what = LeapIndicator::kInsert;
  TaiTime new_month = {};
  TimeDelta flags_before = TimeDelta::FromSeconds(12 * 3600);
  TimeDelta delay = {};  // After the new month until it acts on it.
};

struct GrandmasterSettings {
  ptp::PortIdentity identity{{0x0011'22ff'fe33'4455}, 1};
  ptp::DomainNumber domain{0};
  int8_t announce_interval = 0;  // log2 s
  int8_t sync_interval = -3;
  int8_t delay_interval = 0;
  bool one_step = false;
  TimeDelta turnaround = TimeDelta::FromMicros(80);  // From a request to its answer.
  bool follow_up_first = false;  // The general message overtakes the event message.
  ptp::Announce announce{.origin = {},
                         .current_utc_offset = kTaiMinusUtc,
                         .grandmaster_priority1 = 128,
                         .grandmaster_quality = {6, 0x21, 0x4e5d},
                         .grandmaster_priority2 = 128,
                         .grandmaster = {0x0011'22ff'fe33'4455},
                         .steps_removed = 0,
                         .time_source = 0x20};
  // A default linuxptp grandmaster: right offset, valid flag clear.
  ptp::Flags announce_flags{.ptp_timescale = true};
  // Nothing: follows the world's true leap second honestly, if there is one.
  std::optional<LeapPlan> leap_plan;
};

class Grandmaster {
 public:
  explicit Grandmaster(const GrandmasterSettings& settings) : settings_(settings) {}

  GrandmasterSettings& settings() { return settings_; }
  // What its clock shows: TAI, plus any error it was told to have.
  TaiTime Clock(TaiTime truth) const { return truth + error_; }
  TimeDelta error() const { return error_; }
  void set_error(TimeDelta error) { error_ = error; }
  bool alive() const { return alive_; }
  void set_alive(bool alive) { alive_ = alive; }

  // `now` matters to a leap plan only.
  ptp::Message AnnounceMessage(TaiTime now = TaiTime());
  // A Sync, as it leaves at `now`; a Follow_Up for it unless one-step.
  ptp::Message SyncMessage(TaiTime now);
  ptp::Message FollowUpMessage(const ptp::Header& sync, TaiTime sent) const;
  // The answers to a request that arrived at `received`; a Pdelay_Resp leaves at
  // `sent`.
  std::optional<ptp::Message> DelayResponse(const ptp::Message& request,
                                            TaiTime received) const;
  std::optional<ptp::Message> PdelayResponse(const ptp::Message& request,
                                             TaiTime received) const;
  ptp::Message PdelayFollowUp(const ptp::Message& request, TaiTime sent) const;

 private:
  ptp::Header MakeHeader(ptp::MessageType type) const;

  void ActOnLeapPlan(const LeapPlan& plan, TaiTime now, ptp::Announce& announce,
                     ptp::Flags& flags) const;

  GrandmasterSettings settings_;
  TimeDelta error_;
  bool alive_ = true;
  ptp::SequenceId announce_sequence_{65'530};  // A wrap comes early in every run.
  ptp::SequenceId sync_sequence_{65'500};
};

}  // namespace bridge::sim
