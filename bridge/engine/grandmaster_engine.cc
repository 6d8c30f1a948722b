#include "bridge/engine/grandmaster_engine.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/engine/engine_settings.h"
#include "bridge/engine/limited_log.h"
#include "bridge/engine/trace.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

constexpr int kRefusalsToGiveUp = 3;
constexpr absl::Duration kSteeringInterval = absl::Milliseconds(900);
constexpr absl::Duration kReviewInterval = absl::Seconds(1);
// The system clock is slewed, so it has to be looked at often; a PHC behind MDIO
// takes milliseconds to read.
constexpr absl::Duration kOften = absl::Milliseconds(250);
constexpr absl::Duration kSeldom = absl::Seconds(1);
constexpr TimeDelta kSlowReading = TimeDelta::FromMicros(100);
constexpr absl::Duration kReadingPatience = absl::Seconds(4);
// No older than this is what is known of the PHC when a one-step Sync leaves, which
// nothing can put right afterwards. More often a line of readings would not have room.
constexpr absl::Duration kFresh = absl::Milliseconds(62);
// And after this, if the PHC can't be read, Syncs are two-step.
constexpr absl::Duration kOld = absl::Seconds(2);
// What is served goes where the system clock went: by more than this it is a step.
constexpr TimeDelta kStep = TimeDelta::FromMicros(20);
// A PHC that another program disciplines, and the system clock.
constexpr TimeDelta kOtherSecond = TimeDelta::FromMillis(250);
// A system clock that is a second off after a month's end has not dealt with the leap
// second, or with one that was none.
constexpr absl::Duration kLeapAftermath = absl::Minutes(10);
// Some slew it away: until it is this near again, the system clock is not believed.
constexpr TimeDelta kSameSecond = TimeDelta::FromMillis(1);
// How long an NTP daemon may live on samples that we published.
constexpr absl::Duration kFedFor = absl::Minutes(1);

ptp::MasterPortSettings MasterSettings(const Config& config,
                                       ptp::PortIdentity identity) {
  ptp::MasterPortSettings settings;
  static_cast<ptp::PortSettings&>(settings) = PortSettingsOf(config.ptp, identity);
  settings.sync_interval = {static_cast<int8_t>(config.ptp.sync_interval)};
  settings.slave_capable = config.role == Role::kAuto;
  return settings;
}

SystemSource::Settings SourceSettings(const Config& config) {
  return {.stamps = StampsOf(config.ptp),
          .serves_phc = ServesPhc(config),
          .ingress_latency = config.ptp.ingress_latency,
          .egress_latency = config.ptp.egress_latency};
}

}  // namespace

GrandmasterEngine::GrandmasterEngine(const Config& config, ptp::PortIdentity identity,
                                     uint64_t seed)
    : config_(config),
      identity_(identity),
      seed_(seed),
      clock_(config, config.role == Role::kAuto),
      source_(SourceSettings(config)),
      port_(MasterSettings(config, identity), clock_.properties(), Rng(seed)),
      client_(config.role == Role::kAuto
                  ? std::make_unique<ClientEngine>(config, identity, seed + 1)
                  : nullptr),
      one_step_(config.grandmaster.one_step == OneStepUse::kAuto),
      reading_interval_(kOften) {}

void GrandmasterEngine::set_recorder(TraceWriter* recorder) {
  recorder_ = recorder;
  if (recorder_) recorder_->Begin(config_, identity_, seed_);
}

bool GrandmasterEngine::disciplines() const {
  return source_.hardware() && !source_.is_phc() && steers_ &&
         config_.phc.mode == PhcMode::kDiscipline;
}

// ---- Inputs.

void GrandmasterEngine::OnLink(bool up, MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Link{up}, out);
  if (up == link_up_ || stopped_) return;
  link_up_ = up;
  if (client_ && !follows()) client_->Forbid(WithholdReason::kNotFollowing, now, out);
  // Some drivers reset the PHC with the link.
  if (up) AskForReading(now, out);
  OpenOrClose(now, out);
  ChooseSteps(now, out);
}

