// bridge/engine/client_engine.h
//
// The brain of a client: frames and stamps in, samples for NTP daemons out.
//
// One turn of an executor's loop:
//   1. A pair REALTIME/RAW is read if any frame or transmit stamp is at hand, and
//      given to OnPair.
//   2. Each frame and stamp goes to OnFrame or OnTransmitted.
//   3. Actions are carried out in order; ReadCrossTimestamp is answered at once.
//   4. OnTime, if the deadline has passed.
// All of them see the same `now`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "bridge/config/config.h"
#include "bridge/engine/actions.h"
#include "bridge/telemetry/status_report.h"
#include "bridge/time/leap_table.h"

namespace bridge {

class ClientEngine {
 public:
  struct Identity {
    ptp::PortIdentity port;
    bool hardware_stamps = false;
  };

  ClientEngine(const Config& config, const Identity& identity, uint64_t seed);
  ~ClientEngine();

  void OnLink(bool up, MonoTime now, Actions& out);
  // A pair read in this turn, before its frames.
  void OnPair(const CrossTimestamp<Raw>& pair, MonoTime now, Actions& out);
  // Octets of one PTP message (no Ethernet, IP or UDP header).
  void OnFrame(std::span<const uint8_t> octets, std::optional<EventStamp> received,
               MonoTime now, Actions& out);
  void OnTransmitted(ptp::TxToken token, EventStamp sent, MonoTime now, Actions& out);
  // The answer to ReadCrossTimestamp; nothing when the clocks could not be read.
  void OnCrossTimestamp(const std::optional<CrossTimestamp<Raw>>& cross, MonoTime now,
                        Actions& out);
  void OnTime(MonoTime now, Actions& out);
  std::optional<MonoTime> Deadline() const;

  // At start, and whenever the file changes.
  void OnLeapFile(const absl::StatusOr<LeapTable>& table, MonoTime now, Actions& out);
  // At start, and about once a second.
  void OnKernelClock(const KernelClock& clock, MonoTime now, Actions& out);
  // The system slept: CLOCK_MONOTONIC_RAW stood still.
  void OnResume(MonoTime now, Actions& out);
  // A reload: what can change while running changes.
  void OnConfig(const Config& config, MonoTime now, Actions& out);

  // Withdraws every output. Nothing is published afterwards.
  void Stop(MonoTime now, Actions& out);

  // Everything but what only sinks know (Output::connected).
  StatusReport Status(MonoTime now) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bridge
