#include "bridge/engine/client_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

constexpr int kSyncsToResume = 4;

ptp::SlavePortSettings PortSettings(const Config::Ptp& ptp,
                                    ptp::PortIdentity identity) {
  ptp::SlavePortSettings settings;
  settings.identity = identity;
  settings.domain = {static_cast<uint8_t>(ptp.domain)};
  settings.minor_version = static_cast<uint8_t>(ptp.minor_version.value_or(0));
  settings.delay_mechanism = ptp.delay == DelayChoice::kP2P ? ptp::DelayMechanism::kP2P
                                                            : ptp::DelayMechanism::kE2E;
  settings.announce_interval = {static_cast<int8_t>(ptp.announce_interval)};
  settings.delay_interval = {static_cast<int8_t>(ptp.delay_interval)};
  settings.announce_receipt_timeout = ptp.announce_receipt_timeout;
  for (uint64_t identity_value : ptp.allowed_masters) {
    settings.allowed_masters.push_back({identity_value});
  }
  return settings;
}

OffsetEstimator::Settings EstimatorSettings(const Config::Ptp& ptp) {
  return {.stamps = StampKind::kSoftware,
          .delay_asymmetry = ptp.delay_asymmetry,
          .asymmetry_bound = ptp.asymmetry_bound};
}

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

std::string MasterLine(const ptp::ParentInfo& parent) {
  return absl::StrFormat(
      "master %s, grandmaster %s: class %d, accuracy 0x%02x, %d steps away; %s, "
      "currentUtcOffset %d (%s)%s",
      parent.port.ToString(), parent.grandmaster.ToString(), parent.quality.clock_class,
      parent.quality.clock_accuracy, parent.steps_removed,
      parent.flags.ptp_timescale ? "PTP timescale" : "arbitrary timescale",
      parent.current_utc_offset,
      parent.flags.current_utc_offset_valid ? "valid" : "not flagged valid",
      parent.flags.leap61   ? ", leap61"
      : parent.flags.leap59 ? ", leap59"
                            : "");
}

const char* TransportName(Transport transport) {
  switch (transport) {
    case Transport::kL2:
      return "l2";
    case Transport::kUdp4:
      return "udp4";
    case Transport::kUdp6:
      return "udp6";
  }
  return "l2";
}

}  // namespace

ClientEngine::ClientEngine(const Config& config, ptp::PortIdentity identity,
                           uint64_t seed)
    : config_(config),
      identity_(identity),
      seed_(seed),
      limits_{.max_error = config.output.max_error},
      source_({.port = PortSettings(config.ptp, identity),
               .estimator = EstimatorSettings(config.ptp)},
              Rng(seed)),
      witnesses_(config.utc) {
  const size_t count = config.output.shm.size() + config.output.sock.size();
  for (size_t i = 0; i < count; ++i) outputs_.emplace_back(config.output.rate);
}

void ClientEngine::set_recorder(TraceWriter* recorder) {
  recorder_ = recorder;
  if (recorder_) recorder_->Begin(config_, identity_, seed_);
}

// ---- Inputs.

void ClientEngine::OnLink(bool up, MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Link{up}, out);
  if (up == link_up_ || stopped_) return;
  link_up_ = up;
  ptp::PortActions said;
  if (up) {
    source_.Start(now, said);
  } else {
    source_.Stop(now, said);
  }
  Absorb(said, now, out);
  Consider(now, out);
}

void ClientEngine::OnPair(const CrossTimestamp<Raw>& pair, MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Pair{pair}, out);
  last_pair_ = pair;
  if (source_.OnPair(pair) == SteadyTimeBase::PairVerdict::kStepped && publishing_) {
    Withhold(WithholdReason::kSystemClockStepped, now, out);
  }
}

void ClientEngine::OnFrame(std::span<const uint8_t> octets,
                           std::optional<EventStamp> received, MonoTime now,
                           Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Frame{octets, received}, out);
  ++frames_;
  const ptp::ParseResult parsed = ptp::ParseMessage(octets);
  if (const auto* reason = std::get_if<ptp::DropReason>(&parsed)) {
    ++dropped_[static_cast<size_t>(*reason)];
    return;
  }
  const auto good_sync = source_.last_good_sync();
  ptp::PortActions said;
  source_.OnMessage(std::get<ptp::Message>(parsed), received, now, said);
  const auto changed = std::any_of(said.begin(), said.end(), [](const auto& action) {
    return std::holds_alternative<ptp::StateChanged>(action) ||
           std::holds_alternative<ptp::ParentChanged>(action);
  });
  Absorb(said, now, out);
  if (std::holds_alternative<ptp::Announce>(std::get<ptp::Message>(parsed).body)) {
    RenewAnnounce();
  }
  const bool measured = source_.last_good_sync() != good_sync;
  if (measured) CountSync(good_sync, now);
  if (changed || measured) Consider(now, out);
}

