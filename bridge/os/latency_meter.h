// bridge/os/latency_meter.h
//
// Where the time of an interface's PTP messages goes: what the kernel's hooks (ebpf/)
// and our own clock readings say, made into a LatencyReport.
//
//   LatencyMeter meter({.interface = "eth0"});        // While privileged.
//   for (const ebpf::Refusal& r : meter.refusals()) Log(r.text);
//   meter.Received(octets, stamp, MonoNow());          // What we see ourselves.
//   meter.Drain(now);                                  // About once a second.
//
// Never fatal, and never waits: without BPF there is what we see ourselves.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bridge/config/config.h"
#include "bridge/os/clocks.h"
#include "bridge/ptp/port_actions.h"
#include "bridge/telemetry/latency_statistics.h"
#include "bridge/time/clock_map.h"
#include "bridge/time/event_stamp.h"
#include "bridge/time/timestamp.h"
#include "ebpf/latency_probe.h"
#include "ebpf/stages.h"

namespace bridge::os {

class LatencyMeter {
 public:
  struct Options {
    std::string interface;
    Transport transport = Transport::kL2;  // Of our own messages.
    // Also hook what other programs read: costs CPU at every read of the machine.
    bool other_programs = false;
  };

  explicit LatencyMeter(const Options& options);

  // Why no better hooks; empty with the best there are.
  const std::vector<ebpf::Refusal>& refusals() const { return probe_.refusals(); }
  ebpf::Tier tier() const { return probe_.tier(); }

  // A socket of ours that receives PTP.
  void Own(int socket) { probe_.OwnSocket(socket); }
  // A message was read. `read`: when the system call had returned.
  void Received(std::span<const uint8_t> octets, const std::optional<EventStamp>& stamp,
                MonoTime read);
  // An event message is about to be sent; its stamp was read.
  void Sending(const ptp::Send& message, MonoTime now);
  void StampRead(ptp::TxToken token, const EventStamp& stamp, MonoTime read);
  // The PHC and CLOCK_REALTIME, as somebody has read them; a few seconds of them are
  // kept, which date hardware stamps.
  void OnPhcReading(const CrossTimestamp<Phc>& reading);
  // What it showed before is not dated any more.
  void OnPhcStepped() { readings_.clear(); }

  void Drain(MonoTime now);

  // `path_delay`: of the network, for the budget. Allocates.
  LatencyReport Report(MonoTime now, std::optional<TimeDelta> path_delay) const;
  // Begins anew.
  void Clear(MonoTime now);

 private:
  struct Reading {
    int64_t phc_ns;
    int64_t realtime_ns;
    int64_t error_ns;
  };
  struct Sent {
    ptp::TxToken token;
    std::array<uint8_t, 44> octets;
    size_t size = 0;
  };

  void ReadRealtime();
  void Add(const ebpf::Record& record);
  std::optional<ebpf::Reading> DatePhc(int64_t phc_ns) const;
  std::optional<ebpf::Reading> DateRealtime(int64_t realtime_ns) const;

  const Options options_;
  const uint32_t ifindex_;
  ebpf::LatencyProbe probe_;
  LatencyStatistics statistics_;
  std::vector<Reading> readings_;  // Of the PHC, oldest first.
  PairReader pairs_;
  int64_t mono_behind_ = 0;  // CLOCK_REALTIME - CLOCK_MONOTONIC,
  int64_t realtime_error_ns_ = 0;
  int64_t clock_error_ns_ = 0;  // The largest that went into a span.
  std::array<Sent, 32> sent_{};
  size_t next_sent_ = 0;
  std::optional<MonoTime> began_;
};

}  // namespace bridge::os
