#include "bridge/time/timestamp.h"

#include "absl/strings/str_format.h"

namespace bridge {

template <typename Scale>
std::string Timestamp<Scale>::ToString() const {
  const SecondsAndNanos split = Split();
  return absl::StrFormat("%d.%09d", split.seconds, split.nanos);
}

template class Timestamp<Tai>;
template class Timestamp<Utc>;
template class Timestamp<Phc>;
template class Timestamp<Raw>;
template class Timestamp<Mono>;

}  // namespace bridge
