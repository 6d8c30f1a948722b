#include "bridge/engine/grandmaster_clock.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/ptp/clock_quality.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

ClockClassPolicy::Settings PolicySettings(const Config& config, bool slave_capable) {
  ClockClassPolicy::Settings settings;
  settings.slave_capable = slave_capable;
  settings.holdover = ToDuration(config.grandmaster.holdover);
  settings.max_holdover_error = config.grandmaster.max_holdover_error;
  return settings;
}

// The Announce's word for where time comes from.
ptp::TimeSource TimeSourceOf(ClockStanding standing, bool disciplined) {
  switch (standing) {
    case ClockStanding::kPrimary:
      return ptp::TimeSource::kGnss;
    case ClockStanding::kHoldover:
    case ClockStanding::kDegraded:
    case ClockStanding::kFree:
      break;
  }
  return disciplined ? ptp::TimeSource::kNtp : ptp::TimeSource::kInternalOscillator;
}

}  // namespace

GrandmasterClock::GrandmasterClock(const Config& config, bool slave_capable)
    : gnss_wanted_(!config.gnss.gpsd.empty()),
      gnss_({}, MonoTime()),
      ntp_({}, MonoTime()),
      policy_(PolicySettings(config, slave_capable)),
      witnesses_(config.utc) {
  properties_.priority1 = static_cast<uint8_t>(config.ptp.priority1);
  properties_.priority2 = static_cast<uint8_t>(config.ptp.priority2);
  properties_.quality.clock_class = ClockClassOf(ClockStanding::kFree, slave_capable);
  properties_.quality.clock_accuracy = ptp::kAccuracyUnknown;
}

void GrandmasterClock::OnGnss(const GnssReport& report, MonoTime now) {
  gnss_.OnReport(report, now);
}

absl::Status GrandmasterClock::OnLeapFile(const absl::StatusOr<LeapTable>& table) {
  return witnesses_.OnLeapFile(table);
}

void GrandmasterClock::OnKernelClock(const KernelClock& clock, MonoTime now) {
  kernel_ = clock;
  // TAI is made from this clock, so it can't tell what TAI-UTC is by comparison.
  kernel_.may_be_ours = true;
  witnesses_.OnKernelClock(kernel_, now);
  std::optional<SystemClockState> state;
  if (clock.discipline) {
    state = {
        .synchronized = clock.synchronized,
        .max_error = clock.max_error,
        .est_error = clock.discipline->estimated_error,
        .frequency_ppb = static_cast<double>(clock.discipline->frequency) / 65.536};
  }
  ntp_.Update(state, now);
  if (state && ntp_.disciplined()) drift_.Add(state->frequency_ppb, now);
}

int GrandmasterClock::OffsetAt(UtcTime system) const {
  if (const auto offset = witnesses_.authority().offset()) return offset->seconds();
  return witnesses_.TableOffset(system);
}

bool GrandmasterClock::IsNearLeap(TaiTime tai) const {
  return witnesses_.authority().Hold(tai) == LeapHold::kNear;
}

void GrandmasterClock::Update(const Seen& seen, MonoTime now,
                              std::vector<LogLine>& news) {
  gnss_.Update(now);
  if (const auto leaps = gnss_.LeapClaim()) {
    witnesses_.OnGnss(leaps->claim, leaps->heard);
  } else if (gnss_.LeapsDiffer()) {
    witnesses_.OnGnssContradiction();
  }
  witnesses_.OnTime(seen.tai, seen.system, now);
  const UtcAuthority& authority = witnesses_.authority();
  // Sources take over a new offset one after the other, which is no contradiction.
  if (!IsNearLeap(seen.tai)) vouched_ = authority.offset().has_value();

  WatchPulses(seen, news);

  ClockHealth health;
  health.gnss = gnss_.state();
  health.gnss_since = gnss_.since();
  health.synchronised = IsSynchronised(seen, now);
  health.max_error = kernel_.max_error;
  if (kernel_.discipline) health.estimated_error = kernel_.discipline->estimated_error;
  health.offset_validated = vouched_ && seen.consistent;
  health.contradicted = pulses_.contradicted();
  health.stepped = seen.stepped;
  health.drift_ppb = drift_.ppb();
  health.stamp_error = seen.error;
  health.jitter = seen.error;
  if (const auto change = policy_.Update(health, now)) {
    ++class_changes_;
    news.push_back({change->to > change->from ? Severity::kWarning : Severity::kNotice,
                    absl::StrFormat("clockClass %d -> %d: %s", change->from, change->to,
                                    change->why)});
  }
  std::string dissent = authority.Dissent();
  if (dissent != last_dissent_) {
    last_dissent_ = std::move(dissent);
    if (!last_dissent_.empty()) {
      news.push_back({Severity::kWarning,
                      absl::StrCat("TAI-UTC is disputed: ", last_dissent_, "; verdict ",
                                   UtcVerdictName(authority.verdict()))});
    }
  }
  Renew(seen);
}

