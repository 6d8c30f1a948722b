#include "bridge/engine/utc_witnesses.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bridge/time/release_leaps.h"
#include "bridge/time/utc_month.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

constexpr TimeDelta kDay = TimeDelta::FromSeconds(86'400);

LeapIndicator PendingOf(const ptp::Flags& flags) {
  // Both at once is a contradiction in itself and announces nothing.
  if (flags.leap61 == flags.leap59) return LeapIndicator::kNone;
  return flags.leap61 ? LeapIndicator::kInsert : LeapIndicator::kDelete;
}

UtcTime UtcAt(TaiTime instant, int offset) {
  return UtcTime() + (instant.SinceEpoch() - TimeDelta::FromSeconds(offset));
}

// Until a clock has dealt with a leap second (some slew or smear it for a day), it
// says nothing certain about whole seconds.
bool IsFirstOfMonth(UtcTime instant) { return instant - MonthStart(instant) < kDay; }

}  // namespace

const char* LeapName(LeapIndicator leap) {
  switch (leap) {
    case LeapIndicator::kNone:
      return "none";
    case LeapIndicator::kInsert:
      return "insert";
    case LeapIndicator::kDelete:
      return "delete";
  }
  return "none";
}

UtcWitnesses::UtcWitnesses(const Config::Utc& config)
    : authority_({.policy = config.policy,
                  .pin = config.pin,
                  .arbitrary = config.arbitrary_timescale}) {}

void UtcWitnesses::OnMaster(const ptp::ParentInfo& parent, MonoTime heard,
                            absl::Duration announce_interval) {
  authority_.SetAnnounceInterval(announce_interval);
  authority_.SetPtpTimescale(parent.flags.ptp_timescale);
  authority_.Set({.source = UtcSource::kAnnounce,
                  .offset = parent.current_utc_offset,
                  .pending = PendingOf(parent.flags),
                  .valid = parent.flags.current_utc_offset_valid},
                 heard);
}

void UtcWitnesses::OnMasterLost() { authority_.Withdraw(UtcSource::kAnnounce); }

absl::Status UtcWitnesses::OnLeapFile(const absl::StatusOr<LeapTable>& table) {
  const absl::Status usable = table.ok() ? AgreesWithRelease(*table) : table.status();
  // A list that went bad while we run (being replaced, truncated) takes its claim
  // with it; what it said before is not proof of anything any more.
  list_.reset();
  authority_.Withdraw(UtcSource::kLeapFile);
  if (usable.ok()) list_ = *table;
  return usable;
}

void UtcWitnesses::OnKernelClock(const KernelClock& clock, MonoTime now) {
  kernel_ = clock;
  // 0 means that nobody has set it, not that TAI equals UTC.
  if (clock.tai_offset != 0) {
    authority_.Set({.source = UtcSource::kKernel, .offset = clock.tai_offset}, now);
  } else {
    authority_.Withdraw(UtcSource::kKernel);
  }
}

// The list, unless it has expired and the program itself knows of more.
const LeapTable& UtcWitnesses::TableAt(TaiTime tai) const {
  const LeapTable& release = ReleaseLeaps();
  const bool use_list =
      list_ && (!list_->ExpiredAt(tai) || list_->expires() >= release.expires());
  return use_list ? *list_ : release;
}

int UtcWitnesses::TableOffset(UtcTime system) const {
  const LeapTable& table = TableAt(TaiTime() + system.SinceEpoch());
  // By the rows themselves, which are of UTC: the last that has begun.
  int offset = table.rows().front().offset;
  for (const LeapTable::Row& row : table.rows()) {
    if (row.since <= system) offset = row.offset;
  }
  return offset;
}

void UtcWitnesses::OnTime(TaiTime tai, UtcTime system, MonoTime now) {
  const LeapTable& table = TableAt(tai);
  const bool use_list = list_ && &table == &*list_;
  authority_.Withdraw(use_list ? UtcSource::kRelease : UtcSource::kLeapFile);
  SetTable(use_list ? UtcSource::kLeapFile : UtcSource::kRelease, table, tai, now);
  if (published_) {
    AgeSystemClock(tai);
  } else {
    CompareSystemClock(tai, system, now);
  }
  const auto& current =
      authority_.claim(use_list ? UtcSource::kLeapFile : UtcSource::kRelease);
  AgeGnss(current && IsCurrentTable(*current) ? &*current : nullptr, tai);
  authority_.Advance(tai);
}

