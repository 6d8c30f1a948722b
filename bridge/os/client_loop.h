// bridge/os/client_loop.h
//
// The executor on Linux: one thread, one poll(2). Wakes the ports of the daemon and
// does for them what is the machine's, not a port's: the leap second list, the
// kernel's word on its clock, suspends, the status socket.
#pragma once

#include <poll.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bridge/config/config.h"
#include "bridge/os/fed_marker.h"
#include "bridge/os/gpsd_client.h"
#include "bridge/os/leap_file.h"
#include "bridge/os/log_writer.h"
#include "bridge/os/port.h"
#include "bridge/os/status_server.h"
#include "bridge/os/trace_file.h"

namespace bridge::os {

class ClientLoop {
 public:
  // Opens everything; an error says what is wrong and what would be right, and
  // nothing has been published or withdrawn then. `records`, one per port or none,
  // outlive the loop and get the traces of the run.
  static absl::StatusOr<std::unique_ptr<ClientLoop>> Open(
      const Config& config, const std::string& version,
      const std::vector<std::unique_ptr<TraceFile>>& records = {});

  // Until SIGTERM, SIGINT or SIGHUP; after that it may go on.
  void Run();

 private:
  ClientLoop(const Config& config, std::string version)
      : version_(std::move(version)), fed_marker_(config.status.socket) {}

  void Start(MonoTime now);
  void OpenStatus(const Config& config);
  void ServeGpsd(MonoTime now);
  void WarnOfNeighbours(absl::string_view gpsd) const;
  void Turn();
  void Poll(MonoTime now);
  void OncePerSecond(MonoTime now);
  std::string Report(MonoTime now) const;

  const std::string version_;
  LogWriter log_;
  std::unique_ptr<StatusServer> status_;  // Null when it could not be opened.
  std::optional<LeapFile> leap_file_;
  FedMarker fed_marker_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::unique_ptr<GpsdClient> gpsd_;  // Null: no gnss.gpsd.

  bool started_ = false;
  std::vector<pollfd> polled_;
  std::string gpsd_trouble_;   // As it was told last.
  size_t status_fds_ = 0;      // From here on, those of the status socket.
  MonoTime next_look_at_all_;  // At the latest: at descriptors that can wait.
  MonoTime next_second_;
  MonoTime next_leap_look_;
  std::optional<absl::Duration> suspended_for_;
};

}  // namespace bridge::os
