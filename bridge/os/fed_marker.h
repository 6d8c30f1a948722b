// bridge/os/fed_marker.h
//
// Remembers until the machine is booted that we have fed an NTP daemon, so that the
// system clock is not taken for an independent witness by a later run: SHM has a
// memory of its own (ShmSink::fed_before), SOCK has none. An empty file
// "fed-since-boot" beside the status socket, which is in /run.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace bridge::os {

class FedMarker {
 public:
  explicit FedMarker(absl::string_view status_socket);

  // By an earlier run, asked before Set(). Also true when that cannot be known
  // because there is no directory that we could write to.
  bool IsSet() const;
  // Leaves the marker; costs nothing after the first time.
  void Set();

 private:
  std::string directory_;
  std::string path_;
  bool done_ = false;
};

}  // namespace bridge::os
