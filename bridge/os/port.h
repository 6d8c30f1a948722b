// bridge/os/port.h
//
// One port of the daemon: an engine, the outputs it feeds, its recording, and the
// carrying out of its actions. Where time comes from is the business of those who
// derive from it: client_port.h (PTP on an interface), companion_port.h (a ptp4l).
// The loop (client_loop.h) tells it what poll(2) said and what time it is.
#pragma once

#include <poll.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bridge/config/config.h"
#include "bridge/engine/engine.h"
#include "bridge/engine/trace.h"
#include "bridge/os/clocks.h"
#include "bridge/os/fed_marker.h"
#include "bridge/os/log_writer.h"
#include "bridge/os/phc_device.h"
#include "bridge/os/shm_sink.h"
#include "bridge/os/sock_sink.h"
#include "bridge/os/trace_file.h"

namespace bridge::os {

// What the loop gives every port; the marker and the file outlive it.
struct PortSurroundings {
  std::string version;
  FedMarker& fed_marker;
  TraceFile* record = nullptr;  // May be null.
};

class Port {
 public:
  virtual ~Port() = default;
  Port(const Port&) = delete;

  // Whether one of its outputs was fed since boot. SetFed: one of any port.
  bool fed_before() const { return fed_before_; }
  void SetFed(bool fed) { fed_before_ = fed; }

  // Before the first turn.
  virtual void Start(MonoTime now) = 0;

  // A turn: AppendPollFds, poll(2), OnPolled with what became of them, then, for
  // every port, AfterTurn.
  // `all`: also those that can wait for some tenths of a second.
  virtual void AppendPollFds(std::vector<pollfd>& polled, bool all) = 0;
  virtual void OnPolled(const std::vector<pollfd>& polled, MonoTime now) = 0;
  virtual void AfterTurn(MonoTime now);
  virtual std::optional<MonoTime> Deadline();

  // ---- What the loop knows and tells every port.
  virtual void OncePerSecond(const std::optional<KernelClock>& kernel, MonoTime now);
  void OnLeapFile(const absl::StatusOr<LeapTable>& table, MonoTime now);
  void OnGnss(const GnssReport& report, MonoTime now);
  void OnResume(MonoTime now);

  virtual StatusReport Report(MonoTime now) const;
  const Config& config() const { return config_; }

 protected:
  Port(const Config& config, ptp::PortIdentity identity,
       const PortSurroundings& surroundings);

  // Once, when everything else is open: before, nothing is published, withdrawn or
  // recorded.
  absl::Status OpenOutputs();
  // Withdraws every sample; for destructors.
  void Finish();

  void CarryOut(MonoTime now);
  // Limited: what goes wrong may go wrong every second.
  void Warn(std::string text, MonoTime now);

  // Actions that only some ports are asked for.
  virtual void Send(const ptp::Send&, MonoTime) {}
  virtual void Adjust(const PhcCommand&, MonoTime) {}
  virtual void Ask(const SendManagement&, MonoTime) {}
  virtual void Use(const UseClock&, MonoTime) {}
  virtual void Switch(const SetOneStep&, MonoTime) {}
  virtual ClockReading ReadClocks(MonoTime now) = 0;

  CrossTimestamp<Raw> ReadPair() { return pair_reader_.Read(); }
  static void DescribePhc(const PhcDevice& phc, StatusReport::Phc& report);

  const Config config_;
  LogWriter log_;
  const std::unique_ptr<Engine> engine_;
  Actions actions_;

 private:
  SampleSink& SinkOf(size_t output);
  void TellNews();

  const PortSurroundings surroundings_;
  bool fed_before_ = false;
  // The engine's; CarryOut(), which follows each of its inputs, forgets it.
  std::optional<MonoTime> deadline_;
  bool deadline_known_ = false;
  PairReader pair_reader_;
  LogLimit error_log_{5};
  std::vector<std::unique_ptr<ShmSink>> shm_;
  std::vector<std::unique_ptr<SockSink>> sock_;
  std::optional<TraceWriter> recorder_;
};

}  // namespace bridge::os