void GrandmasterEngine::OnPair(const CrossTimestamp<Raw>& pair, MonoTime now,
                               Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Pair{pair}, out);
  if (source_.OnPair(pair, now)) {
    new_era_ = true;
    port_.ForgetStamps();
  }
  if (follows()) client_->OnPair(pair, now, out);
}

void GrandmasterEngine::OnFrame(std::span<const uint8_t> octets,
                                std::optional<EventStamp> received,
                                const std::optional<ptp::PortAddress>& from,
                                MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Frame{octets, received, from}, out);
  if (stopped_) return;
  ++frames_;
  if (follows()) client_->OnFrame(octets, received, from, now, out);
  const ptp::ParseResult parsed = ptp::ParseMessage(octets);
  if (const auto* reason = std::get_if<ptp::DropReason>(&parsed)) {
    ++dropped_[static_cast<size_t>(*reason)];
    return;
  }
  const auto& message = std::get<ptp::Message>(parsed);
  std::optional<LocalTime> local;
  if (received && ptp::IsEvent(message.header.type)) {
    local = source_.Received(*received, now);
  }
  ptp::PortActions said;
  port_.OnMessage(message, local, from, now, said);
  Absorb(said, now, out);
}

void GrandmasterEngine::OnTransmitted(ptp::TxToken token, EventStamp sent, MonoTime now,
                                      Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Sent{token, sent}, out);
  if (token.value <= ptp::kMasterTokens.value) {
    if (client_) client_->OnTransmitted(token, sent, now, out);
    return;
  }
  const std::optional<LocalTime> local = source_.Sent(sent, now);
  if (!local) return;  // Stamped before a step: as good as no stamp.
  ptp::PortActions said;
  port_.OnTransmitted(token, *local, now, said);
  Absorb(said, now, out);
  ChooseSteps(now, out);
}

void GrandmasterEngine::OnCrossTimestamp(const std::optional<ClockReading>& reading,
                                         MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Cross{reading}, out);
  if (stopped_) return;
  if (follows()) {
    client_->OnCrossTimestamp(reading, now, out);
    next_reading_ = now + kSeldom;
  }
  SystemSource::Reading read;
  if (reading) read = source_.OnReading(*reading, now);
  Learn(read, now, out);
  ChooseSteps(now, out);
  if (std::exchange(looks_first_, false)) ServePort(now, out);
}

void GrandmasterEngine::OnPhcAdjusted(const PhcAdjusted& adjusted, MonoTime now,
                                      Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Adjusted{adjusted}, out);
  // What it is dialled to has to be known when following begins.
  const bool dialled = std::holds_alternative<SetPhcFrequency>(adjusted.command);
  if (client_ && (follows() || dialled)) client_->OnPhcAdjusted(adjusted, now, out);
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
  PhcTimeBase& phc = source_.phc();
  const std::optional<PhcTime> at = phc.Predict(*adjusted.at);
  if (const auto* frequency = std::get_if<SetPhcFrequency>(&adjusted.command)) {
    phc.OnFrequency(at.value_or(PhcTime()), frequency->ppb);
    return;
  }
  const TimeDelta by = std::get<StepPhc>(adjusted.command).by;
  if (at) phc.OnStep(*at, by);
  port_.ForgetStamps();
  if (!follows()) {
    Log(phc_log_, Severity::kNotice,
        absl::StrFormat("PHC stepped by %+.9f s", by.SecondsDouble()), now, out);
    AskForReading(now, out);  // How far did it go?
  }
}

void GrandmasterEngine::OnOneStep(bool on, MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::OneStep{on}, out);
  const bool before = one_step_.on();
  one_step_.OnSwitched(on, now);
  if (one_step_.on() && !before) {
    Log(phc_log_, Severity::kNotice, "Syncs are one-step from now on", now, out);
  }
  ChooseSteps(now, out);
}