// Few Syncs after a long silence are a thin ground: the clock may have wandered, and
// the network has just shown that it is bad.
void ClientEngine::CountSync(std::optional<MonoTime> previous, MonoTime now) {
  const absl::Duration limit =
      SyncAgeLimit(source_.port().sync_interval().ToDuration());
  if (previous && ToDuration(now - *previous) > limit) {
    syncs_to_resume_ = kSyncsToResume;
  } else if (syncs_to_resume_ > 0) {
    --syncs_to_resume_;
  }
  ++measured_syncs_;
}

void ClientEngine::OnTransmitted(ptp::TxToken token, EventStamp sent, MonoTime now,
                                 Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Sent{token, sent}, out);
  ptp::PortActions said;
  source_.OnTransmitted(token, sent, now, said);
  Absorb(said, now, out);
}

void ClientEngine::OnCrossTimestamp(const std::optional<CrossTimestamp<Raw>>& cross,
                                    MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Cross{cross}, out);
  if (stopped_) return;
  auto verdict = SteadyTimeBase::PairVerdict::kGood;
  if (cross) {
    verdict = source_.OnPair(*cross);
    last_pair_ = cross;
    RefreshClaims(now, out);
    if (verdict == SteadyTimeBase::PairVerdict::kWide) {
      return Withhold(WithholdReason::kCrossTimestampWide, now, out);
    }
  }
  const bool stepped = verdict == SteadyTimeBase::PairVerdict::kStepped;
  const RawTime at = cross ? cross->local : RawTime();
  const SourceView view = View(at, now);
  SamplerLimits limits = limits_;
  // Hysteresis: a bound that was too large has to be clearly smaller.
  if (withheld_ == WithholdReason::kErrorBoundExceeded) {
    limits.max_error = TimeDelta::FromNanosDouble(0.8 * limits.max_error.NanosDouble());
  }
  const SampleOrReason result =
      MakeSample(view, cross, stepped, witnesses_.authority(), limits);
  if (const auto* reason = std::get_if<WithholdReason>(&result)) {
    // UTC on the wire may jump by a second now, as it should.
    const bool leap = *reason == WithholdReason::kNearLeapSecond;
    if (leap && witnesses_.authority().wire_is_utc()) continuity_.Forget();
    return Withhold(*reason, now, out);
  }
  const auto& sample = std::get<RefclockSample>(result);
  const auto& parent = source_.port().parent();
  const Continuity::Reading reading{
      .at = at,
      .tai = view.map->Map(at, view.map->era()).value_or(TaiTime()),
      .rate = view.map->rate(),
      .jitter = view.jitter,
      .grandmaster = parent ? parent->grandmaster.value : 0,
      .clock_class = parent ? parent->quality.clock_class : 255,
      .syncs = measured_syncs_};
  if (const auto doubt = Doubt(reading, sample)) {
    return Withhold(*doubt, now, out);
  }
  continuity_.Published(reading);
  PublishSample(sample, now, out);
}

// What speaks against a sample that is good in itself: what was published before,
// and a system clock that somebody else has set.
std::optional<WithholdReason> ClientEngine::Doubt(const Continuity::Reading& reading,
                                                  const RefclockSample& sample) {
  switch (continuity_.Judge(reading)) {
    case Continuity::Verdict::kJumped:
      return WithholdReason::kMasterTimeJumped;
    case Continuity::Verdict::kUnproven:
      return WithholdReason::kMasterUnproven;
    case Continuity::Verdict::kContinues:
      break;
  }
  if (witnesses_.SystemClockVouches() &&
      sample.Offset().Abs() > TimeDelta::FromMillis(250)) {
    return WithholdReason::kSystemClockDisagrees;
  }
  return std::nullopt;
}

