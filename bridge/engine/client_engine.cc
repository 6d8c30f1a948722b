#include "bridge/engine/client_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/engine/engine_settings.h"
#include "bridge/engine/limited_log.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

constexpr int kSyncsToResume = 4;
constexpr int kRefusalsToGiveUp = 3;
// A little more than the usual interval of samples, which bring a reading each.
constexpr absl::Duration kReadingInterval = absl::Milliseconds(1'250);
constexpr absl::Duration kReadingPatience = absl::Seconds(4);
constexpr absl::Duration kSteeringInterval = absl::Milliseconds(900);

OffsetEstimator::Settings EstimatorSettings(const Config::Ptp& ptp) {
  return {.stamps = StampsOf(ptp),
          .delay_asymmetry = ptp.delay_asymmetry,
          .asymmetry_bound = ptp.asymmetry_bound};
}

NativeSource::Settings NativeSettings(const Config::Ptp& ptp,
                                      ptp::PortIdentity identity) {
  ptp::PortSettings port = PortSettingsOf(ptp, identity);
  port.asks_behind_answers = StampsOf(ptp) == StampKind::kSoftware;
  return {.port = std::move(port),
          .estimator = EstimatorSettings(ptp),
          .ingress_latency = ptp.ingress_latency,
          .egress_latency = ptp.egress_latency};
}

CompanionSource::Settings CompanionSettings(const Config::Ptp& ptp,
                                            ptp::PortIdentity identity) {
  CompanionSource::Settings settings;
  settings.identity = identity;
  settings.domain = {static_cast<uint8_t>(ptp.domain)};
  settings.allowed_masters = PortSettingsOf(ptp, identity).allowed_masters;
  settings.estimator = EstimatorSettings(ptp);
  settings.estimator.stamps =
      StampKind::kSoftware;  // What comes from RAW is no better.
  settings.interface = ptp.interface;
  if (ptp.timestamping != Timestamping::kAuto) {
    settings.stamps = EstimatorSettings(ptp).stamps;
  }
  return settings;
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

}  // namespace

ClientEngine::ClientEngine(const Config& config, ptp::PortIdentity identity,
                           uint64_t seed)
    : config_(config),
      identity_(identity),
      seed_(seed),
      native_(config.role != Role::kCompanion
                  ? std::make_unique<NativeSource>(NativeSettings(config.ptp, identity),
                                                   Rng(seed))
                  : nullptr),
      companion_(config.role == Role::kCompanion
                     ? std::make_unique<CompanionSource>(
                           CompanionSettings(config.ptp, identity))
                     : nullptr),
      source_(native_ ? static_cast<TimeSource*>(native_.get()) : companion_.get()),
      witnesses_(config.utc),
      output_interval_(absl::Seconds(1 / config.output.rate)),
      link_up_(companion_ != nullptr),
      withheld_(native_ ? WithholdReason::kInterfaceDown
                        : WithholdReason::kPtp4lSilent) {
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
  if (up == link_up_ || stopped_ || !native_) return;
  link_up_ = up;
  ptp::PortActions said;
  if (up) {
    native_->Start(now, said);
    // Some drivers reset the PHC with the link.
    if (native_->hardware()) AskForReading(now, out);
  } else {
    native_->Stop(now, said);
  }
  Absorb(said, now, out);
  Consider(now, out);
}

void ClientEngine::OnPair(const CrossTimestamp<Raw>& pair, MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Pair{pair}, out);
  if (source_->measures_on_raw())
    KeepReading({AsLocal(pair.local), pair.system, pair.window}, now);
  if (source_->OnPair(pair, now) == SteadyTimeBase::PairVerdict::kStepped &&
      publishing_) {
    Withhold(WithholdReason::kSystemClockStepped, now, out);
  }
}

