#include "bridge/config/config.h"

#include <utility>

namespace bridge {

std::vector<Config> PortConfigs(const Config& config) {
  if (config.ports.empty()) return {config};
  std::vector<Config> configs;
  for (const Config::Port& port : config.ports) {
    Config one = config;
    one.ports.clear();
    one.ptp = port.ptp;
    one.phc = port.phc;
    one.companion = port.companion;
    one.output.shm = port.shm;
    one.output.sock = port.sock;
    configs.push_back(std::move(one));
  }
  return configs;
}

}  // namespace bridge
