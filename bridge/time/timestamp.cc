#include "bridge/time/timestamp.h"

#include "absl/strings/str_format.h"

namespace bridge {

template <typename Scale>
std::string Timestamp<Scale>::ToString() const {
  // Split() goes toward minus infinity: -0.1 s is -1 s and 0.9 s.
  const char* sign = since_epoch_ < TimeDelta() ? "-" : "";
  const SecondsAndNanos split = Timestamp(since_epoch_.Abs()).Split();
  return absl::StrFormat("%s%d.%09d", sign, split.seconds, split.nanos);
}

template class Timestamp<Tai>;
template class Timestamp<Utc>;
template class Timestamp<Phc>;
template class Timestamp<Raw>;
template class Timestamp<Local>;
template class Timestamp<Mono>;

}  // namespace bridge
