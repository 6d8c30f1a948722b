#include <cmath>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "bridge/base/utf8.h"
#include "bridge/cli/ctl_command.h"

namespace bridge::ctl {

int Complain(int code, absl::string_view message) {
  absl::FPrintF(stderr, "refclockctl: %s\n", message);
  return code;
}

std::string Wrapped(absl::string_view text, size_t indent) {
  constexpr size_t kWidth = 78;
  std::string out;
  size_t column = indent;
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (column > indent && column + 1 + word.size() > kWidth) {
      absl::StrAppend(&out, "\n", std::string(indent, ' '));
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    absl::StrAppend(&out, word);
    column += word.size();
  }
  return out;
}

std::string Printable(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t size = Utf8CharacterSize(text);
    const auto first = static_cast<unsigned char>(text[0]);
    // U+0080 to U+009f are control characters, too.
    const bool control = size == 1   ? first < 0x20 || first == 0x7f
                         : size == 2 ? first == 0xc2 && (text[1] & 0x20) == 0
                                     : size == 0;
    out += control ? "?" : std::string(text.substr(0, size));
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

std::string Nanoseconds(double ns) {
  struct Unit {
    double size;
    const char* name;
  };
  for (const Unit& unit : {Unit{1e9, "s"}, Unit{1e6, "ms"}, Unit{1e3, "us"}}) {
    const double value = ns / unit.size;
    // 999.7 ns would print as "1000 ns".
    if (std::abs(value) < 0.9995) continue;
    const int decimals = std::abs(value) < 9.995 ? 2 : std::abs(value) < 99.95 ? 1 : 0;
    return absl::StrFormat("%.*f %s", unit.size == 1e9 ? 3 : decimals, value,
                           unit.name);
  }
  return absl::StrFormat("%.0f ns", ns);
}

}  // namespace bridge::ctl
