#include "bridge/telemetry/json_writer.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/base/utf8.h"

namespace bridge {
namespace {

// Octets that are not UTF-8 become U+FFFD: the text stays readable by any parser.
void AppendQuoted(std::string& out, absl::string_view text) {
  out += '"';
  while (!text.empty()) {
    const size_t size = Utf8CharacterSize(text);
    const char c = text.front();
    if (size == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned>(c));
    } else {
      out.append(text.data(), size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  out += '"';
}

}  // namespace

void JsonWriter::BeginValue() {
  if (comma_) text_ += ',';
  comma_ = true;
}

JsonWriter& JsonWriter::Begin(char bracket) {
  BeginValue();
  text_ += bracket;
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::End(char bracket) {
  text_ += bracket;
  comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::Key(absl::string_view key) {
  BeginValue();
  AppendQuoted(text_, key);
  text_ += ':';
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::String(absl::string_view value) {
  BeginValue();
  AppendQuoted(text_, value);
  return *this;
}

JsonWriter& JsonWriter::Int(int64_t value) {
  BeginValue();
  absl::StrAppend(&text_, value);
  return *this;
}

JsonWriter& JsonWriter::Double(double value) {
  if (!std::isfinite(value)) return Null();
  BeginValue();
  absl::StrAppendFormat(&text_, "%.15g", value);
  return *this;
}

JsonWriter& JsonWriter::Bool(bool value) {
  BeginValue();
  text_ += value ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::Null() {
  BeginValue();
  text_ += "null";
  return *this;
}

JsonWriter& JsonWriter::Field(absl::string_view key,
                              const std::optional<std::string>& value) {
  Key(key);
  return value ? String(*value) : Null();
}

JsonWriter& JsonWriter::Field(absl::string_view key,
                              const std::optional<int64_t>& value) {
  Key(key);
  return value ? Int(*value) : Null();
}

JsonWriter& JsonWriter::Field(absl::string_view key,
                              const std::optional<double>& value) {
  Key(key);
  return value ? Double(*value) : Null();
}

}  // namespace bridge
