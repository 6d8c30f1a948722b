// bridge/os/leap_file.h
//
// The leap second list on disk, read again when it changes (tzdata updates
// replace it while the daemon runs).
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "bridge/time/leap_table.h"

namespace bridge::os {

class LeapFile {
 public:
  explicit LeapFile(std::string path) : path_(std::move(path)) {}

  // The table, or why there is none; nothing while the file is what it was. The
  // first call always answers. Costs one stat(2): call it once a second or so.
  std::optional<absl::StatusOr<LeapTable>> ReadIfChanged();

  const std::string& path() const { return path_; }

 private:
  struct Version {
    dev_t device;
    ino_t inode;
    off_t size;
    int64_t modified_ns;
    int64_t changed_ns;
    int error;  // errno when the file cannot be looked at.
    bool operator==(const Version&) const = default;
  };
  Version Look() const;

  std::string path_;
  std::optional<Version> seen_;
};

}  // namespace bridge::os
