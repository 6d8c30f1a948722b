#include "bridge/ptp/best_master.h"

#include <compare>
#include <tuple>

namespace bridge::ptp {
namespace {

// In order of weight; less is better.
auto GrandmasterRank(const Announce& a) {
  const ClockQuality& q = a.grandmaster_quality;
  return std::tuple(a.grandmaster_priority1, q.clock_class, q.clock_accuracy,
                    q.offset_scaled_log_variance, a.grandmaster_priority2,
                    a.grandmaster);
}

// Figure 35's question about the longer of two paths whose lengths differ by one:
// did the message come down to us, or back from our side?
Comparison Nearer(Comparison better, Comparison better_by_topology,
                  const DataSet& longer) {
  if (longer.receiver < longer.sender) return better;
  if (longer.receiver > longer.sender) return better_by_topology;
  return Comparison::kSame;
}

Comparison CompareTopology(const DataSet& a, const DataSet& b) {
  const int steps_a = a.announce.steps_removed;
  const int steps_b = b.announce.steps_removed;
  if (steps_a + 1 < steps_b) return Comparison::kABetter;
  if (steps_b + 1 < steps_a) return Comparison::kBBetter;
  if (steps_a < steps_b) {
    return Nearer(Comparison::kABetter, Comparison::kABetterByTopology, b);
  }
  if (steps_b < steps_a) {
    return Nearer(Comparison::kBBetter, Comparison::kBBetterByTopology, a);
  }
  const auto order =
      std::tuple(a.sender, a.receiver.port) <=> std::tuple(b.sender, b.receiver.port);
  return order < 0   ? Comparison::kABetterByTopology
         : order > 0 ? Comparison::kBBetterByTopology
                     : Comparison::kSame;
}

}  // namespace

Comparison CompareDataSets(const DataSet& a, const DataSet& b) {
  if (a.announce.grandmaster == b.announce.grandmaster) return CompareTopology(a, b);
  return GrandmasterRank(a.announce) < GrandmasterRank(b.announce)
             ? Comparison::kABetter
             : Comparison::kBBetter;
}

}  // namespace bridge::ptp
