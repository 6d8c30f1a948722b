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

#include "bridge/engine/auto_role.h"
#include "bridge/engine/client_engine.h"
#include "bridge/engine/engine.h"
#include "bridge/engine/grandmaster_clock.h"
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
