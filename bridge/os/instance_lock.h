// bridge/os/instance_lock.h
//
// One daemon per interface: hardware time stamping is one setting of the card, and its
// clock has one servo. So several domains on an interface are [[port]]s of one daemon,
// which holds a lock for each interface that its ports are on. The lock is an abstract
// UNIX socket: it belongs to a network namespace, as interfaces do, needs no directory,
// and disappears with the process however it ends.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "bridge/os/file_descriptor.h"

namespace bridge::os {

class InstanceLock {
 public:
  // Once for each interface. kAlreadyExists when another instance runs on `interface`
  // (with its process id, where this process may know it). Held until destruction.
  static absl::StatusOr<InstanceLock> Acquire(const std::string& interface);

 private:
  explicit InstanceLock(FileDescriptor socket) : socket_(std::move(socket)) {}

  FileDescriptor socket_;
};

}  // namespace bridge::os
