// bridge/engine/utc_witnesses.h
//
// Who says what about TAI-UTC: turns what the engine hears into claims, and keeps
// them true while time goes on.
//
// The circle: an NTP daemon that reads what we publish steers the system clock,
// which then says whatever we say. So the system clock is a witness only until our
// first sample, and not at all when an earlier run of ours may have set it since
// the machine started (KernelClock::may_be_ours). What it said before stands, but
// like an expired table once a month's end has passed: a leap second may have been.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bridge/config/config.h"
#include "bridge/engine/actions.h"
#include "bridge/ptp/port_actions.h"
#include "bridge/telemetry/status_report.h"
#include "bridge/time/leap_table.h"
#include "bridge/time/utc_authority.h"

namespace bridge {

const char* LeapName(LeapIndicator leap);  // "none", "insert", "delete"

class UtcWitnesses {
 public:
  explicit UtcWitnesses(const Config::Utc& config);

  // What its newest Announce says.
  void OnMaster(const ptp::ParentInfo& parent, MonoTime heard,
                absl::Duration announce_interval);
  void OnMasterLost();
  // What is wrong with the list, if anything; it is not used then.
  absl::Status OnLeapFile(const absl::StatusOr<LeapTable>& table);
  void OnKernelClock(const KernelClock& clock, MonoTime now);
  // The master's time and the system clock at one moment: what tables and the
  // system clock say depends on it.
  void OnTime(TaiTime tai, UtcTime system, MonoTime now);
  // What GNSS says; not a client's. While it is silent that stands until the month's
  // end, before which nothing can change, and beyond it by a current table that GNSS
  // had confirmed.
  void OnGnss(const UtcClaim& claim, MonoTime heard);
  void OnGnssContradiction() { authority_.Withdraw(UtcSource::kGnss); }
  // TAI-UTC by the list (or what was known at release), whoever else agrees, for what a
  // clock of UTC shows.
  int TableOffset(UtcTime system) const;
  // From now on the system clock may follow us.
  void OnPublished() { published_ = true; }

  const UtcAuthority& authority() const { return authority_; }
  // The system clock is right to a tenth of a second by the word of a program that
  // does not read us.
  bool SystemClockVouches() const;

  // All but `leap`, which depends on what time it is.
  void Describe(StatusReport::UtcReport& report, MonoTime now) const;

 private:
  const LeapTable& TableAt(TaiTime tai) const;
  void SetTable(UtcSource source, const LeapTable& table, TaiTime tai, MonoTime now);
  void CompareSystemClock(TaiTime tai, UtcTime system, MonoTime now);
  void AgeSystemClock(TaiTime tai);
  void AgeGnss(const UtcClaim* table, TaiTime tai);

  UtcAuthority authority_;
  std::optional<LeapTable> list_;
  KernelClock kernel_;
  bool published_ = false;
  MonoTime compared_;
  UtcTime compared_at_;  // By the master.
  MonoTime gnss_heard_;
  std::optional<UtcTime> gnss_month_;  // Which its claim was last looked at in.
  bool table_confirmed_ = false;       // By GNSS.
};

}  // namespace bridge
