#include "bridge/engine/client_engine.h"
#include "bridge/engine/engine.h"
#include "bridge/engine/grandmaster_engine.h"

namespace bridge {

std::unique_ptr<Engine> MakeEngine(const Config& config, ptp::PortIdentity identity,
                                   uint64_t seed) {
  switch (config.role) {
    case Role::kClient:
    case Role::kCompanion:
      return std::make_unique<ClientEngine>(config, identity, seed);
    case Role::kGrandmaster:
    case Role::kAuto:
      return std::make_unique<GrandmasterEngine>(config, identity, seed);
  }
  return nullptr;
}

}  // namespace bridge
