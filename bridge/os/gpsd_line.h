// bridge/os/gpsd_line.h
//
// One line of gpsd's JSON (gpsd_json(5), protocol 3) as a report of ours.
//
// Whether what it says makes sense is GnssWatch's business. Lines may come from
// anybody: one that is not JSON, or in which a known key has a value it cannot have, is
// unreadable as a whole. Unknown keys and classes are none of our business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "bridge/source/gnss_watch.h"

namespace bridge::os {

// Of the VERSION with which gpsd greets.
struct GpsdVersion {
  std::string release;
  int protocol = 0;  // proto_major
};
// The ERROR by which gpsd refuses a request.
struct GpsdError {
  std::string message;
};
struct GpsdOther {};
struct GpsdUnreadable {};

// Reports borrow their texts from the reader, until its next line.
using GpsdLine =
    std::variant<GpsdUnreadable, GpsdOther, GpsdVersion, GpsdError, GnssReport>;

class GpsdLineReader {
 public:
  GpsdLine Read(absl::string_view line);

  struct Fields {
    // "path" of DEVICE is its device, too.
    std::string type, device, release, message, time;
    std::optional<int64_t> mode, status, leap_seconds, used, protocol;
    std::optional<int64_t> real_seconds, real_nanos, clock_seconds, clock_nanos;
    std::optional<double> ept;
    bool activated = false;
    bool misfit = false;  // A key has a value that it cannot have.
  };

 private:
  Fields fields_;  // Which reports borrow from.
};

}  // namespace bridge::os