// Of the system clock, and so of what is served. Not in a leap second, in which gpsd
// and the kernel count differently; and after it a receiver may be a second off for
// long.
void GrandmasterClock::WatchPulses(const Seen& seen, std::vector<LogLine>& news) {
  const GnssStatus status = gnss_.Status();
  if (status.state != GnssState::kGood || !status.pulsed) return pulses_.Forget();
  if (IsNearLeap(seen.tai)) return;
  const TimeDelta served = seen.tai.SinceEpoch() - seen.system.SinceEpoch() -
                           TimeDelta::FromSeconds(OffsetAt(seen.system));
  const PulseWatch::Pulse pulse{*status.pulsed, *status.system_ahead + served};
  if (!pulses_.Add(pulse, !IsLeapNews(seen.system))) return;
  news.push_back(
      {pulses_.contradicted() ? Severity::kWarning : Severity::kNotice,
       absl::StrFormat("GNSS pulses: %s, the clock by them is ahead by %+.9f s",
                       TextOf(pulses_.reason()).name, pulse.ahead.SecondsDouble())});
}

// By others than us: an NTP daemon that has nothing but our samples is not missed for
// minutes after the last of them, so what it did until then does not count.
bool GrandmasterClock::IsSynchronised(const Seen& seen, MonoTime now) const {
  if (!ntp_.disciplined()) return false;
  if (!seen.fed_until) return true;
  return now > *seen.fed_until && ntp_.updated() > seen.fed_until;
}

void GrandmasterClock::Renew(const Seen& seen) {
  const ClockClaim& claim = policy_.claim();
  properties_.quality = claim.quality;
  properties_.time_source = TimeSourceOf(policy_.standing(), ntp_.disciplined());
  properties_.current_utc_offset = static_cast<int16_t>(OffsetAt(seen.system));
  properties_.current_utc_offset_valid = vouched_ && seen.consistent;
  properties_.leap = ptp::LeapToAnnounce(Pending(), seen.system);
  properties_.time_traceable = claim.time_traceable;
  properties_.frequency_traceable = claim.frequency_traceable;
}

// A list that is whole and has not expired knows all leap seconds there will be; a
// receiver says nothing of them by gpsd.
LeapIndicator GrandmasterClock::Pending() const {
  const UtcAuthority& authority = witnesses_.authority();
  for (const UtcSource source : {UtcSource::kLeapFile, UtcSource::kRelease}) {
    const auto& claim = authority.claim(source);
    if (claim && IsCurrentTable(*claim)) return claim->pending;
  }
  return LeapIndicator::kNone;
}

void GrandmasterClock::Describe(StatusReport& report, MonoTime now) const {
  witnesses_.Describe(report.utc, now);
  StatusReport::OwnClock& own = report.own_clock.emplace();
  own.clock_class = properties_.quality.clock_class;
  own.clock_accuracy = properties_.quality.clock_accuracy;
  own.time_traceable = properties_.time_traceable;
  if (const auto error = policy_.error()) own.error_ns = error->NanosDouble();
  own.drift_ppb = drift_.ppb();
  own.ntp = TextOf(ntp_.reason()).name;
  if (gnss_wanted_) {
    const GnssStatus status = gnss_.Status();
    StatusReport::Gnss& gnss = report.gnss.emplace();
    gnss.state = GnssStateName(status.state);
    gnss.reason = TextOf(status.reason).name;
    gnss.device = std::string(status.device);
    gnss.satellites = status.satellites;
    const auto age =
        [now](const std::optional<MonoTime>& then) -> std::optional<double> {
      if (!then) return std::nullopt;
      return (now - *then).SecondsDouble();
    };
    gnss.fix_age_s = age(status.fixed);
    gnss.pulse_age_s = age(status.pulsed);
    gnss.pulses = TextOf(pulses_.reason()).name;
    if (status.system_ahead) gnss.system_ahead_ns = status.system_ahead->NanosDouble();
  }
  const auto count = [&report](std::string name, uint64_t value) {
    report.counters.emplace_back(std::move(name), value);
  };
  count("clock_class_changes", class_changes_);
}

}  // namespace bridge
