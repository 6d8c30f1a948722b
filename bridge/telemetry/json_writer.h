// bridge/telemetry/json_writer.h
//
// Writes one JSON text, top to bottom. Enough for the daemon's own status; tools
// that read JSON use a library.
//
//   JsonWriter json;
//   json.BeginObject().Key("unit").Int(2).Field("age_s", age).EndObject();
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace bridge {

class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Begin('{'); }
  JsonWriter& EndObject() { return End('}'); }
  JsonWriter& BeginArray() { return Begin('['); }
  JsonWriter& EndArray() { return End(']'); }
  JsonWriter& Key(absl::string_view key);
  JsonWriter& String(absl::string_view value);  // Octets that are not UTF-8: U+FFFD.
  JsonWriter& Int(int64_t value);
  JsonWriter& Double(double value);  // 15 digits; null when not finite.
  JsonWriter& Bool(bool value);
  JsonWriter& Null();

  // Key and value at once; null when absent.
  JsonWriter& Field(absl::string_view key, const std::optional<std::string>& value);
  JsonWriter& Field(absl::string_view key, const std::optional<int64_t>& value);
  JsonWriter& Field(absl::string_view key, const std::optional<double>& value);

  const std::string& text() const { return text_; }

 private:
  JsonWriter& Begin(char bracket);
  JsonWriter& End(char bracket);
  void BeginValue();

  std::string text_;
  bool comma_ = false;  // A value stands before the next one.
};

}  // namespace bridge
