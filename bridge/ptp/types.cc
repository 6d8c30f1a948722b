#include "bridge/ptp/types.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace bridge::ptp {
namespace {

// Whether `text` has the shape of `pattern`, in which # is any hex digit.
bool HasShape(absl::string_view text, absl::string_view pattern) {
  if (text.size() != pattern.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool fits = pattern[i] == '#'
                          ? absl::ascii_isxdigit(static_cast<unsigned char>(text[i]))
                          : text[i] == pattern[i];
    if (!fits) return false;
  }
  return true;
}

uint64_t HexDigit(char c) {
  if (c <= '9') return static_cast<uint64_t>(c - '0');
  return static_cast<uint64_t>(absl::ascii_tolower(static_cast<unsigned char>(c)) -
                               'a' + 10);
}

}  // namespace

ClockIdentity ClockIdentity::FromMac(const std::array<uint8_t, 6>& mac) {
  uint64_t value = 0;
  for (uint8_t octet :
       {mac[0], mac[1], mac[2], uint8_t{0xff}, uint8_t{0xfe}, mac[3], mac[4], mac[5]}) {
    value = value << 8 | octet;
  }
  return {value};
}

std::optional<ClockIdentity> ClockIdentity::Parse(absl::string_view text) {
  if (HasShape(text, "0x################")) {
    text.remove_prefix(2);
  } else if (!HasShape(text, "######.####.######") &&
             !HasShape(text, "##:##:##:##:##:##:##:##")) {
    return std::nullopt;
  }
  ClockIdentity identity;
  for (char c : text) {
    if (c != '.' && c != ':') identity.value = identity.value << 4 | HexDigit(c);
  }
  return identity;
}

std::string ClockIdentity::ToString() const {
  return absl::StrFormat("0x%016x", value);
}

std::string PortIdentity::ToString() const {
  return absl::StrFormat("%s-%d", clock.ToString(), port);
}

absl::Duration LogInterval::ToDuration() const {
  if (value >= 0 && value <= 22) return absl::Seconds(int64_t{1} << value);
  if (value < 0 && value >= -9) return absl::Nanoseconds(1'000'000'000 >> -value);
  return absl::Seconds(std::ldexp(1.0, value));
}

}  // namespace bridge::ptp
