// bridge/os/client_port.h
//
// One PTP port of the daemon with all that it owns in the kernel: its interface, its
// sockets, the PHC, its outputs, and the engine whose actions it carries out. The
// loop (client_loop.h) tells it what poll(2) said and what time it is.
#pragma once

#include <poll.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bridge/config/config.h"
#include "bridge/engine/client_engine.h"
#include "bridge/os/fed_marker.h"
#include "bridge/os/hardware.h"
#include "bridge/os/interface.h"
#include "bridge/os/log_writer.h"
#include "bridge/os/shm_sink.h"
#include "bridge/os/sock_sink.h"
#include "bridge/os/trace_file.h"
#include "bridge/os/transport.h"

namespace bridge::os {

class ClientPort {
 public:
  // Opens everything; an error says what is wrong and what would be right, and
  // nothing has been published or withdrawn then. `number` is its portNumber. The
  // marker and `record`, which may be null, outlive the port.
  static absl::StatusOr<std::unique_ptr<ClientPort>> Open(
      const Config& config, uint16_t number, Hardware hardware,
      const std::string& version, FedMarker& fed_marker, TraceFile* record);
  // Withdraws every sample.
  ~ClientPort();

  // Whether one of its outputs was fed since boot. SetFed: one of any port.
  bool fed_before() const { return fed_before_; }
  void SetFed(bool fed) { fed_before_ = fed; }

  // Before the first turn.
  void Start(MonoTime now);

  // A turn: AppendPollFds, poll(2), OnPolled with what became of them, then, for
  // every port, AfterTurn.
  void AppendPollFds(std::vector<pollfd>& polled);
  void OnPolled(const std::vector<pollfd>& polled, MonoTime now);
  void AfterTurn(MonoTime now);
  std::optional<MonoTime> Deadline() const { return engine_.Deadline(); }

  // ---- What the loop knows and tells every port.
  void OncePerSecond(const std::optional<KernelClock>& kernel, MonoTime now);
  void OnLeapFile(const absl::StatusOr<LeapTable>& table, MonoTime now);
  void OnResume(MonoTime now);

  StatusReport Report(MonoTime now) const;
  const Config& config() const { return config_; }

 private:
  ClientPort(const Config& config, ptp::PortIdentity identity, uint64_t seed,
             Hardware hardware, std::unique_ptr<PtpTransport> transport,
             FedMarker& fed_marker);

  // Where somebody's descriptors stand among those polled.
  struct PolledRange {
    size_t first = 0;
    size_t count = 0;
  };

  void Record(TraceFile* file, const std::string& version);
  void WarnOfInterface() const;
  void Warn(std::string text, MonoTime now);
  void ReadFrames(bool errors, MonoTime now);
  void ReadTransmitted(MonoTime now);
  void OnLinkEvent(std::optional<LinkEvent> event, MonoTime now);
  bool Ready() const { return transport_ != nullptr && !hardware_lost_; }
  void Reopen(MonoTime now);
  void LookAfterHardware(MonoTime now);
  void FollowDial(MonoTime now);
  std::optional<SetPhcFrequency> RememberedFrequency(MonoTime now);
  void RememberFrequency(MonoTime now);
  ClockReading ReadClocks(MonoTime now);
  void Adjust(const PhcCommand& command, MonoTime now);
  void CarryOut(MonoTime now);
  void Send(const ptp::Send& message, MonoTime now);
  SampleSink& SinkOf(size_t output);
  void TellNews();
  void DescribePhc(StatusReport::Phc& report) const;

  const Config config_;
  LogWriter log_;
  LogLimit error_log_{5};
  Hardware hardware_;
  bool hardware_lost_ = false;  // Its PHC is gone: waiting for one.
  LinkMonitor link_;
  std::unique_ptr<PtpTransport> transport_;  // Null while the interface is gone.
  std::vector<std::unique_ptr<ShmSink>> shm_;
  std::vector<std::unique_ptr<SockSink>> sock_;
  FedMarker& fed_marker_;
  bool fed_before_ = false;
  std::optional<TraceWriter> recorder_;
  TraceFile* record_ = nullptr;
  ClientEngine engine_;

  Actions actions_;
  PolledRange transport_fds_;
  PolledRange link_fds_;
  std::array<uint8_t, PtpTransport::kBufferSize> buffer_;
  bool sent_event_ = false;  // In this turn.
  std::optional<SetPhcFrequency> dialled_;
  bool adjusted_ = false;  // By us: worth remembering.
  int seconds_ = 0;
  uint64_t stamps_switched_on_again_ = 0;
  uint64_t dialled_by_others_ = 0;
};

}  // namespace bridge::os
