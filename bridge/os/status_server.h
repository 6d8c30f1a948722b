// bridge/os/status_server.h
//
// The read-only status socket: who connects gets one JSON text and a newline, and
// the connection ends. Nothing is ever read from a client, so nothing a client
// sends can matter, and a client that does not read is dropped.
#pragma once

#include <poll.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "bridge/os/file_descriptor.h"
#include "bridge/time/timestamp.h"

namespace bridge::os {

class StatusServer {
 public:
  static constexpr size_t kMaxClients = 8;

  // Makes the last directory of the path (0755) if it is missing and replaces a
  // socket on which nobody listens. Refuses any other file, and a live server.
  static absl::StatusOr<std::unique_ptr<StatusServer>> Listen(const std::string& path);
  // Removes the socket, if it is still ours.
  ~StatusServer();

  void AppendPollFds(std::vector<pollfd>& out) const;

  // Call every turn; cheap when there is nothing to do. `report` is asked once,
  // and only if somebody has connected.
  void Serve(MonoTime now, absl::FunctionRef<std::string()> report);

  size_t clients() const { return clients_.size(); }

 private:
  struct Client {
    FileDescriptor socket;
    std::string text;  // What is still to be written.
    MonoTime deadline;
  };
  StatusServer(std::string path, FileDescriptor listener, const struct stat& file)
      : path_(std::move(path)), listener_(std::move(listener)), file_(file) {}
  void Accept(MonoTime now, absl::FunctionRef<std::string()> report);

  std::string path_;
  FileDescriptor listener_;
  struct stat file_;
  std::vector<Client> clients_;  // Slow ones only: most are done when accepted.
};

}  // namespace bridge::os
