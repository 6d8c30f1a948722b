// bridge/telemetry/json_writer.h
//
// Writes one JSON text, top to bottom. Enough for the daemon's own status; tools
// that read JSON use a library.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace bridge {

class JsonWriter {
 public:
  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray();
  JsonWriter& EndArray();
  JsonWriter& Key(absl::string_view key);
  JsonWriter& String(absl::string_view value);
  JsonWriter& Int(int64_t value);
  JsonWriter& Double(double value);  // Null when not finite.
  JsonWriter& Bool(bool value);
  JsonWriter& Null();

  // Key and value at once; null when absent.
  JsonWriter& Field(absl::string_view key, const std::optional<std::string>& value);
  JsonWriter& Field(absl::string_view key, const std::optional<int64_t>& value);
  JsonWriter& Field(absl::string_view key, const std::optional<double>& value);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool comma_ = false;  // A value stands before the next one.
};

}  // namespace bridge
