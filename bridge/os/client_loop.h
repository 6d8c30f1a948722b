// bridge/os/client_loop.h
//
// The executor on Linux: one thread, one poll(2). Carries what happens in the
// kernel into the engine and the engine's actions out.
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
#include "bridge/os/interface.h"
#include "bridge/os/leap_file.h"
#include "bridge/os/log_writer.h"
#include "bridge/os/shm_sink.h"
#include "bridge/os/sock_sink.h"
#include "bridge/os/status_server.h"
#include "bridge/os/trace_file.h"
#include "bridge/os/transport.h"

namespace bridge::os {

class ClientLoop {
 public:
  // Opens everything; an error says what is wrong and what would be right, and
  // nothing has been published or withdrawn then. `record`, which may be null and
  // outlives the loop, gets the trace of the run.
  static absl::StatusOr<std::unique_ptr<ClientLoop>> Open(const Config& config,
                                                          const std::string& version,
                                                          TraceFile* record = nullptr);
  // Withdraws every sample.
  ~ClientLoop();

  // Until SIGTERM, SIGINT or SIGHUP.
  void Run();

 private:
  ClientLoop(const Config& config, std::string version, const InterfaceInfo& interface,
             std::unique_ptr<PtpTransport> transport);

  // Where somebody's descriptors stand in polled_.
  struct PolledRange {
    size_t first = 0;
    size_t count = 0;
  };

  void WarnOfInterface() const;
  void Turn();
  void Record(TraceFile* file);
  void Poll(MonoTime now);
  bool Ready(PolledRange range, short events = ~0) const;
  void ReadTransport(MonoTime now);
  void ReadTransmitted(MonoTime now);
  void OnLinkEvent(std::optional<LinkEvent> event, MonoTime now);
  void ReopenTransport(MonoTime now);
  void OncePerSecond(MonoTime now);
  void CarryOut(MonoTime now);
  void Send(const ptp::Send& message, MonoTime now);
  SampleSink& SinkOf(size_t output);
  void TellNews();
  std::string Report(MonoTime now) const;

  const Config config_;
  const std::string version_;
  LogWriter log_;
  LogLimit error_log_{5};
  LinkMonitor link_;
  std::unique_ptr<PtpTransport> transport_;  // Null while the interface is gone.
  std::vector<std::unique_ptr<ShmSink>> shm_;
  std::vector<std::unique_ptr<SockSink>> sock_;
  std::unique_ptr<StatusServer> status_;  // Null when it could not be opened.
  std::optional<LeapFile> leap_file_;
  TraceFile* record_ = nullptr;
  std::optional<TraceWriter> recorder_;
  FedMarker fed_marker_;
  ClientEngine engine_;

  Actions actions_;
  std::vector<pollfd> polled_;
  PolledRange transport_fds_;
  PolledRange link_fds_;
  PolledRange status_fds_;
  std::array<uint8_t, PtpTransport::kBufferSize> buffer_;
  bool sent_event_ = false;  // In this turn.
  MonoTime next_second_;
  std::optional<absl::Duration> suspended_for_;
  bool may_be_ours_ = false;
};

}  // namespace bridge::os
