// bridge/os/drift_file.h
//
// The frequency of a PHC, remembered across restarts: a text file of one number.
//
//   DriftFile file("/var/lib/refclockd", phc.clock_name(), interface.mac);
//   auto frequency = file.Read();       // an error is worth one warning, no more
//   file.Write(SetPhcFrequency{-1'234.5});
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bridge/estimate/phc_servo.h"

namespace bridge::os {

class DriftFile {
 public:
  static constexpr char kDirectory[] = "/var/lib/refclockd";

  // Each PHC has its own: named after the clock (sysfs clock_name, may be "") and the
  // MAC address of its interface.
  DriftFile(absl::string_view directory, absl::string_view clock_name,
            const std::array<uint8_t, 6>& mac);

  const std::string& path() const { return path_; }

  // What was written last; nothing when there is no file yet. An error when there is
  // one that can't be read or holds anything but one number of at most 1e6 ppb.
  absl::StatusOr<std::optional<SetPhcFrequency>> Read() const;

  // Replaces the file at once: a reader sees the old one or the new one. Not synced,
  // for that may take seconds: after a power cut it may be the old one, or broken.
  absl::Status Write(SetPhcFrequency frequency) const;

 private:
  std::string path_;
};

}  // namespace bridge::os