void GrandmasterEngine::OnTime(MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Time{}, out);
  if (stopped_) return;
  if (one_step_.on() && now - kFresh > last_reading_at_ && PortIsDue(now)) {
    looks_first_ = true;
    AskForReading(now, out);
  } else {
    ServePort(now, out);
  }
  if (follows()) {
    if (const auto deadline = client_->Deadline(); deadline && now >= *deadline) {
      client_->OnTime(now, out);
    }
  }
  UpdateRole(now, out);
  if (now >= next_reading_) AskForReading(now, out);
}

std::optional<MonoTime> GrandmasterEngine::Deadline() const {
  if (stopped_) return std::nullopt;
  std::optional<MonoTime> deadline = next_reading_;
  if (!looks_first_) deadline = Earlier(deadline, port_.Deadline());
  if (client_) deadline = Earlier(deadline, role_.Deadline());
  if (follows()) deadline = Earlier(deadline, client_->Deadline());
  return deadline;
}

void GrandmasterEngine::OnLeapFile(const absl::StatusOr<LeapTable>& table, MonoTime now,
                                   Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Leaps{&table}, out);
  if (client_) client_->OnLeapFile(table, now, out);
  const absl::Status usable = clock_.OnLeapFile(table);
  if (!usable.ok() && !client_) {
    Log(clock_log_, Severity::kWarning,
        absl::StrCat("leap second list not used: ", usable.message()), now, out);
  }
}

void GrandmasterEngine::OnKernelClock(const KernelClock& clock, MonoTime now,
                                      Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Kernel{clock}, out);
  clock_.OnKernelClock(clock, now);
  // This clock is an NTP server's, which may follow what we publish or published.
  KernelClock heard = clock;
  heard.may_be_ours = true;
  if (client_) client_->OnKernelClock(heard, now, out);
}

void GrandmasterEngine::OnGnss(const GnssReport& report, MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Gnss{report}, out);
  clock_.OnGnss(report, now);
}

void GrandmasterEngine::OnResume(MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Resume{}, out);
  source_.Reset();
  port_.ForgetStamps();
  last_reading_.reset();
  if (client_) client_->OnResume(now, out);
  LoseClock(now, out);
  AskForReading(now, out);
  ChooseSteps(now, out);
}

void GrandmasterEngine::Stop(MonoTime now, Actions& out) {
  const TraceTurn turn(recorder_, now, trace::Stop{}, out);
  if (stopped_) return;
  if (client_) client_->Stop(now, out);
  stopped_ = true;
}

// ---- The clock that is served.

// A client steers the PHC and reads it for itself; one reading is good for both.
void GrandmasterEngine::AskForReading(MonoTime now, Actions& out) {
  next_reading_ = now + (follows() ? kSeldom : reading_interval_);
  out.push_back(ReadCrossTimestamp{});
}

void GrandmasterEngine::Learn(const SystemSource::Reading& read, MonoTime now,
                              Actions& out) {
  if (read.stepped) {
    new_era_ = true;
    port_.ForgetStamps();
    // In a leap second what is served goes on, and so does the PHC.
    const bool leap = leap_over_ && now - kReadingPatience < *leap_over_;
    leap ? servo_.BeginGently() : servo_.Reset();
  }
  if (!read.local) {
    // A PHC is busy now and then.
    if (now - kReadingPatience > last_reading_at_) LoseClock(now, out);
    return;
  }
  const CrossTimestamp<Local>& reading = *read.local;
  last_reading_ = reading;
  last_reading_at_ = now;
  if (source_.hardware()) {
    reading_interval_ = reading.window > kSlowReading ? kSeldom : kOften;
  }
  const auto served = Served(reading.local);
  // Even if it has been stepped by now, as it should: the local clock goes on.
  if (served && !source_.is_phc() && clock_.IsNearLeap(*served)) {
    leap_over_ = now;  // For now.
  } else {
    source_.Learn(reading);
    SetClock(reading, now, out);
  }
  if (served_ && now >= next_review_) Review(reading, now, out);
  if (served_ && !follows()) SteerPhc(reading.local, now, out);
}

std::optional<TaiTime> GrandmasterEngine::Served(LocalTime at) const {
  if (!served_) return std::nullopt;
  return served_->Map(at, served_->era());
}