void ClientEngine::OnFrame(std::span<const uint8_t> octets,
                           std::optional<EventStamp> received,
                           const std::optional<ptp::PortAddress>& from, MonoTime now,
                           Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Frame{octets, received, from}, out);
  if (!native_) return;
  NativeSource& source = *native_;
  ++frames_;
  const ptp::ParseResult parsed = ptp::ParseMessage(octets);
  if (const auto* reason = std::get_if<ptp::DropReason>(&parsed)) {
    ++dropped_[static_cast<size_t>(*reason)];
    return;
  }
  const auto good_sync = source.last_good_sync();
  const uint64_t refused = source.stamps_refused();
  ptp::PortActions said;
  source.OnMessage(std::get<ptp::Message>(parsed), received, now, said);
  const auto changed = std::any_of(said.begin(), said.end(), [](const auto& action) {
    return std::holds_alternative<ptp::StateChanged>(action) ||
           std::holds_alternative<ptp::ParentChanged>(action);
  });
  Absorb(said, now, out);
  if (std::holds_alternative<ptp::Announce>(std::get<ptp::Message>(parsed).body)) {
    RenewAnnounce();
  }
  const bool measured = source.last_good_sync() != good_sync;
  if (measured) CountSync(good_sync, now);
  if (measured) SteerPhc(now, out);
  if (changed || measured) Consider(now, out);
  // A stamp that can't be true: has the PHC been stepped?
  if (source.hardware() && source.stamps_refused() != refused) AskForReading(now, out);
}

// Few Syncs after a long silence are a thin ground: the clock may have wandered, and
// the network has just shown that it is bad.
void ClientEngine::CountSync(std::optional<MonoTime> previous, MonoTime now) {
  const absl::Duration limit = SyncAgeLimit(source_->sync_interval());
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
  if (!native_) return;
  ptp::PortActions said;
  native_->OnTransmitted(token, sent, now, said);
  Absorb(said, now, out);
}

void ClientEngine::OnCrossTimestamp(const std::optional<ClockReading>& reading,
                                    MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Cross{reading}, out);
  if (stopped_) return;
  bool wanted = std::exchange(sample_wanted_, false);
  const auto good_sync = source_->last_good_sync();
  ptp::PortActions said;
  TimeSource::Reading read;
  if (reading) read = source_->OnReading(*reading, now, said);
  if (read.phc_stepped) return OnPhcStepped(now, out);
  if (read.phc_uncertain) native_->ForgetMeasurements(now, said);
  Absorb(said, now, out);
  if (source_->last_good_sync() != good_sync && source_->last_good_sync()) {
    CountSync(good_sync, now);  // A companion measures by readings.
    wanted = wanted || AnyDue(now);
  }
  const std::optional<CrossTimestamp<Local>>& cross = read.local;
  if (cross) {
    KeepReading(*cross, now);
    RefreshClaims(now, out);
  } else if (!read.system_stepped && now - kReadingPatience < last_reading_at_) {
    // A PHC is busy now and then; what was published stands a little longer.
    ++withheld_counts_[static_cast<size_t>(WithholdReason::kNoCrossTimestamp)];
    return;
  }
  if (!wanted) {
    if (read.system_stepped && publishing_) {
      Withhold(WithholdReason::kSystemClockStepped, now, out);
    }
    return;
  }
  if (read.wide) return Withhold(WithholdReason::kCrossTimestampWide, now, out);
  const LocalTime at = cross ? cross->local : LocalTime();
  SourceView view = View(now);
  if (view.map) {
    view.jitter = source_->estimator().Jitter(at);
    view.error_bound = source_->ErrorBound(at);
  }
  SamplerLimits limits{.max_error = config_.output.max_error};
  // Reading a PHC over MDIO takes milliseconds. Half of that is in the error bound,
  // which has a limit of its own.
  if (source_->hardware()) limits.max_window = limits.max_error + limits.max_error;
  // Hysteresis: a bound that was too large has to be clearly smaller.
  if (withheld_ == WithholdReason::kErrorBoundExceeded) {
    limits.max_error = TimeDelta::FromNanosDouble(0.8 * limits.max_error.NanosDouble());
  }
  const SampleOrReason result =
      MakeSample(view, cross, read.system_stepped, witnesses_.authority(), limits);
  if (const auto* reason = std::get_if<WithholdReason>(&result)) {
    // UTC on the wire may jump by a second now, as it should.
    const bool leap = *reason == WithholdReason::kNearLeapSecond;
    if (leap && witnesses_.authority().wire_is_utc()) continuity_.Forget();
    return Withhold(*reason, now, out);
  }
  const auto& sample = std::get<RefclockSample>(result);
  const auto& parent = source_->parent();
  const Continuity::Reading measured{
      .at = at,
      .tai = view.map->Map(at, view.map->era()).value_or(TaiTime()),
      .rate = view.map->rate(),
      .jitter = view.jitter,
      .grandmaster = parent ? parent->grandmaster.value : 0,
      .clock_class = parent ? parent->quality.clock_class : 255,
      .syncs = measured_syncs_};
  if (const auto doubt = Doubt(measured, sample)) {
    return Withhold(*doubt, now, out);
  }
  continuity_.Published(measured);
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
  const bool answered = source_->answers();
  if (const auto deadline = source_->Deadline(); deadline && now >= *deadline) {
    source_->OnTime(now, said);
  }
  Absorb(said, now, out);
  if (answered != source_->answers()) Consider(now, out);
  if (source_->hardware() && link_up_ && now >= next_reading_) AskForReading(now, out);
  if (const auto between = NextBetween(); between && now >= *between) {
    next_between_ = now + output_interval_;  // It may be held back.
    Consider(now, out);
  } else if (publishing_ && last_reading_) {
    // Nothing new was measured, so nothing is published here; but what was may
    // have become too old.
    const SourceView view = View(now);
    if (const auto reason = Withheld(view, witnesses_.authority())) {
      Withhold(*reason, now, out);
    }
  }
  if (publishing_ && silence_at_ && now >= *silence_at_) {
    Withhold(WithholdReason::kNearLeapSecond, now, out);
  }
}

