// bridge/sim/box.h
//
// A machine on a simulated network (lan.h), around the engine that ships, whatever its
// role: crystals, system clock, NTP daemon, kernel, gpsd, PHC or software stamps. What
// it sends and publishes is held against the truth and kept.
//
// A class 6 or a sample that there can't be is a violation.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bridge/engine/grandmaster_engine.h"
#include "bridge/engine/trace.h"
#include "bridge/sim/lan.h"
#include "bridge/sim/leap_list.h"
#include "bridge/sim/link.h"
#include "bridge/sim/ntp_daemon.h"
#include "bridge/sim/oscillator.h"
#include "bridge/sim/phc_clock.h"

namespace bridge::sim {

struct BoxSettings {
  uint64_t identity = 1;
  Config config = {};  // Completed: interface, stamps, gpsd, SHM unit.
  OscillatorSettings crystal = {.ppm = 10};
  std::optional<PhcSettings> phc = {};  // Hardware stamps; else software ones.
  LinkSettings link = {.delay_ns = 1'000, .jitter_ns = 100};
  NtpDaemonSettings ntp = {};
  double window_ns = 150;       // Of a pair.
  bool quiet = false;           // No noise anywhere.
  TimeDelta system_error = {};  // At the start.
  LeapList leap_list = LeapList::kGood;
  double transmit_stamp_loss = 0;
  bool one_step = false;  // Its hardware can, with a PHC.
  TraceWriter* recorder = nullptr;
};

class Box {
 public:
  Box(Lan& lan, BoxSettings settings);

  // ---- What a script may do.
  void SetFix(bool fix) { fix_ = fix; }  // The receiver's.
  void SetGpsd(bool up);                 // Its connection.
  // It believes in so many leap seconds more than there were.
  void SetReceiverLeaps(int wrong) { wrong_leaps_ = wrong; }
  // Its messages are late, so that gpsd gives a pulse the second before its own.
  void SetLateLabels(double chance) { late_labels_ = chance; }
  // What the NTP daemon takes for GNSS is so far ahead of it: it follows something
  // else.
  void SetNtpSource(TimeDelta ahead) { ntp_source_ahead_ = ahead; }
  void Plug(bool up);
  void StepSystem(TimeDelta by) { ntp_.Step(Raw(), by); }
  void StepPhc(TimeDelta by) { phc_->Step(lan_.now(), by); }
  void ReplaceLeapList(LeapList list);
  void Stop();
  // Steers the PHC to TAI, as a ts2phc would, once a second from now on.
  void DisciplinePhc();
  NtpDaemon& ntp() { return ntp_; }
  Link& link() { return link_; }

  // ---- What a test may ask.
  Engine& engine() { return *engine_; }
  // The engine's role is grandmaster or auto / client.
  const GrandmasterEngine& master() const { return *master_; }
  const ClientEngine& client() const { return master_ ? *master_->client() : *client_; }
  bool publishing() const { return publishing_; }
  uint8_t clock_class() const {
    return master_->clock().properties().quality.clock_class;
  }
  // Each clockClass, and when it was first had.
  struct ClassChange {
    absl::Duration age;
    uint8_t clock_class;
  };
  const std::vector<ClassChange>& classes() const { return classes_; }
  struct Announced {
    absl::Duration age;
    ptp::Announce body;
    ptp::Flags flags;
  };
  const std::vector<Announced>& announced() const { return announced_; }
  struct Error {
    TaiTime when;
    double ns;
    double bound_ns = 0;
  };
  const std::vector<Error>& samples() const { return samples_; }
  // In Follow_Ups and in one-step Syncs.
  const std::vector<Error>& served() const { return served_; }
  const OneStep& one_step() const { return master_->one_step(); }
  uint64_t one_step_syncs() const { return one_step_syncs_; }
  // PHC - TAI, each eighth of a second.
  const std::vector<Error>& phc_errors() const { return phc_errors_; }
  uint64_t phc_adjustments() const { return phc_adjustments_; }
  double PhcError() {
    return (phc_->Read(lan_.now()).SinceEpoch() - lan_.now().SinceEpoch())
        .NanosDouble();
  }
  double SystemError() { return (ntp_.Real(Raw()) - lan_.TrueUtc()).NanosDouble(); }
  bool serves() const {
    return master_ && master_->port().state() == ptp::PortState::kMaster;
  }
  const std::vector<std::string>& violations() const { return violations_; }
  const std::vector<std::string>& log() const { return log_; }
  std::string Log() const;  // For failure messages.

  // ---- The network's.
  ptp::PortAddress address() const;
  void Arrive(const std::vector<uint8_t>& octets, const ptp::PortAddress& from);

 private:
  struct Arrival {
    std::vector<uint8_t> octets;
    ptp::PortAddress from;
    EventStamp stamp;
  };
  struct Transmitted {
    ptp::TxToken token;
    EventStamp stamp;
  };

  void Start();
  void OncePerSecond();
  void ReportGnss(MonoTime now, Actions& out);
  void EachEighth();
  void Send(const ptp::Send& send);
  bool InsertTime(ptp::Send& send);
  void Look(const ptp::Send& send);
  void JudgeAnnounce(const Announced& announced);
  void Publish(const RefclockSample& sample, MonoTime now, Actions& actions);
  void Do(const std::function<void(MonoTime, Actions&)>& input);
  void WakeTurn(TimeDelta latency);
  void Turn();
  void ScheduleDeadline();
  void CarryOut(MonoTime now, Actions& actions);
  void Violated(const std::string& what);

  RawTime Raw() { return crystal_.Read(lan_.now()); }
  MonoTime Mono() { return ntp_.Mono(Raw()); }
  EventStamp Stamp();
  TimeDelta Window(double usual_ns, double interrupted_ns, double* off_ns);
  CrossTimestamp<bridge::Raw> ReadPair();
  ClockReading ReadClocks();
  PhcAdjusted Adjust(const PhcCommand& command);

  Lan& lan_;
  BoxSettings settings_;
  Rng rng_;
  Oscillator crystal_;
  Link link_;
  std::optional<PhcClock> phc_;
  NtpDaemon ntp_;
  bool fix_ = true;
  bool gpsd_ = true;
  int wrong_leaps_ = 0;
  double late_labels_ = 0;
  TimeDelta ntp_source_ahead_;
  std::unique_ptr<Engine> engine_;
  GrandmasterEngine* master_ = nullptr;
  ClientEngine* client_ = nullptr;

  bool running_ = true;
  bool publishing_ = false;
  bool inserts_time_ = false;  // Into one-step Syncs.
  uint64_t one_step_syncs_ = 0;
  std::vector<Arrival> arrivals_;
  std::vector<Transmitted> transmitted_;
  std::optional<TaiTime> turn_at_;
  std::optional<TaiTime> deadline_at_;
  // When Syncs really left, by the low octets of their sequenceId.
  std::array<TaiTime, 256> sync_left_{};
  TaiTime fix_until_;    // When gpsd last reported one,
  TaiTime ntp_until_;    // and the NTP daemon last followed GNSS.
  TaiTime right_until_;  // When the system clock was last right.

  std::vector<ClassChange> classes_;
  std::vector<Announced> announced_;
  std::vector<Error> samples_;
  std::vector<Error> served_;
  std::vector<Error> phc_errors_;
  uint64_t phc_adjustments_ = 0;
  std::vector<std::string> violations_;
  std::vector<std::string> log_;
};

}  // namespace bridge::sim