// Takes over what the system clock shows, unless it is not to be believed.
void GrandmasterEngine::SetClock(const CrossTimestamp<Local>& reading, MonoTime now,
                                 Actions& out) {
  const int offset = clock_.OffsetAt(reading.system);
  const auto map = source_.ToTai(offset);
  if (!map) return;
  const TaiTime tai = *map->Map(reading.local, map->era());
  if (!IsSaneEpoch(UtcTime() + tai.SinceEpoch())) return LoseClock(now, out);
  // Around a leap second the system clock may be in either.
  if (source_.is_phc() && !clock_.IsNearLeap(tai)) {
    const TimeDelta ahead = tai.SinceEpoch() - reading.system.SinceEpoch();
    consistent_ = (ahead - TimeDelta::FromSeconds(offset)).Abs() < kOtherSecond;
  }
  if (const auto before = Served(reading.local)) {
    const TimeDelta by = tai - *before;
    const bool leap = leap_over_ && now - kLeapAftermath < *leap_over_ &&
                      by.Abs() > (consistent_ ? kOtherSecond : kSameSecond);
    if (!source_.is_phc()) consistent_ = !leap;
    if (leap) return;
    if (by.Abs() > kStep + source_.error()) {
      stepped_ = true;
      ++clock_steps_;
      Log(clock_log_, Severity::kWarning,
          absl::StrFormat("what is served stepped by %+.9f s, as its clock did",
                          by.SecondsDouble()),
          now, out);
    }
  }
  new_era_ = false;
  const bool first = !served_;
  served_ = map;
  port_.set_clock(served_);
  if (first) OpenOrClose(now, out);
}

void GrandmasterEngine::LoseClock(MonoTime now, Actions& out) {
  if (!served_) return;
  served_.reset();
  new_era_ = true;
  port_.set_clock(std::nullopt);
  servo_.Reset();
  stepped_ = true;  // Whatever comes next has to be proven anew.
  Log(clock_log_, Severity::kWarning, "the clock can't be read: not serving", now, out);
  OpenOrClose(now, out);
}

// What is claimed of the clock.
void GrandmasterEngine::Review(const CrossTimestamp<Local>& reading, MonoTime now,
                               Actions& out) {
  next_review_ = now + kReviewInterval;
  if (client_ && client_->publishing()) fed_at_ = now;
  GrandmasterClock::Seen seen;
  seen.tai = *Served(reading.local);
  seen.system = reading.system;
  seen.stepped = std::exchange(stepped_, false);
  seen.consistent = consistent_;
  if (fed_at_) seen.fed_until = *fed_at_ + kFedFor;
  seen.error = source_.error();
  // What a one-step Sync says is the PHC's own time.
  if (one_step_.on()) seen.error = seen.error + PhcError().value_or(TimeDelta()).Abs();
  news_.clear();
  clock_.Update(seen, now, news_);
  for (LogLine& line : news_) {
    Log(class_log_, line.severity, std::move(line.text), now, out);
  }
  if (clock_.properties() != port_.properties()) {
    ptp::PortActions said;
    port_.SetProperties(clock_.properties(), now, said);
    Absorb(said, now, out);
  }
  UpdateRole(now, out);
}

void GrandmasterEngine::SteerPhc(LocalTime at, MonoTime now, Actions& out) {
  if (!disciplines() || now < next_steering_ || new_era_) return;
  const auto command = servo_.Update(
      {.offset = source_.phc().Shown(at).SinceEpoch() - Served(at)->SinceEpoch(),
       .frequency_ppb = -1e9 * served_->rate(),
       .frequency_error = source_.rate_error_ppb()});
  if (!command) return;
  if (servo_.locked()) next_steering_ = now + kSteeringInterval;
  ++phc_adjustments_;
  // Between this reading and the one after it the step is measured.
  if (std::holds_alternative<StepPhc>(*command)) AskForReading(now, out);
  out.push_back(AdjustPhc{*command});
}

