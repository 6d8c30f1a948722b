// bridge/os/instance_lock.h
//
// One daemon per interface. The lock is an abstract UNIX socket: it belongs to a
// network namespace, as interfaces do, needs no directory, and disappears with
// the process however it ends.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "bridge/os/file_descriptor.h"

namespace bridge::os {

class InstanceLock {
 public:
  // kAlreadyExists when another instance runs on `interface` (with its process
  // id, where this process may know it). Held until destruction.
  static absl::StatusOr<InstanceLock> Acquire(const std::string& interface);

 private:
  explicit InstanceLock(FileDescriptor socket) : socket_(std::move(socket)) {}

  FileDescriptor socket_;
};

}  // namespace bridge::os
