#include "bridge/os/hardware.h"

#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "bridge/base/status_macros.h"
#include "bridge/os/interface.h"

namespace bridge::os {
namespace {

absl::StatusOr<Hardware> Open(Config& config, const HardwareStamps& stamps) {
  const std::string& interface = config.ptp.interface;
  if (!stamps.complete()) {
    return absl::FailedPreconditionError(absl::StrCat(
        interface, stamps.phc_index < 0 ? " has no clock of its own"
                                        : " does not stamp PTP messages both ways"));
  }
  const std::string own = absl::StrCat("/dev/ptp", stamps.phc_index);
  if (config.phc.device == "auto") config.phc.device = own;
  RETURN_IF_ERROR(EnableHardwareStamps(interface, config.ptp.transport));
  Hardware found;
  ASSIGN_OR_RETURN(found.phc, PhcDevice::Open(config.phc.device));
  if (found.phc->is_virtual()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "phc.device: ", config.phc.device,
        " is a virtual clock, and frames are stamped by the real one (use ", own,
        " with phc.mode = \"observe\")"));
  }
  // Without sysfs there is its name only.
  const bool other = found.phc->index() >= 0 ? found.phc->index() != stamps.phc_index
                                             : config.phc.device != own;
  if (other) {
    return absl::InvalidArgumentError(absl::StrCat("phc.device is ", config.phc.device,
                                                   ", but ", interface, " stamps with ",
                                                   own, " (use that, or \"auto\")"));
  }
  return found;
}

// Nobody can steer it: then it is only read.
void Observe(Config& config, Hardware& found, Severity severity,
             absl::string_view why) {
  config.phc.mode = PhcMode::kObserve;
  found.drift.reset();
  found.news.push_back(
      {severity, absl::StrCat(config.phc.device, " is not steered: ", why)});
}

void DecideMode(Config& config, Hardware& found) {
  const PhcDevice& phc = *found.phc;
  if (config.phc.mode == PhcMode::kObserve) return;
  if (ServesPhc(config)) {
    Observe(config, found, Severity::kNotice,
            "another program disciplines it (grandmaster.source)");
  } else if (!phc.writable()) {
    Observe(config, found, Severity::kWarning, "it may only be read");
  } else if (phc.virtual_clocks() > 0) {
    Observe(config, found, Severity::kWarning,
            "virtual clocks on top of it need it free-running");
  } else if (phc.max_adj_ppb() <= 0) {
    Observe(config, found, Severity::kNotice, "its driver can't");
  } else {
    const auto interface = ReadInterface(config.ptp.interface);
    if (!interface.ok()) return;
    // Under systemd it is there; without, one that can't be made is warned of in time.
    mkdir(DriftFile::kDirectory, 0755);
    found.drift.emplace(DriftFile::kDirectory, phc.clock_name(), interface->mac);
  }
}

}  // namespace

absl::StatusOr<Hardware> FindHardware(Config& config) {
  if (config.ptp.timestamping == Timestamping::kSoftware) return Hardware{};
  const bool required = config.ptp.timestamping == Timestamping::kHardware;
  ASSIGN_OR_RETURN(const HardwareStamps stamps,
                   ReadHardwareStamps(config.ptp.interface));
  const std::string wanted_device = config.phc.device;
  auto found = Open(config, stamps);
  if (!found.ok()) {
    if (required) {
      return absl::Status(
          found.status().code(),
          absl::StrCat("ptp.timestamping = \"hardware\": ", found.status().message()));
    }
    // A card without a clock is no news; one that has a clock that can't be used is.
    config.ptp.timestamping = Timestamping::kSoftware;
    config.phc.device = wanted_device;
    Hardware none;
    if (stamps.complete()) {
      none.news.push_back({Severity::kWarning,
                           absl::StrCat("software time stamps, because hardware ones "
                                        "could not be had: ",
                                        found.status().message())});
    }
    return none;
  }
  config.ptp.timestamping = Timestamping::kHardware;
  DecideMode(config, *found);
  found->quirks = QuirksOf(stamps.driver, found->phc->clock_name(), stamps.phcs);
  found->news.push_back(
      {Severity::kNotice,
       absl::StrCat("hardware time stamps of ", config.phc.device, " (",
                    found->phc->clock_name(), "), ",
                    config.phc.mode == PhcMode::kDiscipline ? "which is steered to TAI"
                                                            : "which is only read")});
  for (const Quirk& quirk : found->quirks) {
    found->news.push_back(
        {Severity::kNotice, absl::StrCat("quirk ", quirk.name, ": ", quirk.sentence)});
  }
  return found;
}

void ShareClocks(std::vector<Config>& configs, std::vector<Hardware>& hardware) {
  for (size_t i = 0; i < configs.size(); ++i) {
    for (size_t j = 0; j < configs.size(); ++j) {
      const bool shared = i != j && hardware[i].present() && hardware[j].present() &&
                          configs[i].phc.device == configs[j].phc.device;
      if (!shared || configs[i].phc.mode == PhcMode::kObserve) continue;
      // Whom should it follow? The samples are as good without.
      Observe(configs[i], hardware[i], Severity::kNotice, "two ports use it");
    }
  }
}

}  // namespace bridge::os
