// bridge/engine/grandmaster_engine.h
//
// The brain of a grandmaster (engine.h has the rules of a turn): the system clock, or a
// PHC that another program disciplines, goes out as TAI, with a clockClass that GNSS,
// the NTP daemon and TAI-UTC deserve.
//
// With role "auto" it may follow a better master. Then a client engine beside it is
// given everything too, steers the PHC and publishes to the NTP daemon; auto_role.h has
// the table of what happens when. While it serves, nothing is published.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bridge/engine/auto_role.h"
#include "bridge/engine/client_engine.h"
#include "bridge/engine/engine.h"
#include "bridge/engine/grandmaster_clock.h"
#include "bridge/engine/one_step.h"
#include "bridge/estimate/phc_servo.h"
#include "bridge/ptp/master_port.h"
#include "bridge/source/system_source.h"

namespace bridge {

class GrandmasterEngine final : public Engine {
 public:
  // config.role is grandmaster or auto.
  GrandmasterEngine(const Config& config, ptp::PortIdentity identity, uint64_t seed);

  void set_recorder(TraceWriter* recorder) override;

  void OnLink(bool up, MonoTime now, Actions& out) override;
  void OnPair(const CrossTimestamp<Raw>& pair, MonoTime now, Actions& out) override;
  void OnFrame(std::span<const uint8_t> octets, std::optional<EventStamp> received,
               const std::optional<ptp::PortAddress>& from, MonoTime now,
               Actions& out) override;
  void OnTransmitted(ptp::TxToken token, EventStamp sent, MonoTime now,
                     Actions& out) override;
  void OnCrossTimestamp(const std::optional<ClockReading>& reading, MonoTime now,
                        Actions& out) override;
  void OnPhcAdjusted(const PhcAdjusted& adjusted, MonoTime now, Actions& out) override;
  void OnOneStep(bool on, MonoTime now, Actions& out) override;
  void OnTime(MonoTime now, Actions& out) override;
  std::optional<MonoTime> Deadline() const override;
  void OnLeapFile(const absl::StatusOr<LeapTable>& table, MonoTime now,
                  Actions& out) override;
  void OnKernelClock(const KernelClock& clock, MonoTime now, Actions& out) override;
  void OnGnss(const GnssReport& report, MonoTime now, Actions& out) override;
  void OnResume(MonoTime now, Actions& out) override;
  void Stop(MonoTime now, Actions& out) override;
  StatusReport Status(MonoTime now) const override;

  // For tests and simulations.
  const ptp::MasterPort& port() const { return port_; }
  const GrandmasterClock& clock() const { return clock_; }
  const SystemSource& source() const { return source_; }
  const ClientEngine* client() const { return client_.get(); }  // Null: not auto.
  RoleState role_state() const { return role_.state(); }
  const OneStep& one_step() const { return one_step_; }

 private:
  // Whether the client beside us has the frames and steers the PHC.
  bool follows() const {
    return role_.state() == RoleState::kFollowing ||
           role_.state() == RoleState::kReturning;
  }
  bool disciplines() const;

  // The clock.
  void Learn(const SystemSource::Reading& read, MonoTime now, Actions& out);
  void SetClock(const CrossTimestamp<Local>& reading, MonoTime now, Actions& out);
  void LoseClock(MonoTime now, Actions& out);
  void Review(const CrossTimestamp<Local>& reading, MonoTime now, Actions& out);
  std::optional<TaiTime> Served(LocalTime at) const;
  void SteerPhc(LocalTime at, MonoTime now, Actions& out);
  std::optional<TimeDelta> PhcError() const;
  void ChooseSteps(MonoTime now, Actions& out);
  void AskForReading(MonoTime now, Actions& out);

  // The port and the role.
  bool PortIsDue(MonoTime now) const;
  void ServePort(MonoTime now, Actions& out);
  void OpenOrClose(MonoTime now, Actions& out);
  void Absorb(const ptp::PortActions& said, MonoTime now, Actions& out);
  void UpdateRole(MonoTime now, Actions& out);
  void Enter(const AutoRole::Change& change, MonoTime now, Actions& out);

  const Config config_;
  const ptp::PortIdentity identity_;
  const uint64_t seed_;
  GrandmasterClock clock_;
  SystemSource source_;
  ptp::MasterPort port_;
  AutoRole role_;
  const std::unique_ptr<ClientEngine> client_;  // Null: not auto.
  OneStep one_step_;

  TraceWriter* recorder_ = nullptr;
  bool link_up_ = false;
  bool stopped_ = false;
  bool steers_ = true;  // Until the PHC refuses.
  int refused_in_a_row_ = 0;

  // What is served. It goes on through a leap second, during which the system clock
  // says nothing.
  std::optional<ClockMap<Local, Tai>> served_;
  std::optional<CrossTimestamp<Local>> last_reading_;
  MonoTime last_reading_at_;
  absl::Duration reading_interval_;
  MonoTime next_reading_;
  MonoTime next_review_;
  MonoTime next_steering_;
  PhcServo servo_{{}};
  bool stepped_ = false;      // What is served, since the last review.
  bool consistent_ = true;    // With the system clock.
  bool looks_first_ = false;  // The port is due, after this reading.
  bool new_era_ = true;       // A clock was stepped: `served_` is the old line still.
  std::optional<MonoTime> leap_over_;
  std::optional<MonoTime> fed_at_;  // When the client last published.

  uint64_t frames_ = 0;
  uint64_t clock_steps_ = 0;
  uint64_t phc_adjustments_ = 0;
  uint64_t phc_refusals_ = 0;
  std::array<uint64_t, ptp::kDropReasonCount> dropped_{};
  std::array<uint64_t, 16> sent_{};  // By message type.
  std::vector<LogLine> news_;
  LogLimit state_log_{10};
  LogLimit clock_log_{10};
  LogLimit class_log_{20};
  LogLimit phc_log_{4};
};

}  // namespace bridge
