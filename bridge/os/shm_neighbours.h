// bridge/os/shm_neighbours.h
//
// Who else on this machine writes NTP shared memory: a phc2sys or ptp4l that was not
// stopped when refclockd took over, a gpsd. Two writers of one unit, or two units from
// one PTP clock, are trouble that the NTP daemon can't tell from a good source.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "bridge/base/log.h"

namespace bridge::os {

struct ShmNeighbour {
  int pid;
  std::string program;  // "phc2sys"; one that is known to write.
  int unit;
};

// By /proc/PID/maps of processes in this IPC namespace, but for this one. Where that
// may not be read (another user's, or of a process with capabilities that we have not),
// by /proc/sysvipc/shm: who made a segment or attached to it last.
std::vector<ShmNeighbour> FindShmNeighbours();

// A line for each that matters to a daemon that feeds `units`: what it is, and what to
// change.
std::vector<LogLine> DescribeShmNeighbours(const std::vector<ShmNeighbour>& neighbours,
                                           const std::set<int>& units);

// For a daemon that feeds `units` and asks the gpsd at `place` ("localhost:2947"): gpsd
// makes its units when it starts, which is later at boot, and zeroes one of them
// whenever it opens a receiver. Nothing: it is elsewhere, has no use for these, or is
// among the neighbours already.
std::optional<LogLine> DescribeGpsdUnits(absl::string_view place,
                                         const std::vector<ShmNeighbour>& neighbours,
                                         const std::set<int>& units);

}  // namespace bridge::os
