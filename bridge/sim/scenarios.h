// bridge/sim/scenarios.h
//
// The named scenarios: what the simulation tests run and what
// `refclockctl simulate --scenario NAME --seed N` plays again.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "bridge/sim/world.h"

namespace bridge::sim {

// In the order in which they are shown.
std::vector<Scenario> Scenarios();

// One of these or of leap_scenarios.h; nothing when there is none of that name.
std::optional<Scenario> FindScenario(absl::string_view name);

}  // namespace bridge::sim
