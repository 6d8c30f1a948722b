// bridge/os/shm_neighbours.h
//
// Who else on this machine writes NTP shared memory: a phc2sys or ptp4l that was not
// stopped when refclockd took over, a gpsd. Two writers of one unit, or two units from
// one PTP clock, are trouble that the NTP daemon can't tell from a good source.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "bridge/base/log.h"

namespace bridge::os {

struct ShmNeighbour {
  int pid;
  std::string program;  // "phc2sys"; one that is known to write.
  int unit;
};

// By /proc/PID/maps of processes in this IPC namespace, but for this one. What may not
// be read (another user's, or of a process with capabilities that we have not) is not
// seen.
std::vector<ShmNeighbour> FindShmNeighbours();

// A line for each that matters to a daemon that feeds `units`: what it is, and what to
// change.
std::vector<LogLine> DescribeShmNeighbours(const std::vector<ShmNeighbour>& neighbours,
                                           const std::set<int>& units);

}  // namespace bridge::os
