#include "bridge/os/gpsd_line.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/time/time.h"

namespace bridge::os {
namespace {

using nlohmann::json;
using Fields = GpsdLineReader::Fields;

struct TextKey {
  absl::string_view name;
  std::string Fields::*field;
};
constexpr std::array kTextKeys{
    TextKey{"class", &Fields::type},      TextKey{"device", &Fields::device},
    TextKey{"path", &Fields::device},     TextKey{"time", &Fields::time},
    TextKey{"release", &Fields::release}, TextKey{"message", &Fields::message}};

struct IntegerKey {
  absl::string_view name;
  std::optional<int64_t> Fields::*field;
  int64_t max;  // And at least 0.
};
constexpr int64_t kMaxSeconds = 7'258'118'400;  // 2200-01-01
constexpr int64_t kMaxNanos = 999'999'999;
constexpr std::array kIntegerKeys{
    IntegerKey{"proto_major", &Fields::protocol, 1000},
    IntegerKey{"mode", &Fields::mode, 3},
    IntegerKey{"status", &Fields::status, 1000},
    IntegerKey{"leapseconds", &Fields::leap_seconds, 255},
    IntegerKey{"uSat", &Fields::used, 1000},
    IntegerKey{"real_sec", &Fields::real_seconds, kMaxSeconds},
    IntegerKey{"real_nsec", &Fields::real_nanos, kMaxNanos},
    IntegerKey{"clock_sec", &Fields::clock_seconds, kMaxSeconds},
    IntegerKey{"clock_nsec", &Fields::clock_nanos, kMaxNanos}};

template <typename Key, size_t n>
const Key* FindKey(const std::array<Key, n>& keys, absl::string_view name) {
  const auto found = std::find_if(keys.begin(), keys.end(),
                                  [&](const Key& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

// Fills Fields with what stands in the line's outermost object.
class FieldsFiller final : public nlohmann::json_sax<json> {
 public:
  explicit FieldsFiller(Fields& fields) : fields_(fields) {}

  bool key(string_t& name) override {
    if (depth_ == 1) key_ = name;
    return true;
  }
  bool start_object(size_t) override {
    Other();
    ++depth_;
    return true;
  }
  bool start_array(size_t) override { return Other() && ++depth_ > 0; }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }

  bool string(string_t& value) override {
    if (depth_ != 1) return depth_ > 1;
    if (key_ == "activated") fields_.activated = !value.empty();
    if (const TextKey* key = FindKey(kTextKeys, key_)) {
      fields_.*key->field = value;
    } else if (key_ == "ept" || FindKey(kIntegerKeys, key_)) {
      fields_.misfit = true;
    }
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    // What does not fit is out of every key's range.
    constexpr number_unsigned_t kMax = std::numeric_limits<int64_t>::max();
    return Number(std::optional(static_cast<int64_t>(std::min(value, kMax))),
                  static_cast<double>(value));
  }
  bool number_integer(number_integer_t value) override {
    return Number(std::optional(value), static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t&) override {
    return Number(std::nullopt, value);
  }
  bool null() override { return Other(); }
  bool boolean(bool) override { return Other(); }
  bool binary(binary_t&) override { return false; }
  bool parse_error(size_t, const std::string&, const json::exception&) override {
    return false;
  }

 private:
  bool Number(std::optional<int64_t> integer, double value) {
    if (depth_ != 1) return depth_ > 1;
    if (key_ == "activated") fields_.activated = value > 0;
    if (key_ == "ept") fields_.ept = value;
    const IntegerKey* key = FindKey(kIntegerKeys, key_);
    if (key != nullptr) fields_.*key->field = integer;
    const bool fits =
        key == nullptr || (integer && *integer >= 0 && *integer <= key->max);
    if (!fits || FindKey(kTextKeys, key_) || (key_ == "ept" && !(value >= 0))) {
      fields_.misfit = true;
    }
    return true;
  }
  // No known key has any other value. False: outside of the object.
  bool Other() {
    if (depth_ == 1 &&
        (key_ == "ept" || FindKey(kTextKeys, key_) || FindKey(kIntegerKeys, key_))) {
      fields_.misfit = true;
    }
    return depth_ > 0;
  }
  bool Leave() { return --depth_ >= 0; }

  Fields& fields_;
  int depth_ = 0;
  std::string key_;  // Of the outermost object.
};

std::optional<int> ToInt(std::optional<int64_t> value) {
  return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

UtcTime ToUtcTime(int64_t seconds, int64_t nanos) {
  return UtcTime::FromSecondsAndNanos(static_cast<uint64_t>(seconds),
                                      static_cast<uint32_t>(nanos));
}

// "2026-11-21T12:00:00.000Z"; false when it is no such instant after 1970.
bool ReadTime(absl::string_view text, std::optional<UtcTime>& out) {
  if (text.empty()) return true;
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return false;
  if (time < absl::UnixEpoch() || time > absl::FromUnixSeconds(kMaxSeconds)) {
    return false;
  }
  out = UtcTime::FromNanos(absl::ToUnixNanos(time));
  return true;
}

GpsdLine Fix(const Fields& fields) {
  GnssFix fix;
  fix.device = fields.device;
  fix.mode = ToInt(fields.mode).value_or(0);
  fix.status = ToInt(fields.status).value_or(0);
  if (!ReadTime(fields.time, fix.time)) return GpsdUnreadable{};
  if (fields.ept) fix.ept = absl::Seconds(*fields.ept);
  fix.leap_seconds = ToInt(fields.leap_seconds);
  return GnssReport(fix);
}

GpsdLine Pulse(const Fields& fields) {
  if (!fields.real_seconds || !fields.real_nanos || !fields.clock_seconds ||
      !fields.clock_nanos) {
    return GpsdUnreadable{};
  }
  return GnssReport(GnssPulse{fields.device,
                              ToUtcTime(*fields.real_seconds, *fields.real_nanos),
                              ToUtcTime(*fields.clock_seconds, *fields.clock_nanos)});
}

}  // namespace

GpsdLine GpsdLineReader::Read(absl::string_view line) {
  fields_ = Fields();
  FieldsFiller filler(fields_);
  // The library takes a NUL for the end.
  if (line.find('\0') != line.npos) return GpsdUnreadable{};
  if (!json::sax_parse(line.begin(), line.end(), &filler)) return GpsdUnreadable{};
  const std::string& type = fields_.type;
  if (type == "VERSION" && !fields_.misfit) {
    return GpsdVersion{fields_.release, ToInt(fields_.protocol).value_or(0)};
  }
  if (type == "ERROR") return GpsdError{fields_.message};
  if (type.empty()) return GpsdUnreadable{};
  if (type != "TPV" && type != "SKY" && type != "PPS" && type != "DEVICE") {
    return GpsdOther{};
  }
  if (fields_.misfit) return GpsdUnreadable{};
  // gpsd's own limit of a path is 128 octets (GPS_PATH_MAX).
  if (fields_.device.empty() || fields_.device.size() > 256) return GpsdUnreadable{};
  if (type == "TPV") return Fix(fields_);
  if (type == "PPS") return Pulse(fields_);
  if (type == "SKY") return GnssReport(GnssSky{fields_.device, ToInt(fields_.used)});
  // An inactive device has no time of activation, or 0.
  return GnssReport(GnssDevice{fields_.device, fields_.activated});
}

}  // namespace bridge::os
