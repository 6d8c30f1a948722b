// bridge/ptp/request_limiter.h
//
// How often one source may ask: a table of fixed size in which every source has a
// bucket of its own. Who keeps to the limit is never refused, whatever others do.
//
// Only who has asked lately takes a place: a source that keeps to the limit is
// forgotten within one interval of it, and being forgotten is being new. So the table
// holds more than 100,000 honest requests a second; when it is full, a source loses its
// history, not its answer. A flood of invented sources is therefore not limited here:
// nothing tells them from honest ones.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "bridge/base/rng.h"
#include "bridge/ptp/addressing.h"
#include "bridge/ptp/port_settings.h"
#include "bridge/ptp/types.h"
#include "bridge/time/timestamp.h"

namespace bridge::ptp {

class RequestLimiter {
 public:
  // `rng` hides where sources stand in the table.
  RequestLimiter(RequestLimit limit, Rng rng);

  // Whether the source may have an answer now. One identity at two addresses is two
  // sources, so that nobody can use up what belongs to another. `now` never goes back.
  bool Admit(const PortIdentity& source, const std::optional<PortAddress>& from,
             MonoTime now);

  size_t octets() const { return sets_.size() * sizeof(Set); }

 private:
  struct Entry {
    uint64_t key = 0;    // 0: free.
    int64_t due_ns = 0;  // When its bucket will be full again, MonoTime.
  };
  static constexpr size_t kWays = 4;
  static constexpr size_t kSets = 1024;  // A power of two.
  struct alignas(64) Set {               // A cache line.
    std::array<Entry, kWays> entries;
  };

  uint64_t KeyOf(const PortIdentity& source,
                 const std::optional<PortAddress>& from) const;
  Entry& Find(uint64_t key);

  int64_t interval_ns_;
  int64_t most_ahead_ns_;  // Of now, that due may be.
  uint64_t secret_;
  std::vector<Set> sets_;
};

}  // namespace bridge::ptp
