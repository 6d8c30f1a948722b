// Any octets as a configuration. The first line is a --set; the rest is the file.
// What is accepted obeys the rules; what is not has a message for a person.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bridge/config/config_file.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckRules(const bridge::Config& config) {
  const bool companion = config.role == bridge::Role::kCompanion;
  const bool grandmaster = config.role == bridge::Role::kGrandmaster;
  Require(companion || !config.ptp.interface.empty());
  Require(config.ptp.interface.size() <= 15);
  Require(config.ptp.sync_interval >= -7 && config.ptp.sync_interval <= 4);
  Require(config.grandmaster.holdover >= bridge::TimeDelta());
  Require(config.ptp.domain >= 0 && config.ptp.domain <= 255);
  Require(config.utc.pin.has_value() == (config.utc.policy == bridge::UtcPolicy::kPin));
  Require(config.output.max_error > bridge::TimeDelta());
  Require(config.output.rate > 0 && config.output.rate <= 16);
  Require(grandmaster == (config.output.shm.empty() && config.output.sock.empty()));
  for (const auto& shm : config.output.shm) {
    Require(shm.unit >= 0 && shm.unit <= 217);
    Require((shm.mode & 0600) == 0600 && (shm.mode & ~0666) == 0);
  }
  for (const auto& sock : config.output.sock) {
    Require(sock.path.size() <= 107 && sock.path.front() == '/');
  }
}

// What is written of it is read as the same again.
void CheckText(const bridge::Config& config) {
  const std::string text = bridge::ConfigText(config);
  const auto again = bridge::LoadConfig({"again.toml", text, {}});
  Require(std::holds_alternative<bridge::Config>(again));
  Require(bridge::ConfigText(std::get<bridge::Config>(again)) == text);
  Require(bridge::DescribeChanges(config, std::get<bridge::Config>(again)).empty());
}

// Ports differ in what only one may have.
void CheckPorts(const std::vector<bridge::Config>& ports) {
  Require(!ports.empty() && ports.size() <= bridge::kMostPorts);
  std::set<std::pair<std::string, int>> places;
  std::set<int> units;
  std::set<std::string> paths;
  for (const bridge::Config& port : ports) {
    CheckRules(port);
    CheckText(port);
    Require(port.ports.empty());
    if (port.role == bridge::Role::kGrandmaster || port.role == bridge::Role::kAuto) {
      Require(ports.size() == 1);
    }
    const bool companion = port.role == bridge::Role::kCompanion;
    Require(companion || places.insert({port.ptp.interface, port.ptp.domain}).second);
    for (const auto& shm : port.output.shm) Require(units.insert(shm.unit).second);
    for (const auto& sock : port.output.sock) Require(paths.insert(sock.path).second);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string all(reinterpret_cast<const char*>(data), size);
  const size_t end = all.find('\n');
  bridge::ConfigSource source{"fuzz.toml", "", {}};
  if (end != 0) source.sets.push_back(all.substr(0, end));
  if (end != std::string::npos) source.text = all.substr(end + 1);

  const auto loaded = bridge::LoadConfig(source);
  if (const auto* config = std::get_if<bridge::Config>(&loaded)) {
    CheckPorts(bridge::PortConfigs(*config));
    CheckText(*config);
    Require(bridge::DescribeChanges(*config, *config).empty());
    (void)bridge::DescribeChanges(bridge::Config{}, *config);
    return 0;
  }
  const auto& errors = std::get<std::vector<bridge::ConfigError>>(loaded);
  Require(!errors.empty());
  for (const auto& error : errors) {
    Require(!error.what.empty() && !error.right.empty());
    Require(error.ToString().size() > error.what.size());
  }
  return 0;
}
