#include "bridge/time/time_delta.h"

#include <limits>
#include <ostream>

#include "absl/strings/str_format.h"

namespace bridge {

int64_t TimeDelta::Nanos() const {
  constexpr absl::int128 kHalf = absl::int128(1) << 15;
  const absl::int128 nanos =
      scaled_ < 0 ? -((-scaled_ + kHalf) >> 16) : (scaled_ + kHalf) >> 16;
  if (nanos > std::numeric_limits<int64_t>::max()) {
    return std::numeric_limits<int64_t>::max();
  }
  if (nanos < std::numeric_limits<int64_t>::min()) {
    return std::numeric_limits<int64_t>::min();
  }
  return static_cast<int64_t>(nanos);
}

std::string TimeDelta::ToString() const {
  return absl::StrFormat("%.1f ns", NanosDouble());
}

}  // namespace bridge