void ClientEngine::OnTime(MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Time{}, out);
  ptp::PortActions said;
  if (const auto deadline = source_.Deadline(); deadline && now >= *deadline) {
    source_.OnTime(now, said);
  }
  Absorb(said, now, out);
  // Nothing new was measured, so nothing is published here; but what was may
  // have become too old.
  if (publishing_ && last_pair_) {
    const SourceView view = View(last_pair_->local, now);
    if (const auto reason = Withheld(view, witnesses_.authority())) {
      Withhold(*reason, now, out);
    }
  }
  if (publishing_ && silence_at_ && now >= *silence_at_) {
    Withhold(WithholdReason::kNearLeapSecond, now, out);
  }
}

std::optional<MonoTime> ClientEngine::Deadline() const {
  std::optional<MonoTime> deadline = source_.Deadline();
  if (publishing_ && source_.last_good_sync()) {
    const MonoTime stale = *source_.last_good_sync() +
                           SyncAgeLimit(source_.port().sync_interval().ToDuration()) +
                           absl::Nanoseconds(1);
    deadline = deadline ? std::min(*deadline, stale) : stale;
  }
  if (publishing_ && silence_at_) {
    deadline = deadline ? std::min(*deadline, *silence_at_) : *silence_at_;
  }
  return deadline;
}

void ClientEngine::OnLeapFile(const absl::StatusOr<LeapTable>& table, MonoTime now,
                              Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Leaps{&table}, out);
  if (const absl::Status usable = witnesses_.OnLeapFile(table); !usable.ok()) {
    Log(gate_log_, Severity::kWarning,
        absl::StrCat("leap second list not used: ", usable.message()), now, out);
  }
  next_claims_ = now;
  RefreshClaims(now, out);
}

void ClientEngine::OnKernelClock(const KernelClock& clock, MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Kernel{clock}, out);
  witnesses_.OnKernelClock(clock, now);
}

void ClientEngine::OnResume(MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Resume{}, out);
  ptp::PortActions said;
  source_.Restart(now, said);
  last_pair_.reset();
  continuity_.Forget();
  Absorb(said, now, out);
  Consider(now, out);
}

void ClientEngine::Stop(MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Stop{}, out);
  if (stopped_) return;
  withheld_ = WithholdReason::kStopping;
  WithdrawAll(out);
  stopped_ = true;
}

// ---- What follows from them.

SourceView ClientEngine::View(RawTime at, MonoTime now) {
  const OffsetEstimator& estimator = source_.estimator();
  const ptp::SlavePort& port = source_.port();
  SourceView view;
  view.interface_up = link_up_;
  view.tracking = port.parent().has_value();
  if (port.state() == ptp::PortState::kSlave) view.map = estimator.Map();
  view.suspicious = estimator.suspicious();
  if (view.map) {
    view.jitter = estimator.Jitter(at);
    view.error_bound = estimator.ErrorBound(at);
  }
  view.sync_age = source_.last_good_sync() && syncs_to_resume_ == 0
                      ? ToDuration(now - *source_.last_good_sync())
                      : absl::InfiniteDuration();
  view.sync_age_limit = SyncAgeLimit(port.sync_interval().ToDuration());
  if (const auto tai = TaiAtLastPair()) {
    // Half a minute more or less: it is about years.
    view.epoch_sane = IsSaneEpoch(UtcTime() + tai->SinceEpoch());
  }

  const ptp::ForeignMaster* announce = port.parent_announce();
  const absl::Duration settle =
      std::max(absl::Seconds(2),
               2 * (announce ? announce->announce_interval : absl::Seconds(1)));
  view.utc_settled = utc_.Update(
      witnesses_.authority().verdict() != UtcVerdict::kContested, settle, now);
  if (const auto& parent = port.parent()) {
    const bool good = parent->quality.clock_class <= config_.ptp.max_clock_class &&
                      parent->quality.clock_accuracy <= config_.ptp.max_clock_accuracy;
    view.good_enough = quality_.Update(good, settle, now);
  }
  return view;
}

void ClientEngine::Absorb(const ptp::PortActions& said, MonoTime now, Actions& out) {
  for (const ptp::PortAction& action : said) {
    if (const auto* send = std::get_if<ptp::Send>(&action)) {
      out.push_back(*send);
    } else if (const auto* dropped = std::get_if<ptp::Dropped>(&action)) {
      ++dropped_[static_cast<size_t>(dropped->reason)];
    } else if (std::holds_alternative<ptp::MeasuringRestarted>(action)) {
      syncs_to_resume_ = 0;  // What was before the silence is forgotten anyway.
    } else if (const auto* parent = std::get_if<ptp::ParentChanged>(&action)) {
      OnParent(parent->parent, now, out);
    } else if (const auto* state = std::get_if<ptp::StateChanged>(&action)) {
      Log(state_log_, Severity::kInfo,
          absl::StrCat("port state ", ptp::PortStateName(state->from), " -> ",
                       ptp::PortStateName(state->to), " on ",
                       ptp::PortEventName(state->why)),
          now, out);
    }
  }
}

