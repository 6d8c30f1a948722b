#include "bridge/config/nearest.h"

#include <algorithm>
#include <cstddef>

namespace bridge {
namespace {

// Longer than any name of ours; keeps the table small whatever is typed.
constexpr size_t kLongest = 64;

// Optimal string alignment distance.
size_t Slips(absl::string_view a, absl::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1,
                         last[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string> Nearest(absl::string_view word,
                                   const std::vector<std::string>& candidates) {
  std::optional<std::string> nearest;
  if (word.size() > kLongest) return nearest;
  size_t limit = word.size() / 4 + 2;  // First number of slips that is too many.
  for (const std::string& candidate : candidates) {
    const size_t slips = Slips(word, candidate);
    if (slips < limit) {
      limit = slips;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace bridge
