// bridge/engine/engine.h
//
// The daemon without its operating system, whatever its role: inputs in, actions out.
//
// One turn of an executor's loop, all of it with the same `now`:
//   1. If any frame or transmit stamp is at hand and stamps are software ones, a pair
//      REALTIME/RAW is read and given to OnPair.
//   2. Each frame and stamp goes to OnFrame or OnTransmitted; of a companion, each
//      datagram to OnManagement.
//   3. OnTime, if Deadline() has passed.
// After each of them the actions are carried out in order; ReadCrossTimestamp is
// answered at once, by OnCrossTimestamp, AdjustPhc by OnPhcAdjusted, and SetOneStep by
// OnOneStep. After what was published is stored, a pair is read and given to OnPair
// once more.
//
// The configuration says what the executor found, not "auto": timestamping is hardware
// or software, phc.mode is observe where the PHC can't be steered.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "bridge/config/config.h"
#include "bridge/engine/actions.h"
#include "bridge/ptp/addressing.h"
#include "bridge/source/gnss_watch.h"
#include "bridge/telemetry/status_report.h"
#include "bridge/time/leap_table.h"

namespace bridge {

class TraceWriter;

class Engine {
 public:
  virtual ~Engine() = default;

  // Before the first input: from now on every input and every decision is
  // recorded. The recorder outlives the engine.
  virtual void set_recorder(TraceWriter* recorder) = 0;

  virtual void OnLink(bool up, MonoTime now, Actions& out) = 0;
  // A pair read in this turn, before its frames.
  virtual void OnPair(const CrossTimestamp<Raw>& pair, MonoTime now, Actions& out) = 0;
  // The octets of one PTP message, without Ethernet, IP or UDP header, and whom it came
  // from, if the transport can tell.
  virtual void OnFrame(std::span<const uint8_t> octets,
                       std::optional<EventStamp> received,
                       const std::optional<ptp::PortAddress>& from, MonoTime now,
                       Actions& out) = 0;
  virtual void OnTransmitted(ptp::TxToken token, EventStamp sent, MonoTime now,
                             Actions& out) = 0;
  // The answer to ReadCrossTimestamp; nothing when the clocks could not be read.
  virtual void OnCrossTimestamp(const std::optional<ClockReading>& reading,
                                MonoTime now, Actions& out) = 0;
  // The answer to AdjustPhc. Also before the first reading: the frequency that the PHC
  // has been dialled to. To a companion, before any reading that finds it changed.
  virtual void OnPhcAdjusted(const PhcAdjusted& adjusted, MonoTime now,
                             Actions& out) = 0;
  // The answer to SetOneStep: what the hardware does with a Sync now.
  virtual void OnOneStep(bool, MonoTime, Actions&) {}
  virtual void OnTime(MonoTime now, Actions& out) = 0;
  virtual std::optional<MonoTime> Deadline() const = 0;

  // A companion has no frames and no link: its ptp4l's socket was opened or is gone,
  virtual void OnManagementSocket(ManagementSocket, MonoTime, Actions&) {}
  // and what came from it.
  virtual void OnManagement(std::span<const uint8_t>, MonoTime, Actions&) {}
  // Whether that ptp4l answers.
  virtual bool answered() const { return true; }

  // At start, and whenever the file changes.
  virtual void OnLeapFile(const absl::StatusOr<LeapTable>& table, MonoTime now,
                          Actions& out) = 0;
  // At start, and about once a second.
  virtual void OnKernelClock(const KernelClock& clock, MonoTime now, Actions& out) = 0;
  // A grandmaster's, with gnss.gpsd.
  virtual void OnGnss(const GnssReport&, MonoTime, Actions&) {}
  // The system slept: CLOCK_MONOTONIC_RAW stood still meanwhile. Or the PHC is another
  // one now.
  virtual void OnResume(MonoTime now, Actions& out) = 0;

  // Withdraws every output. Nothing is published afterwards.
  virtual void Stop(MonoTime now, Actions& out) = 0;

  // Everything but what only sinks know (Output::connected).
  virtual StatusReport Status(MonoTime now) const = 0;
};

// The engine of the configuration's role. `seed` spreads the times of messages and of
// Announce timeouts.
std::unique_ptr<Engine> MakeEngine(const Config& config, ptp::PortIdentity identity,
                                   uint64_t seed);

}  // namespace bridge
