// bridge/os/instance_lock.h
//
// One daemon per place. A client's place is its interface: hardware time stamping is
// one setting of the card, and its clock has one servo. So several domains on an
// interface are [[port]]s of one daemon, which holds a lock for each interface that its
// ports are on. A companion's is its ptp4l, so that of two that were started by mistake
// one says so. The lock is an abstract UNIX socket: it belongs to a network namespace,
// as interfaces do, needs no directory, and disappears with the process however it
// ends.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "bridge/os/file_descriptor.h"

namespace bridge::os {

class InstanceLock {
 public:
  // Once for each place. kAlreadyExists when another instance runs on `place` (with its
  // process id, where this process may know it). Held until destruction.
  static absl::StatusOr<InstanceLock> Acquire(const std::string& place);

 private:
  explicit InstanceLock(FileDescriptor socket) : socket_(std::move(socket)) {}

  FileDescriptor socket_;
};

}  // namespace bridge::os
