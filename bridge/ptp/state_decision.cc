#include "bridge/ptp/state_decision.h"

namespace bridge::ptp {

DataSet OwnDataSet(const GrandmasterProperties& properties, ClockIdentity clock) {
  return {.announce = AnnounceOf(properties, clock),
          .sender = {clock, 0},
          .receiver = {clock, 0}};
}

std::optional<StateDecision> DecideState(const DataSet& own, const DataSet* best,
                                         PortState state) {
  if (best == nullptr && state == PortState::kListening) return std::nullopt;
  const uint8_t clock_class = own.announce.grandmaster_quality.clock_class;
  const bool never_follows = clock_class >= 1 && clock_class <= 127;
  const bool own_is_best = best == nullptr || IsBetter(own, *best);
  if (never_follows) return own_is_best ? StateDecision::kM1 : StateDecision::kP1;
  return own_is_best ? StateDecision::kM2 : StateDecision::kS1;
}

}  // namespace bridge::ptp