void UtcWitnesses::OnGnss(const UtcClaim& claim, MonoTime heard) {
  authority_.Set(claim, heard);
  gnss_heard_ = heard;
}

void UtcWitnesses::AgeGnss(const UtcClaim* table, TaiTime tai) {
  auto claim = authority_.claim(UtcSource::kGnss);
  if (!claim) return gnss_month_.reset();
  const UtcTime month = MonthStart(UtcAt(tai, claim->offset));
  const bool ended = std::exchange(gnss_month_, month).value_or(month) != month;
  if (!ended && !(table && table->just_leapt)) {
    table_confirmed_ = table && table->offset == claim->offset;
    return;
  }
  if (!table || !table_confirmed_) return authority_.Withdraw(UtcSource::kGnss);
  claim->offset = table->offset;
  authority_.Set(*claim, gnss_heard_);
}

void UtcWitnesses::SetTable(UtcSource source, const LeapTable& table, TaiTime tai,
                            MonoTime now) {
  const auto offset = table.OffsetAt(tai);
  if (!offset) return authority_.Withdraw(source);
  authority_.Set(
      {.source = source,
       .offset = *offset,
       .pending = table.PendingAt(tai),
       .valid = !table.ExpiredAt(tai) && table.hash() == LeapTable::Hash::kGood,
       .just_leapt = table.JustLeaptAt(tai)},
      now);
}

void UtcWitnesses::Describe(StatusReport::UtcReport& report, MonoTime now) const {
  if (const auto offset = authority_.offset()) report.offset = offset->seconds();
  report.verdict = UtcVerdictName(authority_.verdict());
  for (const UtcAuthority::Witness& witness : authority_.Witnesses()) {
    StatusReport::Claim claim{.source = UtcSourceName(witness.claim.source),
                              .offset = witness.claim.offset,
                              .valid = witness.claim.valid,
                              .leap = LeapName(witness.claim.pending),
                              .part = ClaimPartName(witness.part),
                              .age_s = std::nullopt};
    if (witness.claim.source != UtcSource::kPin) {
      claim.age_s = absl::ToDoubleSeconds(ToDuration(now - witness.heard));
    }
    report.claims.push_back(std::move(claim));
  }
}

bool UtcWitnesses::SystemClockVouches() const {
  return !published_ && kernel_.synchronized && !kernel_.may_be_ours &&
         kernel_.max_error < TimeDelta::FromMillis(100);
}

// Comparing two scales is the point here.
void UtcWitnesses::CompareSystemClock(TaiTime tai, UtcTime system, MonoTime now) {
  const TimeDelta ahead = tai.SinceEpoch() - system.SinceEpoch();
  const int64_t whole = std::llround(std::clamp(ahead.SecondsDouble(), -1e6, 1e6));
  const bool clear_cut =
      (ahead - TimeDelta::FromSeconds(whole)).Abs() < TimeDelta::FromMillis(250);
  if (!SystemClockVouches() || !clear_cut) {
    return authority_.Withdraw(UtcSource::kSystemClock);
  }
  compared_ = now;
  // The master's time, not the system clock's, which may be seconds behind it when a
  // month ends.
  compared_at_ = UtcAt(tai, static_cast<int>(whole));
  authority_.Set({.source = UtcSource::kSystemClock,
                  .offset = static_cast<int>(whole),
                  .valid = !IsFirstOfMonth(compared_at_)},
                 now);
}

void UtcWitnesses::AgeSystemClock(TaiTime tai) {
  auto claim = authority_.claim(UtcSource::kSystemClock);
  if (!claim || !claim->valid) return;
  claim->valid = MonthStart(UtcAt(tai, claim->offset)) == MonthStart(compared_at_);
  authority_.Set(*claim, compared_);
}

}  // namespace bridge
