// bridge/config/option_table.h
//
// Every option, once: its key, what it may be, its default, one line of help and
// how it gets into a Config. The parser, --set, --help, `refclockctl explain
// options`, the example file and reload messages are made from this table.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "bridge/config/config.h"

namespace bridge {

// A value as the file has it. `other` names what no option can be.
struct OptionValue {
  struct Other {
    const char* name;  // "a table", "a date"
  };
  using List = std::vector<OptionValue>;
  std::variant<int64_t, double, bool, std::string, List, Other> is;

  std::string ToString() const;  // As TOML, shortened: for messages.
  const char* Kind() const;      // "a whole number"
};

// Why a value will not do.
struct OptionProblem {
  std::string what;               // "domain 300 is out of range"
  std::string right;              // "0 to 255; most profiles use 0 to 127"
  std::optional<size_t> element;  // Of a list: which one.
};

struct Option {
  const char* key;     // "ptp.domain"; "output.shm.unit" is of each [[output.shm]].
  std::string values;  // "0 to 255"
  const char* help;    // One line.
  // Sets the field, or says why not and leaves it alone. Options of a list table
  // are those of its last element, which exists: in `get` too.
  std::function<std::optional<OptionProblem>(const OptionValue&, Config&)> set;
  // The field as TOML; empty when nothing is set.
  std::function<std::string(const Config&)> get;

  // As TOML; empty = none.
  std::string Default() const;
};

// In the order of the example file.
std::span<const Option> Options();
// By its key, or by that in a [[port]] table, where it sets and gets the same fields.
const Option* FindOption(absl::string_view key);

// Where the option stands in a [[port]] table: "port.domain" for ptp.domain,
// "port.phc.mode", "port.companion.socket", "port.output.shm.unit". Nothing: it is
// common to all ports.
std::optional<std::string> PortKey(const Option& option);

// Whether the option means anything in this role. One that does not has to keep its
// default.
bool MattersTo(Role role, const Option& option);

// Keys of tables: "ptp", ..., "output.shm", "port.phc". List tables repeat
// ([[output.shm]], [[port]]).
bool IsSection(absl::string_view key);
bool IsListSection(absl::string_view key);

// A whole configuration file of defaults that says what each key is.
std::string ExampleFile();

// For --help and `refclockctl explain options`.
std::string OptionHelp();

}  // namespace bridge