// When a companion's next sample is due, where more are wanted than measurements bring:
// a PHC is not read for it. Nothing while the map is not fresh.
std::optional<MonoTime> ClientEngine::NextBetween() const {
  if (!companion_ || !publishing_ || !companion_->last_good_sync()) return std::nullopt;
  const absl::Duration measuring = companion_->MeasuringInterval();
  if (output_interval_ >= measuring) return std::nullopt;
  // So long a map is fresh: two measurements.
  const TimeDelta half = ToTimeDelta(measuring);
  const MonoTime fresh = *companion_->last_good_sync() + half + half;
  return next_between_ <= fresh ? std::optional(next_between_) : std::nullopt;
}

std::optional<MonoTime> ClientEngine::Deadline() const {
  std::optional<MonoTime> deadline = source_->Deadline();
  if (const auto between = NextBetween()) {
    deadline = deadline ? std::min(*deadline, *between) : *between;
  }
  if (source_->hardware() && link_up_) {
    deadline = deadline ? std::min(*deadline, next_reading_) : next_reading_;
  }
  if (publishing_ && source_->last_good_sync()) {
    const MonoTime stale = *source_->last_good_sync() +
                           SyncAgeLimit(source_->sync_interval()) +
                           TimeDelta::FromNanos(1);
    deadline = deadline ? std::min(*deadline, stale) : stale;
  }
  if (publishing_ && silence_at_) {
    deadline = deadline ? std::min(*deadline, *silence_at_) : *silence_at_;
  }
  return deadline;
}

void ClientEngine::OnPhcAdjusted(const PhcAdjusted& adjusted, MonoTime now,
                                 Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Adjusted{adjusted}, out);
  if (companion_) {
    const auto* dialled = std::get_if<SetPhcFrequency>(&adjusted.command);
    if (dialled != nullptr && adjusted.at) companion_->OnDial(dialled->ppb);
    return;
  }
  PhcTimeBase& phc = native_->phc();
  if (!adjusted.at) {
    ++phc_refusals_;
    if (++refused_in_a_row_ < kRefusalsToGiveUp || !steers_) return;
    steers_ = false;
    Log(phc_log_, Severity::kWarning,
        "the PHC does not let itself be steered: it is only read from now on", now,
        out);
    return;
  }
  refused_in_a_row_ = 0;
  const std::optional<PhcTime> at = phc.Predict(*adjusted.at);
  if (const auto* frequency = std::get_if<SetPhcFrequency>(&adjusted.command)) {
    phc.OnFrequency(at.value_or(PhcTime()), frequency->ppb);
    return;
  }
  const TimeDelta by = std::get<StepPhc>(adjusted.command).by;
  if (at) phc.OnStep(*at, by);
  Log(phc_log_, Severity::kNotice,
      absl::StrFormat("PHC stepped by %+.9f s", by.SecondsDouble()), now, out);
  AskForReading(now, out);  // How far did it go?
}

