#include "bridge/sim/box.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "bridge/engine/engine.h"
#include "bridge/time/waiting.h"

namespace bridge::sim {
namespace {

// It has been up for a while, and its crystal owes nothing to TAI.
constexpr auto kRawAtStart = RawTime::FromNanos(86'400'123'456'789);
constexpr TimeDelta kEighth = TimeDelta::FromMillis(125);
constexpr int kTaiMinusGps = 19;
// What a class 6 may rest on, at most: a fix that is 5 s old and a second until it is
// looked at; an update of the NTP daemon that is five minutes old.
constexpr TimeDelta kFixMayBe = TimeDelta::FromSeconds(7);
constexpr TimeDelta kUpdateMayBe = TimeDelta::FromSeconds(305);
// A system clock this far off, in ns, may not be served as class 6 for longer than a
// receiver takes to give ten pulses.
constexpr double kRight = 1.1e6;
constexpr TimeDelta kWrongMayBe = TimeDelta::FromSeconds(12);
// Within so much of a leap second nobody is blamed for an offset.
constexpr TimeDelta kLeapSlack = TimeDelta::FromSeconds(15);

BoxSettings Complete(BoxSettings settings) {
  Config& config = settings.config;
  config.ptp.interface = "sim0";
  config.ptp.timestamping =
      settings.phc ? Timestamping::kHardware : Timestamping::kSoftware;
  const bool master = config.role == Role::kGrandmaster || config.role == Role::kAuto;
  if (master && config.gnss.gpsd.empty()) config.gnss.gpsd = "localhost:2947";
  if (config.role != Role::kGrandmaster) config.output.shm = {{}};
  if (!settings.quiet) return settings;
  for (OscillatorSettings* crystal :
       {&settings.crystal, settings.phc ? &settings.phc->crystal : nullptr}) {
    if (crystal) crystal->white_fm = crystal->random_walk_fm = 0;
  }
  if (settings.phc) settings.phc->stamp_noise_ns = settings.phc->dial_ppb = 0;
  settings.link.jitter_ns = settings.ntp.noise_ns = 0;
  return settings;
}

}  // namespace

Box::Box(Lan& lan, BoxSettings settings)
    : lan_(lan),
      settings_(Complete(std::move(settings))),
      rng_(lan.Fork()),
      crystal_(settings_.crystal, lan.now(), kRawAtStart, rng_.Fork()),
      link_(settings_.link, rng_.Fork()),
      ntp_(settings_.ntp, kRawAtStart, lan.TrueUtc() + settings_.system_error,
           -settings_.crystal.ppm * 1e-6, rng_.Fork()),
      engine_(MakeEngine(settings_.config, {{settings_.identity}, 1}, rng_.Next())),
      master_(dynamic_cast<GrandmasterEngine*>(engine_.get())),
      client_(dynamic_cast<ClientEngine*>(engine_.get())) {
  if (settings_.phc) phc_.emplace(*settings_.phc, lan.now(), rng_.Fork());
  if (settings_.recorder) engine_->set_recorder(settings_.recorder);
  if (lan.truth().leap()) ntp_.ArmLeap(*lan.truth().leap());
  lan.Add(this);
  const auto soon = [this] { return TimeDelta::FromNanosDouble(1e9 * rng_.Uniform()); };
  lan.After(TimeDelta(), [this] { Start(); });
  lan.After(soon(), [this] { OncePerSecond(); });
  if (phc_) EachEighth();
}

void Box::Start() {
  Do([this](MonoTime now, Actions& out) {
    if (phc_) {
      engine_->OnPhcAdjusted({SetPhcFrequency{phc_->asked_ppb()}, Raw()}, now, out);
    }
    engine_->OnGnss(GnssConnection{gpsd_}, now, out);
    engine_->OnKernelClock(ntp_.kernel(), now, out);
    engine_->OnPair(ReadPair(), now, out);
    engine_->OnLink(link_.up(), now, out);
  });
  ReplaceLeapList(settings_.leap_list);
}

// ---- Once a second: gpsd, the NTP daemon, the kernel.

void Box::OncePerSecond() {
  std::optional<TimeDelta> offset;
  if (fix_) offset = lan_.TrueUtc() + ntp_source_ahead_ - ntp_.Real(Raw());
  ntp_.Poll(offset, Raw());
  if (fix_ && gpsd_) fix_until_ = lan_.now();
  if (ntp_.source() == NtpDaemon::Source::kGnss) ntp_until_ = lan_.now();
  if (std::fabs(SystemError()) < kRight) right_until_ = lan_.now();
  Do([this](MonoTime now, Actions& out) {
    engine_->OnKernelClock(ntp_.kernel(), now, out);
    if (gpsd_) ReportGnss(now, out);
  });
  lan_.After(TimeDelta::FromSeconds(1), [this] { OncePerSecond(); });
}

void Box::ReportGnss(MonoTime now, Actions& out) {
  const UtcTime time = lan_.TrueUtc();
  GnssFix fix;
  fix.device = "/dev/gnss0";
  fix.mode = fix_ ? 3 : 1;
  if (fix_) {
    fix.time = time;
    fix.leap_seconds = lan_.truth().OffsetAt(lan_.now()) - kTaiMinusGps + wrong_leaps_;
  }
  engine_->OnGnss(fix, now, out);
  engine_->OnGnss(GnssSky{.device = "/dev/gnss0", .used = fix_ ? 9 : 0}, now, out);
  if (!fix_) return;
  const auto late =
      TimeDelta::FromSeconds(late_labels_ > 0 && rng_.Chance(late_labels_));
  engine_->OnGnss(
      GnssPulse{.device = "/dev/gnss0", .real = time - late, .clock = ntp_.Real(Raw())},
      now, out);
}

void Box::SetGpsd(bool up) {
  gpsd_ = up;
  Do([this](MonoTime now, Actions& out) {
    engine_->OnGnss(GnssConnection{gpsd_}, now, out);
  });
}

void Box::Plug(bool up) {
  link_.set_up(up);
  Do([this, up](MonoTime now, Actions& out) { engine_->OnLink(up, now, out); });
}

void Box::ReplaceLeapList(LeapList list) {
  const auto text = LeapListFile(list, lan_.truth(), lan_.TrueUtc().Split().seconds);
  const absl::StatusOr<LeapTable> table =
      text.ok() ? LeapTable::Parse(*text) : text.status();
  Do([&](MonoTime now, Actions& out) { engine_->OnLeapFile(table, now, out); });
}

void Box::Stop() {
  Do([this](MonoTime now, Actions& out) { engine_->Stop(now, out); });
  running_ = false;
}

void Box::DisciplinePhc() {
  const TimeDelta off = phc_->Read(lan_.now()).SinceEpoch() - lan_.now().SinceEpoch();
  if (off.Abs() > TimeDelta::FromMicros(10)) phc_->Step(lan_.now(), -off);
  const double crystal_ppb = 1e3 * settings_.phc->crystal.ppm;
  phc_->Dial(lan_.now(), -crystal_ppb - off.NanosDouble() / 4);
  lan_.After(TimeDelta::FromSeconds(1), [this] { DisciplinePhc(); });
}

void Box::EachEighth() {
  phc_errors_.push_back({lan_.now(), PhcError()});
  lan_.After(kEighth, [this] { EachEighth(); });
}

// ---- Clocks.

// Tight as a rule, now and then interrupted. `off_ns`: by how much the middle of the
// window is off.
TimeDelta Box::Window(double usual_ns, double interrupted_ns, double* off_ns) {
  *off_ns = 0;
  if (settings_.quiet) return TimeDelta::FromNanosDouble(usual_ns);
  double window = usual_ns * rng_.Uniform(0.9, 1.1);
  if (rng_.Chance(0.01)) window += interrupted_ns * rng_.Uniform();
  *off_ns = window * (rng_.Uniform() - 0.5) / 2;
  return TimeDelta::FromNanosDouble(window);
}

CrossTimestamp<bridge::Raw> Box::ReadPair() {
  lan_.Elapse(TimeDelta::FromMicros(1));
  double off = 0;
  const TimeDelta window = Window(settings_.window_ns, 8'000, &off);
  return {.local = Raw(),
          .system = ntp_.Real(Raw()) + TimeDelta::FromNanosDouble(off),
          .window = window};
}

ClockReading Box::ReadClocks() {
  if (!phc_) return {.pair = ReadPair()};
  double off = 0;
  const TimeDelta window = Window(phc_->settings().window_ns, 8'000, &off);
  const CrossTimestamp<Phc> phc{
      .local = phc_->Read(lan_.now()),
      .system = ntp_.Real(Raw()) + TimeDelta::FromNanosDouble(off),
      .window = window};
  return {.pair = ReadPair(), .phc = phc};
}

EventStamp Box::Stamp() {
  if (phc_) return phc_->Stamp(lan_.now());
  return ntp_.Real(Raw());
}

PhcAdjusted Box::Adjust(const PhcCommand& command) {
  ++phc_adjustments_;
  if (const auto* step = std::get_if<bridge::StepPhc>(&command)) {
    phc_->Step(lan_.now(), step->by);
  } else {
    phc_->Dial(lan_.now(), std::get<SetPhcFrequency>(command).ppb);
  }
  const double late = settings_.quiet ? 0 : rng_.Uniform(-500, 500);
  return {command, Raw() + TimeDelta::FromNanosDouble(late)};
}

// ---- Frames.

ptp::PortAddress Box::address() const {
  ptp::PortAddress address{.octets = {}, .size = 6};
  for (size_t i = 0; i < 6; ++i) {
    address.octets[i] = static_cast<uint8_t>(settings_.identity >> (8 * i));
  }
  return address;
}

void Box::Arrive(const std::vector<uint8_t>& octets, const ptp::PortAddress& from) {
  if (!running_) return;
  arrivals_.push_back({octets, from, Stamp()});
  const double wait = settings_.quiet ? 1 : rng_.Exponential();
  WakeTurn(TimeDelta::FromNanosDouble(20'000 + 30'000 * wait));
}

void Box::Send(const ptp::Send& send) {
  lan_.After(TimeDelta::FromMicros(3), [this, send] {
    if (!link_.up()) return;
    ptp::Send sent = send;
    const bool inserted = InsertTime(sent);
    Look(sent);
    if (ptp::IsEvent(send.type) && !inserted &&
        !rng_.Chance(settings_.transmit_stamp_loss)) {
      const EventStamp stamp = Stamp();
      lan_.After(TimeDelta::FromMicros(25), [this, token = send.token, stamp] {
        if (!running_) return;
        transmitted_.push_back({token, stamp});
        WakeTurn(TimeDelta::FromMicros(20));
      });
    }
    lan_.Carry(*this, sent);
  });
}

// As hardware does that is set to, with a Sync whose twoStepFlag is clear.
bool Box::InsertTime(ptp::Send& send) {
  if (!inserts_time_ || send.type != ptp::MessageType::kSync) return false;
  auto parsed = ptp::ParseMessage(std::span(send.octets).first(send.size));
  auto& message = std::get<ptp::Message>(parsed);
  if (message.header.flags.two_step) return false;
  const TimeDelta shown = std::get<PhcTime>(Stamp()).SinceEpoch();
  std::get<ptp::Sync>(message.body).origin = TaiTime() + shown;
  ptp::SerializeMessage(message, send.octets);
  ++one_step_syncs_;
  return true;
}

// What others will make of it.
void Box::Look(const ptp::Send& send) {
  const auto parsed = ptp::ParseMessage(std::span(send.octets).first(send.size));
  if (!std::holds_alternative<ptp::Message>(parsed)) {
    return Violated("sent octets that do not parse");
  }
  const auto& message = std::get<ptp::Message>(parsed);
  const ptp::Header& header = message.header;
  if (header.type == ptp::MessageType::kSync) {
    sync_left_[header.sequence.value % sync_left_.size()] = lan_.now();
    if (header.flags.two_step) return;
    const TaiTime said = std::get<ptp::Sync>(message.body).origin + header.correction;
    served_.push_back({lan_.now(), (said - lan_.now()).NanosDouble()});
  } else if (const auto* follow_up = std::get_if<ptp::FollowUp>(&message.body)) {
    const TaiTime left = sync_left_[header.sequence.value % sync_left_.size()];
    const TaiTime said = follow_up->precise_origin + header.correction;
    served_.push_back({left, (said - left).NanosDouble()});
  } else if (const auto* announce = std::get_if<ptp::Announce>(&message.body)) {
    announced_.push_back({lan_.age(), *announce, header.flags});
    JudgeAnnounce(announced_.back());
  }
}

void Box::JudgeAnnounce(const Announced& announced) {
  const uint8_t clock_class = announced.body.grandmaster_quality.clock_class;
  if (classes_.empty() || classes_.back().clock_class != clock_class) {
    classes_.push_back({announced.age, clock_class});
  }
  const TaiTime now = lan_.now();
  const ptp::Flags& flags = announced.flags;
  if (clock_class == 6) {
    if (now - fix_until_ > kFixMayBe) Violated("class 6 without GNSS");
    if (now - ntp_until_ > kUpdateMayBe) Violated("class 6 without an NTP daemon");
    if (ntp_.source() == NtpDaemon::Source::kSamples) {
      Violated("class 6 by our own samples");
    }
    if (now - right_until_ > kWrongMayBe) Violated("class 6 far from GNSS");
  }
  if (clock_class <= 7 && !flags.current_utc_offset_valid) {
    Violated("class 6 or 7 without a valid offset");
  }
  if (lan_.truth().NearLeap(now, kLeapSlack)) return;
  if (flags.current_utc_offset_valid &&
      announced.body.current_utc_offset != lan_.truth().OffsetAt(now)) {
    Violated(absl::StrCat("currentUtcOffset ", announced.body.current_utc_offset));
  }
  const LeapIndicator leap = flags.leap61   ? LeapIndicator::kInsert
                             : flags.leap59 ? LeapIndicator::kDelete
                                            : LeapIndicator::kNone;
  if (leap != LeapIndicator::kNone && leap != lan_.truth().PendingAt(now)) {
    Violated("a false leap flag");
  }
}

// ---- The loop of the daemon.

void Box::Do(const std::function<void(MonoTime, Actions&)>& input) {
  if (!running_) return;
  const MonoTime now = Mono();
  Actions actions;
  input(now, actions);
  CarryOut(now, actions);
  ScheduleDeadline();
}

void Box::WakeTurn(TimeDelta latency) {
  const TaiTime when = lan_.now() + latency;
  if (turn_at_ && *turn_at_ <= when) return;
  turn_at_ = when;
  lan_.After(latency, [this, when] {
    if (turn_at_ != when) return;  // An earlier turn has done the work.
    turn_at_.reset();
    Turn();
  });
}

void Box::Turn() {
  if (!running_) return;
  const MonoTime now = Mono();
  Actions actions;
  if (!phc_ && (!arrivals_.empty() || !transmitted_.empty())) {
    engine_->OnPair(ReadPair(), now, actions);
    CarryOut(now, actions);
  }
  for (const Arrival& arrival : std::exchange(arrivals_, {})) {
    std::optional<EventStamp> stamp;
    if ((arrival.octets[0] & 0xf) < 8) stamp = arrival.stamp;  // Event messages.
    engine_->OnFrame(arrival.octets, stamp, arrival.from, now, actions);
    CarryOut(now, actions);
  }
  for (const Transmitted& sent : std::exchange(transmitted_, {})) {
    engine_->OnTransmitted(sent.token, sent.stamp, now, actions);
    CarryOut(now, actions);
  }
  if (const auto deadline = engine_->Deadline(); deadline && now >= *deadline) {
    engine_->OnTime(now, actions);
    if (const auto next = engine_->Deadline(); next && *next <= now) {
      Violated("the deadline has not moved although OnTime was called");
      running_ = false;
    }
    CarryOut(now, actions);
  }
  ScheduleDeadline();
}

// A little late rather than early, as everybody is.
void Box::ScheduleDeadline() {
  if (!running_) return;
  const auto deadline = engine_->Deadline();
  if (!deadline) return;
  const TimeDelta wait =
      std::max(*deadline - Mono(), TimeDelta()) + TimeDelta::FromMicros(60);
  const TaiTime when = lan_.now() + wait;
  if (deadline_at_ && *deadline_at_ <= when && *deadline_at_ > lan_.now()) return;
  deadline_at_ = when;
  lan_.After(wait, [this, when] {
    if (deadline_at_ != when) return;
    deadline_at_.reset();
    Turn();
  });
}

void Box::CarryOut(MonoTime now, Actions& actions) {
  for (size_t i = 0; i < actions.size(); ++i) {
    const Action action = actions[i];
    if (const auto* send = std::get_if<SendMessage>(&action)) {
      Send(*send);
    } else if (std::holds_alternative<ReadCrossTimestamp>(action)) {
      engine_->OnCrossTimestamp(ReadClocks(), now, actions);
    } else if (const auto* adjust = std::get_if<AdjustPhc>(&action)) {
      engine_->OnPhcAdjusted(Adjust(adjust->command), now, actions);
    } else if (const auto* one_step = std::get_if<SetOneStep>(&action)) {
      inserts_time_ = one_step->on && settings_.one_step;
      engine_->OnOneStep(inserts_time_, now, actions);
    } else if (const auto* publish = std::get_if<bridge::Publish>(&action)) {
      Publish(publish->sample, now, actions);
    } else if (std::holds_alternative<Withdraw>(action)) {
      publishing_ = false;
    } else if (const auto* line = std::get_if<WriteLog>(&action)) {
      log_.push_back(absl::StrFormat("%10.3f %s", absl::ToDoubleSeconds(lan_.age()),
                                     line->line.text));
    }
  }
  actions.clear();
  if (publishing_ && master_ && master_->role_state() != RoleState::kFollowing) {
    Violated("a sample stands while it does not follow");
  }
}

void Box::Publish(const RefclockSample& sample, MonoTime now, Actions& actions) {
  const double truth_ns = (lan_.TrueUtc() - ntp_.Real(Raw())).NanosDouble();
  samples_.push_back({lan_.now(), sample.Offset().NanosDouble() - truth_ns,
                      sample.error_bound.NanosDouble()});
  publishing_ = true;
  ntp_.OnSample(sample.Offset(), sample.error_bound);
  engine_->OnPair(ReadPair(), now, actions);
}

void Box::Violated(const std::string& what) {
  if (violations_.size() > 20) return;
  violations_.push_back(
      absl::StrFormat("%.3f s: %s", absl::ToDoubleSeconds(lan_.age()), what));
}

std::string Box::Log() const { return absl::StrJoin(log_, "\n"); }

}  // namespace bridge::sim
