// bridge/sim/world.h
//
// The other executor: a whole network in one process and in virtual time, around
// the same engine that ships. The world knows the truth, so a test can hold
// every published sample against it.
//
//   World world(Scenario{.seed = 7, .link = {.loss = 0.2}});
//   world.RunFor(absl::Seconds(60));
//   EXPECT_THAT(world.violations(), IsEmpty()) << world.Replay();
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bridge/engine/client_engine.h"
#include "bridge/sim/consumer.h"
#include "bridge/sim/event_queue.h"
#include "bridge/sim/grandmaster.h"
#include "bridge/sim/leap_list.h"
#include "bridge/sim/link.h"
#include "bridge/sim/oscillator.h"
#include "bridge/sim/phc_clock.h"
#include "bridge/sim/system_clock.h"
#include "bridge/sim/tally.h"
#include "bridge/sim/truth.h"
#include "shm/segment_writer.h"

namespace bridge::sim {

class World;

struct Scenario {
  std::string name = "unnamed";
  std::string about;  // One line for a reader.
  uint64_t seed = 1;
  int64_t start = UnixSecond(absl::CivilSecond(2026, 11, 21, 12));  // Unix second.
  int tai_minus_utc = kTaiMinusUtc;  // True at the start.
  std::optional<TrueLeap> leap;      // After the start.
  Config config;                     // Completed by the World: interface, SHM unit 2.
  std::vector<GrandmasterSettings> grandmasters{GrandmasterSettings{}};
  LinkSettings link;
  OscillatorSettings oscillator{.ppm = 10};
  Steering steering = Steering::kNone;
  LeapRule leap_rule = LeapRule::kIgnore;
  TimeDelta system_error = TimeDelta::FromMillis(5);  // At the start.
  KernelClock kernel;                                 // As it is at the start.
  LeapList leap_list = LeapList::kGood;
  // With it, frames are stamped by this clock, and the configuration says hardware.
  std::optional<PhcSettings> phc = {};
  double transmit_stamp_loss = 0;  // Share of TX stamps that never come.
  TimeDelta transmit_stamp_delay = TimeDelta::FromMicros(25);
  // Each sample, for samples() and what is computed from it; off for long runs,
  // where the tally has to do.
  bool keep_samples = true;
  absl::Duration duration = absl::Minutes(2);
  std::function<void(World&)> script;  // Schedules what goes wrong.
};

class World {
 public:
  explicit World(Scenario scenario);

  void RunFor(absl::Duration duration);
  // False when the deadline came first.
  bool RunUntil(const std::function<bool()>& done, absl::Duration deadline);
  // Runs `what` when the world is `after` old.
  void At(absl::Duration after, std::function<void()> what);

  // ---- What a script may do.
  Grandmaster& grandmaster(size_t i = 0) { return *grandmasters_[i]; }
  Link& link() { return link_; }
  void SetLinkUp(bool up);
  void StepSystemClock(TimeDelta by);
  // What somebody else does to the PHC: steps it, dials it, or sets it to UTC and the
  // dial to 0, as some drivers do with a link that comes up. There is one.
  void StepPhc(TimeDelta by) { phc_->Step(now_, by); }
  void DialPhc(double ppb) { phc_->Dial(now_, ppb); }
  void ResetPhc();
  // Reading it fails / adjusting it is refused.
  void SetPhcReadable(bool readable) { phc_readable_ = readable; }
  void SetPhcSteerable(bool steerable) { phc_steerable_ = steerable; }
  // Done once, at the next sample: between the reading of the clocks and the
  // store, or between the store and the check that follows it.
  void BeforeNextStore(std::function<void()> what) { before_store_ = std::move(what); }
  void AfterNextStore(std::function<void()> what) { after_store_ = std::move(what); }
  // The new text of leap-seconds.list, or why there is none.
  void ReplaceLeapList(absl::StatusOr<std::string> text);
  void ReplaceLeapList(LeapList list);
  // Told to the engine within a second, as the real loop does.
  void SetKernel(const KernelClock& kernel) { kernel_ = kernel; }
  const KernelClock& kernel() const { return kernel_; }
  // Stops the daemon and starts it again after `down`: same configuration, same
  // segment; what it has published may be in the system clock by then.
  void RestartDaemon(absl::Duration down = absl::Seconds(1));
  // Hands these octets to the slave as they are, with or without a stamp.
  void Inject(std::vector<uint8_t> octets, bool stamped);
  ClientEngine& engine() { return *engine_; }
  Oscillator& oscillator() { return oscillator_; }
  Rng& rng() { return rng_; }

