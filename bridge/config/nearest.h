// bridge/config/nearest.h
//
// "Did you mean ...?" for keys, words and flags.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace bridge {

// The candidate with the fewest slips from `word` (one added, lost, replaced or
// swapped character each), if they are few for the word's length.
std::optional<std::string> Nearest(absl::string_view word,
                                   const std::vector<std::string>& candidates);

}  // namespace bridge
