// bridge/os/management_socket.h
//
// Our end of ptp4l's management socket: datagrams to and from a UNIX socket that ptp4l
// makes (linuxptp's uds_address and uds_ro_address). What stands in them is the
// engine's business; only GET and SUBSCRIBE_EVENTS_NP are ever sent.
//
//   ManagementClient client({.server = "auto"});
//   if (client.Open().ok()) client.Send(octets);   // once a second, until it is
//   if (!client.IsCurrent()) client.Close();       // likewise
//
// Which socket "auto" takes. Where there is a read-only one (linuxptp 4.0 and later) it
// is enough, and with it nothing here could change ptp4l's settings if it tried. But
// that one does not tell ptp4l's interface nor which clock its stamps are of. So when
// the configuration has not told that either, the read-write one is asked, as it is
// where there is no other (3.1.1). Each is looked for in /var/run and in /var/run/ptp.
//
// Only ptp4l can answer: the socket is connected before it gets a name, and the kernel
// then takes datagrams from that peer alone. So the name may be open to all (0666),
// which a ptp4l that is not root needs. It stands beside ptp4l's own socket, in a
// directory that ptp4l surely reaches, or else in `fallback_directory`. What a killed
// daemon left there is removed by the next one: a name whose socket is dead refuses
// connections.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bridge/engine/actions.h"
#include "bridge/os/file_descriptor.h"

namespace bridge::os {

class ManagementClient {
 public:
  struct Options {
    std::string server = "auto";          // Or an absolute path.
    std::string fallback_directory = {};  // For our name; "" for none.
    bool clock_is_known = false;          // "auto" need not ask for it.
    int number = 1;                       // Which of this process.
  };

  explicit ManagementClient(Options options) : options_(std::move(options)) {}
  ~ManagementClient() { Close(); }
  ManagementClient(const ManagementClient&) = delete;

  // Connects to a ptp4l that is there. An error says where none was found, and why.
  absl::Status Open();
  void Close();
  bool open() const { return socket_.ok(); }
  // Whether ptp4l's socket and our name are still those that were opened.
  bool IsCurrent() const;

  // Read-only by its name, which ends in "ro"; one that has another name will say so
  // when it is asked.
  ManagementSocket kind() const;
  const std::string& server() const { return server_; }  // Of the one last opened.

  int fd() const { return socket_.get(); }  // For poll(2), POLLIN.
  // Unavailable: that ptp4l is gone, close and open again. ResourceExhausted: it does
  // not read its socket; the datagram is lost.
  absl::Status Send(std::span<const uint8_t> octets);
  // One datagram, valid until the next call; nothing when there is none.
  std::optional<std::span<const uint8_t>> Receive();

 private:
  std::vector<std::string> Candidates() const;
  absl::Status Connect(const std::string& server);
  absl::Status Bind(const std::string& directory);

  const Options options_;
  FileDescriptor socket_;
  std::string server_;
  std::string name_;  // Ours; "" without.
  struct stat server_file_ {};
  struct stat name_file_ {};
  // The longest answer, PORT_STATS_NP, has 322 octets.
  std::array<uint8_t, 2048> buffer_;
};

}  // namespace bridge::os