void ClientEngine::OnManagementSocket(ManagementSocket socket, MonoTime now,
                                      Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Socket{socket}, out);
  if (!companion_ || stopped_) return;
  const bool answered = companion_->answers();
  const ptp::PortState before = companion_->state();
  ptp::PortActions said;
  companion_->OnSocket(socket, now, said);
  AfterManagement(said, answered, before, now, out);
}

void ClientEngine::OnManagement(std::span<const uint8_t> datagram, MonoTime now,
                                Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Managed{datagram}, out);
  if (!companion_ || stopped_) return;
  ++frames_;
  const bool answered = companion_->answers();
  const ptp::PortState before = companion_->state();
  ptp::PortActions said;
  companion_->OnDatagram(datagram, now, said);
  AfterManagement(said, answered, before, now, out);
}

// `answered` and `before`: what the source was like.
void ClientEngine::AfterManagement(const ptp::PortActions& said, bool answered,
                                   ptp::PortState before, MonoTime now, Actions& out) {
  const bool changed = answered != source_->answers() || before != source_->state() ||
                       std::any_of(said.begin(), said.end(), [](const auto& action) {
                         return std::holds_alternative<ptp::ParentChanged>(action);
                       });
  Absorb(said, now, out);
  if (companion_->TakeParentRenewed()) RenewAnnounce();
  if (changed) Consider(now, out);
  if (companion_->wants_reading()) AskForReading(now, out);
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
  KernelClock heard = clock;
  // A ptp4l with software stamps sets this clock and its TAI offset by what the
  // grandmaster says: it would be the same witness twice.
  if (companion_ && !companion_->hardware()) {
    heard.tai_offset = 0;
    heard.may_be_ours = true;
  }
  witnesses_.OnKernelClock(heard, now);
}

void ClientEngine::OnResume(MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Resume{}, out);
  ptp::PortActions said;
  source_->Restart(now, said);
  last_reading_.reset();
  servo_.Reset();
  continuity_.Forget();
  Absorb(said, now, out);
  Consider(now, out);
}

void ClientEngine::Forbid(std::optional<WithholdReason> why, MonoTime now,
                          Actions& out) {
  if (forbidden_ == why) return;
  forbidden_ = why;
  Consider(now, out);
}

void ClientEngine::Stop(MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Stop{}, out);
  if (stopped_) return;
  withheld_ = WithholdReason::kStopping;
  WithdrawAll(out);
  if (companion_) companion_->Stop(now);
  Absorb({}, now, out);
  stopped_ = true;
}

// ---- What follows from them.

