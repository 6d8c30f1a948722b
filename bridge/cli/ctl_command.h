// bridge/cli/ctl_command.h
//
// refclockctl: one file per subcommand; each gets the words after its name and
// returns an exit code.
#pragma once

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bridge/cli/arguments.h"

namespace bridge::ctl {

inline constexpr int kGood = 0;
inline constexpr int kBad = 1;  // It ran, and the answer is bad.
inline constexpr int kWrongUse = 2;

using Words = std::span<const std::string>;

int Status(Words words);
int Shm(Words words);
int Explain(Words words);
int Import(Words words);
int Simulate(Words words);
int Replay(Words words);
int Latency(Words words);

// "refclockctl: message" on stderr; returns `code`.
int Complain(int code, absl::string_view message);

// `text` in lines of at most 78 characters, each after `indent` spaces but the first.
std::string Wrapped(absl::string_view text, size_t indent);

// `text` of somebody else, for a terminal: what is no UTF-8 or a control character
// becomes '?'.
std::string Printable(absl::string_view text);

// "-1.23 us": three significant digits or more, with a unit that suits.
std::string Nanoseconds(double ns);

// By --socket, --config or the default.
absl::StatusOr<std::string> SocketPath(const Arguments& arguments);

// The table `status` prints, from the daemon's JSON; a text that is not the
// daemon's becomes an error.
absl::StatusOr<std::string> StatusTable(const std::string& json);

}  // namespace bridge::ctl
