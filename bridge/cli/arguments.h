// bridge/cli/arguments.h
//
// Command lines of refclockd and refclockctl: `--key=value`, `--key value`,
// `--flag`, words. "--" ends the flags. Help is made from the same list.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bridge {

struct Flag {
  const char* name;   // "config", without dashes.
  const char* value;  // "FILE"; null for a flag without one.
  const char* help;   // One line.
  bool repeats = false;
};

class Arguments {
 public:
  // Any error says what is wrong and what would be right. --help and -h are
  // always flags.
  static absl::StatusOr<Arguments> Parse(std::span<const std::string> words,
                                         std::span<const Flag> flags);

  bool Has(absl::string_view name) const;
  std::optional<std::string> Get(absl::string_view name) const;
  std::vector<std::string> All(absl::string_view name) const;  // In order.
  // What is not a flag.
  const std::vector<std::string>& words() const { return words_; }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> words_;
};

// One line per flag, "  --config=FILE    help".
std::string FlagHelp(std::span<const Flag> flags);

// The words after the program's name.
std::vector<std::string> ToWords(int argc, char** argv);

// Whole text of a file of at most 1 MiB; the error names the file and says why.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace bridge