SourceView ClientEngine::View(MonoTime now) {
  const OffsetEstimator& estimator = source_->estimator();
  SourceView view;
  view.forbidden = forbidden_;
  view.interface_up = link_up_;
  view.source_answers = source_->answers();
  view.tracking = source_->parent().has_value();
  const auto map = source_->Map();
  if (source_->state() == ptp::PortState::kSlave) view.map = map;
  view.suspicious = estimator.suspicious();
  view.sync_age = source_->last_good_sync() && syncs_to_resume_ == 0
                      ? ToDuration(now - *source_->last_good_sync())
                      : absl::InfiniteDuration();
  view.sync_age_limit = SyncAgeLimit(source_->sync_interval());
  if (const auto tai = TaiAtLastReading(map)) {
    // Half a minute more or less: it is about years.
    view.epoch_sane = IsSaneEpoch(UtcTime() + tai->SinceEpoch());
  }

  const auto news = source_->parent_news();
  const absl::Duration announces = news ? news->announce_interval : absl::Seconds(1);
  const absl::Duration settle = std::max(absl::Seconds(2), announces + announces);
  view.utc_settled = utc_.Update(
      witnesses_.authority().verdict() != UtcVerdict::kContested, settle, now);
  if (const auto& parent = source_->parent()) {
    const bool good = parent->quality.clock_class <= MaxClockClass(config_) &&
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
  if (!companion_ || !companion_->has_actions()) return;
  for (CompanionAction& action : companion_->TakeActions()) {
    if (auto* send = std::get_if<SendManagement>(&action)) {
      out.push_back(*send);
    } else if (auto* use = std::get_if<UseClock>(&action)) {
      out.push_back(std::move(*use));
      AskForReading(now, out);  // How fast it goes shows between two.
    } else {
      auto& line = std::get<LogLine>(action);
      Log(companion_log_, line.severity, std::move(line.text), now, out);
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
  const auto news = source_->parent_news();
  if (!news) return;
  witnesses_.OnMaster(*source_->parent(), news->heard, news->announce_interval);
}

std::optional<TaiTime> ClientEngine::TaiAtLastReading() const {
  return TaiAtLastReading(source_->Map());
}

std::optional<TaiTime> ClientEngine::TaiAtLastReading(
    const std::optional<ClockMap<Local, Tai>>& map) const {
  if (!map || !last_reading_) return std::nullopt;
  return map->Map(last_reading_->local, map->era());
}

// What tables and the system clock say depends on what time it is.
void ClientEngine::RefreshClaims(MonoTime now, Actions& out) {
  // Whole seconds change once a second; while silent, nothing is to be missed.
  if (publishing_ && now < next_claims_) return;
  next_claims_ = now + absl::Seconds(1);
  const auto tai = TaiAtLastReading();
  if (!tai) return;
  witnesses_.OnTime(*tai, last_reading_->system, now);
  silence_at_.reset();
  if (const auto silence = witnesses_.authority().NextSilence(*tai)) {
    // A reading of a PHC may be a second old.
    silence_at_ = last_reading_at_ + (*silence - *tai);
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

void ClientEngine::KeepReading(const CrossTimestamp<Local>& reading, MonoTime now) {
  last_reading_ = reading;
  last_reading_at_ = now;
}

// What is between the readings of a PHC, a step of it may hide in.
void ClientEngine::AskForReading(MonoTime now, Actions& out) {
  next_reading_ = now + kReadingInterval;
  out.push_back(ReadCrossTimestamp{});
}

void ClientEngine::OnPhcStepped(MonoTime now, Actions& out) {
  ++phc_steps_;
  ptp::PortActions said;
  native_->ForgetMeasurements(now, said);
  last_reading_.reset();
  servo_.Reset();
  Withhold(WithholdReason::kPhcStepped, now, out);
  Absorb(said, now, out);
  // Who stepped it may have dialled it too; the ledger has to be true.
  if (disciplines()) {
    out.push_back(AdjustPhc{SetPhcFrequency{native_->phc().frequency_ppb()}});
  }
}

void ClientEngine::SteerPhc(MonoTime now, Actions& out) {
  const OffsetEstimator& estimator = source_->estimator();
  const auto map = estimator.Map();
  if (!disciplines() || now < next_steering_ || !map || !last_reading_) return;
  if (source_->state() != ptp::PortState::kSlave || estimator.suspicious()) return;
  const LocalTime at = *estimator.last_sync();
  const auto tai = map->Map(at, map->era());
  if (!tai || !IsSaneEpoch(UtcTime() + tai->SinceEpoch())) return;
  const auto command = servo_.Update(
      {.offset = native_->phc().Shown(at).SinceEpoch() - tai->SinceEpoch(),
       .frequency_ppb = -estimator.frequency_ppb(),
       .frequency_error = estimator.frequency_error_ppb()});
  if (!command) return;
  if (servo_.locked()) next_steering_ = now + kSteeringInterval;
  ++phc_adjustments_;
  // Between this reading and the one after it the step is measured.
  if (std::holds_alternative<StepPhc>(*command)) AskForReading(now, out);
  out.push_back(AdjustPhc{*command});
}

// Something changed that may allow or forbid a sample.
void ClientEngine::Consider(MonoTime now, Actions& out) {
  if (stopped_) return;
  RefreshClaims(now, out);
  if (const auto reason = Withheld(View(now), witnesses_.authority())) {
    Withhold(*reason, now, out);
    return;
  }
  if (!AnyDue(now)) return;
  sample_wanted_ = true;
  if (companion_) {
    out.push_back(ReadCrossTimestamp{.pair_only = true});
  } else {
    AskForReading(now, out);
  }
}

bool ClientEngine::AnyDue(MonoTime now) const {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [now](const auto& output) { return output.limit.Due(now); });
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
    next_between_ = outputs_[i].limit.Latest();
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

// ---- Status.

// Of a companion's ptp4l, what is known; nobody tells its transport.
void ClientEngine::DescribeSource(StatusReport& report) const {
  const bool known = native_ || companion_->clock();
  report.role = native_ ? "client" : "companion";
  report.interface = config_.ptp.interface;
  if (known) report.timestamping = source_->hardware() ? "hardware" : "software";
  if (source_->hardware()) {
    report.phc.emplace();
    report.phc->device = config_.phc.device;
    report.phc->mode = disciplines() ? "discipline" : "observe";
    if (last_reading_) report.phc->window_ns = last_reading_->window.NanosDouble();
  }
  report.domain = config_.ptp.domain;
  if (native_) {
    report.transport = TransportName(config_.ptp.transport);
    if (!report.phc) return;
    report.phc->frequency_ppb = native_->phc().frequency_ppb();
    if (const auto tai = TaiAtLastReading()) {
      const PhcTime shown = native_->phc().Shown(last_reading_->local);
      report.phc->offset_ns = (shown.SinceEpoch() - tai->SinceEpoch()).NanosDouble();
    }
    return;
  }
  report.domain = companion_->domain().value;
  if (companion_->steers_system_clock()) {
    report.warnings.push_back(
        {"ptp4l-steers-system-clock", CompanionSource::kSteersSystemClock});
  }
  if (!known) return;
  const UseClock& clock = *companion_->clock();
  if (!clock.interface.empty()) report.interface = clock.interface;
  if (!report.phc) return;
  report.phc->window_ns = companion_->phc_window().NanosDouble();
  if (clock.phc_index) report.phc->device = absl::StrCat("/dev/ptp", *clock.phc_index);
}

StatusReport ClientEngine::Status(MonoTime now) const {
  const OffsetEstimator& estimator = source_->estimator();
  StatusReport report;
  report.state = ptp::PortStateName(source_->state());
  DescribeSource(report);
  if (const auto& parent = source_->parent()) {
    report.grandmaster = {.identity = parent->grandmaster.ToString(),
                          .clock_class = parent->quality.clock_class,
                          .clock_accuracy = parent->quality.clock_accuracy,
                          .priority1 = parent->priority1,
                          .steps_removed = parent->steps_removed};
  }
  if (last_sample_ && publishing_)
    report.offset_ns = last_sample_->Offset().NanosDouble();
  if (estimator.ready() && last_reading_) {
    report.path_delay_ns = source_->MeanPathDelay().NanosDouble();
    report.jitter_ns = estimator.Jitter(last_reading_->local).NanosDouble();
    report.error_bound_ns = source_->ErrorBound(last_reading_->local).NanosDouble();
    report.frequency_ppb = estimator.frequency_ppb();
  }
  const UtcAuthority& authority = witnesses_.authority();
  witnesses_.Describe(report.utc, now);
  const auto tai = TaiAtLastReading();
  report.utc.leap = LeapName(tai ? authority.LeapAt(*tai) : LeapIndicator::kNone);
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
  count("stamps_refused", source_->stamps_refused());
  if (source_->hardware()) {
    count("phc_steps", companion_ ? companion_->phc_steps() : phc_steps_);
    count("phc_adjustments", phc_adjustments_);
    count("phc_refusals", phc_refusals_);
  }
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
