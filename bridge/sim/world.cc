#include "bridge/sim/world.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/refclock/sample_format.h"
#include "bridge/time/waiting.h"

namespace bridge::sim {
namespace {

// The machine has been up for a while, and its crystal owes nothing to TAI.
constexpr auto kRawAtStart = RawTime::FromNanos(86'400'123'456'789);
constexpr ptp::PortIdentity kSlave{{0x00aa'bbff'fecc'ddee}, 1};

// chrony drops what is nearer to a leap second; ntpd has no guard of its own.
constexpr auto kLeapSilence = TimeDelta::FromSeconds(5);
constexpr size_t kMaxLogLines = 10'000;
constexpr uint64_t kMaxBadSamplesLogged = 20;

Config Complete(Config config, bool hardware) {
  if (hardware) config.ptp.timestamping = Timestamping::kHardware;
  if (config.ptp.interface.empty()) config.ptp.interface = "sim0";
  if (config.output.shm.empty()) config.output.shm.push_back({});
  return config;
}

}  // namespace

World::World(Scenario scenario)
    : scenario_(std::move(scenario)),
      rng_(scenario_.seed),
      truth_(scenario_.tai_minus_utc, scenario_.leap),
      start_(truth_.Tai(scenario_.start)),
      now_(start_),
      oscillator_(scenario_.oscillator, start_, kRawAtStart, rng_.Fork()),
      link_(scenario_.link, rng_.Fork()),
      consumer_(scenario_.steering, scenario_.leap_rule, truth_, &segment_),
      system_(kRawAtStart, consumer_.RightClock(start_) - scenario_.system_error),
      kernel_(scenario_.kernel),
      leap_list_(LeapListFile(scenario_.leap_list, truth_, scenario_.start)) {
  engine_ = MakeEngine();
  // Forked last: worlds without one keep their random numbers.
  if (scenario_.phc) phc_.emplace(*scenario_.phc, start_, rng_.Fork());
  for (const GrandmasterSettings& settings : scenario_.grandmasters) {
    grandmasters_.push_back(std::make_unique<Grandmaster>(settings));
    auto& plan = grandmasters_.back()->settings().leap_plan;
    if (truth_.leap() && !plan) {
      plan = LeapPlan{.what = truth_.leap()->what, .new_month = *truth_.new_month()};
    }
    ScheduleMaster(grandmasters_.size() - 1);
  }
  After(TimeDelta(), [this] { StartDaemon(); });
  // The consumer's second is its own, not the master's.
  At(absl::Milliseconds(1333), [this] { OncePerSecond(); });
  if (truth_.leap()) GuardLeap();
  if (scenario_.script) scenario_.script(*this);
}

// ---- The daemon and the system it runs on.

std::unique_ptr<ClientEngine> World::MakeEngine() {
  return std::make_unique<ClientEngine>(
      Complete(scenario_.config, scenario_.phc.has_value()), kSlave, rng_.Next());
}

void World::StartDaemon() {
  running_ = true;
  Actions actions;
  if (phc_) {
    engine_->OnPhcAdjusted({SetPhcFrequency{phc_->asked_ppb()}, ReadRaw()}, Mono(),
                           actions);
  }
  ReplaceLeapList(leap_list_);
  engine_->OnKernelClock(kernel_, Mono(), actions);
  engine_->OnPair(ReadPair(), Mono(), actions);
  engine_->OnLink(link_.up(), Mono(), actions);
  CarryOut(actions);
  ScheduleDeadline();
}

void World::RestartDaemon(absl::Duration down) {
  if (!running_) return;
  Actions actions;
  engine_->Stop(Mono(), actions);
  CarryOut(actions);
  running_ = false;
  kernel_.may_be_ours |= tally_.published > 0;
  engine_ = MakeEngine();
  published_before_start_ = tally_.published;
  After(ToTimeDelta(down), [this] { StartDaemon(); });
}

void World::OncePerSecond() {
  consumer_.Poll(now_, ReadRaw(), system_);
  // A kernel that does a leap second corrects its TAI offset, if it has one.
  const int leaps = system_.leaps_inserted() - leaps_in_kernel_tai_;
  leaps_in_kernel_tai_ += leaps;
  if (kernel_.tai_offset != 0) kernel_.tai_offset += leaps;
  if (running_) {
    Actions actions;
    engine_->OnKernelClock(kernel_, Mono(), actions);
    CarryOut(actions);
    ScheduleDeadline();
  }
  CheckFreshness();
  if (phc_ && scenario_.keep_samples) phc_errors_.push_back({now_, PhcErrorNow()});
  ++tally_.seconds;
  tally_.seconds_publishing += engine_->publishing();
  After(TimeDelta::FromSeconds(1), [this] { OncePerSecond(); });
}

// Nothing may stand that is older than max(4 Sync intervals, 2 s); half a second
// for the daemon's own waking up.
void World::CheckFreshness() {
  const auto sync = engine_->source().last_good_sync();
  if (!engine_->publishing() || !sync) return;
  const TimeDelta interval = ToTimeDelta(engine_->source().sync_interval());
  const TimeDelta limit =
      std::max(interval + interval + interval + interval, TimeDelta::FromSeconds(2));
  if (Mono() - *sync > limit + TimeDelta::FromMillis(500)) {
    Violated("publishing long after the last good Sync");
  }
}

void World::ReplaceLeapList(absl::StatusOr<std::string> text) {
  leap_list_ = std::move(text);
  if (!running_) return;
  const absl::StatusOr<LeapTable> table =
      leap_list_.ok() ? LeapTable::Parse(*leap_list_) : leap_list_.status();
  Actions actions;
  engine_->OnLeapFile(table, Mono(), actions);
  CarryOut(actions);
}

void World::ReplaceLeapList(LeapList list) {
  ReplaceLeapList(LeapListFile(list, truth_, TrueUtc().Split().seconds));
}

// From here on nobody may find a sample, until the second is safely over.
void World::GuardLeap() {
  const absl::Duration new_month = AgeAt(truth_.leap()->midnight);
  for (int64_t ms = -7'000; ms < 6'000; ms += 125) {
    At(new_month + absl::Milliseconds(ms), [this] {
      if (valid_in_segment() && truth_.NearLeap(now_, kLeapSilence)) {
        Violated("the segment is valid at a leap second");
      }
    });
  }
}

// ---- Time.

void World::RunFor(absl::Duration duration) {
  const TaiTime end = now_ + ToTimeDelta(duration);
  while (!queue_.empty() && queue_.next() <= end) Step();
  now_ = end;
}

bool World::RunUntil(const std::function<bool()>& done, absl::Duration deadline) {
  const TaiTime end = now_ + ToTimeDelta(deadline);
  while (!done()) {
    if (queue_.empty() || queue_.next() > end) return false;
    Step();
  }
  return true;
}

void World::Step() {
  now_ = std::max(now_, queue_.next());
  queue_.Pop()();
  ++events_;
}

void World::At(absl::Duration after, std::function<void()> what) {
  queue_.At(std::max(now_, start_ + ToTimeDelta(after)), std::move(what));
}

void World::After(TimeDelta delay, std::function<void()> what) {
  queue_.At(now_ + delay, std::move(what));
}

absl::Duration World::age() const { return ToDuration(now_ - start_); }

absl::Duration World::AgeAt(int64_t unix_second) const {
  return ToDuration(truth_.Tai(unix_second) - start_);
}

double World::SystemClockError() {
  return (consumer_.RightClock(now_) - ReadSystem()).NanosDouble();
}

// The best of three vDSO readings: tight as a rule, now and then interrupted.
CrossTimestamp<Raw> World::ReadPair() {
  now_ = now_ + TimeDelta::FromMicros(1);  // Reading takes time.
  double window = 1e9;
  for (int i = 0; i < 3; ++i) {
    const bool interrupted = rng_.Chance(0.02);
    window = std::min(window,
                      interrupted ? 8'000 * rng_.Uniform() : 150 + 40 * rng_.Uniform());
  }
  const double off = window * (rng_.Uniform() - 0.5) / 2;
  return {.local = ReadRaw(),
          .system = ReadSystem() + TimeDelta::FromNanosDouble(off),
          .window = TimeDelta::FromNanosDouble(window)};
}

EventStamp World::Stamp() {
  if (phc_) return phc_->Stamp(now_);
  return ReadSystem();
}

// Readings of a PHC take no time here, or else what is stamped meanwhile would be
// stamped late; their windows say how long they took.
ClockReading World::ReadClocks() {
  if (!phc_ || !phc_readable_) return {.pair = ReadPair()};
  double window = phc_->settings().window_ns * rng_.Uniform(0.9, 1.1);
  if (rng_.Chance(0.01)) window += 8'000 * rng_.Uniform();
  const double off = window * (rng_.Uniform() - 0.5) / 2;
  const CrossTimestamp<Phc> phc{
      .local = phc_->Read(now_),
      .system = ReadSystem() + TimeDelta::FromNanosDouble(off),
      .window = TimeDelta::FromNanosDouble(window)};
  return {.pair = ReadPair(), .phc = phc};
}

// Dated to half a microsecond, which the system call takes.
PhcAdjusted World::Adjust(const PhcCommand& command) {
  if (!phc_ || !phc_steerable_) return {command, std::nullopt};
  const RawTime at = ReadRaw() + TimeDelta::FromNanosDouble(rng_.Uniform(-500, 500));
  if (const auto* step = std::get_if<bridge::StepPhc>(&command)) {
    phc_->Step(now_, step->by);
  } else {
    phc_->Dial(now_, std::get<SetPhcFrequency>(command).ppb);
  }
  return {command, at};
}

void World::ResetPhc() {
  phc_->Set(now_, PhcTime() + TrueUtc().SinceEpoch());
  phc_->Dial(now_, 0);
}

// ---- Masters.

void World::ScheduleMaster(size_t i) {
  const auto first = [this] {
    return TimeDelta::FromNanosDouble(1e9 * rng_.Uniform());
  };
  After(first(), [this, i] { SendAnnounce(i); });
  After(first(), [this, i] { SendSync(i); });
}

void World::SendAnnounce(size_t i) {
  Grandmaster& master = *grandmasters_[i];
  if (master.alive()) ToSlave(master.AnnounceMessage(now_));
  After(
      TimeDelta::FromNanosDouble(std::exp2(master.settings().announce_interval) * 1e9),
      [this, i] { SendAnnounce(i); });
}

void World::SendSync(size_t i) {
  Grandmaster& master = *grandmasters_[i];
  if (master.alive()) {
    const ptp::Message sync = master.SyncMessage(now_);
    const bool late = master.settings().follow_up_first;
    ToSlave(sync, late ? TimeDelta::FromMicros(500) : TimeDelta());
    if (!master.settings().one_step) {
      const ptp::Message follow_up = master.FollowUpMessage(sync.header, now_);
      After(TimeDelta::FromMicros(late ? 20 : 150),
            [this, follow_up] { ToSlave(follow_up); });
    }
  }
  After(TimeDelta::FromNanosDouble(std::exp2(master.settings().sync_interval) * 1e9),
        [this, i] { SendSync(i); });
}

void World::AtMaster(size_t i, const ptp::Message& request) {
  Grandmaster& master = *grandmasters_[i];
  if (!master.alive() || request.header.domain != master.settings().domain) return;
  if (const auto response = master.DelayResponse(request, now_)) {
    After(master.settings().turnaround, [this, response] { ToSlave(*response); });
  } else if (const auto peer = master.PdelayResponse(request, now_)) {
    After(master.settings().turnaround, [this, i, peer, request] {
      ToSlave(*peer);
      const ptp::Message follow_up = grandmasters_[i]->PdelayFollowUp(request, now_);
      After(TimeDelta::FromMicros(80), [this, follow_up] { ToSlave(follow_up); });
    });
  }
}

// ---- The cable.

// `held`: how long the frame waits between its stamp and the program.
void World::ToSlave(const ptp::Message& message, TimeDelta held) {
  std::array<uint8_t, ptp::kMaxPlainMessage> buffer;
  const auto written = ptp::SerializeMessage(message, buffer);
  if (written.empty()) Violated("a message of the simulated master does not serialise");
  const bool event = ptp::IsEvent(message.header.type);
  for (const TimeDelta delay : link_.Deliver(Direction::kToSlave)) {
    After(delay, [this, octets = std::vector(written.begin(), written.end()), event,
                  held]() mutable {
      std::optional<EventStamp> stamp;
      if (event) stamp = Stamp();
      if (held == TimeDelta()) return Arrive(std::move(octets), stamp);
      After(held, [this, octets = std::move(octets), stamp]() mutable {
        Arrive(std::move(octets), stamp);
      });
    });
  }
}

void World::Arrive(std::vector<uint8_t> octets, std::optional<EventStamp> stamp) {
  if (!running_) return;
  arrivals_.push_back({std::move(octets), stamp});
  WakeTurn(TimeDelta::FromNanosDouble(20'000 + 30'000 * rng_.Exponential()));
}

void World::Inject(std::vector<uint8_t> octets, bool stamped) {
  if (!running_) return;
  std::optional<EventStamp> stamp;
  if (stamped) stamp = Stamp();
  arrivals_.push_back({std::move(octets), stamp});
  WakeTurn(TimeDelta::FromMicros(20));
}

void World::FromSlave(const ptp::Send& send) {
  const auto parsed = ptp::ParseMessage(std::span(send.octets).first(send.size));
  if (!std::holds_alternative<ptp::Message>(parsed)) {
    Violated("the slave sent octets that do not parse");
    return;
  }
  const ptp::Message message{
      std::get<ptp::Message>(parsed).header, std::get<ptp::Message>(parsed).body, {}};
  After(TimeDelta::FromNanosDouble(3'000 + 2'000 * rng_.Uniform()),
        [this, message, token = send.token] {
          if (ptp::IsEvent(message.header.type) &&
              !rng_.Chance(scenario_.transmit_stamp_loss)) {
            const EventStamp stamp = Stamp();
            After(scenario_.transmit_stamp_delay, [this, token, stamp] {
              if (!running_) return;
              transmitted_.push_back({token, stamp});
              WakeTurn(TimeDelta::FromMicros(20));
            });
          }
          for (const TimeDelta delay : link_.Deliver(Direction::kToMaster)) {
            After(delay, [this, message] {
              for (size_t i = 0; i < grandmasters_.size(); ++i) AtMaster(i, message);
            });
          }
        });
}

void World::SetLinkUp(bool up) {
  link_.set_up(up);
  if (!running_) return;
  Actions actions;
  engine_->OnLink(up, Mono(), actions);
  CarryOut(actions);
  ScheduleDeadline();
}

void World::StepSystemClock(TimeDelta by) { system_.Step(ReadRaw(), by); }

// ---- The loop of the daemon.

void World::WakeTurn(TimeDelta latency) {
  const TaiTime when = now_ + latency;
  if (turn_at_ && *turn_at_ <= when) return;
  turn_at_ = when;
  queue_.At(when, [this, when] {
    if (turn_at_ != when) return;  // An earlier turn has done the work.
    turn_at_.reset();
    Turn();
  });
}

void World::Turn() {
  if (!running_) return;
  const MonoTime now = Mono();
  Actions actions;
  if (!scenario_.phc && (!arrivals_.empty() || !transmitted_.empty())) {
    engine_->OnPair(ReadPair(), now, actions);
    CarryOut(actions);
  }
  for (const Arrival& arrival : arrivals_) {
    engine_->OnFrame(arrival.octets, arrival.stamp, {}, now, actions);
    CarryOut(actions);
  }
  arrivals_.clear();
  for (const Transmitted& sent : transmitted_) {
    engine_->OnTransmitted(sent.token, sent.stamp, now, actions);
    CarryOut(actions);
  }
  transmitted_.clear();
  if (const auto deadline = engine_->Deadline(); deadline && now >= *deadline) {
    engine_->OnTime(now, actions);
    CarryOut(actions);
    if (const auto next = engine_->Deadline(); next && *next <= now) {
      Violated("the deadline has not moved although OnTime was called");
      return;
    }
  }
  ScheduleDeadline();
}

void World::ScheduleDeadline() {
  if (!running_) return;
  const auto deadline = engine_->Deadline();
  if (!deadline) return;
  // The local clock may run slow: come a little late rather than early.
  const TimeDelta wait =
      std::max(*deadline - Mono(), TimeDelta()) + TimeDelta::FromMicros(60);
  const TaiTime when = now_ + wait;
  if (deadline_at_ && *deadline_at_ <= when && *deadline_at_ > now_) return;
  deadline_at_ = when;
  queue_.At(when, [this, when] {
    if (deadline_at_ != when) return;
    deadline_at_.reset();
    Turn();
  });
}

// Actions that follow from ReadCrossTimestamp are appended and so done in order.
// All of a turn has one `now`.
void World::CarryOut(Actions& actions) {
  const MonoTime now = Mono();
  for (size_t i = 0; i < actions.size(); ++i) {
    const Action action = actions[i];
    if (const auto* send = std::get_if<SendMessage>(&action)) {
      FromSlave(*send);
    } else if (std::holds_alternative<ReadCrossTimestamp>(action)) {
      engine_->OnCrossTimestamp(ReadClocks(), now, actions);
    } else if (const auto* adjust = std::get_if<AdjustPhc>(&action)) {
      engine_->OnPhcAdjusted(Adjust(adjust->command), now, actions);
    } else if (const auto* publish = std::get_if<Publish>(&action)) {
      OnPublish(publish->sample, now, actions);
    } else if (std::holds_alternative<Withdraw>(action)) {
      writer_.Withdraw();
    } else if (const auto* line = std::get_if<WriteLog>(&action)) {
      Note(line->line.text);
    }
  }
  actions.clear();
  if (engine_->withheld() && valid_in_segment()) {
    Violated("the segment is valid while publication is withheld");
  }
  if (segment_.count % 2 != 0) Violated("the segment's count is odd between writes");
}

// The store, and the reading after it by which the engine sees whether somebody
// has stepped the system clock since the sample was taken.
void World::OnPublish(const RefclockSample& sample, MonoTime now, Actions& actions) {
  if (auto step = std::exchange(before_store_, nullptr)) step();
  writer_.Write(ToShmSample(sample));
  if (auto step = std::exchange(after_store_, nullptr)) step();
  Actions after;
  engine_->OnPair(ReadPair(), now, after);
  const bool retracted = std::any_of(after.begin(), after.end(), [](const Action& a) {
    return std::holds_alternative<Withdraw>(a);
  });
  actions.insert(actions.end(), after.begin(), after.end());
  if (retracted) {
    ++tally_.retracted;
  } else {
    Judge(sample);
  }
}

// Against the clocks as they are from now on, when it can be read.
void World::Judge(const RefclockSample& sample) {
  const double truth_ns = (TrueUtc() - ReadSystem()).NanosDouble();
  const PublishedSample published{.when = now_,
                                  .error_ns = sample.Offset().NanosDouble() - truth_ns,
                                  .bound_ns = sample.error_bound.NanosDouble(),
                                  .leap = sample.leap};
  if (last_published_ && *last_published_ >= now_)
    Violated("two samples at one instant");
  last_published_ = now_;
  if (truth_.NearLeap(now_, kLeapSilence)) Violated("a sample at a leap second");
  const uint64_t beyond = tally_.beyond_bound;
  tally_.Add(published, truth_.PendingAt(now_));
  if (tally_.beyond_bound > beyond && beyond < kMaxBadSamplesLogged) {
    Note(absl::StrFormat("BAD SAMPLE: off by %.0f ns, claimed %.0f ns",
                         published.error_ns, published.bound_ns));
  }
  if (scenario_.keep_samples) samples_.push_back(published);
}

void World::Note(absl::string_view text) {
  if (log_.size() >= kMaxLogLines) return;
  log_.push_back(absl::StrFormat("%9.3f %s", absl::ToDoubleSeconds(age()), text));
}

void World::Violated(const std::string& what) {
  if (violations_.size() < 20) {
    violations_.push_back(
        absl::StrFormat("%.6f s: %s", absl::ToDoubleSeconds(age()), what));
  }
}

// ---- Questions.

size_t World::SamplesSince(absl::Duration since) const {
  const TaiTime from = start_ + ToTimeDelta(since);
  return static_cast<size_t>(
      std::count_if(samples_.begin(), samples_.end(),
                    [from](const PublishedSample& s) { return s.when >= from; }));
}

double World::WorstError(absl::Duration since) const {
  double worst = 0;
  for (const PublishedSample& sample : samples_) {
    if (sample.when < start_ + ToTimeDelta(since)) continue;
    worst = std::max(worst, std::fabs(sample.error_ns));
  }
  return worst;
}

double World::RmsError(absl::Duration since) const {
  double sum = 0;
  size_t count = 0;
  for (const PublishedSample& sample : samples_) {
    if (sample.when < start_ + ToTimeDelta(since)) continue;
    sum += sample.error_ns * sample.error_ns;
    ++count;
  }
  return count == 0 ? 0 : std::sqrt(sum / static_cast<double>(count));
}

double World::WorstPhcError(absl::Duration since) const {
  double worst = 0;
  for (const PhcError& error : phc_errors_) {
    if (error.when < start_ + ToTimeDelta(since)) continue;
    worst = std::max(worst, std::fabs(error.ns));
  }
  return worst;
}

double World::RmsPhcError(absl::Duration since) const {
  double sum = 0;
  size_t count = 0;
  for (const PhcError& error : phc_errors_) {
    if (error.when < start_ + ToTimeDelta(since)) continue;
    sum += error.ns * error.ns;
    ++count;
  }
  return count == 0 ? 0 : std::sqrt(sum / static_cast<double>(count));
}

size_t World::BoundViolations() const {
  return static_cast<size_t>(std::count_if(
      samples_.begin(), samples_.end(),
      [](const PublishedSample& s) { return std::fabs(s.error_ns) > s.bound_ns; }));
}

std::string World::Replay() const {
  return absl::StrCat("refclockctl simulate --scenario ", scenario_.name, " --seed ",
                      scenario_.seed);
}

}  // namespace bridge::sim
