// bridge/os/hardware.h
//
// What "auto" comes to on this machine: whether a port has hardware time stamps, of
// which PHC, and whether that may be steered.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bridge/base/log.h"
#include "bridge/config/config.h"
#include "bridge/os/drift_file.h"
#include "bridge/os/hardware_stamps.h"
#include "bridge/os/phc_device.h"

namespace bridge::os {

struct Hardware {
  std::unique_ptr<PhcDevice> phc;  // Null: software time stamps.
  std::optional<DriftFile> drift;  // Of a PHC that is steered.
  std::vector<Quirk> quirks;
  std::vector<LogLine> news;  // What a user should know of the choice.

  bool present() const { return phc != nullptr; }
};

// Switches hardware time stamps on where `config` wants them and the interface has
// them, and opens the PHC. Afterwards `config` says what was found: timestamping
// hardware or software, phc.device a path, phc.mode observe where the PHC can't be
// steered. An error only when "hardware" was asked for.
absl::StatusOr<Hardware> FindHardware(Config& config);

// Two ports on one PHC: neither may steer it. Adapts the configurations, and says so.
void ShareClocks(std::vector<Config>& configs, std::vector<Hardware>& hardware);

}  // namespace bridge::os