void ClientEngine::OnParent(const std::optional<ptp::ParentInfo>& parent, MonoTime now,
                            Actions& out) {
  if (!parent) {
    witnesses_.OnMasterLost();
    last_master_line_.reset();
    return;
  }
  RenewAnnounce();
  std::string line = MasterLine(*parent);
  if (last_master_line_ != line) {
    last_master_line_ = line;
    Log(master_log_, Severity::kNotice, std::move(line), now, out);
  }
}

void ClientEngine::RenewAnnounce() {
  const ptp::ForeignMaster* announce = source_.port().parent_announce();
  if (announce == nullptr) return;
  witnesses_.OnMaster(*source_.port().parent(), announce->heard,
                      announce->announce_interval);
}

std::optional<TaiTime> ClientEngine::TaiAtLastPair() const {
  const auto map = source_.estimator().Map();
  if (!map || !last_pair_) return std::nullopt;
  return map->Map(last_pair_->local, map->era());
}

// What tables and the system clock say depends on what time it is.
void ClientEngine::RefreshClaims(MonoTime now, Actions& out) {
  // Whole seconds change once a second; while silent, nothing is to be missed.
  if (publishing_ && now < next_claims_) return;
  next_claims_ = now + absl::Seconds(1);
  const auto tai = TaiAtLastPair();
  if (!tai) return;
  witnesses_.OnTime(*tai, last_pair_->system, now);
  silence_at_.reset();
  if (const auto silence = witnesses_.authority().NextSilence(*tai)) {
    // The pair may be a little older than now: early is right.
    silence_at_ = now + (*silence - *tai);
  }

  std::string dissent = witnesses_.authority().Dissent();
  if (dissent == last_dissent_) return;
  last_dissent_ = std::move(dissent);
  if (!last_dissent_.empty()) {
    Log(utc_log_, Severity::kWarning,
        absl::StrCat("TAI-UTC is disputed: ", last_dissent_, "; verdict ",
                     UtcVerdictName(witnesses_.authority().verdict())),
        now, out);
  }
}

// Something changed that may allow or forbid a sample.
void ClientEngine::Consider(MonoTime now, Actions& out) {
  if (stopped_) return;
  RefreshClaims(now, out);
  const RawTime at = last_pair_ ? last_pair_->local : RawTime();
  if (const auto reason = Withheld(View(at, now), witnesses_.authority())) {
    Withhold(*reason, now, out);
    return;
  }
  const bool due =
      std::any_of(outputs_.begin(), outputs_.end(),
                  [now](const auto& output) { return output.limit.Due(now); });
  if (due) out.push_back(ReadCrossTimestamp{});
}

void ClientEngine::PublishSample(const RefclockSample& sample, MonoTime now,
                                 Actions& out) {
  if (!publishing_) {
    Log(gate_log_, Severity::kNotice,
        absl::StrFormat("publishing: offset %+d ns, error bound %d ns, UTC offset %s",
                        sample.Offset().Nanos(), sample.error_bound.Nanos(),
                        UtcVerdictName(witnesses_.authority().verdict())),
        now, out);
  }
  publishing_ = true;
  witnesses_.OnPublished();
  withheld_.reset();
  last_sample_ = sample;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (!outputs_[i].limit.Allow(now)) continue;
    ++outputs_[i].samples;
    ++samples_;
    outputs_[i].last = now;
    out.push_back(Publish{i, sample});
  }
}

void ClientEngine::Withhold(WithholdReason reason, MonoTime now, Actions& out) {
  if (stopped_) return;
  ++withheld_counts_[static_cast<size_t>(reason)];
  if (!Withdraws(reason)) return;
  if (withheld_ != reason) {
    const WithholdReasonText& text = kWithholdReasons[static_cast<size_t>(reason)];
    Log(gate_log_, publishing_ ? Severity::kWarning : Severity::kNotice,
        absl::StrCat(publishing_ ? "publication ended: " : "not publishing: ",
                     text.name, ": ", text.sentence),
        now, out);
  }
  withheld_ = reason;
  if (publishing_) WithdrawAll(out);
}

