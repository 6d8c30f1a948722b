// bridge/sim/leap_scenarios.h
//
// The hours around a month's end, in every situation that lists, masters and the
// daemon itself can be in: what the leap day tests run, and what
// `refclockctl simulate --scenario leap-SITUATION-KIND-CONSUMER` plays again, as in
// leap-list-knows-insert-step.
//
// Left out on purpose: two sources that know nothing of each other and are wrong in
// the same way (an unexpired list without the leap second and a master that keeps
// the old offset). No client can tell that from the truth.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bridge/sim/world.h"

namespace bridge::sim {

// What refclockd has to do around the midnight of a situation.
enum class AtMidnight {
  kGoesOn,   // Nobody speaks of a leap second who may be believed: no silence.
  kResumes,  // Silent around it, and publishes again once the offset is confirmed.
  kStops,    // Silent from then on (or from before): nobody confirms the offset.
};

struct LeapSituation {
  const char* name;
  const char* about;
  LeapList list = LeapList::kGood;
  LeapManners manners = LeapManners::kHonest;
  bool leap = true;              // Whether there is a leap second in truth.
  bool ordinary_day = false;     // The midnight in question is no month's end.
  double master_delay = 1;       // Until the master acts on the new month, s.
  int8_t announce_interval = 1;  // log2 s
  void (*script)(World&, int64_t midnight) = nullptr;

  AtMidnight expected = AtMidnight::kResumes;
  double resumes_within = 20;  // After midnight, s; with kResumes.
  bool bits = false;           // Whether leap bits have to go out.
};

enum class LeapConsumer { kStep, kSlew, kSmear };

// In the order in which they are shown.
const std::vector<LeapSituation>& LeapSituations();

// Seventy minutes on each side of midnight, or 13 hours.
Scenario LeapScenario(const LeapSituation& situation, LeapIndicator what,
                      LeapConsumer consumer, bool whole_day = false);
int64_t LeapMidnight(const LeapSituation& situation, LeapIndicator what);

// Nothing when there is none of that name.
std::optional<Scenario> FindLeapScenario(absl::string_view name);

}  // namespace bridge::sim
