#include <cmath>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
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