void ClientEngine::WithdrawAll(Actions& out) {
  publishing_ = false;
  for (size_t i = 0; i < outputs_.size(); ++i) out.push_back(Withdraw{i});
}

void ClientEngine::Log(LogLimit& limit, Severity severity, std::string text,
                       MonoTime now, Actions& out) {
  if (!limit.Allow(now.SinceEpoch().SecondsDouble())) return;
  if (const uint64_t missing = limit.TakeSuppressed(); missing > 0) {
    absl::StrAppend(&text, " (", missing, " lines like this left out)");
  }
  out.push_back(WriteLog{{severity, std::move(text)}});
}

// ---- Status.

StatusReport ClientEngine::Status(MonoTime now) const {
  const OffsetEstimator& estimator = source_.estimator();
  StatusReport report;
  report.role = "client";
  report.state = ptp::PortStateName(source_.port().state());
  report.interface = config_.ptp.interface;
  report.timestamping = "software";
  report.transport = TransportName(config_.ptp.transport);
  report.domain = config_.ptp.domain;
  if (const auto& parent = source_.port().parent()) {
    report.grandmaster = {.identity = parent->grandmaster.ToString(),
                          .clock_class = parent->quality.clock_class,
                          .clock_accuracy = parent->quality.clock_accuracy,
                          .priority1 = parent->priority1,
                          .steps_removed = parent->steps_removed};
  }
  if (last_sample_ && publishing_)
    report.offset_ns = last_sample_->Offset().NanosDouble();
  if (estimator.ready() && last_pair_) {
    report.path_delay_ns = estimator.mean_path_delay().NanosDouble();
    report.jitter_ns = estimator.Jitter(last_pair_->local).NanosDouble();
    report.error_bound_ns = estimator.ErrorBound(last_pair_->local).NanosDouble();
    report.frequency_ppb = estimator.frequency_ppb();
  }
  const UtcAuthority& authority = witnesses_.authority();
  if (const auto offset = authority.offset()) report.utc.offset = offset->seconds();
  report.utc.verdict = UtcVerdictName(authority.verdict());
  const auto tai = TaiAtLastPair();
  report.utc.leap = LeapName(tai ? authority.LeapAt(*tai) : LeapIndicator::kNone);
  for (const UtcAuthority::Witness& witness : authority.Witnesses()) {
    StatusReport::Claim claim{.source = UtcSourceName(witness.claim.source),
                              .offset = witness.claim.offset,
                              .valid = witness.claim.valid,
                              .leap = LeapName(witness.claim.pending),
                              .part = ClaimPartName(witness.part),
                              .age_s = std::nullopt};
    if (witness.claim.source != UtcSource::kPin) {
      claim.age_s = absl::ToDoubleSeconds(ToDuration(now - witness.heard));
    }
    report.utc.claims.push_back(std::move(claim));
  }
  report.publishing = publishing_;
  if (withheld_) report.withheld = WithholdReasonName(*withheld_);

  for (size_t i = 0; i < outputs_.size(); ++i) {
    StatusReport::Output output;
    if (i < config_.output.shm.size()) {
      output.type = "shm";
      output.unit = config_.output.shm[i].unit;
    } else {
      output.type = "sock";
      output.path = config_.output.sock[i - config_.output.shm.size()].path;
    }
    output.samples = outputs_[i].samples;
    if (outputs_[i].last) {
      output.last_age_s = absl::ToDoubleSeconds(ToDuration(now - *outputs_[i].last));
    }
    report.outputs.push_back(std::move(output));
  }

  auto count = [&report](std::string name, uint64_t value) {
    report.counters.emplace_back(std::move(name), value);
  };
  count("frames", frames_);
  count("samples", samples_);
  const OffsetEstimator::Counters& measured = estimator.counters();
  count("measurements", measured.measurements);
  count("outliers", measured.outliers);
  count("clock_moves", measured.clock_moves);
  count("path_moves", measured.path_moves);
  count("one_way_moves", measured.one_way_moves);
  count("relevels", measured.relevels);
  count("drift_alarms", measured.drift_alarms);
  count("out_of_order", measured.out_of_order);
  for (const auto& text : ptp::kDropReasons) {
    count(absl::StrCat("dropped.", text.name),
          dropped_[static_cast<size_t>(text.reason)]);
  }
  for (const auto& text : kWithholdReasons) {
    count(absl::StrCat("withheld.", text.name),
          withheld_counts_[static_cast<size_t>(text.reason)]);
  }
  return report;
}

}  // namespace bridge