  // ---- What a test may ask.
  const Scenario& scenario() const { return scenario_; }
  absl::Duration age() const;
  const Truth& truth() const { return truth_; }
  int TrueOffset(TaiTime instant) const { return truth_.OffsetAt(instant); }
  TaiTime now() const { return now_; }
  // How old the world is when UTC shows this Unix second; for At().
  absl::Duration AgeAt(int64_t unix_second) const;
  // Samples of the daemon that runs now.
  uint64_t published_since_start() const {
    return tally_.published - published_before_start_;
  }
  const Tally& tally() const { return tally_; }
  const std::vector<PublishedSample>& samples() const { return samples_; }
  size_t SamplesSince(absl::Duration age) const;
  double WorstError(absl::Duration since = absl::ZeroDuration()) const;  // ns
  double RmsError(absl::Duration since) const;                           // ns
  size_t BoundViolations() const;
  // A right clock (smeared for a consumer that smears) minus the system's now, ns.
  double SystemClockError();
  const Consumer& consumer() const { return consumer_; }
  // PHC - TAI, ns, once a second; of the scenarios that have one and keep samples.
  struct PhcError {
    TaiTime when;
    double ns;
  };
  const std::vector<PhcError>& phc_errors() const { return phc_errors_; }
  double WorstPhcError(absl::Duration since) const;  // ns
  double RmsPhcError(absl::Duration since) const;    // ns
  double PhcErrorNow() {
    return (phc_->Read(now_).SinceEpoch() - now_.SinceEpoch()).NanosDouble();
  }
  // Invariants that did not hold, in words.
  const std::vector<std::string>& violations() const { return violations_; }
  const std::vector<std::string>& log() const { return log_; }
  bool valid_in_segment() const { return segment_.valid != 0; }
  uint64_t events() const { return events_; }
  // The command that plays this run again.
  std::string Replay() const;

 private:
  struct Arrival {
    std::vector<uint8_t> octets;
    std::optional<EventStamp> stamp;
  };
  struct Transmitted {
    ptp::TxToken token;
    EventStamp stamp;
  };

  void Step();
  std::unique_ptr<ClientEngine> MakeEngine();
  void StartDaemon();
  void OncePerSecond();
  void CheckFreshness();
  void GuardLeap();
  void ScheduleMaster(size_t i);
  void SendAnnounce(size_t i);
  void SendSync(size_t i);
  void ToSlave(const ptp::Message& message, TimeDelta extra_delay = TimeDelta());
  void Arrive(std::vector<uint8_t> octets, std::optional<EventStamp> stamp);
  void FromSlave(const ptp::Send& send);
  void AtMaster(size_t i, const ptp::Message& request);
  void Turn();
  void WakeTurn(TimeDelta latency);
  void ScheduleDeadline();
  void CarryOut(Actions& actions);
  void OnPublish(const RefclockSample& sample, MonoTime now, Actions& actions);
  void Judge(const RefclockSample& sample);
  void Note(absl::string_view text);
  void Violated(const std::string& what);

  RawTime ReadRaw() { return oscillator_.Read(now_); }
  MonoTime Mono() { return MonoTime::FromNanos(ReadRaw().Nanos()); }
  UtcTime ReadSystem() { return system_.Read(ReadRaw()); }
  UtcTime TrueUtc() const { return truth_.Utc(now_); }
  // As a frame passes the timestamp point.
  EventStamp Stamp();
  CrossTimestamp<Raw> ReadPair();
  ClockReading ReadClocks();
  PhcAdjusted Adjust(const PhcCommand& command);
  void After(TimeDelta delay, std::function<void()> what);

  Scenario scenario_;
  Rng rng_;
  Truth truth_;
  TaiTime start_;
  TaiTime now_;
  EventQueue queue_;
  Oscillator oscillator_;
  Link link_;
  std::optional<PhcClock> phc_;
  bool phc_readable_ = true;
  bool phc_steerable_ = true;
  std::vector<std::unique_ptr<Grandmaster>> grandmasters_;
  ntpshm::Segment segment_{};
  ntpshm::SegmentWriter writer_{&segment_};
  Consumer consumer_;
  SystemClock system_;
  std::unique_ptr<ClientEngine> engine_;
  bool running_ = true;
  KernelClock kernel_;
  int leaps_in_kernel_tai_ = 0;
  absl::StatusOr<std::string> leap_list_;
  std::function<void()> before_store_;
  std::function<void()> after_store_;

  std::vector<Arrival> arrivals_;
  std::vector<Transmitted> transmitted_;
  std::optional<TaiTime> turn_at_;
  std::optional<TaiTime> deadline_at_;

  Tally tally_;
  uint64_t published_before_start_ = 0;
  std::optional<TaiTime> last_published_;
  std::vector<PublishedSample> samples_;
  std::vector<PhcError> phc_errors_;
  std::vector<std::string> violations_;
  std::vector<std::string> log_;
  uint64_t events_ = 0;
};

}  // namespace bridge::sim