// How far the PHC is from what is served; nothing while that is not settled.
std::optional<TimeDelta> GrandmasterEngine::PhcError() const {
  if (!served_ || new_era_ || !last_reading_) return std::nullopt;
  if (source_.is_phc() ? !consistent_ : !servo_.locked()) return std::nullopt;
  if (source_.is_phc()) return TimeDelta();
  const LocalTime at = last_reading_->local;
  return source_.phc().Shown(at).SinceEpoch() - Served(at)->SinceEpoch();
}

// One-step Syncs or two-step ones.
void GrandmasterEngine::ChooseSteps(MonoTime now, Actions& out) {
  const OneStep::Seen seen{
      .hardware = source_.hardware(),
      .on_tai = source_.is_phc() || disciplines(),
      .serves = link_up_ && !follows() && !stopped_,
      .error = now - kOld > last_reading_at_ ? std::nullopt : PhcError()};
  if (const auto on = one_step_.Update(seen, now)) {
    if (!*on) {
      Log(phc_log_, Severity::kNotice,
          absl::StrCat("Syncs are two-step again: ",
                       OneStepStateName(one_step_.state())),
          now, out);
    }
    out.push_back(SetOneStep{*on});
  }
  if (one_step_.on()) {
    port_.set_one_step({{.tai = *Served(last_reading_->local),
                         .at = last_reading_at_,
                         .correction = config_.ptp.egress_latency}});
  } else {
    port_.set_one_step(std::nullopt);
  }
}

// ---- The port and the role.

bool GrandmasterEngine::PortIsDue(MonoTime now) const {
  const auto deadline = port_.Deadline();
  return deadline && now >= *deadline;
}

void GrandmasterEngine::ServePort(MonoTime now, Actions& out) {
  ptp::PortActions said;
  if (PortIsDue(now)) port_.OnTime(now, said);
  Absorb(said, now, out);
}

// It serves when there is something to serve, and somebody to hear it.
void GrandmasterEngine::OpenOrClose(MonoTime now, Actions& out) {
  ptp::PortActions said;
  if (link_up_ && served_) {
    port_.Start(now, said);
  } else if (port_.state() != ptp::PortState::kInitializing) {
    port_.Stop(now, said);
  }
  Absorb(said, now, out);
  UpdateRole(now, out);
}

void GrandmasterEngine::Absorb(const ptp::PortActions& said, MonoTime now,
                               Actions& out) {
  bool changed = false;
  for (const ptp::PortAction& action : said) {
    if (const auto* send = std::get_if<ptp::Send>(&action)) {
      ++sent_[static_cast<size_t>(send->type) & 15];
      out.push_back(*send);
    } else if (const auto* dropped = std::get_if<ptp::Dropped>(&action)) {
      ++dropped_[static_cast<size_t>(dropped->reason)];
      if (dropped->reason == ptp::DropReason::kNotInserted) one_step_.OnNotInserted();
    } else if (const auto* state = std::get_if<ptp::StateChanged>(&action)) {
      changed = true;
      Log(state_log_, Severity::kInfo,
          absl::StrCat("port state ", ptp::PortStateName(state->from), " -> ",
                       ptp::PortStateName(state->to), " on ",
                       ptp::PortEventName(state->why)),
          now, out);
    }
  }
  if (changed) UpdateRole(now, out);
}

void GrandmasterEngine::UpdateRole(MonoTime now, Actions& out) {
  if (!client_) return;
  const AutoRole::Seen seen{.port = port_.state(),
                            .gnss_good = clock_.gnss().state() == GnssState::kGood};
  if (const auto change = role_.Update(seen, now)) Enter(*change, now, out);
}

