#include "bridge/ptp/request_limiter.h"

#include <algorithm>

#include "bridge/base/byte_reader.h"

namespace bridge::ptp {
namespace {

// Every bit of the result depends on every bit of both.
uint64_t Mix(uint64_t state, uint64_t value) { return Rng(state ^ value).Next(); }

}  // namespace

RequestLimiter::RequestLimiter(RequestLimit limit, Rng rng)
    : interval_ns_(1'000'000'000 / limit.per_second),
      most_ahead_ns_(interval_ns_ * (limit.burst - 1)),
      secret_(rng.Next()),
      sets_(kSets) {}

// Leaky bucket as one number (ITU-T I.371, generic cell rate algorithm).
bool RequestLimiter::Admit(const PortIdentity& source,
                           const std::optional<PortAddress>& from, MonoTime now) {
  const int64_t now_ns = now.Nanos();
  Entry& entry = Find(KeyOf(source, from));
  const int64_t due_ns = std::max(entry.due_ns, now_ns);
  if (due_ns - now_ns > most_ahead_ns_) return false;
  entry.due_ns = due_ns + interval_ns_;
  return true;
}

// Two sources with one key would share a bucket; with 64 bits that is not to be seen.
uint64_t RequestLimiter::KeyOf(const PortIdentity& source,
                               const std::optional<PortAddress>& from) const {
  uint64_t key = Mix(secret_, source.clock.value);
  key = Mix(key, source.port);
  if (from) {
    ByteReader octets(from->octets);
    key = Mix(key, octets.U64());
    key = Mix(key, octets.U64());
  }
  return key | 1;
}

// The entry of `key`: its own, or that of the set whose bucket is or will be full
// first.
RequestLimiter::Entry& RequestLimiter::Find(uint64_t key) {
  auto& entries = sets_[key / 2 % kSets].entries;
  for (Entry& entry : entries) {
    if (entry.key == key) return entry;
  }
  Entry& first = *std::min_element(
      entries.begin(), entries.end(),
      [](const Entry& a, const Entry& b) { return a.due_ns < b.due_ns; });
  first = {.key = key, .due_ns = 0};
  return first;
}

}  // namespace bridge::ptp
