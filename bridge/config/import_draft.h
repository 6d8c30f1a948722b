// bridge/config/import_draft.h
//
// A configuration file in the making: keys of the option table, each with a comment on
// where it comes from. What does not obey the table does not get in.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "bridge/config/option_table.h"

namespace bridge {

class ImportDraft {
 public:
  // Of a [[port]], or of the rest of the file.
  explicit ImportDraft(bool of_port);

  // Takes a value for a key, "ptp.domain" in a [[port]] too; or says why not. `origin`
  // is the comment behind it, of printable ASCII; it may be empty.
  std::optional<OptionProblem> Put(absl::string_view key, const OptionValue& value,
                                   std::string origin);

  // In the order of the option table.
  std::string ToString() const;

 private:
  struct Entry {
    std::string value;  // TOML.
    std::string origin;
  };

  bool of_port_;
  std::map<std::string, Entry> entries_;  // By key of the option table.
  Config scratch_;                        // Checks values and prints them.
};

}  // namespace bridge