void GrandmasterEngine::Enter(const AutoRole::Change& change, MonoTime now,
                              Actions& out) {
  const auto following = [](RoleState state) {
    return state == RoleState::kFollowing || state == RoleState::kReturning;
  };
  Log(state_log_, Severity::kNotice,
      absl::StrCat("role ", RoleStateName(change.from), " -> ",
                   RoleStateName(change.to), ": ", change.why),
      now, out);
  if (client_->publishing()) fed_at_ = now;
  if (following(change.to) && !following(change.from)) {
    // It has seen nothing of the clocks meanwhile.
    client_->OnResume(now, out);
    if (served_) client_->BeginGently();
    client_->OnLink(true, now, out);
  }
  if (following(change.from) && !following(change.to)) {
    client_->OnLink(false, now, out);
    // The PHC shows the other's time, which ours may differ from by a little.
    servo_.BeginGently();
  }
  client_->Forbid(change.to == RoleState::kFollowing ? std::nullopt
                  : change.to == RoleState::kReturning
                      ? std::optional(WithholdReason::kGnssReturned)
                      : std::optional(WithholdReason::kNotFollowing),
                  now, out);
  ChooseSteps(now, out);
}

// ---- Status.

StatusReport GrandmasterEngine::Status(MonoTime now) const {
  StatusReport report;
  decltype(report.counters) of_client;
  if (client_) {
    report = client_->Status(now);
    of_client = std::exchange(report.counters, {});
    report.utc = {};
  } else {
    DescribePort(config_, source_.hardware(), report);
  }
  report.role = client_ ? "auto" : "grandmaster";
  if (!follows()) {
    report.state = ptp::PortStateName(port_.state());
    const ptp::GrandmasterProperties& own = clock_.properties();
    report.grandmaster = {.identity = identity_.clock.ToString(),
                          .clock_class = own.quality.clock_class,
                          .clock_accuracy = own.quality.clock_accuracy,
                          .priority1 = own.priority1,
                          .steps_removed = 0};
    if (const ptp::ForeignMaster* other = port_.other_master();
        other != nullptr && port_.state() == ptp::PortState::kPassive) {
      const ptp::Announce& best = other->data_set.announce;
      report.grandmaster = {.identity = best.grandmaster.ToString(),
                            .clock_class = best.grandmaster_quality.clock_class,
                            .clock_accuracy = best.grandmaster_quality.clock_accuracy,
                            .priority1 = best.grandmaster_priority1,
                            .steps_removed = best.steps_removed};
    }
    if (served_) report.frequency_ppb = -1e9 * served_->rate();
  }
  if (report.phc) {
    report.phc->mode = disciplines() ? "discipline" : "observe";
    report.phc->frequency_ppb = source_.phc().frequency_ppb();
    if (last_reading_) {
      report.phc->window_ns = last_reading_->window.NanosDouble();
      if (const auto tai = Served(last_reading_->local); tai && !source_.is_phc()) {
        const PhcTime shown = source_.phc().Shown(last_reading_->local);
        report.phc->offset_ns = (shown.SinceEpoch() - tai->SinceEpoch()).NanosDouble();
      }
    }
  }
  clock_.Describe(report, now);
  if (client_) report.own_clock->auto_state = RoleStateName(role_.state());
  report.own_clock->one_step = OneStepStateName(one_step_.state());
  report.utc.leap = LeapName(clock_.properties().leap);
  const auto count = [&report](std::string name, uint64_t value) {
    report.counters.emplace_back(std::move(name), value);
  };
  count("frames", frames_);
  count("stamps_refused", source_.stamps_refused());
  count("clock_steps", clock_steps_);
  for (const auto type : {ptp::MessageType::kAnnounce, ptp::MessageType::kSync,
                          ptp::MessageType::kFollowUp, ptp::MessageType::kDelayResp,
                          ptp::MessageType::kPdelayResp}) {
    count(absl::StrCat("sent.", ptp::MessageTypeName(type)),
          sent_[static_cast<size_t>(type)]);
  }
  if (source_.hardware()) {
    count("phc_adjustments", phc_adjustments_);
    count("phc_refusals", phc_refusals_);
  }
  for (const auto& text : ptp::kDropReasons) {
    count(absl::StrCat("dropped.", text.name),
          dropped_[static_cast<size_t>(text.reason)]);
  }
  for (const auto& [name, value] : of_client) {
    count(absl::StrCat("client.", name), value);
  }
  return report;
}

}  // namespace bridge
